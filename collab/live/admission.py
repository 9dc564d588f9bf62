"""Whether an edit from a client is taken: it can be applied, its sender may make it, there is room, nobody disputes it.

Whether it *can* be applied is found on its bytes, here or, when it is large, in the worker process. Large ones take
turns, and so does whatever comes while one is judged. What other processes accepted does not come this way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from collab.crdt.index import judge
from collab.errors import CollabError, TooLarge
from collab.live.content import Content
from collab.live.limits import Limits
from collab.live.outbox import Advances
from collab.live.peer import Peer
from collab.live.ports import Analyst
from collab.live.saving import Saving
from collab.live.verdict import Verdict
from collab.wire import FindingKind, PageStructure, UpdateLimits


class Permits(Protocol):
    """``Ownership.permits``."""

    def __call__(self, peer: Peer, update: bytes, advances: Advances, *, relayed: bool) -> bool: ...


class Admission:
    """Judges what clients of one page send.

    Args:
        permits: Whether the peer may advance these client ids.
        take: Called with each update that is taken and the peer that need not be sent it.
    """

    __slots__ = ("_analyst", "_content", "_limits", "_permits", "_saving", "_take", "_update_limits")

    def __init__(
        self,
        *,
        content: Content,
        saving: Saving,
        permits: Permits,
        take: Callable[[Peer | None, bytes, Advances], None],
        analyst: Analyst,
        limits: Limits,
    ) -> None:
        self._content = content
        self._saving = saving
        self._permits = permits
        self._take = take
        self._analyst = analyst
        self._limits = limits
        self._update_limits = UpdateLimits(max_bytes=limits.max_update_bytes)

    async def judge(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        """Take an update or say why not. ``relayed``: it may hold what others wrote.

        Raises:
            CollabError: No client that follows the rules sends this.
        """
        if len(update) > self._limits.worker_parse_bytes or self._content.turn.locked():
            async with self._content.turn:
                return await self._judge_in_turn(peer, update, relayed=relayed)
        return self._judge_here(peer, update, relayed=relayed)

    async def _judge_in_turn(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        if len(update) <= self._limits.worker_parse_bytes:
            return self._judge_here(peer, update, relayed=relayed)
        if len(update) > self._limits.max_update_bytes:
            raise TooLarge(f"an update of {len(update)} bytes")
        found = await self._analyst.extend(self._content.structure.dump(), update)
        verdict = self._allowed(peer, found.kind, update)
        if verdict is Verdict.TAKEN and not self._permits(peer, found.update, found.advances, relayed=relayed):
            return Verdict.DISPUTED
        if verdict is Verdict.TAKEN:
            self._content.structure = PageStructure.load(found.index)
            self._take(peer, found.update, found.advances)
        return verdict

    def _judge_here(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        structure = self._content.structure
        finding, new = judge(structure, update, self._update_limits)
        verdict = self._allowed(peer, finding.kind, update)
        if verdict is Verdict.TAKEN and not self._permits(peer, new, finding.advances, relayed=relayed):
            return Verdict.DISPUTED
        if verdict is Verdict.TAKEN:
            structure.add(finding.addition)
            self._take(peer, new, finding.advances)
        return verdict

    def take_part(self, peer: Peer, update: bytes) -> bool:
        """Take an update that nobody disputes, if nothing before it is missing; returns whether it is on the page."""
        structure = self._content.structure
        try:
            finding, new = judge(structure, update, self._update_limits)
        except CollabError:
            return False
        if finding.kind is FindingKind.NEW and self._allowed(peer, finding.kind, update) is Verdict.TAKEN:
            structure.add(finding.addition)
            self._take(None, new, finding.advances)
            return True
        return finding.kind is FindingKind.KNOWN

    def _allowed(self, peer: Peer, kind: FindingKind, update: bytes) -> Verdict:
        """Whether an update that was found to be of this kind is taken from this peer."""
        if kind is FindingKind.KNOWN:
            return Verdict.KNOWN
        if not peer.rights.can_edit:
            peer.strike(self._limits.read_only_strikes)
            return Verdict.READ_ONLY
        if kind is FindingKind.GAP:
            return Verdict.GAP
        if self._content.total_bytes + len(update) > self._limits.max_page_bytes:
            return Verdict.PAGE_FULL
        if not self._saving.admits(len(update)):
            return Verdict.QUEUE_FULL
        return Verdict.TAKEN
