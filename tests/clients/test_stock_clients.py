"""Unmodified y-websocket clients and a Python one on the same page: what one writes all have, whatever happens."""

from __future__ import annotations

import asyncio
import itertools
import signal

import pytest

from tests.clients.drive import Client, PythonClient, Room, StockClient, agreed, all_of, until
from tests.conftest import StartServer
from tests.services import Node, Server

pytestmark = pytest.mark.services

VERSIONS = [1, 2, 3]


def everybody(node: Node, room: Room) -> list[Client]:
    """One client of each kind, none of which has joined yet."""
    return [*(StockClient(node, room, version) for version in VERSIONS), PythonClient(room.url())]


class Tokens:
    """Words that occur nowhere else, each written once."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self._count = itertools.count()

    async def by(self, clients: list[Client], *, each: int = 3) -> None:
        """Let everybody write at the same time."""
        await asyncio.gather(*(self._write(client, each) for client in clients))

    async def _write(self, client: Client, count: int) -> None:
        for at in range(count):
            token = f"word{next(self._count)}"
            self.written.append(token)
            await client.write(token, first=at % 2 == 0)


async def test_clients_of_every_kind_agree_and_the_log_says_the_same(module_server: Server, node: Node) -> None:
    """Text, map, array and XML, written by all at the same time."""
    room = Room(module_server)
    async with all_of(everybody(node, room)) as clients:
        tokens = Tokens()
        await tokens.by(clients)
        await asyncio.gather(*(client.ask("erase", length=2) for client in clients if isinstance(client, StockClient)))
        untouched = [token for token in tokens.written if token not in {"word0", "word1", "word2", "word3"}]
        state = await agreed(clients, [])
        await until(lambda: room.replay() == state, what="the log caught up")

        assert {token for token in untouched if token in state["map"]} == set(untouched)
        assert [(await client.seen())["troubles"] for client in clients if isinstance(client, StockClient)] == [[]] * 3


async def test_what_was_written_offline_by_several_is_merged(module_server: Server, node: Node) -> None:
    """Nobody's edits replace anybody else's, and none is there twice."""
    room = Room(module_server)
    async with all_of(everybody(node, room)) as clients:
        tokens = Tokens()
        await tokens.by(clients, each=1)
        await agreed(clients, tokens.written)
        offline = [client for client in clients if isinstance(client, StockClient)]

        await asyncio.gather(*(client.ask("offline") for client in offline))
        await tokens.by(clients)
        await asyncio.gather(*(client.ask("online") for client in offline))

        state = await agreed(clients, tokens.written)
        await until(lambda: room.replay() == state, what="the log caught up")


@pytest.mark.parametrize("ending", ["killed", "stopped"])
async def test_after_a_restart_everything_is_there_exactly_once(ending: str, server: StartServer, node: Node) -> None:
    """Clients come back by themselves and bring what they wrote meanwhile; nobody's edits are doubled or lost."""
    product = server()
    room = Room(product)
    async with all_of(everybody(node, room)) as clients:
        tokens = Tokens()
        await tokens.by(clients)
        if ending == "killed":
            product.kill()
        else:
            assert product.stop(with_signal=signal.SIGTERM) == 0
        await tokens.by(clients)
        product.start()

        state = await agreed(clients, tokens.written, within=30)
        await until(lambda: room.replay() == state, what="the log caught up")

        if ending == "stopped":
            for client in clients:
                closes = client.closes if isinstance(client, PythonClient) else (await client.seen())["closes"]
                assert tuple(closes[0]) == (4503, "restarting")
        async with PythonClient(room.url()) as newcomer:
            assert await newcomer.state() == state
