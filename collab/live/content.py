"""What a page holds, as update bytes: one merged update and what came since; and the index of it."""

from __future__ import annotations

import asyncio

from collab.crdt.merge import EMPTY_STATE, merge, missing_from
from collab.wire import PageStructure

FAN_IN = 16
"""How many updates are merged into one: what comes is merged again and again, but never much of it at once."""

MAX_MERGED_BYTES = 64 * 1024
"""Above this size it is left until somebody wants the whole page. Merging holds up everybody, a megabyte 15 ms."""


class Content:
    """The whole of a page, ready to be handed to whoever joins.

    Attributes:
        structure: What the next update is judged by. It runs ahead of the bytes: an accepted update is in it at once,
            and in them when it is broadcast.
        total_bytes: An upper estimate of the size of the merged update.
        turn: Held while an update is judged in the worker process, so that nobody changes the page meanwhile.
    """

    __slots__ = ("_levels", "_merged", "structure", "total_bytes", "turn")

    def __init__(self, merged: bytes, structure: PageStructure) -> None:
        self.structure = structure
        self.turn = asyncio.Lock()
        self._merged = merged
        self._levels: list[list[bytes]] = []
        """What came since, newest level first, each oldest first: up to ``FAN_IN``, each merged of so many below."""
        self.total_bytes = len(merged)

    def add(self, update: bytes) -> None:
        """Append an update whose dependencies are all here."""
        self.total_bytes += len(update)
        for level in self._levels:
            level.append(update)
            if len(level) < FAN_IN or sum(map(len, level)) > MAX_MERGED_BYTES:
                return
            update = merge(level)
            level.clear()
        self._levels.append([update])

    def everything(self) -> bytes:
        """One update with the whole page."""
        if self._levels:
            tail = [update for level in reversed(self._levels) for update in level]
            # The tail first by itself: it is small, and the large update is then copied once.
            self._merged = merge([self._merged, merge(tail)])
            self._levels.clear()
            self.total_bytes = len(self._merged)
        return self._merged

    def missing_from(self, state_vector: bytes) -> bytes:
        """What somebody with this encoded state vector lacks."""
        if state_vector == EMPTY_STATE:
            return self.everything()
        return missing_from(self.everything(), state_vector)
