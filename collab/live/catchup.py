"""Reads from the log what other processes wrote and the bus did not bring.

The bus loses messages; the log does not. A page is read when something about it may have been missed, and every few
seconds one cheap query finds the pages whose log has grown unseen, were replaced or are gone. One page at a time, each
not more often than ten times a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from collab.errors import CollabError, PageReplaced, TroubleHere, UnknownPage
from collab.live.limits import Limits
from collab.live.page import Page
from collab.live.ports import Bus, Cancellable, Clock, PageStore

logger = logging.getLogger(__name__)

MIN_PAUSE = 0.1
"""Shortest time between two reads of one page."""

Take = Callable[[Page, Sequence[bytes]], Awaitable[bool]]


class CatchUp:
    """Brings open pages up to the log.

    Args:
        pages: The open pages, as the hub keeps them.
        take: Gives a page the rows it lacks; False when it could not take all of them yet.
        on_refused: Called when a page is gone or was replaced.
    """

    def __init__(
        self,
        *,
        store: PageStore,
        bus: Bus,
        clock: Clock,
        limits: Limits,
        pages: Mapping[UUID, Page],
        take: Take,
        on_refused: Callable[[Page, CollabError], None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._limits = limits
        self._pages = pages
        self._take = take
        self._on_refused = on_refused
        self._due: dict[UUID, float] = {}
        self._last_read: dict[UUID, float] = {}
        self._next_sweep = clock.now()
        self._alarm: Cancellable | None = None
        self._alarm_at = float("inf")
        self._woken = asyncio.Event()
        self._in_trouble = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the log, where other processes can write to it."""
        if self._bus.several:
            self._next_sweep = self._clock.now() + self._limits.catch_up_interval
            self._wake_at(self._next_sweep)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop reading."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def want(self, page_id: UUID, delay: float = 0.0) -> None:
        """Read what this page lacks, ``delay`` seconds from now."""
        earliest = self._last_read.get(page_id, float("-inf")) + MIN_PAUSE
        due = max(self._clock.now() + delay, earliest)
        if due < self._due.get(page_id, float("inf")):
            self._due[page_id] = due
            self._wake_at(due)

    def forget(self, page_id: UUID) -> None:
        """The page was closed."""
        self._due.pop(page_id, None)
        self._last_read.pop(page_id, None)

    @property
    def _interval(self) -> float:
        unsure = self._bus.unsure
        return self._limits.catch_up_interval_unsure if unsure else self._limits.catch_up_interval

    def _wake_at(self, when: float) -> None:
        if when >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self._clock.call_later(max(when - self._clock.now(), 0.0), self._ring)

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, float("inf")
        self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._work()
            except TroubleHere as error:
                self._report(error)
            except Exception:
                # Without this the pages here would drift apart from the log unnoticed.
                logger.exception("catching up with the log failed; it goes on")
            self._plan()

    async def _work(self) -> None:
        now = self._clock.now()
        if self._bus.several and now >= self._next_sweep:
            self._next_sweep = now + self._interval
            await self._sweep()
        for page_id in [page_id for page_id, due in self._due.items() if due <= self._clock.now()]:
            self._due.pop(page_id, None)
            page = self._pages.get(page_id)
            if page is not None:
                await self._read(page)

    def _plan(self) -> None:
        if self._bus.several:
            self._next_sweep = min(self._next_sweep, self._clock.now() + self._interval)
            self._wake_at(self._next_sweep)
        if self._due:
            self._wake_at(min(self._due.values()))

    async def _sweep(self) -> None:
        """Find the pages whose log says something else than the page."""
        pages = dict(self._pages)
        if not pages:
            return
        heads = await self._store.heads(list(pages))
        self._recovered()
        for page_id, page in pages.items():
            head = heads.get(page_id)
            if self._pages.get(page_id) is not page:
                continue
            if head is None:
                self._on_refused(page, UnknownPage(str(page_id)))
            elif head[0] != page.epoch:
                self._on_refused(page, PageReplaced(str(page_id)))
            elif head[1] > page.saving.sequence:
                self.want(page_id)
            else:
                page.saving.write_overdue(self._clock.now())

    async def _read(self, page: Page) -> None:
        page_id = page.page_id
        self._last_read[page_id] = self._clock.now()
        try:
            sequence, rows = await self._store.rows_after(page_id, page.epoch, page.saving.sequence)
        except (PageReplaced, UnknownPage) as error:
            if self._pages.get(page_id) is page:
                self._on_refused(page, error)
            return
        except TroubleHere as error:
            self._report(error)
            self.want(page_id, self._limits.catch_up_interval_unsure)
            return
        self._recovered()
        if self._pages.get(page_id) is not page:
            self.forget(page_id)
            return
        if await self._take(page, rows):
            page.saving.has_read(sequence)

    def _report(self, error: TroubleHere) -> None:
        if not self._in_trouble:
            self._in_trouble = True
            logger.warning("the log cannot be read: edits of other processes are not shown: %s", error)

    def _recovered(self) -> None:
        if self._in_trouble:
            self._in_trouble = False
            logger.info("the log can be read again")
