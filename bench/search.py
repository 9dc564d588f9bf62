"""Finds the highest rate a server keeps up with: doubles until it does not, then halves what lies between."""

from __future__ import annotations

import math


class RateSearch:
    """Decides which rate to try next.

    Args:
        start: The first rate.
        precision: How far apart the highest rate that passed and the lowest that failed may be, as a ratio.
        lowest: Below this rate nothing is tried.
        highest: Nor above this.

    Attributes:
        best: The highest rate that passed, or ``None``.
    """

    def __init__(self, start: float, *, precision: float = 1.1, lowest: float = 1.0, highest: float = math.inf) -> None:
        self.best: float | None = None
        self._failed = math.inf
        self._start = start
        self._precision = precision
        self._lowest = lowest
        self._highest = highest

    def next_rate(self) -> float | None:
        """The rate to try now, or ``None`` when the search is over."""
        if self.best is None:
            rate = self._start if self._failed == math.inf else self._failed / 2
            return rate if rate >= self._lowest else None
        if self._failed == math.inf:
            rate = min(self.best * 2, self._highest)
            return rate if rate > self.best else None
        return math.sqrt(self.best * self._failed) if self._failed / self.best > self._precision else None

    def record(self, rate: float, *, passed: bool) -> None:
        """Say how a rate went."""
        if passed:
            self.best = rate if self.best is None else max(self.best, rate)
        else:
            self._failed = min(self._failed, rate)
