"""A client of the ASGI application: what a browser or a program would see, without a server between."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client
from pycrdt import Doc, Text

from collab.wire import Message, Saved, decode, encode_sync_step1, encode_update
from config.asgi import application

WITHIN = 10.0
"""Longest wait for an answer, in seconds; the communicator ends the application when it is over."""
EXTENDED = "collab.v1"
OWN_ORIGIN = "http://testserver"


class Closed(Exception):
    """The server ended the connection.

    Attributes:
        code: The close code.
        reason: The close reason.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Socket:
    """One WebSocket connection to the application.

    Args:
        path: With its query.
        origin: What a browser would say; None for a program.
        browser: Whose session cookie to send.
        offers: Subprotocols.
        address: What a proxy in front would say about where it comes from.
    """

    def __init__(
        self,
        path: str,
        *,
        origin: str | list[str] | None = None,
        browser: Client | None = None,
        offers: list[str] | None = None,
        host: str = "testserver",
        address: str | None = None,
    ) -> None:
        headers = [(b"host", host.encode())]
        if address is not None:
            headers.append((b"x-forwarded-for", address.encode()))
        origins = [origin] if isinstance(origin, str) else origin or []
        headers += [(b"origin", value.encode("latin-1")) for value in origins]
        if browser is not None:
            cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
        self._communicator = WebsocketCommunicator(application, path, headers=headers, subprotocols=offers or [])
        self._early: list[bytes | str] = []

    async def open(self) -> str | None:
        """Connect; gives back the subprotocol that was agreed on."""
        accepted, agreed = await self._communicator.connect(timeout=WITHIN)
        assert accepted, "a refusal must come after the handshake, or stock clients retry for ever"
        return agreed

    async def receive(self) -> bytes | str:
        """The next frame.

        Raises:
            Closed: The connection ended instead.
        """
        if self._early:
            return self._early.pop(0)
        event = await self._communicator.receive_output(timeout=WITHIN)
        if event["type"] == "websocket.close":
            raise Closed(event["code"], event["reason"])
        return event["bytes"] if event.get("bytes") is not None else event["text"]

    async def send(self, frame: bytes | str) -> None:
        """Send one frame, empty ones too."""
        kind = "bytes" if isinstance(frame, bytes) else "text"
        await self._communicator.send_input({"type": "websocket.receive", kind: frame})

    async def everything(self) -> list[Any]:
        """All frames until the server ends the connection, and then the close code and reason."""
        heard: list[Any] = []
        try:
            while True:
                heard.append(await self.receive())
        except Closed as closed:
            return [*heard, (closed.code, closed.reason)]

    async def ending(self) -> Any:
        """Close code and reason, when the server ends the connection; what comes before is passed over."""
        return (await self.everything())[-1]

    async def is_silent(self) -> bool:
        """Whether nothing has come for a moment."""
        if self._early:
            return False
        nothing: bool = await self._communicator.receive_nothing(timeout=0.15)
        return nothing

    async def leave(self) -> None:
        """Go. After a test that waited in vain there is nothing left to leave."""
        if not self._communicator.future.cancelled():
            await self._communicator.send_input({"type": "websocket.disconnect", "code": 1001})
            await self._communicator.wait(timeout=WITHIN)


class PageSocket(Socket):
    """A socket on a page, with a Yjs document behind it that writes into one text."""

    def __init__(self, page_id: UUID, *, query: str = "", extended: bool = True, **options: Any) -> None:
        options.setdefault("offers", [EXTENDED] if extended else [])
        super().__init__(f"/ws/pages/{page_id}{query}", **options)
        self.doc: Doc = Doc()
        self.text = self.doc.get("text", type=Text)

    async def join(self) -> PageSocket:
        """Connect, ask for everything, and be on the page; what comes first is there to be read."""
        await self.open()
        await self.send(encode_sync_step1(self.doc.get_state()))
        heard: list[bytes | str] = []
        while not heard or heard[-1][:2] != b"\x00\x01":
            heard.append(await self.receive())
        self._early = heard
        return self

    async def message(self) -> Message:
        """The next message."""
        frame = await self.receive()
        assert isinstance(frame, bytes)
        return decode(frame)

    async def next(self, kind: type[Any]) -> Any:
        """The next message of a kind; others are passed over."""
        while not isinstance(message := await self.message(), kind):
            pass
        return message

    async def saved(self, count: int) -> None:
        """Wait until so many sync messages are acknowledged."""
        while (await self.next(Saved)).count < count:
            pass

    def typed(self, text: str) -> bytes:
        """Write at the end and give back the frame that says so."""
        before = self.doc.get_state()
        self.text += text
        return encode_update(self.doc.get_update(before))


class RoomSocket(Socket):
    """A socket in a room."""

    def __init__(self, room_id: UUID, *, query: str = "", **options: Any) -> None:
        super().__init__(f"/ws/rooms/{room_id}{query}", **options)

    async def say(self, kind: str, **data: Any) -> None:
        """Send one envelope."""
        await self.send(json.dumps({"type": kind, "data": data}))

    async def envelope(self) -> dict[str, Any]:
        """The next envelope."""
        text = await self.receive()
        assert isinstance(text, str)
        envelope: dict[str, Any] = json.loads(text)
        return envelope

    async def next(self, kind: str) -> dict[str, Any]:
        """The data of the next envelope of a type; others are passed over."""
        while (envelope := await self.envelope())["type"] != kind:
            pass
        data: dict[str, Any] = envelope["data"]
        return data

    async def join(self) -> dict[str, Any]:
        """Connect and give back the greeting."""
        await self.open()
        return await self.next("hello")
