"""What other processes accepted, as it reaches one page: from the bus, at once, or as rows of the log.

It was admitted where it was sent, so no rule of this page is asked again; it is shown to everybody here and not
published once more. ``live.others`` decides what is delivered when, and what to do about a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence, Set

from collab.crdt.merge import merge
from collab.live.accepted import judge_accepted
from collab.live.content import Content
from collab.live.limits import Limits
from collab.live.peer import Peer
from collab.live.ports import Analyst, Clock
from collab.live.saving import Saving
from collab.live.verdict import Verdict
from collab.wire import FindingKind, encode_update


class Deliveries:
    """Takes what was accepted elsewhere.

    Args:
        peers: The clients on the page, as the page keeps them.
        broadcast: Moves what the page accepted into its content.
    """

    __slots__ = ("_analyst", "_broadcast", "_clock", "_content", "_limits", "_peers", "_saving")

    def __init__(
        self,
        *,
        content: Content,
        saving: Saving,
        peers: Set[Peer],
        broadcast: Callable[[], None],
        analyst: Analyst,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._content = content
        self._saving = saving
        self._peers = peers
        self._broadcast = broadcast
        self._analyst = analyst
        self._clock = clock
        self._limits = limits

    async def take(self, update: bytes) -> Verdict:
        """Take an update that another process accepted; it is in the log or on its way there.

        Raises:
            CollabError: It is no update this page could take; the log will tell.
        """
        async with self._content.turn:
            verdict = await self._take(update, borrowed=True)
        if self._saving.borrowed_bytes > self._limits.bus_max_waiting_bytes:
            self._saving.write_borrowed()
        return verdict

    async def take_rows(self, rows: Sequence[bytes]) -> bool:
        """Take rows of the log; False when something that one of them depends on is not among them.

        Raises:
            CollabError: As ``take``.
        """
        async with self._content.turn:
            left = []
            for group in _grouped(rows, self._limits.worker_parse_bytes):
                if await self._take(group, borrowed=False) is Verdict.GAP:
                    left.append(group)
                self._saving.see(group)
                await asyncio.sleep(0)
            return not left or await self._take(merge(left), borrowed=False) is not Verdict.GAP

    async def _take(self, update: bytes, *, borrowed: bool) -> Verdict:
        if len(update) > self._limits.max_update_bytes:
            self._broadcast()  # the page is indexed anew, from its content
        content = self._content
        found = await judge_accepted(content.structure, content, update, analyst=self._analyst, limits=self._limits)
        if found.kind is not FindingKind.NEW:
            return Verdict.GAP if found.kind is FindingKind.GAP else Verdict.KNOWN
        content.structure = found.structure
        content.add(found.update)
        if borrowed:
            self._saving.borrow(found.update, found.advances, self._clock.now())
        frame = encode_update(found.update)
        for peer in self._peers:
            peer.offer(frame, found.advances)
        return Verdict.TAKEN


def _grouped(rows: Sequence[bytes], max_bytes: int) -> Iterator[bytes]:
    """Rows in order, merged as long as they stay below a size."""
    group: list[bytes] = []
    group_bytes = 0
    for row in rows:
        if group and group_bytes + len(row) > max_bytes:
            yield merge(group)
            group, group_bytes = [], 0
        group.append(row)
        group_bytes += len(row)
    if group:
        yield merge(group)
