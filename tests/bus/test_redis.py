"""Two servers on one database and one Redis, which is killed, emptied and cut off while people write."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from collab.wire import Awareness as AwarenessMessage
from collab.wire import AwarenessEntry, decode, decode_entries, encode_awareness, encode_entries
from tests.clients.drive import PythonClient, Room, agreed, all_of, until
from tests.services import RedisServer, Server

pytestmark = pytest.mark.services

StartServer = Callable[..., Server]


@dataclass
class Pair:
    """Two servers that share everything."""

    first: Server
    second: Server
    redis: RedisServer
    room: Room

    def url(self, number: int, page: str = "board") -> str:
        """A page's socket on one of them."""
        port = (self.first, self.second)[number].port
        return self.room.url(page).replace(f":{self.first.port}", f":{port}")

    def room_url(self, number: int, name: str) -> str:
        """The room's socket on one of them."""
        port = (self.first, self.second)[number].port
        return f"ws://127.0.0.1:{port}/ws/rooms/{self.room.id}?token={self.room.token}&name={name}"


@pytest.fixture
def pair(server: StartServer, new_redis: RedisServer) -> Pair:
    first = server(env={"REDIS_URL": new_redis.url})
    second = server(env={"REDIS_URL": new_redis.url, "COLLAB_DATA_DIR": str(first.data)})
    assert "Another server uses the same data" not in second.log
    return Pair(first, second, new_redis, Room(first))


def ask(redis: RedisServer, command: str) -> str:
    """A whole answer of Redis to one command."""
    with (
        socket.create_connection(("127.0.0.1", redis.port), timeout=5) as connection,
        connection.makefile("rb") as said,
    ):
        connection.sendall(command.encode() + b"\r\n")
        length = int(said.readline()[1:])
        return said.read(length).decode()


def calls(redis: RedisServer, command: str) -> int:
    """How often Redis was given a command."""
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", ask(redis, "INFO commandstats"))
    return int(found[1]) if found else 0


class Cursor:
    """A client that only points, and looks at who else does, as y-protocols counts."""

    def __init__(self, socket: ClientConnection, client_id: int) -> None:
        self._socket = socket
        self._client_id = client_id
        self._clock = 0
        self._clocks: dict[int, int] = {}
        self.sees: dict[int, Any] = {}
        self._task = asyncio.create_task(self._look())

    async def point(self, at: str) -> None:
        self._clock += 1
        entry = AwarenessEntry(self._client_id, self._clock, json.dumps({"at": at}).encode())
        await self._socket.send(encode_awareness(encode_entries([entry])))

    async def _look(self) -> None:
        async for frame in self._socket:
            assert isinstance(frame, bytes)
            message = decode(frame)
            if not isinstance(message, AwarenessMessage):
                continue
            for entry in decode_entries(message.payload, max_entries=1000, max_state_bytes=10**6):
                if entry.clock < self._clocks.get(entry.client_id, -1):
                    continue
                self._clocks[entry.client_id] = entry.clock
                self.sees[entry.client_id] = None if entry.state is None else json.loads(entry.state)["at"]

    def end(self) -> None:
        self._task.cancel()


@asynccontextmanager
async def cursor(url: str, client_id: int) -> AsyncIterator[Cursor]:
    async with connect(url) as socket:
        one = Cursor(socket, client_id)
        try:
            yield one
        finally:
            one.end()


class Visitor:
    """A tab in a room, and the names on its list."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.names: list[str] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for text in self._socket:
            envelope = json.loads(text)
            if envelope["type"] in {"hello", "people"}:
                self.names = [person["name"] for person in envelope["data"]["people"]]

    def end(self) -> None:
        self._task.cancel()


@asynccontextmanager
async def visitor(url: str) -> AsyncIterator[Visitor]:
    async with connect(url) as socket:
        one = Visitor(socket)
        try:
            yield one
        finally:
            one.end()


async def seen_by(client: PythonClient, token: str, *, within: float) -> float:
    """Seconds until somebody sees a token."""
    began = time.monotonic()

    async def sees() -> bool:
        return token in (await client.state())["map"]

    await until(sees, what=f"{token} was seen", within=within)
    return time.monotonic() - began


async def test_edits_go_on_whatever_happens_to_redis_and_nobody_reconnects(pair: Pair) -> None:
    """Killed clients, an emptied Redis, a dead one, one that comes back empty: saved throughout, seen within 5 s."""
    alice, bob = PythonClient(pair.url(0), extended=True), PythonClient(pair.url(1), extended=True)
    tokens: list[str] = []

    async def say(*, within: float) -> float:
        tokens.append(f"t{len(tokens)}")
        await alice.write(tokens[-1])
        return await seen_by(bob, tokens[-1], within=within)

    async with all_of([alice, bob]):
        await until(lambda: calls(pair.redis, "publish") > 4, what="the servers met")
        await say(within=20)
        troubles = {
            "killed": lambda: [pair.redis.command(f"CLIENT KILL TYPE {kind}") for kind in ("pubsub", "normal")],
            "emptied": lambda: pair.redis.command("FLUSHALL"),
            "dead": pair.redis.kill,
        }
        for name, happen in troubles.items():
            happen()
            stale = [await say(within=10) for _ in range(4)]
            print(f"{name}: seen after {max(stale):.2f} s at most")
            assert max(stale) <= 6
        await until(lambda: alice.all_saved, what="everything was saved while Redis was dead")
        pair.redis.start()
        began = time.monotonic()
        while await say(within=10) > 0.5 and time.monotonic() - began < 20:
            pass
        resumed = time.monotonic() - began
        print(f"back: at once again after {resumed:.2f} s")
        assert resumed <= 10
        await agreed([alice, bob], tokens)
        assert alice.closes == bob.closes == []
    for server in (pair.first, pair.second):
        assert server.log.count("Redis cannot be reached") <= 2


async def test_a_page_in_one_process_sends_nothing_to_redis(pair: Pair) -> None:
    """Only the beacons of the two servers are counted, one in two seconds each, whatever the number of edits."""
    async with all_of([PythonClient(pair.url(0)), PythonClient(pair.url(1, "document"))]) as (alice, _):
        await until(lambda: calls(pair.redis, "publish") > 6, what="the servers met")
        before, began = calls(pair.redis, "publish"), time.monotonic()
        for number in range(100):
            await alice.write(f"t{number}")
            await asyncio.sleep(0.01)
        sent = calls(pair.redis, "publish") - before

        assert sent <= (time.monotonic() - began) + 3


async def test_people_on_a_server_that_is_killed_disappear_from_pages_and_rooms(pair: Pair) -> None:
    """A power cut says no goodbye."""
    async with (
        cursor(pair.url(0), 7) as alice,
        cursor(pair.url(1), 8) as bob,
        visitor(pair.room_url(0, "Alice")) as first,
        visitor(pair.room_url(1, "Bob")) as second,
    ):
        await alice.point("here")
        await bob.point("there")
        await until(lambda: alice.sees.get(8) == "there" and bob.sees.get(7) == "here", what="both were seen")
        await until(lambda: first.names == second.names == ["Alice", "Bob"], what="both were listed")

        pair.second.kill()
        began = time.monotonic()
        await until(lambda: alice.sees[8] is None, what="the cursor was gone", within=35)
        await until(lambda: first.names == ["Alice"], what="the name was gone", within=35)
        print(f"gone after {time.monotonic() - began:.1f} s")


async def test_people_on_a_server_that_stops_disappear_at_once_and_come_back(pair: Pair) -> None:
    """Goodbye is said, and a new process is known when it comes."""
    async with cursor(pair.url(0), 7) as alice, visitor(pair.room_url(0, "Alice")) as first:
        async with cursor(pair.url(1), 8) as bob, visitor(pair.room_url(1, "Bob")):
            await bob.point("there")
            await until(lambda: alice.sees.get(8) == "there" and len(first.names) == 2, what="Bob was seen")
            pair.second.stop()
            await until(lambda: alice.sees[8] is None and len(first.names) == 1, what="Bob was gone", within=5)
        pair.second.start()
        async with visitor(pair.room_url(1, "Carol")):
            await until(lambda: first.names == ["Alice", "Carol"], what="Carol was listed")


async def test_a_title_changed_from_another_process_is_heard_in_all(pair: Pair) -> None:
    """Also from one that serves nobody, such as a management command."""
    async with connect(pair.room_url(0, "Alice")) as one, connect(pair.room_url(1, "Bob")) as two:
        for socket in (one, two):
            await socket.recv()
        await until(lambda: calls(pair.redis, "publish") > 6, what="the servers met")
        await asyncio.to_thread(
            pair.first.manage,
            "shell",
            "-c",
            "from uuid import UUID; from collab.rename import rename_room; "
            f"rename_room(UUID('{pair.room.id}'), 'Retro')",
        )
        for socket in (one, two):
            async with asyncio.timeout(20):
                while (envelope := json.loads(await socket.recv()))["type"] != "room":
                    pass
            assert envelope["data"]["title"] == "Retro"


async def test_a_page_deleted_in_one_process_ends_in_all(pair: Pair) -> None:
    """4404, and not a page that nobody else sees."""
    alice, bob = PythonClient(pair.url(0), extended=True), PythonClient(pair.url(1), extended=True)
    async with all_of([alice, bob]):
        await until(lambda: calls(pair.redis, "publish") > 6, what="the servers met")
        command = f"from collab.models import Page; Page.objects.get(pk='{pair.room.pages['board']}').delete()"
        await asyncio.to_thread(pair.first.manage, "shell", "-c", command)

        await until(lambda: bool(alice.closes and bob.closes), what="both were closed")

    assert alice.closes[0] == bob.closes[0] == (4404, "unknown")


async def test_a_server_needs_two_connections_to_redis_however_many_people_there_are(
    pair: Pair,
) -> None:
    """One to listen and one to send: a pool that grew with people would end at its bound."""
    clients = [PythonClient(pair.url(number % 2, page)) for number in range(20) for page in ("board", "document")]
    async with all_of(clients):
        await asyncio.gather(*(client.write(f"t{number}") for number, client in enumerate(clients)))
        await agreed(clients[::2], [])

        # The question is asked on a connection of its own.
        assert len(ask(pair.redis, "CLIENT LIST").splitlines()) - 1 <= 4
