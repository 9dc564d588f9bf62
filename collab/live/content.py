"""What a page holds, as update bytes: one merged update and a short tail of what came since; and the index of it."""

from __future__ import annotations

import asyncio

from collab.crdt.merge import EMPTY_STATE, merge, missing_from
from collab.wire import PageStructure

MAX_TAIL = 200
"""Merging is superlinear in the number of updates; the tail is folded into the merged update before it gets long."""


class Content:
    """The whole of a page, ready to be handed to whoever joins.

    Attributes:
        structure: What the next update is judged by. It runs ahead of the bytes: an accepted update is in it at once,
            and in them when it is broadcast.
        total_bytes: An upper estimate of the size of the merged update.
        turn: Held while an update is judged in the worker process, so that nobody changes the page meanwhile.
    """

    __slots__ = ("_merged", "_tail", "structure", "total_bytes", "turn")

    def __init__(self, merged: bytes, structure: PageStructure) -> None:
        self.structure = structure
        self.turn = asyncio.Lock()
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
