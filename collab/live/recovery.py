"""Open a page whose log is damaged: put aside what cannot be read and what depends on it, serve the rest.

A row is damaged when its checksum is wrong, when it does not follow the format, when it contradicts or lacks what is
before it, or when reading it ends the worker process. Rows are judged in their order, so what is left is everything
that is complete without the damaged ones. Two things are never served: a page whose snapshot is damaged, because what
is left is not the page, and a page of whose rows none is left. Those are refused and marked; nothing of them is moved.
"""

from __future__ import annotations

import logging
from typing import NoReturn
from uuid import UUID

from collab.crdt.index import MISSING
from collab.crdt.worker import WorkerBusy
from collab.errors import TroubleHere
from collab.live.ports import Analyst, Clock, IndexedPage, PageStore, StoreDown, StoredPage

logger = logging.getLogger(__name__)

MAX_DEADLY_ROWS = 8
"""How many rows that end the worker are looked for in one page; each takes about as many runs as the log has bits."""

REPAIRS = 3
REFUSED_FOR = 60.0
MAX_REFUSED = 10_000


class Recovery:
    """Reads pages, and repairs those that cannot be read.

    Args:
        analyst: Indexes what is read.
        rescuer: The same with a worker process of its own, so that a search for what kills it holds up nobody.
    """

    def __init__(self, *, store: PageStore, analyst: Analyst, rescuer: Analyst, clock: Clock) -> None:
        self._store = store
        self._analyst = analyst
        self._rescuer = rescuer
        self._clock = clock
        self._refused: dict[UUID, tuple[float, str]] = {}

    async def read(self, page_id: UUID) -> tuple[StoredPage, IndexedPage]:
        """Load and index a page, without its damaged rows if there are any.

        Raises:
            UnknownPage: There is no such page.
            TroubleHere: It could not be read, now or a short while ago.
        """
        until, reason = self._refused.get(page_id, (0.0, ""))
        if self._clock.now() < until:
            raise TroubleHere(reason)
        self._refused.pop(page_id, None)
        for _ in range(REPAIRS):
            stored = await self._store.load(page_id)
            if not stored.damaged:
                try:
                    return stored, await self._analyst.index(stored.updates)
                except WorkerBusy:
                    raise
                except TroubleHere as error:
                    logger.error("page %s cannot be indexed: %s", page_id, error)
            await self.repair(stored)
        raise self._refusal(page_id, "it cannot be read although every row of its log can")

    async def repair(self, stored: StoredPage) -> int:
        """Put aside the rows of a log that cannot be read; returns how many there are.

        Raises:
            TroubleHere: Without them there would be no page, or what a row lacks may still come; nothing was moved.
        """
        faults = await self._faults(stored)
        if not faults:
            return 0
        if stored.has_snapshot and 0 in faults:
            await self._refuse(stored, f"its snapshot cannot be read: {faults[0]}")
        waiting = [stored.sequences[number] for number, fault in faults.items() if fault == MISSING]
        if waiting:
            await self._store.give_up(stored.page_id, stored.epoch, waiting)
        if len(faults) == len(stored.updates):
            await self._refuse(stored, f"no row of its log can be read: {faults[0]}")
        by_sequence = {stored.sequences[number]: fault for number, fault in faults.items()}
        await self._store.quarantine(stored.page_id, stored.epoch, by_sequence)
        return len(faults)

    async def _faults(self, stored: StoredPage) -> dict[int, str]:
        """What cannot be served, by number in ``stored.updates``."""
        faults = dict(stored.damaged)
        if stored.has_snapshot and 0 in faults:
            return faults
        for _ in range(MAX_DEADLY_ROWS):
            kept = [number for number in range(len(stored.updates)) if number not in faults]
            sifted = await self._rescuer.sift([stored.updates[number] for number in kept])
            faults.update((kept[position], fault) for position, fault in sifted.items())
            kept = [number for number in kept if number not in faults]
            deadly = await self._first_deadly([stored.updates[number] for number in kept])
            if deadly is None:
                return faults
            position, reason = deadly
            faults[kept[position]] = reason
        return await self._refuse(
            stored, f"more than {MAX_DEADLY_ROWS} rows of its log cannot be merged with the others"
        )

    async def _first_deadly(self, updates: list[bytes]) -> tuple[int, str] | None:
        """The first update with which the log cannot be indexed, found by halving."""
        trouble = await self._trouble(updates)
        if trouble is None:
            return None
        low, high = 0, len(updates)
        while high - low > 1:
            middle = (low + high) // 2
            found = await self._trouble(updates[:middle])
            if found is None:
                low = middle
            else:
                high, trouble = middle, found
        return high - 1, trouble

    async def _trouble(self, updates: list[bytes]) -> str | None:
        try:
            await self._rescuer.index(updates)
        except (WorkerBusy, StoreDown):
            raise
        except TroubleHere as error:
            return str(error) or type(error).__name__
        return None

    async def _refuse(self, stored: StoredPage, reason: str) -> NoReturn:
        await self._store.mark(stored.page_id, reason)
        raise self._refusal(stored.page_id, reason)

    def _refusal(self, page_id: UUID, reason: str) -> TroubleHere:
        """Refuse the page at once for a while: looking again costs much and finds the same."""
        while len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[page_id] = (self._clock.now() + REFUSED_FOR, reason)
        return TroubleHere(reason)
