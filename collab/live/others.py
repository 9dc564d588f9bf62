"""What other processes say about the pages that are open here.

Updates wait in a bounded inbox for each page, because a page takes one at a time. What depends on something that has
not arrived is held back while the log is asked for the rest; above its bound the inbox is dropped, which loses nothing
either: the log has it all.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from collab.errors import CollabError, PageReplaced, UnknownPage
from collab.live.catchup import CatchUp
from collab.live.limits import Limits
from collab.live.page import Page
from collab.live.ports import Bus, Clock, Note, PageStore
from collab.live.verdict import Verdict

logger = logging.getLogger(__name__)

MAX_HELD_BACK = 64
"""Updates held back for each page while something before them is missing."""

FIRST_RETRY = 0.1
MAX_RETRY = 1.0

_ENDS = {Note.DELETED: UnknownPage("deleted"), Note.REPLACED: PageReplaced("replaced")}


class _Inbox:
    """What waits for one page."""

    __slots__ = ("held_back", "retry", "task", "updates", "waiting_bytes")

    def __init__(self) -> None:
        self.updates: deque[bytes] = deque()
        self.held_back: list[bytes] = []
        self.waiting_bytes = 0
        self.retry = FIRST_RETRY
        self.task: asyncio.Task[None] | None = None


class Others:
    """``live.ports.Listener`` for the pages of a hub.

    Args:
        pages: The open pages, as the hub keeps them.
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
        on_refused: Callable[[Page, CollabError], None],
    ) -> None:
        self._limits = limits
        self._pages = pages
        self._bus = bus
        self._on_refused = on_refused
        self._inboxes: dict[UUID, _Inbox] = {}
        self._catch_up = CatchUp(
            store=store,
            bus=bus,
            clock=clock,
            limits=limits,
            pages=pages,
            take=self._take_rows,
            on_refused=on_refused,
        )

    def start(self) -> None:
        """Begin to listen and to watch the log."""
        self._bus.start()
        self._catch_up.start()

    async def stop(self) -> None:
        """End every task; the bus says goodbye."""
        await self._catch_up.stop()
        tasks = [inbox.task for inbox in self._inboxes.values() if inbox.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._bus.stop()

    def watch(self, page_id: UUID) -> None:
        """A page was opened here."""
        self._bus.open(page_id, self)

    def forget(self, page_id: UUID) -> None:
        """A page was closed here."""
        self._bus.close(page_id)
        self._catch_up.forget(page_id)
        inbox = self._inboxes.pop(page_id, None)
        if inbox is not None and inbox.task is not None:
            inbox.task.cancel()

    # From the bus

    def deliver(self, topic: UUID, update: bytes) -> None:
        """Let an update wait for its page."""
        if topic not in self._pages:
            return
        inbox = self._inboxes.get(topic)
        if inbox is None:
            inbox = self._inboxes[topic] = _Inbox()
        if inbox.waiting_bytes + len(update) > self._limits.bus_max_waiting_bytes:
            inbox.updates.clear()
            inbox.waiting_bytes = 0
            self.missed(topic)
            return
        inbox.updates.append(update)
        inbox.waiting_bytes += len(update)
        if inbox.task is None:
            inbox.task = asyncio.get_running_loop().create_task(self._empty(topic, inbox))

    def missed(self, topic: UUID) -> None:
        """Read the log."""
        if topic in self._pages:
            self._catch_up.want(topic)

    def present(self, topic: UUID, process: bytes, payload: bytes, *, complete: bool) -> None:
        """Show who is there in another process."""
        page = self._pages.get(topic)
        if page is not None:
            page.show_others(process, payload, complete=complete)

    def departed(self, topic: UUID, process: bytes) -> None:
        """Nobody is there any more."""
        page = self._pages.get(topic)
        if page is not None:
            page.forget_others(process)

    def noted(self, topic: UUID, note: Note) -> None:
        """A page was deleted or replaced."""
        page = self._pages.get(topic)
        if page is not None and note in _ENDS:
            self._on_refused(page, _ENDS[note])

    def own_presence(self, topic: UUID, *, complete: bool) -> bytes | None:
        """Who is here."""
        page = self._pages.get(topic)
        return None if page is None else page.presence.own(complete=complete)

    # To the pages

    async def _empty(self, page_id: UUID, inbox: _Inbox) -> None:
        try:
            while inbox.updates and (page := self._pages.get(page_id)) is not None:
                update = inbox.updates.popleft()
                inbox.waiting_bytes -= len(update)
                await self._give(page, inbox, update)
        finally:
            inbox.task = None
            if not inbox.updates and not inbox.held_back and self._inboxes.get(page_id) is inbox:
                del self._inboxes[page_id]

    async def _give(self, page: Page, inbox: _Inbox, update: bytes) -> None:
        try:
            verdict = await page.deliveries.take(update)
            if verdict is Verdict.TAKEN and inbox.held_back:
                await self._give_held_back(page, inbox)
        except CollabError as error:
            # Its own process took it, so the log will have it, whole and in order.
            logger.warning("page %s: an update from another process was not taken: %s", page.page_id, error)
            verdict = Verdict.GAP
        except Exception:
            logger.exception("page %s: an update from another process could not be taken", page.page_id)
            verdict = Verdict.GAP
        else:
            if verdict is Verdict.GAP:
                self._hold_back(inbox, update)
        if verdict is Verdict.GAP:
            self._catch_up.want(page.page_id)

    def _hold_back(self, inbox: _Inbox, update: bytes) -> None:
        held_bytes = sum(map(len, inbox.held_back))
        if len(inbox.held_back) >= MAX_HELD_BACK or held_bytes + len(update) > self._limits.bus_max_waiting_bytes:
            inbox.held_back.clear()
        inbox.held_back.append(update)

    async def _give_held_back(self, page: Page, inbox: _Inbox) -> None:
        """Try what was held back again, as long as some of it fits."""
        progress = True
        while progress and inbox.held_back:
            held_back, inbox.held_back = inbox.held_back, []
            for update in held_back:
                if await page.deliveries.take(update) is Verdict.GAP:
                    inbox.held_back.append(update)
            progress = len(inbox.held_back) < len(held_back)
        if not inbox.held_back:
            inbox.retry = FIRST_RETRY

    async def _take_rows(self, page: Page, rows: Sequence[bytes]) -> bool:
        """Give a page rows of its log, and then what waited for them; False when some rows must be read again."""
        try:
            whole = not rows or await page.deliveries.take_rows(rows)
            await self._retry_held_back(page)
        except CollabError as error:
            # Reading the same rows again would not help. Whoever loads the page next meets them, too, and is told.
            logger.error("page %s: rows of the log could not be shown: %s", page.page_id, error)
            return True
        return whole

    async def _retry_held_back(self, page: Page) -> None:
        inbox = self._inboxes.get(page.page_id)
        if inbox is None or not inbox.held_back:
            return
        await self._give_held_back(page, inbox)
        if inbox.held_back:
            self._catch_up.want(page.page_id, inbox.retry)
            inbox.retry = min(inbox.retry * 2, MAX_RETRY)
        elif inbox.task is None:
            self._inboxes.pop(page.page_id, None)
