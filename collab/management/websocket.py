"""uvicorn's WebSocket protocol with a short way out for binary messages.

ASGI sends one message to one connection: a dictionary, a coroutine, and a WebSocket frame built anew for each of fifty
people who are to read the same bytes. Here a connection also offers a plain function that writes one message at once;
the frame around it is built once however many connections get it. Everything else is uvicorn's.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION: Final = "collab.write"
"""Key of ``scope["extensions"]`` under which the function lies."""

_FINAL_BINARY: Final = 0x82
_READ_AHEAD: Final = 8
_SMALL_BYTES: Final = 16 * 1024
"""How many small messages of one client may wait for the application before its socket is no longer read."""


class Connection(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    def handle_connect(self, event: Request) -> None:
        """Offer the short way to the application."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self.write

    def start_keepalive(self) -> None:
        """The handshake is over: its headers, twice 2 KB, are of no more use."""
        super().start_keepalive()
        # The parser still holds the request itself.
        self.request.headers.clear()
        del self.request, self.response

    def write(self, message: bytes) -> bool:
        """Write one binary message unless that would mean waiting.

        Returns:
            Whether it was written. If not, the client does not read, or the connection is ending: ``send`` waits for
            the first and raises for the second.
        """
        if not self.handshake_complete or self.close_sent or self.disconnected:
            return False
        if not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(_framed(message))
        return True

    def send_receive_event_to_app(self) -> None:
        """Queue one message; go on reading while few and small ones wait.

        uvicorn stops reading after each message and begins again when the application has taken it: two system calls
        for every key stroke.
        """
        ahead = self.curr_msg_data_type == "bytes" and len(self.frames) == 1 and not self.close_sent
        if ahead and len(self.frames[0]) <= _SMALL_BYTES and self.queue.qsize() < _READ_AHEAD:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": self.frames.pop()})
        else:
            super().send_receive_event_to_app()


_last: tuple[bytes, bytes] = (b"", b"\x82\x00")
"""The message that was framed last, and its frame: the next one to be framed is nearly always the same object."""


def _framed(message: bytes) -> bytes:
    """A server's binary message as one WebSocket frame (RFC 6455, section 5.2): unmasked, final."""
    global _last  # noqa: PLW0603 - a memory of one
    known, frame = _last
    if known is message:
        return frame
    length = len(message)
    if length < 126:
        header = bytes((_FINAL_BINARY, length))
    elif length < 65_536:
        header = struct.pack("!BBH", _FINAL_BINARY, 126, length)
    else:
        header = struct.pack("!BBQ", _FINAL_BINARY, 127, length)
    frame = header + message
    _last = (message, frame)
    return frame
