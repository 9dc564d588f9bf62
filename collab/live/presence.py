"""Who is on a page and where their cursors are: awareness, kept as bytes, with the server's word on identity.

A client may speak for one client id, the first it used; entries for others are ignored, because stock clients repeat
what they heard from them. ``user`` in a state is the server's: whatever a client puts there is replaced. People on
other processes are shown as those processes say, unless they are connected here. Protocol:
y-protocols, ``awareness.js`` (a state is current for 30 s, a higher clock wins, ``null`` removes).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from collab.errors import MalformedFrame
from collab.live.elsewhere import WRITES, Elsewhere
from collab.live.limits import Limits
from collab.live.peer import Peer
from collab.wire import AwarenessEntry, decode_entries, encode_awareness, encode_entries

MAX_CLOCK = 2**52
"""Of what a client says of itself: the server counts on from there, and 53 bits are all that a frame can hold."""

ENTRY_BYTES = 24
"""What an entry takes beside its state, at most."""


@dataclass(slots=True)
class _Present:
    peer: Peer
    clock: int
    state: bytes
    renewed: float


MayAppear = Callable[[Peer, int], bool]
"""Whether a client may appear under a client id."""


class Presence:
    """The awareness states of one page.

    Attributes:
        unpublished: Client ids of this process whose state other processes have not been told.
    """

    def __init__(self, limits: Limits, *, may_appear: MayAppear) -> None:
        self._limits = limits
        self._may_appear = may_appear
        self.late: dict[Peer, AwarenessEntry] = {}
        """What came too fast, the newest of each client; ``take_late`` takes it later."""
        self._present: dict[int, _Present] = {}
        self._elsewhere = Elsewhere(limits)
        self._changed: dict[int, AwarenessEntry] = {}
        self._departed: dict[int, int] = {}
        """Clocks of the states that were removed and that other processes have not been told."""
        self.unpublished: set[int] = set()

    @property
    def has_changes(self) -> bool:
        """Whether somebody's state waits to be told to the others."""
        return bool(self._changed)

    def receive(self, peer: Peer, payload: bytes, now: float) -> bool:
        """Take what a client says about itself; returns whether there is something to tell.

        Raises:
            MalformedFrame: The bytes are no awareness update, or a state is not a JSON object.
            TooLarge: A state or the number of entries is above its bound.
        """
        entries = decode_entries(
            payload,
            max_entries=self._limits.awareness_max_entries,
            max_state_bytes=self._limits.awareness_max_state_bytes,
        )
        for entry in entries:
            if self._speaks_for(peer, entry):
                if entry.clock > MAX_CLOCK:
                    raise MalformedFrame("an awareness clock that nobody reaches", offset=0)
                self._take_in_time(peer, entry, now)
        return bool(self._changed)

    def _take_in_time(self, peer: Peer, entry: AwarenessEntry, now: float) -> None:
        """Take an entry; of those that come too fast keep the newest for later."""
        if peer.awareness.wait(now):
            self.late[peer] = entry
            return
        peer.awareness.take(now)
        self.late.pop(peer, None)
        self._update(peer, entry, now)

    def take_late(self, now: float) -> bool:
        """Take what came too fast and may be taken now; returns whether there is something to tell."""
        for peer, entry in [item for item in self.late.items() if not item[0].awareness.wait(now)]:
            peer.awareness.take(now)
            del self.late[peer]
            if self._speaks_for(peer, entry):
                # It was JSON when it came; a state that cannot be stamped is left out.
                with contextlib.suppress(MalformedFrame):
                    self._update(peer, entry, now)
        return bool(self._changed)

    def _speaks_for(self, peer: Peer, entry: AwarenessEntry) -> bool:
        if peer.client_id is not None:
            # Claimed again with every message: a connection that was silent for a while may have lost its id.
            return peer.client_id == entry.client_id and self._may_appear(peer, entry.client_id)
        if entry.state is None or not self._may_appear(peer, entry.client_id):
            return False
        holder = self._present.get(entry.client_id)
        if holder is not None:
            # The same person on a new connection, before the old one was noticed to be dead, takes the id along.
            if holder.peer.rights.user["id"] != peer.rights.user["id"]:
                return False
            holder.peer.client_id = None
            holder.peer = peer
            peer.client_id = entry.client_id
            return True
        if len(self._present) >= self._limits.awareness_max_entries:
            return False
        peer.client_id = entry.client_id
        return True

    def _update(self, peer: Peer, entry: AwarenessEntry, now: float) -> None:
        known = self._present.get(entry.client_id)
        if known is not None and known.peer is not peer:
            return
        if entry.state is None:
            if known is not None:
                self._remove(entry.client_id, max(entry.clock, known.clock))
            return
        if known is not None and entry.clock < known.clock:
            return
        state = _stamped(entry.state, peer)
        # Somebody who was on another process until now goes on from the clock that people here saw there.
        clock = max(entry.clock, self._elsewhere.told(entry.client_id) + 1) if known is None else entry.clock
        self._present[entry.client_id] = _Present(peer, clock, state, now)
        self._changed[entry.client_id] = AwarenessEntry(entry.client_id, clock, state)
        self.unpublished.add(entry.client_id)

    def restamp(self, peer: Peer) -> bool:
        """Show a person under changed rights or a changed name; returns whether there is something to tell."""
        known = None if peer.client_id is None else self._present.get(peer.client_id)
        if known is None or peer.client_id is None:
            return False
        known.state = _stamped(known.state, peer)
        known.clock += 1
        self._changed[peer.client_id] = AwarenessEntry(peer.client_id, known.clock, known.state)
        self.unpublished.add(peer.client_id)
        return True

    def leave(self, peer: Peer) -> bool:
        """Forget a client that went; returns whether there is something to tell."""
        self.late.pop(peer, None)
        known = None if peer.client_id is None else self._present.get(peer.client_id)
        if known is None or peer.client_id is None or known.peer is not peer:
            return False
        self._remove(peer.client_id, known.clock + 1)
        return True

    def expire(self, now: float) -> bool:
        """Forget states that were not renewed in time; returns whether there is something to tell."""
        silent = [
            client_id
            for client_id, present in self._present.items()
            if now - present.renewed > self._limits.awareness_timeout
        ]
        for client_id in silent:
            self._remove(client_id, self._present[client_id].clock + 1)
        return bool(silent)

    def take_changes(self) -> bytes | None:
        """One frame with everything that changed since the last call, or ``None``."""
        if not self._changed:
            return None
        changed, self._changed = self._changed, {}
        return _frame(changed.values())

    def everybody(self) -> bytes | None:
        """One frame with everybody's state, for somebody who joins; ``None`` when nobody has one."""
        elsewhere = [entry for entry in self._elsewhere.entries() if entry.client_id not in self._present]
        if not self._present and not elsewhere:
            return None
        return _frame([*self._entries(), *elsewhere])

    # Other processes

    def own(self, *, complete: bool) -> bytes | None:
        """What other processes are to be told: everybody here, or what changed since the last time.

        Above the size of a message further people are left out: they are seen in this process only.
        """
        unpublished, self.unpublished = self.unpublished, set()
        departed, self._departed = self._departed, {}
        if complete:
            return encode_entries(self._fitting(self._entries()))
        if not unpublished:
            return None
        changed = [
            AwarenessEntry(client_id, known.clock, known.state)
            if (known := self._present.get(client_id)) is not None
            else AwarenessEntry(client_id, departed.get(client_id, 0), None)
            for client_id in sorted(unpublished)
        ]
        return encode_entries(self._fitting(changed))

    def _fitting(self, entries: list[AwarenessEntry]) -> Iterator[AwarenessEntry]:
        left = self._limits.bus_max_message_bytes
        for entry in entries:
            size = ENTRY_BYTES + len(entry.state or b"")
            if size <= left:
                left -= size
                yield entry

    def nobody_listens(self) -> None:
        """There is no other process to tell."""
        self.unpublished.clear()
        self._departed.clear()

    def receive_from(self, process: bytes, payload: bytes, *, complete: bool) -> bool:
        """Take what another process says about people there; returns whether there is something to tell.

        Raises:
            MalformedFrame, TooLarge: It cannot be read.
        """
        entries = decode_entries(
            payload,
            max_entries=2 * self._limits.awareness_max_entries,
            # The state of a client, and what its server stamped into it.
            max_state_bytes=2 * self._limits.awareness_max_state_bytes,
        )
        return self._show(self._elsewhere.receive(process, entries, complete=complete))

    def writer_elsewhere(self, client_id: int) -> str | None:
        """The person in another process who alone may write under this id; None when there is nobody."""
        return self._elsewhere.writer(client_id)

    def forget_process(self, process: bytes) -> bool:
        """Another process left the page or ended; returns whether there is something to tell."""
        return self._show(self._elsewhere.forget(process))

    def _show(self, entries: Iterable[AwarenessEntry]) -> bool:
        """Tell of people elsewhere, but whoever is connected here is known best here."""
        for entry in entries:
            if entry.client_id not in self._present:
                self._changed[entry.client_id] = entry
        return bool(self._changed)

    def _entries(self) -> list[AwarenessEntry]:
        return [AwarenessEntry(key, known.clock, known.state) for key, known in self._present.items()]

    def _remove(self, client_id: int, clock: int) -> None:
        self._present.pop(client_id, None)
        # Somebody who moved to another process is still there.
        moved = self._elsewhere.entry(client_id, above=clock)
        self._changed[client_id] = moved or AwarenessEntry(client_id, clock, None)
        self.unpublished.add(client_id)
        self._departed[client_id] = clock


def _frame(entries: Iterable[AwarenessEntry]) -> bytes:
    return encode_awareness(encode_entries(list(entries)))


def _stamped(state: bytes, peer: Peer) -> bytes:
    """The state with ``user`` replaced by the server's word."""
    try:
        fields = json.loads(state)
        if not isinstance(fields, dict):
            raise MalformedFrame("awareness state is not a JSON object", offset=0)
        fields["user"] = {**peer.rights.user, WRITES: peer.rights.can_edit and peer.rights.lasting}
        # ASCII, so that half a surrogate pair stays an escape; no NaN, which browsers cannot parse.
        return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError) as error:
        raise MalformedFrame(f"awareness state is not JSON ({type(error).__name__})", offset=0) from error
