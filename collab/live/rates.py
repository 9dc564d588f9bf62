"""How much may come in a time: token buckets that cost one comparison each.

A bucket is kept as the moment at which it will be full again. Using it moves that moment on; when it lies farther ahead
than the bucket is deep, the bucket is empty. Plain arithmetic: knows neither clocks nor sockets.
"""

from __future__ import annotations

from collab.errors import TooMany

FRAMES_PER_TURN = 32
"""After so many frames in a row a connection lets others have their turn."""


class Bucket:
    """So many a second, and ``burst`` seconds' worth of them at once.

    Attributes:
        full_at: When it will be full again.
    """

    __slots__ = ("_burst", "_each", "full_at")

    def __init__(self, per_second: float, burst: float) -> None:
        self._each = 1.0 / per_second
        self._burst = burst
        self.full_at = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until there is one more; 0 when there is one now. Takes nothing."""
        return max(self.full_at + self._each - now - self._burst, 0.0)

    def take(self, now: float, count: float = 1.0) -> None:
        """Take, whether they are there or not: what is not there is waited for by whoever comes next."""
        self.full_at = max(self.full_at, now) + count * self._each

    def is_full(self, now: float) -> bool:
        """Whether nothing was taken that has not come back."""
        return self.full_at <= now


class Meter:
    """What one connection sends: frames and bytes draw on one allowance.

    A frame costs its share of the frames and its share of the bytes allowed in a second. Above the rate its sender is
    to be read more slowly; only one that has been slowed for longer than ``patience``, without a pause in which all of
    its allowance came back, must go.

    Attributes:
        last: When the last frame came.
    """

    __slots__ = ("_burst", "_full_at", "_patience", "_per_byte", "_per_frame", "_slow_since", "_turn", "last")

    def __init__(
        self, *, frames_per_second: float, bytes_per_second: float, burst: float, patience: float, now: float
    ) -> None:
        self._per_frame = 1.0 / frames_per_second
        self._per_byte = 1.0 / bytes_per_second
        self._burst = burst
        self._patience = patience
        self._full_at = self.last = now
        self._slow_since: float | None = None
        self._turn = 0

    def charge(self, size_bytes: int, now: float) -> float | None:
        """Count a frame; returns how many seconds to wait before it is handled, 0 to let others go first, or None.

        Raises:
            TooMany: It has been far above the rate for too long.
        """
        self.last = now
        full_at = self._full_at
        if full_at < now:
            full_at = now
            self._slow_since = None
        full_at += self._per_frame + size_bytes * self._per_byte
        self._full_at = full_at
        if full_at - now > self._burst:
            return self._slow_down(now)
        self._turn += 1
        if self._turn < FRAMES_PER_TURN:
            return None
        self._turn = 0
        return 0.0

    def _slow_down(self, now: float) -> float:
        if self._slow_since is None:
            self._slow_since = now
        elif now - self._slow_since > self._patience:
            raise TooMany("far above the rate for too long")
        return self._full_at - now - self._burst
