"""R7 and R8: the database is gone for a while, or its connection, or a client's, is dead in one direction."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.clients.drive import Room, all_of, until
from tests.conftest import StartServer
from tests.services import PostgresServer, temporary_folder
from tests.torture.figures import Figures
from tests.torture.link import Direction, Link
from tests.torture.oracle import Author, check_acknowledged, nothing_is_lost
from tests.torture.writing import write_until

AUTHORS = 6
TOLD_WITHIN = 6.0


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A Postgres that only this test uses, to be crashed."""
    with temporary_folder("postgres") as folder:
        one = PostgresServer("postgres", folder)
        one.start()
        yield one
        one.kill()


async def told(authors: list[Author], kind: str, since: float) -> float:
    """Wait until every author has heard a notice; how long that took, in seconds."""
    await until(lambda: all(author.heard(kind) for author in authors), what=f"the notice {kind}", within=30)
    return time.monotonic() - since


async def test_a_database_that_crashes_costs_nothing_but_time(
    server: StartServer,
    own_postgres: PostgresServer,
    rng: random.Random,
    figures: Figures,
    amounts: Callable[[float, float], float],
) -> None:
    """People go on working together; they are told at once, and nothing that was not committed is called saved."""
    down = amounts(2.0, 20.0)
    product = server(env={"DATABASE_URL": own_postgres.create_database("gone")})
    pid = product.pid
    room = Room(product)
    authors = [Author(room.url(), f"a{number}") for number in range(AUTHORS)]
    async with all_of(authors):
        stop = asyncio.Event()
        writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
        await until(lambda: all(author.acknowledged for author in authors), what="everybody had something saved")
        began = time.monotonic()
        await asyncio.to_thread(own_postgres.stop, with_signal=signal.SIGQUIT)
        banner = await told(authors, "not-saved", began)
        before = sum(len(author.acknowledged) for author in authors)
        await asyncio.sleep(max(0.0, down - (time.monotonic() - began)))
        meanwhile = sum(len(author.acknowledged) for author in authors) - before
        connections = sum(len(author.closes) for author in authors)
        await asyncio.to_thread(own_postgres.start)
        check_acknowledged(room, authors)
        back = await told(authors, "saved-again", time.monotonic())
        stop.set()
        await asyncio.gather(*writing)
        written = await nothing_is_lost(room, authors)

    figures.row(
        "R7",
        done=f"Postgres crashed (-m immediate) and {down:g} s down under {AUTHORS} writing clients",
        bar="nothing acknowledged meanwhile, people told within 6 s, nothing lost, no process ends, nobody reconnects",
        measured=f"{meanwhile} acknowledged meanwhile, told after {banner:.1f} s, {written} edits all there once,"
        f" saved again {back:.1f} s after it was back, {connections} reconnects",
    )
    assert meanwhile == 0
    assert banner <= TOLD_WITHIN
    assert connections == 0
    assert product.is_running
    assert product.pid == pid


@pytest.mark.parametrize(
    ("direction", "ending"),
    [
        ("down", "heals"),
        pytest.param("up", "heals", marks=pytest.mark.full),
        pytest.param("down", "breaks", marks=pytest.mark.full),
        pytest.param("up", "breaks", marks=pytest.mark.full),
    ],
)
async def test_a_connection_to_the_database_that_is_dead_in_one_direction_loses_nothing(
    direction: Direction,
    ending: str,
    server: StartServer,
    postgres_server: PostgresServer,
    rng: random.Random,
    figures: Figures,
    amounts: Callable[[float, float], float],
) -> None:
    """Neither end notices; the commit just does not come back. People hear within six seconds that it has not.

    When the connection breaks in the end, nobody can know whether the commit was made, and the rows are written again.
    """
    silent = amounts(6.0, 25.0)
    name = f"half_{direction}_{ending}_{rng.randrange(2**32)}"
    direct = postgres_server.create_database(name)
    async with Link(postgres_server.port) as link:
        product = await asyncio.to_thread(
            server, env={"DATABASE_URL": direct.replace(f":{postgres_server.port}/", f":{link.port}/")}
        )
        product.env["DATABASE_URL"] = direct
        room = await asyncio.to_thread(Room, product)
        authors = [Author(room.url(), f"a{number}") for number in range(AUTHORS)]
        async with all_of(authors):
            stop = asyncio.Event()
            writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
            await until(lambda: all(author.acknowledged for author in authors), what="everybody had something saved")
            link.hold(direction)
            began = time.monotonic()
            banner = await told(authors, "not-saved", began)
            before = sum(len(author.acknowledged) for author in authors)
            await asyncio.sleep(max(0.0, silent - (time.monotonic() - began)))
            meanwhile = sum(len(author.acknowledged) for author in authors) - before
            if ending == "breaks":
                link.cut()
            link.heal()
            back = await told(authors, "saved-again", time.monotonic())
            stop.set()
            await asyncio.gather(*writing)
            written = await nothing_is_lost(room, authors)

    figures.row(
        "R8",
        done=f"the connection to Postgres silent for {silent:g} s, {_way(direction, 'Postgres')}, then it {ending}",
        bar="people told within 6 s, nothing acknowledged meanwhile, nothing lost afterwards",
        measured=f"told after {banner:.1f} s, {meanwhile} acknowledged meanwhile, saved {back:.1f} s after that,"
        f" {written} edits all there once",
    )
    assert banner <= TOLD_WITHIN
    assert meanwhile == 0


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_client_whose_connection_is_dead_in_one_direction_loses_nothing(
    direction: Direction,
    server: StartServer,
    rng: random.Random,
    figures: Figures,
    amounts: Callable[[float, float], float],
) -> None:
    """It hears of nothing as saved that is not in the log; the others notice nothing; once healed all agree."""
    silent = amounts(2.0, 25.0)
    product = server()
    room = Room(product)
    async with Link(product.port) as link:
        alice = Author(room.url().replace(f":{product.port}/", f":{link.port}/"), "alice")
        bob = Author(room.url(), "bob")
        async with all_of([alice, bob]):
            stop = asyncio.Event()
            writing = [asyncio.create_task(write_until(stop, author, rng)) for author in (alice, bob)]
            await until(lambda: bool(alice.acknowledged and bob.acknowledged), what="both had something saved")
            link.hold(direction)
            await asyncio.sleep(0.2)
            before = len(alice.acknowledged)
            bob.latencies.clear()
            await asyncio.sleep(silent)
            meanwhile = len(alice.acknowledged) - before
            check_acknowledged(room, [alice, bob])
            slowest = max(bob.latencies)
            link.heal()
            stop.set()
            await asyncio.gather(*writing)
            written = await nothing_is_lost(room, [alice, bob])

    figures.row(
        "R8",
        done=f"a client's connection silent for {silent:g} s, {_way(direction, 'the server')}",
        bar="nothing acknowledged to it meanwhile, the other served as ever, nothing lost on healing",
        measured=f"{meanwhile} acknowledged meanwhile, the other waited {slowest * 1000:.0f} ms at most for its own,"
        f" {written} edits all there once",
    )
    assert meanwhile == 0
    assert slowest < 2


def _way(direction: Direction, end: str) -> str:
    return f"towards {end}" if direction == "up" else f"from {end}"
