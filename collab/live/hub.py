"""The pages that are open in this process: opened once, kept while somebody looks, closed when saved and idle.

A page is loaded once however many people come at the same moment. A load that fails refuses them all; nobody is ever
shown an empty page instead. When the process is to stop, ``drain`` refuses newcomers, waits until everything accepted
is committed, and closes every connection with a code that means "come back".
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from collab.errors import CollabError, PageReplaced, Restarting, TooSlow, TroubleHere
from collab.live.batch import Allowance
from collab.live.folds import Folds
from collab.live.limits import Limits
from collab.live.others import Others
from collab.live.page import Page
from collab.live.peer import Peer
from collab.live.ports import Analyst, Bus, Clock, Note, PageStore
from collab.live.recovery import Recovery
from collab.live.writer import Writer
from collab.wire import PageStructure

logger = logging.getLogger(__name__)

TICK_INTERVAL = 1.0
CLOSE_WITHIN = 1.0
"""How long clients that do not read may hold up the end of the process."""
MAX_SPREAD = 5.0
"""Longest pause, in seconds, after which a client is asked to come back."""


class Hub:
    """Opens, holds and closes pages.

    Args:
        chance: Random numbers from 0 to 1.
        recovery: Reads the pages; without it one that has the same analyst for everything.
        folds: Told what grows; without it nothing is folded.
    """

    def __init__(
        self,
        *,
        store: PageStore,
        bus: Bus,
        analyst: Analyst,
        clock: Clock,
        limits: Limits,
        chance: Callable[[], float] = random.random,
        recovery: Recovery | None = None,
        folds: Folds | None = None,
    ) -> None:
        self.limits = limits
        self._random = chance
        self.clock = clock
        self._store = store
        self._bus = bus
        self._analyst = analyst
        self._pages: dict[UUID, Page] = {}
        self._opening: dict[UUID, asyncio.Task[Page]] = {}
        self._allowance = Allowance(limits.max_unsaved_total_bytes)
        self._recovery = recovery or Recovery(store=store, analyst=analyst, rescuer=analyst, clock=clock)
        self._folds = folds or Folds(folder=None, clock=clock, limits=limits)
        self._writer = Writer(
            store=store,
            clock=clock,
            limits=limits,
            on_refused=self._refused,
            on_committed=self._folds.committed,
            on_written=self._written,
        )
        self._others = Others(
            store=store, bus=bus, clock=clock, limits=limits, pages=self._pages, on_refused=self._refused
        )
        self._draining = False
        self._ticker: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to write and to watch the time."""
        self._writer.start()
        self._folds.start()
        self._others.start()
        self._ticker = asyncio.get_running_loop().create_task(self._run_ticks())

    @property
    def open_pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    async def join(self, page_id: UUID, peer: Peer) -> Page:
        """Open a page if need be and add a client to it.

        Raises:
            UnknownPage: There is no such page.
            Restarting: This process is stopping.
            TroubleHere: It could not be loaded, or too many pages are open.
        """
        while True:
            if self._draining:
                raise Restarting("stopping")
            page = self._pages.get(page_id)
            if page is None:
                # One load for everybody; the load goes on when the first who asked has left again.
                page = await asyncio.shield(self._open(page_id))
            if self._pages.get(page_id) is page and not self._draining:
                page.join(peer)
                return page

    def leave(self, page: Page, peer: Peer) -> None:
        """A client's connection ended."""
        peer.gone()
        page.leave(peer)

    async def drain(self, patience: float) -> bool:
        """Refuse newcomers, commit what was accepted, close every connection; returns whether all is committed.

        Takes at most ``patience`` seconds, and ``CLOSE_WITHIN`` more for clients that do not read.
        """
        self._draining = True
        saved = True
        try:
            async with asyncio.timeout(patience):
                if self._opening:
                    await asyncio.wait(list(self._opening.values()))
                self._announce_the_end()
                await self._writer.flushed()
        except TimeoutError:
            saved = False
            logger.error("stopping with edits that could not be saved; their authors still have them")
        closing = [
            asyncio.get_running_loop().create_task(page.close_peers(Restarting("stopping")))
            for page in list(self._pages.values())
        ]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_WITHIN)
        for task in closing:
            task.cancel()
        return saved

    def _announce_the_end(self) -> None:
        """Tell everybody, with a moment to come back at that is another for each, so that they do not come at once."""
        spread = min(sum(len(page.peers) for page in self._pages.values()) / self.limits.returns_per_second, MAX_SPREAD)
        for page in self._pages.values():
            page.broadcast()
            for peer in page.peers:
                peer.notify("draining", retry_after=round(self._random() * spread, 3))

    async def stop(self) -> None:
        """End every task. Call ``drain`` first."""
        self._draining = True
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        await self._writer.stop()
        await self._folds.stop()
        await self._others.stop()
        for task in [*self._opening.values(), *self._closing]:
            task.cancel()
        await asyncio.gather(*self._opening.values(), *self._closing, return_exceptions=True)
        for page in list(self._pages.values()):
            self._close(page)

    def end(self, page_id: UUID, error: CollabError) -> None:
        """The page is gone: close it under its editors, in every process, with what is not committed."""
        note = Note.REPLACED if isinstance(error, PageReplaced) else Note.DELETED
        self._bus.tell(page_id, note)
        page = self._pages.get(page_id)
        if page is not None:
            self._refused(page, error)

    # Opening and closing

    def _open(self, page_id: UUID) -> asyncio.Task[Page]:
        task = self._opening.get(page_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._load(page_id))
            self._opening[page_id] = task
            task.add_done_callback(lambda _: self._opening.pop(page_id, None))
        return task

    async def _load(self, page_id: UUID) -> Page:
        if len(self._pages) >= self.limits.max_open_pages and not self._make_room():
            raise TroubleHere(f"{len(self._pages)} pages are open already")
        try:
            stored, indexed = await self._recovery.read(page_id)
        except TroubleHere as error:
            # People are told to try again; whoever runs this must hear why.
            logger.error("page %s cannot be opened: %s", page_id, error)
            raise
        page = Page(
            page_id=page_id,
            epoch=stored.epoch,
            sequence=stored.sequence,
            content=indexed.content,
            structure=PageStructure.load(indexed.index),
            clock=self.clock,
            limits=self.limits,
            analyst=self._analyst,
            on_unsaved=self._writer.want,
            publish=self._bus.publish,
            announce=self._bus.announce,
            end=lambda peer, error: self._later(peer.close(error)),
            allowance=self._allowance,
        )
        self._pages[page_id] = page
        self._others.watch(page_id)
        self._folds.opened(stored)
        return page

    def _make_room(self) -> bool:
        """Close the page that nobody has looked at for longest, if there is one."""
        idle = [page for page in self._pages.values() if page.idle_since is not None and not page.has_unsaved]
        if not idle:
            return False
        self._close(min(idle, key=lambda page: page.idle_since or 0.0))
        return True

    def _close(self, page: Page) -> None:
        if self._pages.get(page.page_id) is page:
            del self._pages[page.page_id]
            self._others.forget(page.page_id)
            self._folds.closed(page.page_id)
        page.stop()

    def _refused(self, page: Page, error: CollabError) -> None:
        """The page was deleted or replaced under its editors."""
        self._writer.forget(page)
        self._close(page)
        self._later(page.close_peers(error))

    def _written(self, page: Page) -> None:
        self._bus.committed(page.page_id, everything=not page.has_unsaved)

    # The passing of time

    async def _run_ticks(self) -> None:
        while True:
            await self.clock.sleep(TICK_INTERVAL)
            try:
                self.tick()
            except Exception:
                # Without ticks connections would time out one by one; a fault on one page must not do that to all.
                logger.exception("a tick failed")

    def tick(self) -> None:
        """Keep connections alive, end hopeless ones, close pages that nobody needs."""
        now = self.clock.now()
        for page in list(self._pages.values()):
            for peer in page.tick(now):
                self._later(peer.close(TooSlow("took nothing for too long")))
            idle_since = page.idle_since
            if idle_since is None or page.has_unsaved or page.peers:
                continue
            if now - idle_since > self.limits.page_idle_grace:
                self._close(page)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
