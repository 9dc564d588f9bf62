"""When which page is folded: one at a time, in the background, never on the way of an edit.

A page is due after so many rows or bytes of log, and when nobody looks at it any more. Folding a large page costs the
worker seconds, so a page rests ten times as long as its last fold took, unless its log grows far beyond the bound. What
failed is tried again later and later.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from uuid import UUID

from collab.errors import CollabError
from collab.live.limits import Limits
from collab.live.ports import Cancellable, Clock, StoredPage

logger = logging.getLogger(__name__)

REST_FACTOR = 10
URGENT_FACTOR = 4
"""So many times ``fold_rows`` is folded without a rest."""

WORKER_IDLE = 10.0
"""How long the folding worker process is kept after the last fold."""

MAX_WAITING = 5_000
MAX_REMEMBERED = 10_000


class FoldOutcome(Enum):
    """What became of a fold."""

    FOLDED = "folded"
    NOTHING = "nothing"
    """There are no rows to fold."""

    BUSY = "busy"
    """Another process folds this page at the moment."""

    REPAIRED = "repaired"
    """Rows that cannot be read were put aside; the rest is folded next time."""

    FAILED = "failed"
    """The log is as it was, and the page is marked."""


class Folder(Protocol):
    """Folds a page."""

    async def fold(self, page_id: UUID) -> FoldOutcome:
        """Fold the log of a page into one snapshot.

        Raises:
            CollabError: It was not done; the log is as it was.
        """

    async def rest(self) -> None:
        """There is nothing to fold for a while: end what costs memory."""


@dataclass(slots=True)
class _Tail:
    """The log of an open page since its snapshot, as far as this process knows."""

    rows: int
    size_bytes: int


@dataclass(slots=True)
class _Pause:
    until: float
    length: float


class Folds:
    """Knows the logs of the open pages and has them folded.

    Args:
        folder: None folds nothing.
    """

    def __init__(self, *, folder: Folder | None, clock: Clock, limits: Limits) -> None:
        self._folder = folder
        self._clock = clock
        self._limits = limits
        self._tails: dict[UUID, _Tail] = {}
        self._waiting: dict[UUID, None] = {}
        self._pauses: dict[UUID, _Pause] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._resting: Cancellable | None = None
        self._rest_task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Begin to fold."""
        if self._folder is not None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End a fold that is under way: its page stays as it was."""
        if self._resting is not None:
            self._resting.cancel()
        tasks = [task for task in (self._task, self._rest_task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._rest_task = None

    def opened(self, stored: StoredPage) -> None:
        """A page was loaded."""
        rows = stored.updates[1:] if stored.has_snapshot else stored.updates
        self._tails[stored.page_id] = _Tail(len(rows), sum(map(len, rows)))
        self._consider(stored.page_id)

    def committed(self, page_id: UUID, rows: int, size_bytes: int) -> None:
        """Rows of a page became durable."""
        tail = self._tails.get(page_id)
        if tail is None:
            return
        tail.rows += rows
        tail.size_bytes += size_bytes
        self._consider(page_id)

    def closed(self, page_id: UUID) -> None:
        """Nobody needs the page any more: the best moment to fold it."""
        tail = self._tails.pop(page_id, None)
        if tail is not None and tail.rows >= min(self._limits.fold_idle_rows, self._limits.fold_rows):
            self._want(page_id, urgent=True)

    def _consider(self, page_id: UUID) -> None:
        tail = self._tails[page_id]
        if tail.rows >= self._limits.fold_rows or tail.size_bytes >= self._limits.fold_bytes:
            self._want(page_id, urgent=tail.rows >= self._limits.fold_rows * URGENT_FACTOR)

    def _want(self, page_id: UUID, *, urgent: bool = False) -> None:
        pause = self._pauses.get(page_id)
        failed_before = pause is not None and pause.length > 0
        if pause is not None and self._clock.now() < pause.until and (failed_before or not urgent):
            return
        # One page too many waits for its next edit or its next visitor.
        if len(self._waiting) < MAX_WAITING:
            self._waiting[page_id] = None
            self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._resting is not None:
                self._resting.cancel()
            while self._waiting:
                page_id = next(iter(self._waiting))
                async with self._turn:
                    await self._fold(page_id)
                self._waiting.pop(page_id, None)
            self._resting = self._clock.call_later(WORKER_IDLE, self._rest)

    async def _fold(self, page_id: UUID) -> None:
        if self._folder is None:
            return
        tail = self._tails.get(page_id)
        rows, size_bytes = (0, 0) if tail is None else (tail.rows, tail.size_bytes)
        began = self._clock.now()
        try:
            outcome = await self._folder.fold(page_id)
        except CollabError as error:
            logger.warning("page %s was not folded: %s", page_id, error)
            outcome = FoldOutcome.FAILED
        except Exception:
            # One page must not end folding for all.
            logger.exception("page %s was not folded", page_id)
            outcome = FoldOutcome.FAILED
        now = self._clock.now()
        if outcome in (FoldOutcome.FAILED, FoldOutcome.REPAIRED):
            before = self._pauses.get(page_id)
            length = self._limits.fold_retry if before is None or not before.length else before.length * 2
            length = min(length, self._limits.fold_retry_max)
            self._pause(page_id, _Pause(now + length, length))
            return
        self._pause(page_id, _Pause(now + (now - began) * REST_FACTOR, 0.0))
        if tail is not None:
            tail.rows = max(tail.rows - rows, 0)
            tail.size_bytes = max(tail.size_bytes - size_bytes, 0)

    def _pause(self, page_id: UUID, pause: _Pause) -> None:
        self._pauses.pop(page_id, None)
        while len(self._pauses) >= MAX_REMEMBERED:
            del self._pauses[next(iter(self._pauses))]
        self._pauses[page_id] = pause

    def _rest(self) -> None:
        self._rest_task = asyncio.get_running_loop().create_task(self._rest_in_turn())

    async def _rest_in_turn(self) -> None:
        async with self._turn:
            if self._folder is not None and not self._waiting:
                await self._folder.rest()
