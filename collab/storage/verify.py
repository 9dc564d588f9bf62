"""Whether what is stored of a page is what was written, and whether opening it gives what its log says.

Reads, never changes anything, and may run while people edit: it looks at one consistent reading of the page. What it
compares, each of which finds what the others cannot:

- every row and the snapshot with its checksum: a changed bit, even one that leaves a well-formed update;
- the sequences: a row that is gone;
- the snapshot's state vector with the one that was stored beside it;
- the log replayed row by row with the page as it is opened, clock by clock.

What running servers hold is compared by ``collab.management.live_check``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from collab.crdt.merge import state_of
from collab.crdt.worker import JobFailed, Worker, WorkerBusy
from collab.errors import CollabError, TroubleHere, UnknownPage
from collab.live.ports import StoredPage
from collab.models import Page, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.storage.fold import connection_closed
from collab.storage.log import in_thread, load_page
from collab.wire import decode_state_vector

Result = TypeVar("Result")


@dataclass(slots=True)
class PageReport:
    """What was found about one page.

    Attributes:
        problems: Differences; none when the page is what was written.
        put_aside: Rows in quarantine, which were found before and are not counted again.
        unchecked: Rows from before there were checksums: of these only what cannot be read is noticed.
    """

    page_id: UUID
    title: str
    rows: int = 0
    has_snapshot: bool = False
    put_aside: int = 0
    unchecked: int = 0
    problems: list[str] = field(default_factory=list)


class Verifier:
    """Verifies pages with a worker process and a database connection of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collab-verifier")

    async def verify(self, page_id: UUID) -> PageReport:
        """Look at one page.

        Raises:
            UnknownPage: There is none.
            StoreDown: The database does not answer.
        """
        report: PageReport = await self.ask(_describe, page_id)
        try:
            stored: StoredPage = await self.ask(load_page, page_id)
        except UnknownPage:
            raise
        except TroubleHere as error:
            report.problems.append(str(error))
            return report
        report.rows = len(stored.updates) - stored.has_snapshot
        report.has_snapshot = stored.has_snapshot
        report.unchecked = await self.ask(_unchecked, stored)
        for number, problem in stored.damaged.items():
            what = "the snapshot" if stored.has_snapshot and number == 0 else "row"
            report.problems.append(f"{what} {stored.epoch}:{stored.sequences[number]}: {problem}")
        if stored.has_snapshot and 0 not in stored.damaged:
            report.problems.extend(await self.ask(_snapshot_problems, stored))
        if not stored.damaged:
            report.problems.extend(await self._replay_problems(stored))
        return report

    async def _replay_problems(self, stored: StoredPage) -> list[str]:
        try:
            await self._worker.run("verify", stored.updates)
        except WorkerBusy:
            raise
        except CollabError as error:
            return [str(error)]
        return []

    async def missing(self, updates: Sequence[bytes], page: Sequence[bytes]) -> str:
        """What ``updates`` say that ``page``, given as updates too, does not: the first difference, or nothing.

        Raises:
            WorkerCrashed, WorkerBusy: It could not be found out.
        """
        try:
            await self._worker.run("hold", [str(len(updates)).encode(), *updates, *page])
        except JobFailed as error:
            return str(error) or error.error
        return ""

    async def stop(self) -> None:
        """End the worker process and the thread."""
        await self._worker.stop()
        await asyncio.get_running_loop().run_in_executor(self._thread, connection_closed)
        self._thread.shutdown()

    async def ask(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a function that uses the database in the thread of this verifier, one after the other.

        Raises:
            StoreDown: The database does not answer.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, in_thread, function, args)


def _describe(page_id: UUID) -> PageReport:
    page = Page.objects.filter(pk=page_id).values("title", "epoch").first()
    if page is None:
        raise UnknownPage(str(page_id))
    put_aside = QuarantinedUpdate.objects.filter(page_id=page_id, epoch=page["epoch"]).count()
    return PageReport(page_id, page["title"], put_aside=put_aside)


def _unchecked(stored: StoredPage) -> int:
    """How many of the rows that were read have no checksum."""
    mine = PageUpdate.objects.filter(page_id=stored.page_id, epoch=stored.epoch, checksum=None)
    return mine.filter(seq__lte=stored.sequence).count()


def _snapshot_problems(stored: StoredPage) -> list[str]:
    sequence = stored.sequences[0]
    where = f"the snapshot {stored.epoch}:{sequence}"
    snapshot = PageSnapshot.objects.filter(page_id=stored.page_id, epoch=stored.epoch, seq=sequence)
    state_vector = snapshot.values_list("state_vector", flat=True).first()
    if state_vector is None:
        return []
    try:
        if decode_state_vector(state_of(stored.updates[0])) != decode_state_vector(bytes(state_vector)):
            return [f"{where}: it does not go as far as it did when it was made"]
    except CollabError as error:
        return [f"{where}: {error}"]
    return []
