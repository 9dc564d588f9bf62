"""The way of one page to the log: what waits, what is being written, and who hears how it went.

An accepted edit waits here until the writer takes it and stays here while it is written; a commit that fails puts it
back before anything newer. What other processes accepted is *borrowed* until it is seen in the log, and written along
with what depends on it. ``Page`` brings what it accepted, ``Writer`` takes it to the store and says what became of it;
nothing here knows the database or the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from collab.live.batch import Allowance, Batch
from collab.live.borrowed import Borrowed
from collab.live.limits import Limits
from collab.live.outbox import Advances
from collab.live.peer import Peer


class Saving:
    """What of one page is not known to be in the log.

    Args:
        peers: The clients on the page, as the page keeps them.
        ask: Asks a client for what it has that the page lacks.
        on_unsaved: Called when there is something to write.
        allowance: How much may wait for the database, shared by all pages of this process.

    Attributes:
        sequence: A row of the log; everything up to it is on the page.
        unsaved: What the writer takes next.
        writing: What it took and has not committed yet.
        trouble: Why edits are not reaching the database, while they do not.
    """

    __slots__ = (
        "_allowance",
        "_ask",
        "_borrowed",
        "_limits",
        "_on_unsaved",
        "_peers",
        "sequence",
        "trouble",
        "unsaved",
        "writing",
    )

    def __init__(
        self,
        *,
        sequence: int,
        peers: Set[Peer],
        ask: Callable[[Peer], object],
        on_unsaved: Callable[[], None],
        limits: Limits,
        allowance: Allowance,
    ) -> None:
        self.sequence = sequence
        self.unsaved = Batch()
        self.writing: Batch | None = None
        self.trouble: str | None = None
        self._borrowed = Borrowed()
        self._peers = peers
        self._ask = ask
        self._on_unsaved = on_unsaved
        self._limits = limits
        self._allowance = allowance

    def __bool__(self) -> bool:
        """Whether anything accepted here is not yet committed."""
        return bool(self.unsaved or self.writing)

    @property
    def waiting_bytes(self) -> int:
        """Size of the accepted edits that are not yet committed."""
        return self.unsaved.waiting_bytes + (0 if self.writing is None else self.writing.waiting_bytes)

    # From the page

    def admits(self, more_bytes: int) -> bool:
        """Whether so much more may wait."""
        waiting_bytes = self.waiting_bytes
        # An empty queue takes any update, so that one above the bound is not refused for ever.
        if waiting_bytes and waiting_bytes + more_bytes > self._limits.max_unsaved_bytes:
            return False
        return self._allowance.admits(more_bytes)

    def add(self, update: bytes, acknowledgements: Mapping[Peer, int]) -> None:
        """Let an accepted update wait, after what it borrowed, and promise its senders to say when it is durable."""
        if self._borrowed and self._borrowed.are_needed_by(update):
            self._keep_borrowed()
        self._keep(update)
        self.unsaved.acknowledgements.update(acknowledgements)
        self._on_unsaved()

    def acknowledge(self, peer: Peer) -> None:
        """Promise a peer that everything it has sent is durable once what is on its way is committed."""
        if self.unsaved:
            self.unsaved.acknowledge(peer, peer.received)
        elif self.writing is not None:
            self.writing.acknowledge(peer, peer.received)
        else:
            peer.settle(peer.received)

    def _keep(self, update: bytes) -> None:
        self.unsaved.add(update)
        self._allowance.used_bytes += len(update)

    # From other processes and the log

    @property
    def borrowed_bytes(self) -> int:
        """Size of what other processes accepted and was not seen in the log yet."""
        return self._borrowed.waiting_bytes

    def borrow(self, update: bytes, advances: Advances, now: float) -> None:
        """Note what another process accepted; it is in the log or on its way there."""
        self._borrowed.add(update, advances, now)

    def see(self, row: bytes) -> None:
        """This is in the log."""
        self._borrowed.see([row])

    def has_read(self, sequence: int) -> None:
        """Everything in the log up to this row is on the page."""
        self.sequence = max(self.sequence, sequence)

    def write_overdue(self, now: float) -> None:
        """The log was read to its end: what another process should have written by now is written here."""
        if self._borrowed.are_overdue(now):
            self.write_borrowed()

    def write_borrowed(self) -> None:
        """Write everything that is not known to be in the log."""
        if self._borrowed:
            self._keep_borrowed()
            self._on_unsaved()

    def _keep_borrowed(self) -> None:
        for update in self._borrowed.take_all():
            self._keep(update)

    # From the writer

    def begin(self) -> Batch | None:
        """Hand over what waits, or ``None``. It stays this page's until ``committed`` or ``not_committed``."""
        if self.writing is not None or not self.unsaved:
            return None
        self.writing, self.unsaved = self.unsaved, Batch()
        return self.writing

    def committed(self, sequence: int, rows: int) -> None:
        """What ``begin`` gave is durable, as so many rows of which the last has this sequence."""
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
            for peer in self._peers:
                peer.notify("saved-again")
        if self.waiting_bytes <= self._limits.max_unsaved_bytes // 2:
            self._ask_for_what_was_left()

    def not_committed(self, why: str) -> None:
        """What ``begin`` gave could not be written; it will be tried again, before anything newer."""
        if self.writing is not None:
            self.unsaved = self.writing.put_before(self.unsaved)
            self.writing = None
        self.report_trouble(why)

    def report_trouble(self, why: str) -> None:
        """Tell people, once, that edits are not reaching the database."""
        if self.trouble is not None:
            return
        self.trouble = why
        for peer in self._peers:
            peer.notify("not-saved", why=why)

    def stop(self) -> None:
        """What could not be written no longer counts."""
        self._allowance.used_bytes -= self.waiting_bytes
        self.unsaved, self.writing = Batch(), None

    def _ask_for_what_was_left(self) -> None:
        """There is room again for what was left with its senders."""
        for peer in self._peers:
            if peer.holds_back and peer.rights.can_edit:
                peer.holds_back = False
                peer.waits_for_rest = True
                self._ask(peer)
