"""The real clock: the system's, and the event loop's timers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from collab.live.ports import Cancellable


class LoopClock:
    """Monotonic time. Not the loop's own: uvloop counts whole milliseconds, and a broadcast takes a tenth of one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = time.monotonic
        self.sleep = asyncio.sleep

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Call back after ``delay`` seconds; in the next turn of the loop when it is 0."""
        return self._loop.call_later(delay, callback) if delay > 0 else self._loop.call_soon(callback)
