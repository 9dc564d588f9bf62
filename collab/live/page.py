"""One open page: takes frames from its peers, tells the others, hands accepted edits to the writer.

An edit is accepted when everything it depends on is here and nothing in it could make a Yjs client fail; then it is
broadcast (at once on a quiet page, else every ``broadcast_interval``) and written. What lacks a dependency is not
applied: its sender is asked for the rest with sync step 1. The page works on bytes; it never builds a document.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from uuid import UUID

from collab.crdt.index import judge
from collab.crdt.merge import merge
from collab.errors import CollabError, MalformedFrame, TooLarge, TooMany
from collab.live.accepted import judge_accepted
from collab.live.batch import Allowance, Batch
from collab.live.borrowed import Borrowed
from collab.live.content import Content
from collab.live.limits import Limits
from collab.live.outbox import Advances
from collab.live.ownership import Ownership
from collab.live.peer import Peer
from collab.live.ports import Analyst, Cancellable, Clock
from collab.live.presence import Presence
from collab.wire import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    Awareness,
    FindingKind,
    PageStructure,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    Update,
    UpdateLimits,
    decode,
    decode_state_vector,
    encode_state_vector,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)

logger = logging.getLogger(__name__)


BROADCAST_PAUSE = 4
"""A page pauses for so many times what its last broadcast took, or ``broadcast_interval`` if that is shorter."""


QUESTION_COST = 10
"""So many gapped updates a question counts for that one of them makes us ask."""

ASK_INTERVAL = 5.0
"""How often a client may be asked again for what could not be taken for want of something before it."""

LATE_INTERVAL = 0.05
"""How often awareness that came too fast is looked at again."""


class Verdict(Enum):
    """What became of an update."""

    TAKEN = "taken"
    KNOWN = "known"
    GAP = "gap"
    READ_ONLY = "read-only"
    QUEUE_FULL = "queue-full"
    PAGE_FULL = "page-full"
    DISPUTED = "disputed"


_LEFT_WITH_SENDER = {Verdict.READ_ONLY, Verdict.QUEUE_FULL, Verdict.PAGE_FULL}
"""Not applied and not acknowledged: the edit stays in its author's document, who can be asked for it again."""


_EXAMINED = {Verdict.TAKEN, Verdict.KNOWN, Verdict.DISPUTED}
"""What it brings was seen: nothing before it is missing, and it was not left with its sender."""


class Page:
    """A page that is open in this process.

    Args:
        sequence: The last row of the log that ``content`` contains.
        on_unsaved: Called when there is something to write.
        publish: Tells the other processes about an accepted update.
        end: Closes a connection, soon.
        announce: Tells them that somebody's presence changed; returns whether there is anybody to hear it.
        allowance: How much may wait for the database, shared by all pages of this process.
    """

    def __init__(
        self,
        *,
        page_id: UUID,
        epoch: int,
        sequence: int,
        content: bytes,
        structure: PageStructure,
        clock: Clock,
        limits: Limits,
        analyst: Analyst,
        on_unsaved: Callable[[Page], None],
        publish: Callable[[UUID, bytes], None],
        end: Callable[[Peer, CollabError], None],
        announce: Callable[[UUID], bool],
        allowance: Allowance,
    ) -> None:
        self.page_id = page_id
        self.epoch = epoch
        self.sequence = sequence
        self.peers: set[Peer] = set()
        self.ownership = Ownership(self, limits, clock.now)
        self.presence = Presence(limits, may_appear=self.ownership.claim)
        self.end = end
        self.unsaved = Batch()
        self.writing: Batch | None = None
        self.trouble: str | None = None
        self.idle_since: float | None = clock.now()
        self._content = Content(content)
        self._structure = structure
        self._clock = clock
        self._limits = limits
        self._update_limits = UpdateLimits(max_bytes=limits.max_update_bytes)
        self._analyst = analyst
        self._on_unsaved = on_unsaved
        self._publish = publish
        self._announce = announce
        self._borrowed = Borrowed()
        self._allowance = allowance
        self._turn = asyncio.Lock()
        self._pending: list[bytes] = []
        self._pending_advances: dict[int, tuple[int, int]] = {}
        self._pending_acks: dict[Peer, int] = {}
        self._pending_origin: Peer | None = None
        self._pending_is_mixed = False
        self._timer: Cancellable | None = None
        self._late_timer: Cancellable | None = None
        self._last_taken = float("-inf")
        self._next_broadcast = float("-inf")

    # Joining and leaving

    def join(self, peer: Peer) -> None:
        """Add a client: it is asked for what it has and told who is here."""
        self.peers.add(peer)
        self.idle_since = None
        peer.attach(self._resync)
        peer.notify("role", role=peer.rights.user.get("role"), epoch=self.epoch, can_edit=peer.rights.can_edit)
        if self.trouble is not None:
            peer.notify("not-saved", why=self.trouble)
        self.ask(peer)
        everybody = self.presence.everybody()
        if everybody is not None:
            peer.offer(everybody)

    def leave(self, peer: Peer) -> None:
        """Forget a client. What it sent and what was accepted stays."""
        self.peers.discard(peer)
        self.ownership.leave(peer)
        if self.presence.leave(peer):
            self._schedule()
        if not self.peers:
            self.idle_since = self._clock.now()

    def state_vector(self) -> bytes:
        """What the page holds, encoded."""
        return encode_state_vector(self._structure.state_vector)

    def everything(self) -> bytes:
        """The whole page as one update, edits included that are not yet committed."""
        self.broadcast()
        return self._content.everything()

    @property
    def unsaved_bytes(self) -> int:
        """Size of the accepted edits that are not yet committed."""
        writing = 0 if self.writing is None else self.writing.waiting_bytes
        return writing + self.unsaved.waiting_bytes

    @property
    def has_unsaved(self) -> bool:
        """Whether an accepted edit is not yet committed."""
        return bool(self._pending or self.unsaved or self.writing)

    # Frames from a client

    async def receive(self, peer: Peer, frame: bytes) -> None:
        """Take one frame.

        Raises:
            CollabError: The connection must be closed with this error's code; nobody else is affected.
        """
        pause = peer.meter.charge(len(frame), self._clock.now())
        if pause is not None:
            # Until this returns nothing more is read from the connection, which slows its sender down.
            await self._clock.sleep(pause)
            if peer not in self.peers:
                return
        if len(frame) > self._limits.max_frame_bytes:
            peer.notify("too-large", limit_bytes=self._limits.max_frame_bytes)
            raise TooLarge(f"a frame of {len(frame)} bytes")
        message = decode(frame)
        match message:
            case Update(update) | SyncStep2(update):
                peer.received += 1
                complete = isinstance(message, SyncStep2)
                verdict = await self._receive_update(peer, update, complete=complete)
                if complete:
                    peer.answered = min(peer.answered + 1, peer.asked)
                    self.ownership.answered(peer, examined=verdict in _EXAMINED)
            case SyncStep1(state_vector):
                peer.received += 1
                self._answer(peer, state_vector)
                self._acknowledge(peer)
            case Awareness(payload):
                self._receive_awareness(peer, payload)
            case QueryAwareness():
                everybody = self.presence.everybody()
                if everybody is not None:
                    peer.offer(everybody)
            case _:
                raise MalformedFrame("a message only servers send", offset=0)

    def _receive_awareness(self, peer: Peer, payload: bytes) -> None:
        if self.presence.receive(peer, payload, self._clock.now()):
            self._schedule()
        if self._late_timer is None and self.presence.late:
            self._late_timer = self._clock.call_later(LATE_INTERVAL, self._take_late)

    def _take_late(self) -> None:
        self._late_timer = None
        if self.presence.take_late(self._clock.now()):
            self._schedule()
        if self.presence.late:
            self._late_timer = self._clock.call_later(LATE_INTERVAL, self._take_late)

    def ask(self, peer: Peer) -> int:
        """Ask a client for what it has that the page lacks; returns the number of the answer."""
        return peer.ask(encode_sync_step1(self.state_vector()), self._clock.now())

    def _answer(self, peer: Peer, state_vector: bytes) -> None:
        """Send what a client lacks."""
        known = decode_state_vector(state_vector)
        self.broadcast()
        # What the answer brings is named, so that it is made up for if it has to be dropped on the way.
        advances = {
            client_id: (known.get(client_id, 0), end)
            for client_id, end in self._structure.state_vector.items()
            if end > known.get(client_id, 0)
        }
        peer.offer(encode_sync_step2(self._content.missing_from(state_vector)), advances)

    async def _receive_update(self, peer: Peer, update: bytes, *, complete: bool) -> Verdict:
        """Judge an edit and answer for it. ``complete``: it is all that its sender has and the page lacked."""
        if update == EMPTY_UPDATE:
            verdict = Verdict.KNOWN
        else:
            try:
                verdict = await self._judge(peer, update, relayed=complete)
            except TooLarge:
                peer.notify("too-large", limit_bytes=self._limits.max_update_bytes)
                raise
        if verdict is Verdict.DISPUTED:
            peer.waits_for_rest = True
            return verdict
        if verdict is Verdict.GAP:
            self._ask_for_the_rest(peer, complete=complete)
            return verdict
        if verdict in _LEFT_WITH_SENDER:
            if not peer.holds_back:
                peer.holds_back = True
                if verdict is not Verdict.READ_ONLY:
                    peer.notify("not-saved", why=verdict.value)
            return verdict
        if complete and not peer.holds_back and not self.ownership.in_dispute(peer):
            peer.waits_for_rest = False
        self._acknowledge(peer)
        return verdict

    def _ask_for_the_rest(self, peer: Peer, *, complete: bool) -> None:
        now = self._clock.now()
        peer.gaps.take(now)
        if peer.gaps.wait(now):
            raise TooMany("updates that depend on something that never comes")
        if self.ownership.in_dispute(peer):
            return  # It will be asked for everything once the dispute is over.
        if complete and peer.waits_for_rest:
            # It has sent all it has and something is still missing: nobody here can supply it.
            peer.notify("not-saved", why="gap")
        elif not peer.waits_for_rest:
            peer.waits_for_rest = True
            peer.gaps.take(now, QUESTION_COST)
            self.ask(peer)

    async def _judge(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        if len(update) > self._limits.worker_parse_bytes or self._turn.locked():
            async with self._turn:
                return await self._judge_in_turn(peer, update, relayed=relayed)
        return self._judge_here(peer, update, relayed=relayed)

    async def _judge_in_turn(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        if len(update) <= self._limits.worker_parse_bytes:
            return self._judge_here(peer, update, relayed=relayed)
        if len(update) > self._limits.max_update_bytes:
            raise TooLarge(f"an update of {len(update)} bytes")
        found = await self._analyst.extend(self._structure.dump(), update)
        verdict = self._allowed(peer, found.kind, update)
        if verdict is Verdict.TAKEN and not self.ownership.permits(peer, found.update, found.advances, relayed=relayed):
            return Verdict.DISPUTED
        if verdict is Verdict.TAKEN:
            self._structure = PageStructure.load(found.index)
            self._take(peer, found.update, found.advances)
        return verdict

    def _judge_here(self, peer: Peer, update: bytes, *, relayed: bool) -> Verdict:
        finding, new = judge(self._structure, update, self._update_limits)
        verdict = self._allowed(peer, finding.kind, update)
        if verdict is Verdict.TAKEN and not self.ownership.permits(peer, new, finding.advances, relayed=relayed):
            return Verdict.DISPUTED
        if verdict is Verdict.TAKEN:
            self._structure.add(finding.addition)
            self._take(peer, new, finding.advances)
        return verdict

    def take_part(self, peer: Peer, update: bytes) -> bool:
        """Apply an update that nobody disputes, if nothing that it depends on is missing; returns whether it is."""
        try:
            finding, new = judge(self._structure, update, self._update_limits)
        except CollabError:
            return False
        if finding.kind is FindingKind.NEW and self._allowed(peer, finding.kind, update) is Verdict.TAKEN:
            self._structure.add(finding.addition)
            self._take(peer, new, finding.advances)
            self._pending_is_mixed = True
            return True
        return finding.kind is FindingKind.KNOWN

    def known(self, client_id: int) -> int:
        """How many clocks of this client id the page holds."""
        return self._structure.state_vector.get(client_id, 0)

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
        # An empty queue takes any update, so that one above the bound is not refused for ever.
        if self.unsaved_bytes and self.unsaved_bytes + len(update) > self._limits.max_unsaved_bytes:
            return Verdict.QUEUE_FULL
        if not self._allowance.admits(len(update)):
            return Verdict.QUEUE_FULL
        return Verdict.TAKEN

    def _take(self, peer: Peer, update: bytes, advances: Advances) -> None:
        """Let an update join the next broadcast."""
        if not self._pending:
            self._pending_origin = peer
            self._pending_is_mixed = False
        elif peer is not self._pending_origin:
            self._pending_is_mixed = True
        self._pending.append(update)
        for client_id, (start, end) in advances.items():
            earlier = self._pending_advances.get(client_id)
            self._pending_advances[client_id] = (start if earlier is None else earlier[0], end)
        self._last_taken = self._clock.now()
        self._schedule()

    def _acknowledge(self, peer: Peer) -> None:
        """Promise that everything the peer has sent so far is durable once what waits now is committed."""
        if peer.waits_for_rest or peer.holds_back:
            return
        if self._pending:
            self._pending_acks[peer] = peer.received
        elif self.unsaved:
            self.unsaved.acknowledge(peer, peer.received)
        elif self.writing is not None:
            self.writing.acknowledge(peer, peer.received)
        else:
            peer.settle(peer.received)

    # Telling the others

    def _schedule(self) -> None:
        """Broadcast as soon as the page may again: at once on a quiet page, and on a small one that is busy."""
        if self._timer is None:
            wait = self._next_broadcast - self._clock.now()
            self._timer = self._clock.call_later(max(wait, 0.0), self.broadcast)

    def broadcast(self) -> None:
        """Send what was accepted since the last time, as one frame built once, and hand it to the writer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending and not self.presence.has_changes:
            return
        began = self._clock.now()
        self._send_changes()
        # A page takes a share of the process at most, however many people look at it: what comes meanwhile is merged.
        ended = self._clock.now()
        self._next_broadcast = ended + min((ended - began) * BROADCAST_PAUSE, self._limits.broadcast_interval)

    def _send_changes(self) -> None:
        changes = self.presence.take_changes()
        if changes is not None:
            for peer in self.peers:
                peer.offer(changes)
            if self.presence.unpublished and not self._announce(self.page_id):
                self.presence.nobody_listens()
        if not self._pending:
            return
        update = merge(self._pending)
        frame = encode_update(update)
        advances = self._pending_advances
        only_origin = None if self._pending_is_mixed else self._pending_origin
        acknowledgements = self._pending_acks
        self._pending, self._pending_advances, self._pending_acks, self._pending_origin = [], {}, {}, None
        for peer in self.peers:
            if peer is not only_origin:
                peer.offer(frame, advances)
        self._content.add(update)
        if self._borrowed and self._borrowed.are_needed_by(update):
            self._write_borrowed()
        self._write(update)
        for peer, count in acknowledgements.items():
            self.unsaved.acknowledge(peer, count)
        self._publish(self.page_id, update)
        self._on_unsaved(self)

    def _write(self, update: bytes) -> None:
        self.unsaved.add(update)
        self._allowance.used_bytes += len(update)

    # From other processes

    async def deliver(self, update: bytes) -> Verdict:
        """Take an update that another process accepted; it is in the log or on its way there.

        Raises:
            CollabError: It is no update this page could take; the log will tell.
        """
        async with self._turn:
            verdict = await self._take_accepted(update, borrowed=True)
        if self._borrowed.waiting_bytes > self._limits.bus_max_waiting_bytes:
            self.write_borrowed()
        return verdict

    async def deliver_rows(self, rows: Sequence[bytes]) -> bool:
        """Take rows of the log; False when something that one of them depends on is not among them.

        Raises:
            CollabError: As ``deliver``.
        """
        async with self._turn:
            left = []
            for group in _grouped(rows, self._limits.worker_parse_bytes):
                if await self._take_accepted(group, borrowed=False) is Verdict.GAP:
                    left.append(group)
                self._borrowed.see([group])
                await asyncio.sleep(0)
            return not left or await self._take_accepted(merge(left), borrowed=False) is not Verdict.GAP

    async def _take_accepted(self, update: bytes, *, borrowed: bool) -> Verdict:
        if len(update) > self._limits.max_update_bytes:
            self.broadcast()  # the page is indexed anew, from its content
        found = await judge_accepted(self._structure, self._content, update, analyst=self._analyst, limits=self._limits)
        if found.kind is not FindingKind.NEW:
            return Verdict.GAP if found.kind is FindingKind.GAP else Verdict.KNOWN
        self._structure = found.structure
        self._content.add(found.update)
        if borrowed:
            self._borrowed.add(found.update, found.advances, self._clock.now())
        frame = encode_update(found.update)
        for peer in self.peers:
            peer.offer(frame, found.advances)
        return Verdict.TAKEN

    def has_read(self, sequence: int) -> None:
        """Everything in the log up to this row is on the page."""
        self.sequence = max(self.sequence, sequence)

    def write_overdue(self) -> None:
        """The log was read to its end: what another process should have written by now is written here."""
        if self._borrowed.are_overdue(self._clock.now()):
            self.write_borrowed()

    def write_borrowed(self) -> None:
        """Write everything that is not known to be in the log."""
        if self._borrowed:
            self._write_borrowed()
            self._on_unsaved(self)

    def _write_borrowed(self) -> None:
        for update in self._borrowed.take_all():
            self._write(update)

    def show_others(self, process: bytes, payload: bytes, *, complete: bool) -> None:
        """Show who is on the page in another process.

        Raises:
            CollabError: It cannot be read.
        """
        if self.presence.receive_from(process, payload, complete=complete):
            self._schedule()

    def forget_others(self, process: bytes) -> None:
        """Nobody is there any more."""
        if self.presence.forget_process(process):
            self._schedule()

    def _resync(self, peer: Peer) -> list[tuple[bytes, Advances | None]]:
        """Frames that bring a client up after some of its frames were dropped."""
        self.broadcast()
        missed = peer.outbox.brought_up()
        state = dict(self._structure.state_vector)
        advances = {client_id: (start, state.get(client_id, start)) for client_id, start in missed.items()}
        state.update(missed)
        update = self._content.missing_from(encode_state_vector(state))
        frames: list[tuple[bytes, Advances | None]] = [(encode_update(update), advances)]
        everybody = self.presence.everybody()
        if everybody is not None:
            frames.append((everybody, None))
        return frames

    # The way to the log

    def begin_write(self) -> Batch | None:
        """Hand what waits to the writer, or ``None``. It stays this page's until ``committed`` or ``not_committed``."""
        self.broadcast()
        if self.writing is not None or not self.unsaved:
            return None
        self.writing, self.unsaved = self.unsaved, Batch()
        return self.writing

    def committed(self, sequence: int, rows: int) -> None:
        """What ``begin_write`` gave is durable, as so many rows of which the last has this sequence."""
        if self.sequence == sequence - rows:
            self.sequence = sequence
        # Otherwise another process wrote in between: the rows are read, ours among them, which does no harm.
        if self.writing is None:
            return
        written, self.writing = self.writing, None
        self._allowance.used_bytes -= written.waiting_bytes
        written.settle()
        if self.trouble is not None:
            self.trouble = None
            for peer in self.peers:
                peer.notify("saved-again")
        if self.unsaved_bytes <= self._limits.max_unsaved_bytes // 2:
            self._ask_for_what_was_left()

    def not_committed(self, why: str) -> None:
        """What ``begin_write`` gave could not be written; it will be tried again, before anything newer."""
        if self.writing is not None:
            self.unsaved = self.writing.put_before(self.unsaved)
            self.writing = None
        self.report_trouble(why)

    def report_trouble(self, why: str) -> None:
        """Tell people, once, that edits are not reaching the database."""
        if self.trouble is not None:
            return
        self.trouble = why
        for peer in self.peers:
            peer.notify("not-saved", why=why)

    def _ask_for_what_was_left(self) -> None:
        for peer in self.peers:
            if peer.holds_back and peer.rights.can_edit:
                peer.holds_back = False
                peer.waits_for_rest = True
                self.ask(peer)

    # The passing of time

    def tick(self, now: float) -> list[Peer]:
        """Remove silent people, keep connections alive; returns clients that have taken nothing for too long."""
        if self.presence.expire(now):
            self._schedule()
        self.ownership.expire(now)
        hopeless = []
        for peer in self.peers:
            self._ask_late(peer, now)
            if peer.blocked_for(now) > self._limits.hopeless_after:
                hopeless.append(peer)
            elif now - peer.last_sent > self._limits.keep_alive_interval:
                peer.offer(KEEP_ALIVE)
        return hopeless

    def _ask_late(self, peer: Peer, now: float) -> None:
        """Ask again for what could not be taken, when somebody else may have brought what it was waiting for."""
        if not peer.waits_for_rest or peer.answered < peer.asked or self.ownership.in_dispute(peer):
            return
        if peer.asked_at < self._last_taken and now - peer.asked_at > ASK_INTERVAL:
            self.ask(peer)

    async def close_peers(self, error: CollabError) -> None:
        """End every connection to this page."""
        peers = list(self.peers)
        self.peers.clear()
        await asyncio.gather(*(peer.close(error) for peer in peers))
        for peer in peers:
            self.leave(peer)

    def stop(self) -> None:
        """Call off what is planned; what could not be written no longer counts."""
        self._allowance.used_bytes -= self.unsaved_bytes
        self.unsaved, self.writing = Batch(), None
        for timer in (self._timer, self._late_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._late_timer = None


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
