"""Fold the log of a page: its snapshot and rows become one new snapshot, or nothing changes.

The order of things, each of which may be the last thing this process does:

1. take the lease of the page,
2. read the snapshot and the rows after it, and check them,
3. have the worker process merge them and prove that the result says the same,
4. in one transaction, with the lease still held: insert the new snapshot, delete the older one and exactly the rows
   that were read,
5. give the lease back.

Rows that are appended meanwhile stay: they follow the new snapshot as they followed the rows it replaces.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from collab.crdt.worker import JobFailed, Worker, WorkerBusy, WorkerCrashed
from collab.errors import TroubleHere
from collab.live.folds import FoldOutcome
from collab.live.ports import StoredPage
from collab.live.recovery import Recovery
from collab.models import PageSnapshot, PageUpdate
from collab.storage.checksums import checksum
from collab.storage.lease import give_back, held_lease, take_lease
from collab.storage.log import in_thread, load_page
from collab.storage.quarantine import mark_page

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

CRASHES_TO_MARK = 3
MAX_REMEMBERED = 10_000


class LogChanged(TroubleHere):
    """The rows that were read are not the rows that are there; nothing was replaced."""


class LogFolder:
    """Folds pages with a worker process and a database connection of its own.

    Args:
        worker: For nothing else that people wait for: a fold may keep it busy for a minute.
    """

    def __init__(self, *, worker: Worker, recovery: Recovery) -> None:
        self._worker = worker
        self._recovery = recovery
        self._crashes: dict[UUID, int] = {}
        """How often in a row folding a page ended the worker."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collab-folder")

    async def fold(self, page_id: UUID) -> FoldOutcome:
        """Fold a page.

        Raises:
            UnknownPage: There is no such page.
            TroubleHere: It was not done; the log is as it was.
        """
        token = await self._in_thread(take_lease, page_id)
        if token is None:
            return FoldOutcome.BUSY
        try:
            return await self._fold(page_id, token)
        finally:
            await self._in_thread(give_back, page_id, token)

    async def _fold(self, page_id: UUID, token: UUID) -> FoldOutcome:
        stored: StoredPage = await self._in_thread(load_page, page_id)
        if len(stored.updates) == stored.has_snapshot:
            return FoldOutcome.NOTHING
        try:
            result = None if stored.damaged else await self._run(stored)
        except WorkerBusy:
            raise
        except (WorkerCrashed, JobFailed) as error:
            logger.error("page %s cannot be folded: %s", page_id, error)
            if await self._recovery.repair(stored):
                return FoldOutcome.REPAIRED
            if isinstance(error, JobFailed) or self._crashed_often(page_id):
                await self._in_thread(mark_page, page_id, f"its log cannot be folded: {error}")
            return FoldOutcome.FAILED
        if result is None:
            await self._recovery.repair(stored)
            return FoldOutcome.REPAIRED
        snapshot, state_vector, kept = result
        if kept:
            logger.warning("page %s is folded with its garbage: %s", page_id, kept.decode())
        await self._in_thread(replace_log, stored, token, snapshot, state_vector)
        self._crashes.pop(page_id, None)
        return FoldOutcome.FOLDED

    def _crashed_often(self, page_id: UUID) -> bool:
        """Whether this page has ended the worker again and again: it is not chance any more."""
        crashes = self._crashes.pop(page_id, 0) + 1
        while len(self._crashes) >= MAX_REMEMBERED:
            del self._crashes[next(iter(self._crashes))]
        self._crashes[page_id] = crashes
        return crashes >= CRASHES_TO_MARK

    async def _run(self, stored: StoredPage) -> list[bytes]:
        try:
            return await self._worker.run("fold", stored.updates)
        except WorkerCrashed:
            # It may have been killed for a reason that has nothing to do with this page.
            return await self._worker.run("fold", stored.updates)

    async def rest(self) -> None:
        """End the worker process; the next fold starts another."""
        await self._worker.rest()
        # A connection that idles for hours may be gone when it is needed.
        await asyncio.get_running_loop().run_in_executor(self._thread, connection_closed)

    async def stop(self) -> None:
        """End the worker process and the thread."""
        await self._worker.stop()
        await asyncio.get_running_loop().run_in_executor(self._thread, connection_closed)
        self._thread.shutdown()

    async def _in_thread(self, function: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, in_thread, function, args)


def connection_closed() -> None:
    """Close the connection of the thread this runs in."""
    connection.close()


def replace_log(stored: StoredPage, token: UUID, snapshot: bytes, state_vector: bytes) -> None:
    """Put a snapshot in the place of everything that was read.

    Raises:
        LeaseLost: Somebody else may be folding this page by now.
        LogChanged: Not every row that was read is still there.
    """
    rows = stored.sequences[stored.has_snapshot :]
    last = rows[-1]
    mine = {"page_id": stored.page_id, "epoch": stored.epoch}
    with held_lease(stored.page_id, token):
        # Sequences are given out in order under the page's lock, so nothing can have been added between those read.
        deleted, _ = PageUpdate.objects.filter(**mine, seq__gte=rows[0], seq__lte=last).delete()
        if deleted != len(rows):
            raise LogChanged(f"{deleted} of {len(rows)} rows are left to be folded on page {stored.page_id}")
        older = PageSnapshot.objects.filter(**mine)
        if older.filter(seq__gte=last).exists():
            raise LogChanged(f"page {stored.page_id} has a newer snapshot")
        older.delete()
        PageSnapshot.objects.create(
            **mine,
            seq=last,
            payload=snapshot,
            checksum=checksum(snapshot, last),
            state_vector=state_vector,
        )
