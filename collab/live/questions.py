"""Asking clients for what they have and the page lacks, with sync step 1, and not more often than it may help."""

from __future__ import annotations

from collections.abc import Callable

from collab.errors import TooMany
from collab.live.content import Content
from collab.live.peer import Peer
from collab.live.ports import Clock
from collab.wire import encode_state_vector, encode_sync_step1

QUESTION_COST = 10
"""So many gapped updates a question counts for that one of them makes us ask."""

ASK_INTERVAL = 5.0
"""How often a client may be asked again for what could not be taken for want of something before it."""


class Questions:
    """What one page asks its clients.

    Args:
        in_dispute: Whether a client's update stands against somebody else's client id.
    """

    __slots__ = ("_clock", "_content", "_in_dispute")

    def __init__(self, content: Content, clock: Clock, *, in_dispute: Callable[[Peer], bool]) -> None:
        self._content = content
        self._clock = clock
        self._in_dispute = in_dispute

    def ask(self, peer: Peer) -> int:
        """Ask a client for what it has that the page lacks; returns the number of the answer."""
        state_vector = encode_state_vector(self._content.structure.state_vector)
        return peer.ask(encode_sync_step1(state_vector), self._clock.now())

    def ask_for_the_rest(self, peer: Peer, *, complete: bool) -> None:
        """An update depends on something that is not here. ``complete``: it was all that its sender has.

        Raises:
            TooMany: This happens too often.
        """
        now = self._clock.now()
        peer.gaps.take(now)
        if peer.gaps.wait(now):
            raise TooMany("updates that depend on something that never comes")
        if self._in_dispute(peer):
            return  # It will be asked for everything once the dispute is over.
        if complete and peer.waits_for_rest:
            # It has sent all it has and something is still missing: nobody here can supply it.
            peer.notify("not-saved", why="gap")
        elif not peer.waits_for_rest:
            peer.waits_for_rest = True
            peer.gaps.take(now, QUESTION_COST)
            self.ask(peer)

    def ask_late(self, peer: Peer, now: float, last_taken: float) -> None:
        """Ask again for what could not be taken, when somebody else may have brought what it was waiting for."""
        if not peer.waits_for_rest or peer.answered < peer.asked or self._in_dispute(peer):
            return
        if peer.asked_at < last_taken and now - peer.asked_at > ASK_INTERVAL:
            self.ask(peer)
