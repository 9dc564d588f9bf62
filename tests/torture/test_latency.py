"""R2: how long an author waits for the word "saved"."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable

from tests.clients.drive import Room, all_of
from tests.conftest import StartServer
from tests.torture.figures import Figures
from tests.torture.oracle import Author, nothing_is_lost
from tests.torture.writing import EDITS_A_SECOND, write_until

AUTHORS = 20


async def test_saved_comes_soon_and_costs_few_commits(
    server: StartServer, rng: random.Random, figures: Figures, full: bool, amounts: Callable[[float, float], float]
) -> None:
    """Edits of a busy page are committed together; a short run on a shared machine has a generous bar."""
    seconds = amounts(5.0, 60.0)
    p50_bar, p95_bar = (0.08, 0.25) if full else (0.3, 1.0)
    room = Room(server())
    authors = [Author(room.url(), f"a{number}") for number in range(AUTHORS)]
    async with all_of(authors):
        rows_before = len(room.log())
        stop = asyncio.Event()
        writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*writing)
        commits_a_second = (len(room.log()) - rows_before) / seconds
        written = await nothing_is_lost(room, authors)

    latencies = [latency for author in authors for latency in author.latencies]
    cuts = statistics.quantiles(latencies, n=100)
    figures.row(
        "R2",
        done=f"{AUTHORS} clients, {EDITS_A_SECOND:g} edits/s each, for {seconds:g} s ({written} edits)",
        bar=f"acknowledged p50 <= {p50_bar * 1000:g} ms, p95 <= {p95_bar * 1000:g} ms; <= 25 commits/s",
        measured=f"p50 {cuts[49] * 1000:.0f} ms, p95 {cuts[94] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms;"
        f" {commits_a_second:.1f} commits/s",
    )
    assert len(latencies) == written
    assert cuts[49] <= p50_bar
    assert cuts[94] <= p95_bar
    assert commits_a_second <= 25
