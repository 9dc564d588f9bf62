"""R4: pages open and close in quick succession, and the store is slow and fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from collab.errors import TroubleHere
from collab.live.ports import NewRow, Refusal, StoreDown, StoredPage
from tests.clients.drive import Room, all_of
from tests.conftest import StartServer
from tests.fakes import Client, Engine, FakeClock, MemoryStore
from tests.torture.figures import Figures
from tests.torture.oracle import Author, nothing_is_lost
from tests.torture.writing import write_until

FAILS = 0.05


class UnreliableStore(MemoryStore):
    """Takes up to a tenth of a second for everything, and one time in twenty it fails, before or after the commit."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.clock: FakeClock | None = None
        self.failures = 0
        self._rng = rng

    async def load(self, page_id: UUID) -> StoredPage:
        await self._stumble()
        return await super().load(page_id)

    async def append(self, rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        await self._stumble()
        results = await super().append(rows)
        # The commit was made, and the word of it lost: the rows are written again.
        await self._stumble()
        return results

    async def _stumble(self) -> None:
        if self.clock is None:
            return
        await self.clock.sleep(self._rng.uniform(0, 0.1))
        if self._rng.random() < FAILS:
            self.failures += 1
            raise self._rng.choice([StoreDown("gone"), TroubleHere("fault")])


async def one_life(engine: Engine, page_id: UUID, token: str, rng: random.Random, saved: set[str]) -> int:
    """Join, write, perhaps wait for the word, leave; returns how many attempts were refused."""
    refused = 0
    while True:
        promised = set(saved)
        person = Client(engine, token)
        try:
            await person.join(page_id)
            break
        except TroubleHere:
            refused += 1
            await engine.clock.sleep(rng.uniform(0, 0.05))
    await person.catch_up()
    seen = str(person.text).split()
    assert promised <= set(seen), "a page was shown without what had been acknowledged"
    await person.write(f"{token} ")
    if rng.random() < 0.7:
        for _ in range(200):
            await engine.clock.sleep(rng.uniform(0.01, 0.2))
            if person.peer.saved >= person.peer.received:
                saved.add(token)
                break
    person.leave()
    await engine.clock.sleep(rng.uniform(0, 0.05) if rng.random() < 0.5 else rng.uniform(0.5, 3))
    return refused


async def test_nothing_is_lost_between_the_closing_of_a_page_and_its_next_opening(
    rng: random.Random, figures: Figures, amounts: Callable[[int, int], int]
) -> None:
    """The engine with a clock of its own and a store that stumbles: what was acknowledged is seen by whoever comes."""
    seeds, lives = amounts(5, 100), 40
    refused = failures = acknowledged = loads = 0
    for _ in range(seeds):
        store = UnreliableStore(rng)
        engine = Engine(store=store, page_idle_grace=0.02)
        page_id = store.make_page()
        store.clock = engine.clock
        saved: set[str] = set()

        async def one_after_the_other(
            name: str, engine: Engine = engine, page_id: UUID = page_id, saved: set[str] = saved
        ) -> int:
            return sum([await one_life(engine, page_id, f"{name}{n}", rng, saved) for n in range(lives // 2)])

        people = [asyncio.create_task(one_after_the_other(name)) for name in "ab"]
        while not all(person.done() for person in people):
            await engine.clock.advance(0.013)
            engine.hub.tick()
        refused += sum([await person for person in people])
        store.clock = None
        await engine.clock.advance(60)
        words = store.text_of(page_id).split()
        assert sorted(words) == sorted(f"{name}{n}" for name in "ab" for n in range(lives // 2))
        failures += store.failures
        acknowledged += len(saved)
        loads += store.loads
        await engine.hub.stop()

    figures.row(
        "R4",
        done=f"{seeds * lives} short visits to pages that close at once, store slow and failing 5 %",
        bar="nothing lost; a load that fails refuses with 4500, nobody sees a page without what was acknowledged",
        measured=f"all {seeds * lives} edits there once, {acknowledged} acknowledged, {loads} loads,"
        f" {failures} failures of the store, {refused} visits refused",
    )
    assert failures > 0
    assert loads > seeds


async def test_a_storm_of_reconnects_loses_nothing(
    server: StartServer, rng: random.Random, figures: Figures, amounts: Callable[[float, float], float]
) -> None:
    """Everybody comes and goes within 50 ms, while the page closes as soon as nobody is on it."""
    seconds = amounts(3.0, 60.0)
    room = Room(server(env={"COLLAB_PAGE_IDLE_GRACE": "0.001"}))
    authors = [Author(room.url(), f"a{number}") for number in range(8)]
    async with all_of(authors):
        stop = asyncio.Event()
        writing = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]

        async def come_and_go(author: Author) -> None:
            while not stop.is_set():
                await asyncio.sleep(rng.uniform(0, 0.3))
                await author.hang_up(pause=rng.uniform(0, 0.05))

        going = [asyncio.create_task(come_and_go(author)) for author in authors]
        await asyncio.sleep(seconds)
        # Once everybody at the same time, for long enough that the page closes.
        await asyncio.gather(*(author.hang_up(pause=2.0) for author in authors))
        await asyncio.sleep(2.5)
        stop.set()
        await asyncio.gather(*writing, *going)
        reconnects = sum(len(author.closes) for author in authors)
        codes = {code for author in authors for code, _ in author.closes}
        written = await nothing_is_lost(room, authors)

    figures.row(
        "R4",
        done=f"{reconnects} reconnects of {len(authors)} writing clients within 0-50 ms, in {seconds:g} s",
        bar="nothing lost, nobody refused",
        measured=f"{written} edits all there once; close codes {sorted(int(code) for code in codes)}",
    )
    assert reconnects > 50
    assert codes <= {1000, 1005}
