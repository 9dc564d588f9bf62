"""The bounded queue of frames on their way to one client.

A client that reads slowly must cost a bounded amount of memory and must not lose anything. Above the bound the queue is
dropped and only *what* was dropped is remembered, per client id the first clock: one diff brings the client up later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

Advances = Mapping[int, tuple[int, int]]
"""Per client id the clocks an update adds: from, to."""


class Outbox:
    """Frames waiting for one client, oldest first.

    Attributes:
        waiting_bytes: Size of all frames that wait.
        behind: Whether frames were dropped since the client was last brought up.
        missed: For each Yjs client id the first clock that was dropped.
    """

    __slots__ = ("_entries", "_max_age", "_max_bytes", "behind", "missed", "waiting_bytes")

    def __init__(self, *, max_bytes: int, max_age: float) -> None:
        self._entries: deque[tuple[bytes, Advances | None, float]] | None = None
        """None while nothing waits, which is nearly always: an empty deque takes 760 bytes."""
        self._max_bytes = max_bytes
        self._max_age = max_age
        self.waiting_bytes = 0
        self.behind = False
        self.missed: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries or ())

    def put(self, frame: bytes, advances: Advances | None, now: float) -> None:
        """Queue a frame, or remember what it would have brought when the bound is reached.

        Args:
            frame: The frame.
            advances: What it adds to the page; ``None`` when it holds no part of the page.
            now: Seconds.
        """
        if self.behind:
            self._remember(advances)
            return
        entries = self._entries
        if entries is None:
            entries = self._entries = deque()
        elif self.waiting_bytes + len(frame) > self._max_bytes or now - entries[0][2] > self._max_age:
            self.behind = True
            for _, dropped, _ in entries:
                self._remember(dropped)
            self._drop()
            self._remember(advances)
            return
        entries.append((frame, advances, now))
        self.waiting_bytes += len(frame)

    def take(self) -> bytes | None:
        """The oldest frame, or ``None``."""
        if self._entries is None:
            return None
        frame, _, _ = self._entries.popleft()
        self.waiting_bytes -= len(frame)
        if not self._entries:
            self._entries = None
        return frame

    def brought_up(self) -> dict[int, int]:
        """Forget what was dropped, because a diff for it is about to be queued; returns it."""
        missed, self.missed = self.missed, {}
        self.behind = False
        return missed

    def clear(self) -> None:
        """Drop everything; for a client that is gone."""
        self._drop()
        self.missed.clear()

    def _drop(self) -> None:
        self._entries = None
        self.waiting_bytes = 0

    def _remember(self, advances: Advances | None) -> None:
        if advances is None:
            return
        for client_id, (start, _) in advances.items():
            if start < self.missed.get(client_id, start + 1):
                self.missed[client_id] = start
