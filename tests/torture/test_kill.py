"""R1: the server is killed, at random points, under people who write."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.clients.drive import Room, all_of
from tests.conftest import StartServer
from tests.services import PostgresServer
from tests.torture.figures import Figures
from tests.torture.oracle import Author, check_acknowledged, nothing_is_lost
from tests.torture.writing import EDITS_A_SECOND, write_until

AUTHORS = 20


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.full)])
async def test_a_killed_server_has_lost_nothing_that_it_acknowledged(
    database: str,
    request: pytest.FixtureRequest,
    server: StartServer,
    rng: random.Random,
    figures: Figures,
    amounts: Callable[[int, int], int],
) -> None:
    """After each kill the log alone holds every acknowledged edit; in the end every edit is there exactly once."""
    env = {}
    if database == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        env["DATABASE_URL"] = postgres.create_database(f"kill_{rng.randrange(2**32)}")
    product = server(env=env)
    room = Room(product)
    kills = amounts(3, 50 if database == "sqlite" else 20)
    authors = [Author(room.url(), f"a{number}") for number in range(AUTHORS)]
    held = 0
    async with all_of(authors):
        stop = asyncio.Event()
        # They write through every restart too: at the pace of the short form fifty of them would be a book.
        rate = EDITS_A_SECOND if kills < 10 else 1.0
        writing = [asyncio.create_task(write_until(stop, author, rng, rate=rate)) for author in authors]
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.05, 1.5))
            product.kill()
            held += check_acknowledged(room, authors)
            await asyncio.to_thread(product.start)
        stop.set()
        await asyncio.gather(*writing)
        written = await nothing_is_lost(room, authors, within=60)

    figures.row(
        "R1",
        done=f"{kills} times kill -9 of the server under {AUTHORS} writing clients, {database}",
        bar="no acknowledged edit lost; after reconnecting every edit is there exactly once",
        measured=f"0 lost of {held} acknowledgements checked against the dead server's log; all {written} edits once",
    )
    assert held > 0
