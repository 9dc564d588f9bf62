"""What a page holds, as update bytes: one merged update and a short tail of what came since."""

from __future__ import annotations

from collab.crdt.merge import EMPTY_STATE, merge, missing_from

MAX_TAIL = 200
"""Merging is superlinear in the number of updates; the tail is folded into the merged update before it gets long."""


class Content:
    """The whole of a page, ready to be handed to whoever joins.

    Attributes:
        total_bytes: An upper estimate of the size of the merged update.
    """

    __slots__ = ("_merged", "_tail", "total_bytes")

    def __init__(self, merged: bytes) -> None:
        self._merged = merged
        self._tail: list[bytes] = []
        self.total_bytes = len(merged)

    def add(self, update: bytes) -> None:
        """Append an update whose dependencies are all here."""
        self._tail.append(update)
        self.total_bytes += len(update)
        if len(self._tail) >= MAX_TAIL:
            self._fold()

    def everything(self) -> bytes:
        """One update with the whole page."""
        if self._tail:
            self._fold()
        return self._merged

    def missing_from(self, state_vector: bytes) -> bytes:
        """What somebody with this encoded state vector lacks."""
        if state_vector == EMPTY_STATE:
            return self.everything()
        return missing_from(self.everything(), state_vector)

    def _fold(self) -> None:
        # The tail first by itself: it is small, and the large update is then copied once.
        self._merged = merge([self._merged, merge(self._tail)]) if self._tail else self._merged
        self._tail.clear()
        self.total_bytes = len(self._merged)
