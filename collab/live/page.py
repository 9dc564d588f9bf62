"""One open page: takes frames from its peers, tells the others, hands accepted edits to the writer.

An edit is accepted when everything it depends on is here and nothing in it could make a Yjs client fail; then it is
broadcast (at once on a quiet page, else every ``broadcast_interval``) and written. What lacks a dependency is not
applied: its sender is asked for the rest with sync step 1. The page works on bytes; it never builds a document.

It is where these meet: ``admission`` judges what a client sends, ``deliveries`` takes what other processes accepted,
``pending`` is the next broadcast, ``saving`` the way to the log, ``questions`` what clients are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import UUID

from collab.crdt.merge import merge
from collab.errors import CollabError, MalformedFrame, TooLarge
from collab.live.admission import Admission
from collab.live.batch import Allowance, Batch
from collab.live.content import Content
from collab.live.deliveries import Deliveries
from collab.live.limits import Limits
from collab.live.outbox import Advances
from collab.live.ownership import Ownership
from collab.live.peer import Peer
from collab.live.pending import Pending
from collab.live.ports import Analyst, Cancellable, Clock
from collab.live.presence import Presence
from collab.live.questions import Questions
from collab.live.saving import Saving
from collab.live.verdict import EXAMINED, LEFT_WITH_SENDER, Verdict
from collab.wire import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    Awareness,
    PageStructure,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    Update,
    decode,
    decode_state_vector,
    encode_state_vector,
    encode_sync_step2,
    encode_update,
)

BROADCAST_PAUSE = 4
"""A page pauses for so many times what its last broadcast took and how late it was, ``broadcast_interval`` at most."""

LATE_INTERVAL = 0.05
"""How often awareness that came too fast is looked at again."""


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
        self.peers: set[Peer] = set()
        self.ownership = Ownership(self, limits, clock.now)
        self.presence = Presence(limits, may_appear=self.ownership.claim)
        self.end = end
        self.idle_since: float | None = clock.now()
        self._content = Content(content, structure)
        self._clock = clock
        self._limits = limits
        self._publish = publish
        self._announce = announce
        self._questions = Questions(self._content, clock, in_dispute=self.ownership.in_dispute)
        self._pending = Pending()
        self.saving = Saving(
            sequence=sequence,
            peers=self.peers,
            ask=self._questions.ask,
            on_unsaved=partial(on_unsaved, self),
            limits=limits,
            allowance=allowance,
        )
        self.deliveries = Deliveries(
            content=self._content,
            saving=self.saving,
            peers=self.peers,
            broadcast=self.broadcast,
            analyst=analyst,
            clock=clock,
            limits=limits,
        )
        self._admission = Admission(
            content=self._content,
            saving=self.saving,
            permits=self.ownership.permits,
            take=self._take,
            analyst=analyst,
            limits=limits,
        )
        self._timer: Cancellable | None = None
        self._late_timer: Cancellable | None = None
        self._last_taken = float("-inf")
        self._due = self._next_broadcast = float("-inf")

    # Joining and leaving

    def join(self, peer: Peer) -> None:
        """Add a client: it is asked for what it has and told who is here."""
        self.peers.add(peer)
        self.idle_since = None
        peer.attach(self._resync)
        peer.notify("role", role=peer.rights.user.get("role"), epoch=self.epoch, can_edit=peer.rights.can_edit)
        if self.saving.trouble is not None:
            peer.notify("not-saved", why=self.saving.trouble)
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

    def everything(self) -> bytes:
        """The whole page as one update, edits included that are not yet committed."""
        self.broadcast()
        return self._content.everything()

    @property
    def has_unsaved(self) -> bool:
        """Whether an accepted edit is not yet committed."""
        return bool(self._pending.updates or self.saving)

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
                    self.ownership.answered(peer, examined=verdict in EXAMINED)
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
        return self._questions.ask(peer)

    def _answer(self, peer: Peer, state_vector: bytes) -> None:
        """Send what a client lacks."""
        known = decode_state_vector(state_vector)
        self.broadcast()
        # What the answer brings is named, so that it is made up for if it has to be dropped on the way.
        advances = {
            client_id: (known.get(client_id, 0), end)
            for client_id, end in self._content.structure.state_vector.items()
            if end > known.get(client_id, 0)
        }
        peer.offer(encode_sync_step2(self._content.missing_from(state_vector)), advances)

    async def _receive_update(self, peer: Peer, update: bytes, *, complete: bool) -> Verdict:
        """Judge an edit and answer for it. ``complete``: it is all that its sender has and the page lacked."""
        if update == EMPTY_UPDATE:
            verdict = Verdict.KNOWN
        else:
            try:
                verdict = await self._admission.judge(peer, update, relayed=complete)
            except TooLarge:
                peer.notify("too-large", limit_bytes=self._limits.max_update_bytes)
                raise
        if verdict is Verdict.DISPUTED:
            peer.waits_for_rest = True
            return verdict
        if verdict is Verdict.GAP:
            self._questions.ask_for_the_rest(peer, complete=complete)
            return verdict
        if verdict in LEFT_WITH_SENDER:
            if not peer.holds_back:
                peer.holds_back = True
                if verdict is not Verdict.READ_ONLY:
                    peer.notify("not-saved", why=verdict.value)
            return verdict
        if complete and not peer.holds_back and not self.ownership.in_dispute(peer):
            peer.waits_for_rest = False
        self._acknowledge(peer)
        return verdict

    def take_part(self, peer: Peer, update: bytes) -> bool:
        """Apply an update that nobody disputes, if nothing that it depends on is missing; returns whether it is."""
        return self._admission.take_part(peer, update)

    def known(self, client_id: int) -> int:
        """How many clocks of this client id the page holds."""
        return self._content.structure.state_vector.get(client_id, 0)

    def writer_elsewhere(self, client_id: int) -> str | None:
        """The person in another process who alone may write under this id."""
        return self.presence.writer_elsewhere(client_id)

    def _take(self, peer: Peer | None, update: bytes, advances: Advances) -> None:
        """Let an update join the next broadcast, which everybody gets but this peer, if it is the only one."""
        self._pending.add(peer, update, advances)
        self._last_taken = self._clock.now()
        self._schedule()

    def _acknowledge(self, peer: Peer) -> None:
        """Promise that everything the peer has sent so far is durable once what waits now is committed."""
        if peer.waits_for_rest or peer.holds_back:
            return
        if self._pending.updates:
            self._pending.acknowledgements[peer] = peer.received
        else:
            self.saving.acknowledge(peer)

    # Telling the others

    def _schedule(self) -> None:
        """Broadcast as soon as the page may again: at once on a quiet page, and on a small one that is busy."""
        if self._timer is None:
            self._due = max(self._next_broadcast, self._clock.now())
            self._timer = self._clock.call_later(self._due - self._clock.now(), self.broadcast)

    def broadcast(self) -> None:
        """Send what was accepted since the last time, as one frame built once, and hand it to the writer."""
        began = self._clock.now()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            began = min(began, self._due)
        if not self._pending.updates and not self.presence.has_changes:
            return
        self._send_changes()
        # A page takes a share of the process at most, however many people look at it, and less of one that is busy with
        # others: what comes meanwhile is merged.
        ended = self._clock.now()
        self._next_broadcast = ended + min((ended - began) * BROADCAST_PAUSE, self._limits.broadcast_interval)

    def _send_changes(self) -> None:
        changes = self.presence.take_changes()
        if changes is not None:
            for peer in self.peers:
                peer.offer(changes)
            if self.presence.unpublished and not self._announce(self.page_id):
                self.presence.nobody_listens()
        pending = self._pending
        if not pending.updates:
            return
        update = merge(pending.updates)
        frame = encode_update(update)
        self._pending = Pending()
        for peer in self.peers:
            if peer is not pending.author:
                peer.offer(frame, pending.advances)
        self._content.add(update)
        self.saving.add(update, pending.acknowledgements)
        self._publish(self.page_id, update)

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
        state = dict(self._content.structure.state_vector)
        advances = {client_id: (start, state.get(client_id, start)) for client_id, start in missed.items()}
        state.update(missed)
        update = self._content.missing_from(encode_state_vector(state))
        frames: list[tuple[bytes, Advances | None]] = [(encode_update(update), advances)]
        everybody = self.presence.everybody()
        if everybody is not None:
            frames.append((everybody, None))
        return frames

    def begin_write(self) -> Batch | None:
        """Hand everything accepted so far to the writer, or ``None``; ``saving`` is told what became of it."""
        self.broadcast()
        return self.saving.begin()

    # The passing of time

    def tick(self, now: float) -> list[Peer]:
        """Remove silent people, keep connections alive; returns clients that have taken nothing for too long."""
        if self.presence.expire(now):
            self._schedule()
        self.ownership.expire(now)
        hopeless = []
        for peer in self.peers:
            self._questions.ask_late(peer, now, self._last_taken)
            if peer.blocked_for(now) > self._limits.hopeless_after:
                hopeless.append(peer)
            elif now - peer.last_sent > self._limits.keep_alive_interval:
                peer.offer(KEEP_ALIVE)
        return hopeless

    async def close_peers(self, error: CollabError) -> None:
        """End every connection to this page."""
        peers = list(self.peers)
        self.peers.clear()
        await asyncio.gather(*(peer.close(error) for peer in peers))
        for peer in peers:
            self.leave(peer)

    def stop(self) -> None:
        """Call off what is planned; what could not be written no longer counts."""
        self.saving.stop()
        for timer in (self._timer, self._late_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._late_timer = None
