"""The real clock: the event loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collab.live.ports import Cancellable


class LoopClock:
    """Time as the running event loop counts it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self.sleep = asyncio.sleep

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Call back after ``delay`` seconds; in the next turn of the loop when it is 0."""
        return self._loop.call_later(delay, callback) if delay > 0 else self._loop.call_soon(callback)
