"""P2: clients come and go over many pages, for a long time."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable

from tests.clients.drive import Room, all_of, until
from tests.conftest import StartServer
from tests.torture.figures import Figures
from tests.torture.memory import MIB, RETURN_MEMORY, descriptors, resident_bytes
from tests.torture.oracle import Author, check_acknowledged, nothing_is_lost

PAGES = 50
WRITERS = 12
GRACE = 1.0

MAKE_PAGES = """
from collab.models import Page, Room
room = Room.objects.get(pk="{room}")
pages = [Page(room=room, kind="board", title=f"Page {{n}}", position=n + 2) for n in range({count})]
print(" ".join(str(page.pk) for page in Page.objects.bulk_create(pages)))
"""


async def test_coming_and_going_for_long_takes_no_more_memory_than_for_a_while(
    server: StartServer, rng: random.Random, figures: Figures, full: bool, amounts: Callable[[float, float], float]
) -> None:
    """Pages close, connections leave nothing behind, and what was written stays."""
    seconds = amounts(6.0, 600.0)
    product = server(env={"COLLAB_PAGE_IDLE_GRACE": str(GRACE), **RETURN_MEMORY})
    room = Room(product)
    made = product.manage("shell", "--no-imports", "-c", MAKE_PAGES.format(room=room.id, count=PAGES))
    room.pages.update({f"page {number}": page_id for number, page_id in enumerate(made.split())})
    assert len(room.pages) == PAGES + 2
    authors: dict[str, list[Author]] = {page: [] for page in room.pages}
    stop = asyncio.Event()
    visits = 0

    async def visit(page: str) -> None:
        """Somebody comes, perhaps writes a little, waits until it is saved, and goes."""
        nonlocal visits
        author = Author(room.url(page), f"v{visits}")
        visits += 1
        # The first ones write; the content is not what may grow here.
        edits = rng.randrange(1, 3) if len(authors[page]) < WRITERS else 0
        async with all_of([author]):
            for _ in range(edits):
                author.put()
                await asyncio.sleep(rng.uniform(0, 0.3))
            await until(lambda: not author.unacknowledged, what="a visitor's edits were saved")
        authors[page].append(author)

    async def come_and_go() -> None:
        while not stop.is_set():
            await visit(rng.choice(list(room.pages)))
            if full:
                await asyncio.sleep(rng.uniform(0, 1.5))

    flat = descriptors(product)
    samples: list[tuple[float, int]] = []
    began = time.monotonic()
    people = [asyncio.create_task(come_and_go()) for _ in range(12)]
    while time.monotonic() - began < seconds:
        await asyncio.sleep(min(seconds / 60, 5))
        samples.append((time.monotonic() - began, resident_bytes(product)))
    stop.set()
    await asyncio.gather(*people)
    warm = [(at, size) for at, size in samples if at > seconds / 3]
    slope = statistics.linear_regression([at / 3600 for at, _ in warm], [size / MIB for _, size in warm]).slope
    growth = (max(size for _, size in warm) - warm[0][1]) / MIB
    await until(lambda: descriptors(product) <= flat + 8, what="descriptors were back", within=GRACE + 10)
    left = descriptors(product) - flat
    kept = sum(check_acknowledged(room, authors[page], page) for page in room.pages)
    page, some = max(authors.items(), key=lambda entry: len(entry[1]))
    async with all_of([Author(room.url(page), "last")]) as (last,):
        assert isinstance(last, Author)
        last.put()
        await nothing_is_lost(room, [last], page=page)
        assert {token for author in some for token in author.written} <= set((await last.state())["map"])

    figures.row(
        "P2",
        done=f"{visits} visits to {len(room.pages)} pages in {seconds:g} s",
        bar="memory slope <= 1 MB/h after warm-up, descriptors flat, everything acknowledged in the log",
        measured=(f"{slope:+.1f} MB/h, " if full else "")
        + f"{growth:+.1f} MB at most in the last {seconds * 2 / 3:g} s,"
        f" {left:+d} descriptors, {kept} acknowledged edits in the log",
    )
    assert left <= 8
    assert kept == sum(len(author.written) for visitors in authors.values() for author in visitors)
    assert growth <= 12
    assert not full or slope <= 1
