"""What a page consists of, without its contents: enough to judge every further update.

For each client id the runs of its clocks, what kind each run is, and which shared type holds it; which clocks are
deleted; how deep each shared type lies. Clocks arrive in order and are never taken back, so everything is appended to
compact arrays, and a question is a binary search. ``collab.wire.examine`` compares an update with it, ``add`` takes in
what that found.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TypeNumber = int
"""Index of a shared type in a page's tables."""

NO_TYPE: Final = -1
Holder = int
"""Where an item is: the number of a type for its sequence, ``keyed(number)`` for one of its keys, or ``NO_TYPE``."""
_FEW_RANGES: Final = 8
_PASS_COST: Final = 256
"""A pass over this many ranges takes about as long as one insertion."""


def keyed(number: TypeNumber) -> Holder:
    """The holder of what stands under a key of a type."""
    return -2 - number


def type_of(holder: Holder) -> TypeNumber:
    """The type of a holder, whether it holds in its sequence or under a key."""
    return holder if holder >= NO_TYPE else -2 - holder


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """Bounds of a page."""

    max_depth: int = 64
    """Levels of shared types below a root."""

    max_types: int = 200_000
    """Shared types, roots included."""

    max_structs: int = 2_000_000
    """Runs of clocks."""


class ClientRuns:
    """The clocks of one client id, as runs.

    Attributes:
        end: The clock after the last one.
        starts: First clock of each run.
        kinds: ``StructKind`` of each run.
        holders: For each run its ``Holder``; for a shared type, which is one clock long, the type that it is.
    """

    __slots__ = ("end", "holders", "kinds", "starts")

    def __init__(self) -> None:
        self.end = 0
        self.starts = array("I")
        self.kinds = bytearray()
        self.holders = array("i")

    def append(self, kind: int, holder: Holder, length: int) -> None:
        """Add clocks; joined to the run before when there is no difference, so that typing does not grow the tables."""
        if not self.kinds or self.kinds[-1] != kind or self.holders[-1] != holder:
            self.starts.append(self.end)
            self.kinds.append(kind)
            self.holders.append(holder)
        self.end += length

    def at(self, clock: int) -> tuple[int, Holder]:
        """Kind and holder of what is at a clock below ``end``."""
        index = bisect_right(self.starts, clock) - 1
        return self.kinds[index], self.holders[index]


class DeletedRanges:
    """Deleted clocks of one client id: sorted, disjoint, not touching."""

    __slots__ = ("ends", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def covers(self, start: int, end: int) -> bool:
        """Whether all clocks from ``start`` up to ``end`` are deleted."""
        index = bisect_right(self.starts, start) - 1
        return index >= 0 and self.ends[index] >= end

    def add(self, start: int, end: int) -> None:
        """Delete the clocks from ``start`` up to ``end``."""
        starts, ends = self.starts, self.ends
        first = bisect_right(starts, start) - 1
        if first < 0 or ends[first] < start:
            first += 1
        after = bisect_right(starts, end)
        if first < after:
            start = min(start, starts[first])
            end = max(end, ends[after - 1])
        starts[first:after] = [start]
        ends[first:after] = [end]

    def add_all(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Delete many ranges, in any order: in one pass where moving what follows each of them would take longer."""
        if len(ranges) <= max(_FEW_RANGES, len(self.starts) // _PASS_COST):
            for start, end in ranges:
                self.add(start, end)
            return
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted([*zip(self.starts, self.ends, strict=True), *ranges]):
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        self.starts, self.ends = starts, ends


class PageStructure:
    """The index of one page.

    Attributes:
        state_vector: The next clock of each client id. Read it, do not change it.
        struct_count: Runs in the tables.
        depth: Of the deepest shared type; a root has 0.
    """

    def __init__(self, limits: PageLimits | None = None) -> None:
        self.limits = limits or PageLimits()
        self.state_vector: dict[int, int] = {}
        self.struct_count = 0
        self.depth = 0
        self._runs: dict[int, ClientRuns] = {}
        self._deleted: dict[int, DeletedRanges] = {}
        self._roots: dict[str, TypeNumber] = {}
        self._depths = array("H")
        self._holders = array("i")

    @property
    def type_count(self) -> int:
        """Shared types, roots included."""
        return len(self._depths)

    def at(self, client: int, clock: int) -> tuple[int, Holder]:
        """Kind and holder of what is at a clock that the state vector covers; see ``ClientRuns``."""
        return self._runs[client].at(clock)

    def root(self, name: str) -> TypeNumber | None:
        """The number of a root type, if anything was ever put into it."""
        return self._roots.get(name)

    def roots(self) -> Iterable[tuple[str, TypeNumber]]:
        """Name and number of every root type that anything was ever put into."""
        return self._roots.items()

    def depth_of(self, number: TypeNumber) -> int:
        """How deep a type lies."""
        return self._depths[number]

    def holder_of(self, number: TypeNumber) -> Holder:
        """What holds a type."""
        return self._holders[number]

    def is_deleted(self, client: int, start: int, end: int) -> bool:
        """Whether all these clocks are deleted."""
        ranges = self._deleted.get(client)
        return ranges is not None and ranges.covers(start, end)

    def deletions(self) -> Iterator[tuple[int, int, int]]:
        """Client id, first clock and the one after the last of every deleted range."""
        for client, ranges in self._deleted.items():
            for start, end in zip(ranges.starts, ranges.ends, strict=True):
                yield client, start, end

    def add(self, addition: Addition) -> None:
        """Take in what ``examine`` found to be new."""
        for name in addition.roots:
            self._roots[name] = len(self._depths)
            self._depths.append(0)
            self._holders.append(NO_TYPE)
        for holder, depth in addition.types:
            self._depths.append(depth)
            self._holders.append(holder)
            self.depth = max(self.depth, depth)
        for client, added in addition.runs.items():
            runs = self._runs.get(client)
            if runs is None:
                runs = self._runs[client] = ClientRuns()
            before = len(runs.kinds)
            for length, kind, holder in added:
                runs.append(kind, holder, length)
            self.struct_count += len(runs.kinds) - before
            self.state_vector[client] = runs.end
        for client, ranges in addition.deletes.items():
            deleted = self._deleted.get(client)
            if deleted is None:
                deleted = self._deleted[client] = DeletedRanges()
            deleted.add_all(ranges)

    # As bytes, for another process. The reader is ours as well, so both sides have the same byte order.

    def dump(self) -> bytes:
        """The whole index as bytes, for ``load``."""
        roots = [name.encode() for name in self._roots]
        return b"".join(
            _packed(
                [
                    _HEADER.pack(
                        self.limits.max_depth,
                        self.limits.max_types,
                        self.limits.max_structs,
                        self.struct_count,
                        self.depth,
                    ),
                    array("I", self._roots.values()).tobytes(),
                    _lengths(roots),
                    b"".join(roots),
                    self._depths.tobytes(),
                    self._holders.tobytes(),
                    array("Q", self._runs).tobytes(),
                    array("Q", self._deleted).tobytes(),
                    *(
                        part
                        for runs in self._runs.values()
                        for part in (
                            array("I", (runs.end,)).tobytes(),
                            runs.starts.tobytes(),
                            bytes(runs.kinds),
                            runs.holders.tobytes(),
                        )
                    ),
                    *(
                        array("I", bounds).tobytes()
                        for ranges in self._deleted.values()
                        for bounds in (ranges.starts, ranges.ends)
                    ),
                ]
            )
        )

    @classmethod
    def load(cls, dump: bytes) -> PageStructure:
        """The index that ``dump`` was made of."""
        parts = iter(list(_unpacked(dump)))
        max_depth, max_types, max_structs, struct_count, depth = _HEADER.unpack(next(parts))
        page = cls(PageLimits(max_depth=max_depth, max_types=max_types, max_structs=max_structs))
        page.struct_count, page.depth = struct_count, depth
        numbers = _array("I", next(parts))
        page._roots = dict(zip(_split(next(parts), next(parts)), numbers, strict=True))
        page._depths, page._holders = _array("H", next(parts)), _array("i", next(parts))
        clients, deleted = _array("Q", next(parts)), _array("Q", next(parts))
        for client in clients:
            runs = page._runs[client] = ClientRuns()
            runs.end = page.state_vector[client] = _array("I", next(parts))[0]
            runs.starts, runs.kinds = _array("I", next(parts)), bytearray(next(parts))
            runs.holders = _array("i", next(parts))
        for client in deleted:
            ranges = page._deleted[client] = DeletedRanges()
            ranges.starts, ranges.ends = list(_array("I", next(parts))), list(_array("I", next(parts)))
        return page


@dataclass(slots=True)
class Addition:
    """What an update adds to a page's index.

    Attributes:
        roots: Names of root types that were empty until now; their numbers follow those that exist.
        types: Holder and depth of each new shared type; their numbers follow those of ``roots``.
        runs: Of each client id length, kind and holder of each new run, following what is there.
        deletes: Ranges that were not deleted.
    """

    roots: list[str]
    types: list[tuple[Holder, int]]
    runs: dict[int, list[tuple[int, int, Holder]]]
    deletes: Mapping[int, list[tuple[int, int]]]


_HEADER: Final = struct.Struct("=5Q")
_LENGTH: Final = struct.Struct("=I")


def _packed(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield _LENGTH.pack(len(part))
        yield part


def _unpacked(dump: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(dump):
        (length,) = _LENGTH.unpack_from(dump, offset)
        offset += _LENGTH.size
        yield dump[offset : offset + length]
        offset += length


def _array(code: str, content: bytes) -> array[int]:
    values: array[int] = array(code)
    values.frombytes(content)
    return values


def _lengths(texts: list[bytes]) -> bytes:
    return array("I", map(len, texts)).tobytes()


def _split(lengths: bytes, content: bytes) -> list[str]:
    texts: list[str] = []
    offset = 0
    for length in _array("I", lengths):
        texts.append(content[offset : offset + length].decode())
        offset += length
    return texts
