"""Whose client ids are whose: nobody may write under the id of somebody else who is here.

Yjs believes the id in a struct. A forged struct under the id of a person who is typing takes the clocks of what that
person has on the way, and erases it on every replica without a word. So an id belongs to the connection that names it
in awareness, or, for a connection that names none, that is first to advance it with a plain update. Passing on what
others wrote (sync step 2) makes nobody an owner, and an id whose owner is not here may be passed on by anybody: that
is how edits survive a crash. Deleting is everybody's right.

An update that advances an id of somebody else who is here is **disputed**. It is not applied; the owner is asked for
what it has. If that brings the clocks, the sender was right, and is asked again. If it does not, the sender made them
up. If the owner does not answer, its link is half dead: it loses the id, and the sender is asked again. Meanwhile one
small thing per sender is kept, the part of its update that nobody disputes: after a crash two people may each have
half of what the other half depends on, and only both parts together can be applied.

An owner in another process, known by what that process says of the people there, cannot be asked. What it has comes by
itself, through the bus or the log; until then, or until it is gone there, the update waits like any disputed one.

Bytes and decisions only; ``Page`` acts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from collab.crdt.merge import UnmergeableUpdate, merge, missing_from
from collab.errors import CollabError, NotAllowed
from collab.live.limits import Limits
from collab.live.outbox import Advances
from collab.live.peer import Peer
from collab.wire import encode_state_vector

MAX_OWNED = 64
"""Client ids one connection may own; a Yjs document uses one for as long as it lives."""

MAX_REMEMBERED = 1000
"""Client ids of a page whose person is remembered after the connection has ended."""

MAX_KEPT_BYTES = 16 * 1024
"""Largest undisputed part of an update that is kept; a larger one is asked for again."""

MAX_KEPT = 64
"""How many such parts are kept for a page."""

MOST_PATIENCE = 6
"""An owner that goes on talking without answering is waited for so many times longer."""

PATIENCE_ELSEWHERE = 90.0
"""Seconds after which nothing of what an owner in another process has can still be on its way. A process that died is
forgotten long before."""


class Ground(Protocol):
    """What the page does for its disputes."""

    def ask(self, peer: Peer) -> int:
        """Ask a client for what it has that the page lacks; returns the number of the answer."""

    def known(self, client_id: int) -> int:
        """How many clocks of this id the page holds."""

    def take_part(self, peer: Peer, update: bytes) -> bool:
        """Apply an update that nobody disputes, if nothing that it depends on is missing; returns whether it is."""

    def writer_elsewhere(self, client_id: int) -> str | None:
        """The person in another process who alone may write under this id."""

    def end(self, peer: Peer, error: CollabError) -> None:
        """Close a connection, soon."""


@dataclass(slots=True)
class _Dispute:
    """One sender's update that stands against an owner.

    Attributes:
        owner: The connection it belongs to; ``None`` when that is in another process.
        client_id: The first id in it that is somebody else's.
        end: How far the update would have advanced it.
        answer: The number of the owner's answer that decides.
        vouched: How far its sender has advanced ids of its own, in updates that stand against somebody.
        kept: The part of it that nobody disputes, or empty.
    """

    owner: Peer | None
    client_id: int
    end: int
    answer: int
    since: float
    vouched: dict[int, int] = field(default_factory=dict)
    kept: bytes = b""


class Ownership:
    """The client ids of one page, who they belong to, and what is being found out about them."""

    def __init__(self, ground: Ground, limits: Limits, now: Callable[[], float]) -> None:
        self._ground = ground
        self._patience = limits.owner_patience
        self._now = now
        self._owners: dict[int, Peer] = {}
        self._owned: dict[Peer, set[int]] = {}
        self._persons: OrderedDict[int, str] = OrderedDict()
        self._disputes: dict[Peer, _Dispute] = {}

    def owner_of(self, client_id: int) -> Peer | None:
        """The connection an id belongs to."""
        return self._owners.get(client_id)

    def in_dispute(self, peer: Peer) -> bool:
        """Whether something this client sent waits for somebody else's answer."""
        return peer in self._disputes

    # Getting and losing ids

    def claim(self, peer: Peer, client_id: int) -> bool:
        """A client names an id as its own, in awareness; returns whether it may appear under it."""
        owner = self._owners.get(client_id)
        if owner is None:
            if self._is_somebody_elses_elsewhere(client_id, peer):
                return False
            self._acquire(peer, client_id)
        elif owner is not peer:
            if not _are_one_person(owner, peer):
                return False
            self._release(client_id)
            self._acquire(peer, client_id)
        return True

    def _acquire(self, peer: Peer, client_id: int) -> None:
        person = self._persons.get(client_id)
        if person is not None and person != _person(peer):
            # Whoever wrote under it will be back with edits on the way; nobody gets it in between.
            return
        owned = self._owned.setdefault(peer, set())
        if len(owned) >= MAX_OWNED:
            return
        owned.add(client_id)
        self._owners[client_id] = peer
        if peer.rights.lasting:
            self._persons[client_id] = _person(peer)
            self._persons.move_to_end(client_id)
            if len(self._persons) > MAX_REMEMBERED:
                self._persons.popitem(last=False)

    def _release(self, client_id: int) -> None:
        owner = self._owners.pop(client_id, None)
        if owner is not None:
            self._owned[owner].discard(client_id)

    def leave(self, peer: Peer) -> None:
        """A connection ended: its ids are free, and what stood against it is asked for again."""
        self._disputes.pop(peer, None)
        for client_id in self._owned.pop(peer, ()):
            self._owners.pop(client_id, None)
        for sender in [sender for sender, dispute in self._disputes.items() if dispute.owner is peer]:
            self._ask_again(sender)

    # Updates

    def permits(self, peer: Peer, update: bytes, advances: Advances, *, relayed: bool) -> bool:
        """Whether an update may be applied as it is. If not, its owner is asked and its sender will be asked again.

        Args:
            update: The part of it that is new.
            relayed: It may be other people's work that the sender passes on (sync step 2).
        """
        owners = self._owners
        for client_id in advances:
            if owners.get(client_id) is not peer:
                break
        else:
            return True
        disputed = {client_id: end for client_id, (_, end) in advances.items() if self._is_disputed(client_id, peer)}
        if not disputed:
            if not relayed:
                self._note_writing(peer, advances)
            return True
        self._open(peer, update, advances, disputed)
        return False

    def _is_disputed(self, client_id: int, peer: Peer) -> bool:
        """Whether somebody else who is here, or in another process, keeps this client from advancing an id."""
        owner = self._owners.get(client_id)
        if owner is not None:
            return _stands_against(owner, peer)
        return self._is_somebody_elses_elsewhere(client_id, peer)

    def _is_somebody_elses_elsewhere(self, client_id: int, peer: Peer) -> bool:
        writer = self._ground.writer_elsewhere(client_id)
        return writer is not None and writer != _person(peer)

    def _note_writing(self, peer: Peer, advances: Advances) -> None:
        for client_id in advances:
            if client_id not in self._owners and peer.client_id in (None, client_id):
                self._acquire(peer, client_id)

    def _open(self, peer: Peer, update: bytes, advances: Advances, disputed: Mapping[int, int]) -> None:
        dispute = self._disputes.get(peer)
        if dispute is None:
            client_id, end = next(iter(disputed.items()))
            owner = self._owners.get(client_id)
            answer = 0 if owner is None else self._ground.ask(owner)
            dispute = _Dispute(owner, client_id, end, answer, self._now())
            self._disputes[peer] = dispute
        for client_id, (_, end) in advances.items():
            if self._owners.get(client_id) is peer:
                dispute.vouched[client_id] = max(end, dispute.vouched.get(client_id, 0))
        self._keep(peer, dispute, update, disputed)

    def _keep(self, peer: Peer, dispute: _Dispute, update: bytes, disputed: Mapping[int, int]) -> None:
        """Apply what nobody disputes, by itself or together with what others have sent; else keep it for that."""
        if len(update) > MAX_KEPT_BYTES:
            return
        try:
            part = missing_from(update, encode_state_vector(dict(disputed)))
        except UnmergeableUpdate:
            return
        if self._ground.take_part(peer, part):
            dispute.kept = b""
            return
        others = [one.kept for one in self._disputes.values() if one.kept and one is not dispute]
        if others and self._ground.take_part(peer, merge([*others, part])):
            for one in self._disputes.values():
                one.kept = b""
            self._settle_what_is_known()
        elif len(others) < MAX_KEPT:
            dispute.kept = part

    # Finding out

    def answered(self, owner: Peer, *, examined: bool) -> None:
        """A client's answer has been dealt with: decide what was waiting for it.

        Args:
            examined: Nothing was missing and there was room, so that the answer tells what its sender has.
        """
        for sender, dispute in list(self._disputes.items()):
            if dispute.owner is owner and owner.answered >= dispute.answer:
                self._decide(sender, dispute, examined=examined)

    def _decide(self, sender: Peer, dispute: _Dispute, *, examined: bool) -> None:
        if self._ground.known(dispute.client_id) >= dispute.end:
            self._ask_again(sender)
            return
        own = None if dispute.owner is None else self._disputes.get(dispute.owner)
        if own is not None and own.vouched.get(dispute.client_id, 0) >= dispute.end:
            return  # The owner has it too, in an update that is itself being found out about.
        if examined:
            self._refuse(sender)

    def _refuse(self, sender: Peer) -> None:
        del self._disputes[sender]
        self._ground.end(sender, NotAllowed("wrote under the client id of somebody else who is here"))

    def _settle_what_is_known(self) -> None:
        for sender, dispute in list(self._disputes.items()):
            if self._ground.known(dispute.client_id) >= dispute.end:
                self._ask_again(sender)

    def expire(self, now: float) -> None:
        """Take ids away from owners that do not answer, and see what has come from those in other processes."""
        for sender, dispute in list(self._disputes.items()):
            waited = now - dispute.since
            if dispute.owner is None:
                self._look_elsewhere(sender, dispute, waited)
                continue
            silent = now - max(dispute.since, dispute.owner.meter.last)
            if silent > self._patience or waited > self._patience * MOST_PATIENCE:
                if self._owners.get(dispute.client_id) is dispute.owner:
                    self._release(dispute.client_id)
                self._ask_again(sender)

    def _look_elsewhere(self, sender: Peer, dispute: _Dispute, waited: float) -> None:
        arrived = self._ground.known(dispute.client_id) >= dispute.end
        if arrived or not self._is_disputed(dispute.client_id, sender):
            self._ask_again(sender)
        elif waited > PATIENCE_ELSEWHERE:
            self._refuse(sender)

    def _ask_again(self, sender: Peer) -> None:
        del self._disputes[sender]
        sender.waits_for_rest = True
        self._ground.ask(sender)


def _person(peer: Peer) -> str:
    return str(peer.rights.user["id"])


def _are_one_person(one: Peer, other: Peer) -> bool:
    return _person(one) == _person(other)


def _stands_against(owner: Peer, sender: Peer) -> bool:
    """Whether the owner of an id keeps the sender from advancing it. A viewer has no edits on the way to protect."""
    return owner is not sender and owner.rights.can_edit and not _are_one_person(owner, sender)
