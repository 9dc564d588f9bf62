"""A page as a running server serves it: joined like a Yjs client that only reads, and left again.

Knows the page socket (docs/protocol.md) and nothing of the database. What came is kept as the bytes that came: what it
says is for others to find out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from collab.errors import CollabError, UnknownPage
from collab.wire import (
    EMPTY_UPDATE,
    Notice,
    SyncStep1,
    SyncStep2,
    Update,
    decode,
    encode_state_vector,
    encode_sync_step1,
    encode_sync_step2,
)

CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 30.0
"""A server may have to read a large page first."""
CLOSE_WITHIN = 2.0
SUBPROTOCOL = Subprotocol("collab.v1")
"""Whoever speaks it is told the epoch, and the reason of a refusal at once."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class NotServed(Exception):
    """A server did not serve a page; the message says why."""


class NotReached(NotServed):
    """A server does not answer at all."""


class LivePage:
    """What one server sent of one page so far.

    Attributes:
        updates: Of the answer to sync step 1 and of every message since, in order.
        epoch: That of the page, as the server says.
        ended: Why nothing more comes, or nothing.
    """

    def __init__(self, socket: ClientConnection, *, max_bytes: int) -> None:
        self.updates: list[bytes] = []
        self.epoch: int | None = None
        self.ended = ""
        self._socket = socket
        self._left_bytes = max_bytes
        self._answered = False
        self._settled = asyncio.Event()

    async def read(self) -> None:
        """Ask for everything and keep what comes, until the connection ends."""
        try:
            await self._socket.send(encode_sync_step1(encode_state_vector({})))
            while not self.ended:
                await self._take(await self._socket.recv())
        except ConnectionClosed as error:
            self.ended = _reason(error)
        except CollabError as error:
            self.ended = f"it sent what is not in the protocol of pages: {error}"
        finally:
            self._settled.set()

    async def answer(self, within: float) -> None:
        """Wait for the answer to sync step 1.

        Raises:
            NotServed: It did not come.
        """
        try:
            async with asyncio.timeout(within):
                await self._settled.wait()
        except TimeoutError:
            raise NotServed(f"it did not send the page within {within:g} s") from None
        if not self._answered:
            raise NotServed(self.ended)

    async def _take(self, frame: bytes | str) -> None:
        self._left_bytes -= len(frame)
        if isinstance(frame, str) or self._left_bytes < 0:
            self.ended = "it sent text" if isinstance(frame, str) else "it sent more than a page can hold"
            return
        match decode(frame):
            case SyncStep1():
                await self._socket.send(encode_sync_step2(EMPTY_UPDATE))
            case SyncStep2(update):
                self.updates.append(update)
                self._answered = True
                self._settled.set()
            case Update(update):
                self.updates.append(update)
            case Notice({"kind": "role", "epoch": int(epoch)}):
                self.epoch = epoch


class _Straight(connect):
    """Goes to the server that was named and to no other: the token is for that one."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@contextlib.asynccontextmanager
async def visit(
    server: str, page_id: UUID, token: str, *, max_bytes: int, answer_within: float = ANSWER_WITHIN
) -> AsyncIterator[LivePage]:
    """Join a page, wait until the server has sent it, and stay for as long as the block lasts.

    Args:
        server: As ``checked_server`` gave it.
        token: Of a share link; it never gets into a message.
        max_bytes: The most that is taken from the server.
        answer_within: How long the page is waited for, in seconds.

    Raises:
        NotReached: Nobody is there, or not this product.
        NotServed: The server refuses, or does not send the page.
    """
    try:
        socket = await _Straight(
            f"{server}/ws/pages/{page_id}?token={token}",
            subprotocols=[SUBPROTOCOL],
            compression=None,
            proxy=None,
            open_timeout=CONNECT_WITHIN,
            close_timeout=CLOSE_WITHIN,
            max_size=max_bytes,
        )
    except TimeoutError:
        raise NotReached(f"it did not answer within {CONNECT_WITHIN:g} s") from None
    except (OSError, WebSocketException) as error:
        problem = str(error) or type(error).__name__
        raise NotReached(f"it cannot be reached: {problem.replace(token, '...')}") from None
    page = LivePage(socket, max_bytes=max_bytes)
    reading = asyncio.create_task(page.read())
    try:
        await page.answer(answer_within)
        yield page
    finally:
        await socket.close()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


def checked_server(url: str) -> str:
    """The address of a server's sockets, from the address that people know it by.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is not the address of a server, such as http://127.0.0.1:8000")
    _ = parts.port  # raises for one that is no number
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path.rstrip("/"), "", ""))


def _reason(error: ConnectionClosed) -> str:
    if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG and not error.rcvd_then_sent:
        return "it sent more than a page can hold"
    if error.rcvd is None:
        return "the connection was lost"
    said = f"it ended the connection: {error.rcvd.code} {error.rcvd.reason}".rstrip()
    return f"{said} (does it use another database?)" if error.rcvd.code == UnknownPage.close_code else said
