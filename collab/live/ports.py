"""What the engine needs from outside, as Protocols: ``collab.runtime`` supplies the real ones, tests their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from uuid import UUID

from collab.errors import TroubleHere
from collab.wire import FindingKind


class Cancellable(Protocol):
    """Something planned that can be called off."""

    def cancel(self) -> None:
        """Call it off; does nothing when it has happened."""


class Clock(Protocol):
    """Time, so that tests can move it by hand."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Cancellable:
        """Call back on the event loop after ``delay`` seconds."""

    async def sleep(self, delay: float) -> None:
        """Wait ``delay`` seconds."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as the database has it.

    Attributes:
        epoch: Changes when the page is replaced.
        sequence: The last row of the log that ``updates`` contains; 0 for an empty log.
        updates: The snapshot, if there is one, and the rows after it, in order.
        sequences: Of each update; a snapshot has that of the last row it contains.
        has_snapshot: Whether the first update is a snapshot.
        damaged: By their number in ``updates`` those that are not what was written, and what is wrong with them.
    """

    page_id: UUID
    epoch: int
    sequence: int
    updates: Sequence[bytes]
    sequences: Sequence[int] = ()
    has_snapshot: bool = False
    damaged: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewRow:
    """One row to be appended to the log of a page."""

    page_id: UUID
    epoch: int
    payload: bytes


class Refusal(Enum):
    """Why a row can never be appended."""

    GONE = "gone"
    REPLACED = "replaced"


class StoreDown(TroubleHere):
    """The store takes nothing at the moment, whatever the row: unreachable, locked, full."""


class PageStore(Protocol):
    """The log: the truth about every page."""

    async def load(self, page_id: UUID) -> StoredPage:
        """Read a page.

        Raises:
            UnknownPage: There is none.
            TroubleHere: It could not be read. Never an empty page instead.
        """

    async def append(self, rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        """Commit rows in one transaction: for each page its last sequence, or why its rows were not written.

        Raises:
            StoreDown: Nothing of this was written and no other row would be.
            TroubleHere: Nothing of this was written; it may be the fault of one of the rows.
        """

    async def rows_after(self, page_id: UUID, epoch: int, sequence: int) -> tuple[int, Sequence[bytes]]:
        """The log after ``sequence``: its last sequence and its payloads in order.

        Raises:
            PageReplaced: The page has another epoch now.
            UnknownPage: It is gone.
            TroubleHere: It could not be read.
        """

    async def give_up(self, page_id: UUID, epoch: int, waiting: Collection[int]) -> None:
        """Whether rows that only lack something may be given up; another process may be about to commit it.

        Args:
            waiting: Their sequences.

        Raises:
            TroubleHere: One of them is too young.
        """

    async def quarantine(self, page_id: UUID, epoch: int, faults: Mapping[int, str]) -> None:
        """Put rows aside by their sequences, each with what is wrong with it, and mark the page."""

    async def mark(self, page_id: UUID, reason: str) -> None:
        """Let those who run the product know that a page needs their attention."""

    async def heads(self, page_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, int]]:
        """Epoch and last sequence of each of these pages that exists, cheaply.

        Raises:
            TroubleHere: They could not be read.
        """


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """Stored updates as one, and ``PageStructure.dump()`` of it."""

    content: bytes
    index: bytes


@dataclass(frozen=True, slots=True)
class ExtendedIndex:
    """What a large update was found to be, and the index with it.

    Attributes:
        kind: As ``Finding.kind``.
        advances: As ``Finding.advances``.
        update: The part of it that is new.
        index: ``PageStructure.dump()`` with the update applied; empty unless it brings news.
    """

    kind: FindingKind
    advances: Mapping[int, tuple[int, int]]
    update: bytes
    index: bytes


class Analyst(Protocol):
    """Work on updates that is too large for the event loop; done in the worker process."""

    async def index(self, updates: Sequence[bytes]) -> IndexedPage:
        """Merge stored updates and index them.

        Raises:
            TroubleHere: They cannot be read, or the worker died of them.
        """

    async def sift(self, updates: Sequence[bytes]) -> Mapping[int, str]:
        """Which updates of a log do not fit with the others, by number, and why."""

    async def extend(self, index: bytes, update: bytes) -> ExtendedIndex:
        """Examine one update against an index.

        Raises:
            MalformedFrame, ImpossibleUpdate, TooLarge: As ``collab.wire`` says.
        """


class Note(Enum):
    """What one process tells all others about a page or a room."""

    DELETED = 1
    REPLACED = 2
    CHANGED = 3
    """A title, the pages or somebody's rights: read it again."""


class Listener(Protocol):
    """Hears what other processes say about a topic. None of this waits."""

    def deliver(self, topic: UUID, update: bytes) -> None:
        """Another process accepted this update and committed it or is about to."""

    def missed(self, topic: UUID) -> None:
        """Something may have been lost on the way: the log has it, now or in a moment."""

    def present(self, topic: UUID, process: bytes, payload: bytes, *, complete: bool) -> None:
        """Who is there in another process: everybody, or whose state changed since the last time."""

    def departed(self, topic: UUID, process: bytes) -> None:
        """Another process no longer holds the topic, or has ended: whoever was there is not any more."""

    def noted(self, topic: UUID, note: Note) -> None:
        """Another process says so."""

    def own_presence(self, topic: UUID, *, complete: bool) -> bytes | None:
        """What to tell others now: everybody here, or what changed since the last call (``None``: nothing)."""


class Bus(Protocol):
    """How processes tell each other about topics, which are pages and rooms: an accelerator, never the truth.

    Nothing here waits or raises. Whatever is lost shows as ``Listener.missed`` or is found by the catch-up's timer.

    Attributes:
        several: Whether there can be other processes at all.
        unsure: Whether messages may be getting lost at the moment.
    """

    @property
    def several(self) -> bool: ...

    @property
    def unsure(self) -> bool: ...

    def start(self) -> None:
        """Begin to listen and to send."""

    async def stop(self) -> None:
        """Send what waits, say goodbye and end."""

    def open(self, topic: UUID, listener: Listener) -> None:
        """From now on pass what others say about this topic."""

    def close(self, topic: UUID) -> None:
        """Stop doing so."""

    def publish(self, topic: UUID, update: bytes) -> None:
        """Tell the other processes that hold this topic; may lose it."""

    def committed(self, topic: UUID, *, everything: bool) -> None:
        """Updates of this topic are in the log now; ``everything``: none waits any more."""

    def announce(self, topic: UUID) -> bool:
        """``own_presence`` has changed; returns whether anybody is going to ask for it."""

    def tell(self, topic: UUID, note: Note) -> None:
        """Tell every other process."""
