"""Group commit: edits of all pages go to the log together, and only then are their authors told "saved".

One commit at a time. While it runs, new edits gather and are merged, so a busy page costs one row a flush. A failed
commit loses nothing: its edits go back in front of the newer ones and are tried again. When the fault may lie in one
row, the pages of that commit are written one by one, so that one that cannot be written does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from math import inf
from uuid import UUID

from collab.errors import CollabError, PageReplaced, UnknownPage
from collab.live.limits import Limits
from collab.live.page import Page
from collab.live.ports import Clock, NewRow, PageStore, Refusal, StoreDown

logger = logging.getLogger(__name__)


class Writer:
    """Writes the unsaved edits of every open page.

    Args:
        on_refused: Called when a page can never be written again, because it was deleted or replaced.
        on_committed: Told page id, number of rows and their bytes of what became durable.
        on_written: Called when something of a page became durable.
    """

    def __init__(
        self,
        *,
        store: PageStore,
        clock: Clock,
        limits: Limits,
        on_refused: Callable[[Page, CollabError], None],
        on_committed: Callable[[UUID, int, int], None] = lambda page_id, rows, size: None,
        on_written: Callable[[Page], None] = lambda page: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._on_refused = on_refused
        self._on_committed = on_committed
        self._on_written = on_written
        self._unsaved: dict[UUID, Page] = {}
        self._suspects: dict[UUID, tuple[float, float]] = {}
        """Pages of a commit that failed for a reason of its own: written alone, from when on, and the pause before."""
        self._pause = 0.0
        self._woken = asyncio.Event()
        self._settled = asyncio.Condition()
        self._hurried = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def want(self, page: Page) -> None:
        """A page has something to write."""
        self._unsaved[page.page_id] = page
        self._woken.set()

    async def flushed(self, page: Page | None = None) -> None:
        """Wait until everything that was accepted, of one page or of all, is committed."""
        self._hurried += 1
        try:
            async with self._settled:
                await self._settled.wait_for(lambda: not self._waits(page))
        finally:
            self._hurried -= 1

    def _waits(self, page: Page | None) -> bool:
        if page is not None:
            return page.has_unsaved and page.page_id in self._unsaved
        return any(one.has_unsaved for one in self._unsaved.values())

    async def stop(self) -> None:
        """Stop writing. What is not committed by now is lost to this process; its authors still have it."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._woken.wait()
                self._woken.clear()
                if not self._hurried or self._pause:
                    await self._clock.sleep(max(self._limits.flush_interval, self._pause))
                await self._write_all()
            except asyncio.CancelledError:
                raise
            except Exception:
                # A fault here must not end saving for the whole process; the edits are still in their pages.
                logger.exception("the writer failed; it goes on")
                self._pause = self._longer(self._pause)
                self._woken.set()

    async def _write_all(self) -> None:
        pages = list(self._unsaved.values())
        together = [page for page in pages if page.page_id not in self._suspects]
        for start in range(0, len(together), self._limits.max_batch_rows):
            await self._write(together[start : start + self._limits.max_batch_rows])
        for page in pages:
            due, _ = self._suspects.get(page.page_id, (inf, 0.0))
            if due <= self._clock.now():
                await self._write([page])
        async with self._settled:
            self._settled.notify_all()

    async def _write(self, pages: list[Page]) -> None:
        """Commit what these pages have to write, as one transaction."""
        taken = [page for page in pages if self._begin(page)]
        if not taken:
            return
        rows = [
            NewRow(page.page_id, page.epoch, payload)
            for page in taken
            if page.saving.writing is not None
            for payload in page.saving.writing.rows(self._limits.max_row_bytes)
        ]
        counts = Counter(row.page_id for row in rows)
        patience = self._clock.call_later(self._limits.commit_patience, lambda: _report(taken))
        try:
            results = await self._store.append(rows)
        except StoreDown as error:
            logger.warning("nothing can be saved at the moment: %s", error)
            self._pause = self._longer(self._pause)
            self._put_back(taken)
            self._woken.set()
        except Exception:
            logger.exception("could not save page(s) %s", ", ".join(str(page.page_id) for page in taken))
            for page in taken:
                self._suspect(page)
            self._put_back(taken)
        else:
            self._pause = 0.0
            for row in rows:
                self._on_committed(row.page_id, 1, len(row.payload))
            for page in taken:
                self._finish(page, results.get(page.page_id), counts[page.page_id])
        finally:
            patience.cancel()

    def _begin(self, page: Page) -> bool:
        if page.begin_write() is not None:
            return True
        if not page.has_unsaved:
            self.forget(page)
        return False

    def _finish(self, page: Page, result: int | Refusal | None, rows: int) -> None:
        if isinstance(result, Refusal):
            self.forget(page)
            self._on_refused(page, PageReplaced() if result is Refusal.REPLACED else UnknownPage())
            return
        # A batch may hold promises and no edits: then nothing was written, and the log is where it was.
        page.saving.committed(page.saving.sequence if result is None else result, rows)
        self._on_written(page)
        self._suspects.pop(page.page_id, None)
        if page.has_unsaved:
            self._woken.set()
        else:
            self.forget(page)

    def _put_back(self, pages: list[Page]) -> None:
        for page in pages:
            page.saving.not_committed("database")

    def _suspect(self, page: Page) -> None:
        _, before = self._suspects.get(page.page_id, (0.0, 0.0))
        pause = self._longer(before)
        self._suspects[page.page_id] = (self._clock.now() + pause, pause)
        self._clock.call_later(pause, self._woken.set)

    def _longer(self, pause: float) -> float:
        return min(max(pause * 2, self._limits.commit_retry), self._limits.commit_retry_max)

    def forget(self, page: Page) -> None:
        """There is nothing more to write for this page."""
        self._unsaved.pop(page.page_id, None)
        self._suspects.pop(page.page_id, None)


def _report(pages: list[Page]) -> None:
    for page in pages:
        page.saving.report_trouble("database")
