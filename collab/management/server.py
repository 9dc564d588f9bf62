"""uvicorn as this product runs it: limits above our own, and a stop that saves before it closes anything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvicorn

from collab.management.websocket import Connection
from collab.stopping import end_in_time

log = logging.getLogger(__name__)

WS_MAX_BYTES = 16 * 1024 * 1024
"""Largest WebSocket message the server lets through, in bytes.

Above our own frame limit, so that a frame that is too large is refused by us with a reason; refused by the server, it
looks like a broken connection and old clients send it again for ever.
"""

_CLOSE_WITHIN = 5
_ANSWER_WITHIN = 30.0


class NotAnswering(Exception):
    """The server listens but does not serve."""


class Server(uvicorn.Server):
    """Tells when it really answers, and drains before it closes its sockets.

    Attributes:
        problem: Why it ended badly, or None.
        saved: Whether everything that was accepted had been saved when it ended.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], None],
        drain: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(config)
        self.problem: Exception | None = None
        self.saved = False
        self._on_ready = on_ready
        self._drain = drain
        self._announcing: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at the first signal, force it at a second Ctrl+C.

        uvicorn raises the signal again once it has stopped; a stop that was asked for ends this process with 0.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # A terminal that is closed stops the server like Ctrl+C, unless it was started with nohup.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.handle_exit)
        await super().startup(sockets)
        # What has been loaded stays until the end. When many people come, Python looks for garbage, and everybody waits
        # while it does: half of that time went into Django's own objects.
        gc.collect()
        gc.freeze()
        if sockets:
            self._announcing = asyncio.create_task(self._announce(sockets[0]))

    async def _announce(self, listener: socket.socket) -> None:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await _ask(listener)
        except (OSError, NotAnswering, TimeoutError) as error:
            self.problem = error if isinstance(error, NotAnswering) else NotAnswering(f"no answer: {error!r}")
            self.should_exit = True
        else:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._announcing is not None:
            self._announcing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._announcing
        for server in self.servers:
            server.close()
        end_in_time()
        try:
            self.saved = await self._drain()
        except Exception as error:
            log.exception("draining failed")
            self.problem = error
        await super().shutdown(sockets)


def build_server(
    application: Any, *, on_ready: Callable[[], None], drain: Callable[[], Awaitable[bool]], host: str, port: int
) -> Server:
    """The server for one process. It is run with the socket that already listens."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http="h11",
        ws=Connection,
        ws_max_size=WS_MAX_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_WITHIN,
    )
    return Server(config, on_ready=on_ready, drain=drain)


async def _ask(listener: socket.socket) -> None:
    """Ask our own server whether it lives, as a browser would.

    Raises:
        NotAnswering: It said something else than 200.
    """
    address, port = listener.getsockname()[:2]
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = (await reader.readline()).decode("latin-1").strip()
    finally:
        writer.close()
    if " 200 " not in f"{status} ":
        raise NotAnswering(f"/healthz/live answered {status!r}")
