"""Clients for tests: stock ones in Node, told what to do over a pipe, and one in Python that is a pycrdt document."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from pycrdt import (
    Array,
    Doc,
    Map,
    Text,
    TransactionEvent,
    XmlElement,
    XmlFragment,
    XmlText,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    merge_updates,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from collab.tokens import hash_token, new_token
from collab.wire import Notice, Saved, decode
from tests.services import Node, Server

HERE = Path(__file__).parent
WITHIN = 20.0
"""Longest wait for something that happens at once on an idle machine, in seconds."""
EXTENDED = Subprotocol("collab.v1")

State = dict[str, Any]


async def until(condition: Callable[[], bool | Awaitable[bool]], *, what: str, within: float = WITHIN) -> None:
    """Wait for something in another process that sends no event.

    Raises:
        TimeoutError: It did not happen in time.
    """
    deadline = time.monotonic() + within
    while True:
        met = condition()
        if met if isinstance(met, bool) else await met:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {within:g} s")
        await asyncio.sleep(0.02)


class Room:
    """A room made with ``manage.py create_room``, with one kind of link into it."""

    def __init__(self, server: Server, *, link: str = "editor") -> None:
        made = json.loads(server.manage("create_room", "--title", "Plan", "--link", link, "--json"))
        self.server = server
        self.id: str = made["room"]
        self.token: str = made["token"]
        self.pages: dict[str, str] = {page["kind"]: page["id"] for page in made["pages"]}

    def url(self, page: str = "board", *, token: str | None = None, name: str | None = None) -> str:
        """The address of a page's socket, with the room's token or another one."""
        address = f"ws://127.0.0.1:{self.server.port}/ws/pages/{self.pages.get(page, page)}"
        named = "" if name is None else f"&name={name}"
        return f"{address}?token={self.token if token is None else token}{named}"

    def add_link(self, role: str) -> str:
        """Make another link into the room and give back its token."""
        token = new_token()
        values = (uuid4().hex, UUID(self.id).hex, role, hash_token(token))
        self.change(
            "INSERT INTO collab_sharelink (id, room_id, role, token_hash, label, created_at)"
            " VALUES (?, ?, ?, ?, '', datetime('now'))",
            *values,
        )
        return token

    def revoke(self, token: str) -> None:
        """Take a link back."""
        statement = "UPDATE collab_sharelink SET revoked_at = datetime('now') WHERE token_hash = ?"
        self.change(statement, hash_token(token))

    def change(self, statement: str, *values: Any) -> None:
        """Change rows behind the server's back."""
        with contextlib.closing(open_database(self.server)) as connection:
            connection.execute(statement, values)

    def log(self, page: str = "board") -> list[bytes]:
        """The rows of a page, oldest first, read behind the server's back."""
        return [
            bytes(payload)
            for (payload,) in self.server.query(
                "SELECT payload FROM collab_pageupdate WHERE page_id = ? ORDER BY seq", UUID(self.pages[page]).hex
            )
        ]

    def replay(self, page: str = "board") -> State:
        """What somebody would see who had nothing but the log."""
        doc: Doc = Doc()
        rows = self.log(page)
        if rows:
            doc.apply_update(merge_updates(*rows))
        return state_of(doc)


def open_database(server: Server) -> sqlite3.Connection:
    """The server's database, to be changed and locked; every statement is a transaction unless it says otherwise."""
    (path,) = server.data.rglob("*.sqlite3")
    return sqlite3.connect(path, timeout=10, isolation_level=None)


class StockClient:
    """An unmodified y-websocket client in a Node process of its own."""

    def __init__(
        self, node: Node, room: Room, version: int, *, page: str = "board", client_id: int | None = None
    ) -> None:
        self.version = version
        options = {
            "version": version,
            "server": f"ws://127.0.0.1:{room.server.port}",
            "page": room.pages[page],
            "params": {"token": room.token},
            "client_id": client_id,
        }
        self._command = [str(node.path), str(HERE / "stock.mjs"), json.dumps(options)]
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=64 * 1024 * 1024
        )
        await until(self.is_synced, what=f"y-websocket {self.version} was synced")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def ask(self, command: str, **details: Any) -> Any:
        """Give one command and wait for what it gives back."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps({"command": command, **details}).encode() + b"\n")
            await self._process.stdin.drain()
            async with asyncio.timeout(WITHIN):
                line = await self._process.stdout.readline()
        assert line, f"the Node process of y-websocket {self.version} ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def is_synced(self) -> bool:
        """Whether it says that it has everything."""
        seen = await self.seen()
        return bool(seen["synced"])

    async def seen(self) -> dict[str, Any]:
        """Connections, messages, closes and troubles so far."""
        seen: dict[str, Any] = await self.ask("seen")
        return seen

    async def write(self, token: str, *, first: bool = False) -> None:
        """One edit of every kind."""
        await self.ask("write", token=token, first=first)

    async def state(self) -> State:
        """Everything on the page as this client sees it."""
        state: State = await self.ask("state")
        return state


class PythonClient:
    """A pycrdt document on a WebSocket, which comes back after every end of its connection.

    Attributes:
        saved: The last acknowledgement, for a ``collab.v1`` client.
        notices: Every notice, oldest first.
        closes: Close code and reason of each connection that ended.
        sent: Sync messages sent on the present connection.
        pause: Seconds before it comes back.
    """

    def __init__(self, url: str, *, extended: bool = False) -> None:
        self.doc: Doc = Doc()
        self.saved = 0
        self.sent = 0
        self.pause = 0.1
        self.notices: list[dict[str, Any]] = []
        self.closes: list[tuple[int, str]] = []
        self._url = url
        self._extended = extended
        self._socket: ClientConnection | None = None
        self._hears = True
        self._synced = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._subscription = self.doc.observe(self._changed)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay())
        async with asyncio.timeout(WITHIN):
            await self._synced.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, *self._sending, return_exceptions=True)
        self.doc.unobserve(self._subscription)

    async def write(self, token: str, *, first: bool = False) -> None:
        """One edit of every kind, each a transaction of its own, as ``stock.mjs`` makes them."""
        text = self.doc.get("text", type=Text)
        text.insert(0 if first else len(text), f"{token} ", {"bold": True})
        self.doc.get("map", type=Map)[token] = token
        self.doc.get("map", type=Map)["latest"] = token
        self.doc.get("array", type=Array).append(Map({"token": token}))
        paragraph = XmlElement("paragraph", {"token": token}, [XmlText(token)])
        self.doc.get("xml", type=XmlFragment).children.append(paragraph)
        await asyncio.gather(*self._sending)

    async def state(self) -> State:
        """Everything on the page as this client sees it."""
        return state_of(self.doc)

    async def hang_up(self, *, pause: float = 0.1) -> None:
        """End the connection, if there is one, and come back after a pause."""
        self.pause = pause
        if self._socket is not None:
            await self._socket.close()

    @property
    def is_synced(self) -> bool:
        """Whether it is connected and has been sent the page."""
        return self._synced.is_set()

    @property
    def all_saved(self) -> bool:
        """Whether the server has acknowledged everything that was sent."""
        return self.saved >= self.sent

    def heard(self, kind: str) -> bool:
        """Whether a notice of this kind has come."""
        return any(notice["kind"] == kind for notice in self.notices)

    def _changed(self, event: TransactionEvent) -> None:
        if self._hears and self._socket is not None:
            task = asyncio.get_running_loop().create_task(self._send(create_update_message(event.update)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, message: bytes) -> None:
        if self._socket is not None:
            self.sent += 1
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(message)

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(OSError, InvalidHandshake):
                await self._visit()
            await asyncio.sleep(self.pause)

    async def _visit(self) -> None:
        subprotocols = [EXTENDED] if self._extended else None
        async with connect(self._url, subprotocols=subprotocols, max_size=None, open_timeout=WITHIN) as socket:
            self._socket, self.sent, self.saved = socket, 0, 0
            self._synced.clear()
            try:
                await self._send(create_sync_message(self.doc))
                async for frame in socket:
                    assert isinstance(frame, bytes)
                    await self._take(frame)
            except ConnectionClosed:
                pass
            finally:
                self._socket = None
                self._synced.clear()
                self.closes.append((socket.close_code or 1006, socket.close_reason or ""))

    async def _take(self, frame: bytes) -> None:
        if frame[0] == 0:
            self._hears = False
            try:
                answer = handle_sync_message(frame[1:], self.doc)
            finally:
                self._hears = True
            if answer is not None:
                await self._send(answer)
            if frame[1] == 1:
                self._synced.set()
        elif self._extended and frame[0] in {100, 101}:
            match decode(frame):
                case Saved(count):
                    self.saved = count
                case Notice(body):
                    self.notices.append(body)


Client = StockClient | PythonClient


@contextlib.asynccontextmanager
async def all_of(clients: Iterable[Client]) -> AsyncIterator[list[Client]]:
    """Everybody on the page, started together."""
    async with contextlib.AsyncExitStack() as stack:
        started = list(clients)
        for client in started:
            stack.push_async_exit(client)
        await asyncio.gather(*(client.__aenter__() for client in started))
        yield started


async def agreed(clients: Iterable[Client], tokens: Iterable[str], *, within: float = WITHIN) -> State:
    """Wait until all see the same page and every token on it exactly once, and return it."""
    clients, tokens = list(clients), list(tokens)
    states: list[State] = []

    async def agree() -> bool:
        states[:] = await asyncio.gather(*(client.state() for client in clients))
        return all(state == states[0] for state in states) and not (tokens and misses(states[0], tokens))

    try:
        await until(agree, what="agreement", within=within)
    except TimeoutError as error:
        details = [(getattr(client, "version", "python"), state) for client, state in zip(clients, states, strict=True)]
        raise TimeoutError(f"{error}; misses {misses(states[0], tokens)}: {json.dumps(details)[:6000]}") from None
    return states[0]


def misses(state: State, tokens: Iterable[str]) -> list[str]:
    """The tokens that are not on the page exactly once in every place where ``write`` puts them."""
    text = "".join(chunk for chunk, _ in state["text"] if isinstance(chunk, str))
    places = [
        text.split(),
        [element.get("token") for element in state["array"] if isinstance(element, dict)],
        [attributes.get("token") for _, attributes, _ in state["xml"]],
        [value for key, value in state["map"].items() if key != "latest"],
    ]
    return [token for token in tokens if any(place.count(token) != 1 for place in places)]


def state_of(doc: Doc) -> State:
    """Everything on the page in the form that ``packages.mjs`` gives it."""
    return {
        "text": _delta(doc.get("text", type=Text)),
        "map": doc.get("map", type=Map).to_py() or {},
        "array": doc.get("array", type=Array).to_py() or [],
        "xml": [_xml_state(child) for child in doc.get("xml", type=XmlFragment).children],
    }


def _delta(text: Text | XmlText) -> list[Any]:
    return [[chunk, attributes or {}] for chunk, attributes in text.diff()]


def _xml_state(node: Any) -> list[Any]:
    if isinstance(node, XmlText):
        return _delta(node)
    return [node.tag, dict(node.attributes), [_xml_state(child) for child in node.children]]
