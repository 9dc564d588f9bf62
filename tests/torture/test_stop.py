"""A server is asked to stop under people who write, however it is served; and while its database hangs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.bootstrap.test_servers import WAYS, documented
from tests.clients.drive import Room, all_of, open_database, until
from tests.services import ROOT, Server, answers, temporary_folder
from tests.torture.figures import Figures
from tests.torture.oracle import Author, check_acknowledged, nothing_is_lost
from tests.torture.writing import write_until

GONE_WITHIN = 10.0


SHORT = {"up", "daphne"}


@pytest.fixture(params=[way if way in SHORT else pytest.param(way, marks=pytest.mark.full) for way in ("up", *WAYS)])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Callable[[], None]]]:
    """A stopped product, and what starts it in one of the ways that the docs name."""
    with temporary_folder("served") as folder:
        server = Server(folder)
        server.manage("migrate", "--verbosity", "0")

        def start() -> None:
            if request.param == "up":
                server.start()
                return
            server.launch(documented(request.param, server.port), env=server.env)
            server.wait_until(lambda: answers(server.port), what=f"{request.param} listened")

        yield server, start
        server.kill()
        assert "Traceback" not in server.log, server.log


async def test_who_is_asked_to_stop_saves_says_so_and_is_gone(
    served: tuple[Server, Callable[[], None]],
    request: pytest.FixtureRequest,
    rng: random.Random,
    figures: Figures,
    amounts: Callable[[int, int], int],
) -> None:
    """SIGTERM, as every service manager sends it. Everybody hears why and comes back; nothing is lost."""
    server, start = served
    way = request.node.callspec.params["served"]
    times, writers = amounts(1, 10), amounts(8, 30)
    start()
    room = Room(server)
    authors = [Author(room.url(), f"a{number}") for number in range(writers)]
    took = []
    async with all_of(authors):
        stop = asyncio.Event()
        writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
        for _ in range(times):
            await until(lambda: all(author.is_synced for author in authors), what="everybody was on the page")
            await asyncio.sleep(rng.uniform(0.3, 1.0))
            began = time.monotonic()
            await asyncio.to_thread(server.stop, within=GONE_WITHIN)
            took.append(time.monotonic() - began)
            check_acknowledged(room, authors)
            await asyncio.to_thread(start)
        stop.set()
        await asyncio.gather(*writing)
        written = await nothing_is_lost(room, authors)
        codes = [code for author in authors for code, _ in author.closes]
        hints = [notice for author in authors for notice in author.notices if notice["kind"] == "draining"]

    figures.row(
        "Stop",
        done=f"{times} times SIGTERM under {writers} writing clients, served by {way}",
        bar=f"nothing lost, close 4503 for all, gone within {GONE_WITHIN:g} s",
        measured=f"{written} edits all there once, {codes.count(4503)} of {len(codes)} closes 4503,"
        f" gone after {max(took):.1f} s at most",
    )
    assert set(codes) == {4503}
    assert len(hints) == times * writers
    assert len(codes) >= len(hints), "who comes back too soon is sent away again"
    assert all(0 <= hint["retry_after"] <= 5 for hint in hints)


@pytest.mark.full
async def test_a_changed_file_restarts_the_development_server_and_loses_nothing(
    rng: random.Random, figures: Figures
) -> None:
    """The reloader's child saves and says goodbye before the next one starts."""
    with temporary_folder("reloads") as folder:
        server = Server(folder)
        server.manage("migrate", "--verbosity", "0")
        server.launch(documented("runserver", server.port), env=server.env)
        server.wait_until(lambda: answers(server.port), what="runserver listened")
        room = Room(server)
        authors = [Author(room.url(), f"a{number}") for number in range(5)]
        async with all_of(authors):
            stop = asyncio.Event()
            writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
            await until(lambda: all(author.acknowledged for author in authors), what="everybody had something saved")
            (ROOT / "collab" / "__init__.py").touch()
            await until(lambda: all(author.closes for author in authors), what="everybody was sent away")
            check_acknowledged(room, authors)
            stop.set()
            await asyncio.gather(*writing)
            written = await nothing_is_lost(room, authors, within=60)
            codes = {code for author in authors for code, _ in author.closes}
        server.stop()

    figures.row(
        "Stop",
        done="a file changed under 5 writing clients, served by runserver",
        bar="nothing lost, close 4503 for all",
        measured=f"{written} edits all there once, closes {sorted(int(code) for code in codes)}",
    )
    assert codes == {4503}


@pytest.mark.parametrize("way", ["up", pytest.param("daphne", marks=pytest.mark.full)])
async def test_a_database_that_hangs_does_not_hold_up_the_end(
    way: str, rng: random.Random, figures: Figures, full: bool
) -> None:
    """The edits that could not be saved are with their authors, who bring them along when the server is back."""
    with temporary_folder("hangs") as folder:
        server = Server(folder, env={} if full else {"COLLAB_DRAIN_TIMEOUT": "1"})
        server.manage("migrate", "--verbosity", "0")

        def start() -> None:
            if way == "up":
                server.start()
            else:
                server.launch(documented(way, server.port), env=server.env)
                server.wait_until(lambda: answers(server.port), what=f"{way} listened")

        start()
        room = Room(server)
        authors = [Author(room.url(), f"a{number}") for number in range(3)]
        async with all_of(authors):
            for author in authors:
                author.put(rng=rng)
            await until(lambda: all(not author.unacknowledged for author in authors), what="the first edits were saved")
            with contextlib.closing(open_database(server)) as somebody:
                somebody.execute("BEGIN IMMEDIATE")
                for author in authors:
                    author.put(rng=rng)
                await asyncio.sleep(rng.uniform(0, 0.2))
                began = time.monotonic()
                await asyncio.to_thread(server.stop, within=GONE_WITHIN + 1)
                took = time.monotonic() - began
                somebody.execute("ROLLBACK")
            waiting = sum(len(author.unacknowledged) for author in authors)
            await asyncio.to_thread(start)
            written = await nothing_is_lost(room, authors)
        server.stop()

    figures.row(
        "Stop",
        done=f"SIGTERM while the database is locked, served by {way}",
        bar=f"gone within {GONE_WITHIN:g} s, no edit acknowledged that was not saved, nothing lost",
        measured=f"gone after {took:.1f} s; {waiting} edits not acknowledged came back; all {written} there once",
    )
    assert waiting == 3
    assert took < GONE_WITHIN
