"""Edits of one page on their way to the log, and who is waiting to hear that they arrived."""

from __future__ import annotations

from collab.crdt.merge import merge
from collab.live.peer import Peer


class Allowance:
    """How much may wait for the database in this process, all pages together.

    Attributes:
        used_bytes: How much waits now.
    """

    __slots__ = ("_max_bytes", "used_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.used_bytes = 0

    def admits(self, more_bytes: int) -> bool:
        """Whether so much more may wait; nothing waiting admits anything."""
        return not self.used_bytes or self.used_bytes + more_bytes <= self._max_bytes


class Batch:
    """What is written next for one page.

    Attributes:
        updates: Accepted updates, oldest first.
        acknowledgements: For each peer how many of its sync messages are durable once this is committed.
        waiting_bytes: Size of ``updates``.
    """

    __slots__ = ("acknowledgements", "updates", "waiting_bytes")

    def __init__(self) -> None:
        self.updates: list[bytes] = []
        self.acknowledgements: dict[Peer, int] = {}
        self.waiting_bytes = 0

    def __bool__(self) -> bool:
        return bool(self.updates or self.acknowledgements)

    def add(self, update: bytes) -> None:
        """Append one update."""
        self.updates.append(update)
        self.waiting_bytes += len(update)

    def acknowledge(self, peer: Peer, count: int) -> None:
        """Promise a peer that its first ``count`` sync messages are durable once this is committed."""
        self.acknowledgements[peer] = count

    def settle(self) -> None:
        """This is committed: keep the promises."""
        for peer, count in self.acknowledgements.items():
            peer.settle(count)

    def put_before(self, later: Batch) -> Batch:
        """This batch could not be written: one batch with it first and ``later`` after it."""
        self.updates.extend(later.updates)
        self.waiting_bytes += later.waiting_bytes
        for peer, count in later.acknowledgements.items():
            self.acknowledgements[peer] = max(count, self.acknowledgements.get(peer, 0))
        return self

    def rows(self, max_row_bytes: int) -> list[bytes]:
        """The updates merged into as few rows as the size of a row allows."""
        rows: list[bytes] = []
        group: list[bytes] = []
        group_bytes = 0
        for update in self.updates:
            if group and group_bytes + len(update) > max_row_bytes:
                rows.append(merge(group))
                group, group_bytes = [], 0
            group.append(update)
            group_bytes += len(update)
        if group:
            rows.append(merge(group))
        return rows
