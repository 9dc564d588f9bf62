"""Each ordinary way to serve carries a page: a stock client and a Python one meet on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.bootstrap.test_servers import WAYS, documented
from tests.clients.drive import PythonClient, Room, StockClient, agreed, until
from tests.services import Node, Server, answers, temporary_folder

pytestmark = pytest.mark.services


@pytest.fixture(params=WAYS)
def served(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The product, served as the docs say."""
    with temporary_folder("served") as folder:
        server = Server(folder)
        server.manage("migrate", "--verbosity", "0")
        server.launch(documented(request.param, server.port), env=server.env)
        server.wait_until(lambda: answers(server.port), what=f"{request.param} listened")
        yield server
        server.stop(with_signal=signal.SIGINT)
        assert "Traceback" not in server.log, server.log


async def test_clients_meet_on_a_page(served: Server, node: Node) -> None:
    """They see each other's edits, hear that they are saved, and find them in the log."""
    room = Room(served)
    async with PythonClient(room.url(), extended=True) as alice, StockClient(node, room, 3) as bob:
        await alice.write("hers")
        await bob.write("his")
        state = await agreed([alice, bob], ["hers", "his"])
        await until(lambda: alice.all_saved, what="everything was saved")
        await until(lambda: room.replay() == state, what="the log caught up")
