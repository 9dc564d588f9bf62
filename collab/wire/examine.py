"""Whether an update fits a page, and what it adds: known, a gap, new, or nothing any Yjs client could have made.

An update may speak of several clients whose items depend on each other in any order. They are walked as Yjs
integrates them (``utils/encoding.js``, ``integrateStructs``): one client at a time, turning aside to another when an
item needs what that one has in the same update. Placement follows ``Item.getMissing``: an item is held by the parent
it names, or else by that of its neighbours; beside or inside something garbage-collected it becomes garbage itself.
Yjs writes an item between two that one place holds, and under a key one value at a time; it does not check either, and
a page that holds something else breaks later, when the item is cut in two or collected.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum

from collab.errors import ImpossibleUpdate, TooLarge
from collab.wire.state_vector import CLOCK_LIMIT
from collab.wire.structure import (
    NO_TYPE,
    Addition,
    DeletedRanges,
    Holder,
    PageStructure,
    TypeNumber,
    keyed,
    type_of,
)
from collab.wire.update import Id, ParsedUpdate, Struct, StructKind


class FindingKind(Enum):
    """What an update is to a page."""

    KNOWN = "known"
    """It says nothing new, deletions included."""

    GAP = "gap"
    """It depends on something that has not arrived."""

    NEW = "new"
    """It can be applied, and changes something."""


class Finding:
    """The result of examining an update.

    Attributes:
        kind: See ``FindingKind``.
        advances: For each client id with new content its clocks: from, to.
        overlaps: Whether part of its content is known: cut that off before passing it on.
        addition: For ``PageStructure.add``.
    """

    __slots__ = ("addition", "advances", "kind", "overlaps")

    def __init__(
        self,
        kind: FindingKind,
        advances: dict[int, tuple[int, int]] | None = None,
        *,
        overlaps: bool = False,
        addition: Addition | None = None,
    ) -> None:
        self.kind = kind
        self.advances = advances or {}
        self.overlaps = overlaps
        self.addition = addition or Addition([], [], {}, {})


# Looking up a member of an enumeration costs as much as a step of a binary search.
_GC = StructKind.GC
_DELETED = StructKind.DELETED
_TYPE = StructKind.TYPE
_OTHER = StructKind.OTHER
_SKIP = StructKind.SKIP
_LOST = StructKind.LOST
_LOST_TYPE = StructKind.LOST_TYPE

_EMPTIED = frozenset({int(_GC), int(_DELETED)})
_NOTHING = frozenset({int(_GC), int(_LOST), int(_LOST_TYPE)})
_TYPES = frozenset({int(_TYPE), int(_LOST_TYPE)})
_WHEN_LOST = {_GC: _GC, _DELETED: _GC, _OTHER: _LOST, _TYPE: _LOST_TYPE}

_KNOWN = Finding(FindingKind.KNOWN)
_GAP = Finding(FindingKind.GAP)


def examine(page: PageStructure, update: ParsedUpdate) -> Finding:
    """Compare an update with a page, which stays as it is.

    Raises:
        ImpossibleUpdate: It contradicts the page, so that a Yjs client would fail on it.
        TooLarge: With it the page would pass one of its bounds.
    """
    structs = update.structs
    if len(structs) == 1 and not update.deletes:
        ((client, items),) = structs.items()
        if len(items) == 1:
            finding = _examine_key_stroke(page, client, items[0])
            if finding is not None:
                return finding
    return _Examination(page, update).result()


def _examine_key_stroke(page: PageStructure, client: int, item: Struct) -> Finding | None:
    """What most updates are: one piece of content, next in line, beside something the page holds. None for others."""
    vector = page.state_vector
    end = vector.get(client, 0)
    if item.clock != end or item.kind is not _OTHER or item.parent is not None:
        return None
    holder = before = NO_TYPE
    for neighbour in (item.right_origin, item.origin):
        if neighbour is not None:
            owner, clock = neighbour
            if clock >= vector.get(owner, 0):
                return None
            kind, holder = page.at(owner, clock)
            if kind in _NOTHING:
                return None
            if kind == _TYPE:
                holder = page.holder_of(holder)
            if before not in (NO_TYPE, holder):
                return None
            before = holder
    length = item.length
    if page.struct_count >= page.limits.max_structs or (holder < NO_TYPE and length > 1):
        return None
    addition = Addition([], [], {client: [(length, _OTHER, holder)]}, {})
    return Finding(FindingKind.NEW, {client: (end, end + length)}, addition=addition)


class _Gap(Exception):
    """Something is missing."""


class _Examination:
    """One update beside one page."""

    __slots__ = (
        "deletes",
        "ends",
        "long_values",
        "next_index",
        "overlaps",
        "page",
        "roots",
        "run_starts",
        "runs",
        "starts",
        "structs",
        "types",
        "update",
    )

    def __init__(self, page: PageStructure, update: ParsedUpdate) -> None:
        self.page = page
        self.update = update
        self.structs = update.structs
        known = page.state_vector
        self.ends = {client: known.get(client, 0) for client in update.structs}
        """The next clock of each client of the update, as far as it was walked; behind for the one that is."""
        self.starts = dict(self.ends)
        self.next_index = dict.fromkeys(update.structs, 0)
        self.overlaps = False
        self.long_values: list[tuple[int, int, int]] = []
        """Client and clocks of what is longer than one and stands under a key."""
        self.runs: dict[int, list[tuple[int, int, Holder]]] = {}
        self.run_starts: dict[int, list[int]] = {}
        self.types: list[tuple[Holder, int]] = []
        self.roots: dict[str, TypeNumber] = {}
        self.deletes: dict[int, list[tuple[int, int]]] = {}

    def result(self) -> Finding:
        self._count_roots()
        try:
            for client in self.structs:
                self._walk(client)
            self._find_deletes()
            self._check_long_values()
        except _Gap:
            return _GAP
        advances = {
            client: (self.starts[client], end) for client, end in self.ends.items() if end > self.starts[client]
        }
        if not advances and not self.deletes:
            return _KNOWN
        self._check_bounds()
        addition = Addition(list(self.roots), self.types, self.runs, self.deletes)
        return Finding(FindingKind.NEW, advances, overlaps=self.overlaps, addition=addition)

    def _count_roots(self) -> None:
        """Number the root types that this update is the first to use, before any type inside them gets a number."""
        page = self.page
        for structs in self.structs.values():
            for item in structs:
                name = item.parent
                if isinstance(name, str) and name not in self.roots and page.root(name) is None:
                    self.roots[name] = page.type_count + len(self.roots)

    def _walk(self, first: int) -> None:
        """Place the rest of one client's structs, and before each what it needs of other clients, no more than that."""
        stack = [(first, CLOCK_LIMIT)]
        waiting = {first}
        while stack:
            client, last = stack[-1]
            needed = self._advance(client, last)
            if needed is None:
                waiting.remove(stack.pop()[0])
                continue
            other = needed[0]
            if other in waiting or self.next_index.get(other, 0) == len(self.structs.get(other, ())):
                raise _Gap
            stack.append(needed)
            waiting.add(other)

    def _advance(self, client: int, last: int) -> Id | None:
        """Place a client's structs up to the one with the clock ``last``; returns what has to be placed before that.

        No further than that, because going on could wait for the very struct that is waiting for this one.
        """
        structs = self.structs[client]
        index = self.next_index[client]
        count = len(structs)
        end = self.ends[client]
        needed = None
        while index < count and end <= last:
            item = structs[index]
            if item.clock + item.length <= end:
                self.overlaps = self.overlaps or item.kind is not _SKIP
            elif item.kind is not _SKIP:
                if item.clock > end:
                    raise _Gap
                needed = self._needed(client, item)
                if needed is not None:
                    break
                self._place(client, item, end)
                end = item.clock + item.length
            index += 1
        self.ends[client] = end
        self.next_index[client] = index
        return needed

    def _needed(self, client: int, item: Struct) -> Id | None:
        """What must come first. A client's own content does: the parser saw to it, and clocks go up."""
        reference = item.origin
        if reference is not None and reference[0] != client and reference[1] >= self._end(reference[0]):
            return reference
        reference = item.right_origin
        if reference is not None and reference[0] != client and reference[1] >= self._end(reference[0]):
            return reference
        parent = item.parent
        if isinstance(parent, tuple) and parent[0] != client and parent[1] >= self._end(parent[0]):
            return parent
        return None

    def _end(self, client: int) -> int:
        end = self.ends.get(client)
        return self.page.state_vector.get(client, 0) if end is None else end

    def _place(self, client: int, item: Struct, end: int) -> None:
        """Add the part of an item that is new."""
        length = item.clock + item.length - end
        if item.clock < end:
            self.overlaps = True
        kind, holder = self._kind_and_holder(client, item, end)
        if kind == _DELETED or kind in _NOTHING:
            self.deletes.setdefault(client, []).append((end, end + length))
        if kind == _OTHER and holder < NO_TYPE and length > 1:
            self.long_values.append((client, end, end + length))
        runs = self.runs.get(client)
        if runs is None:
            runs = self.runs[client] = []
            self.run_starts[client] = []
        if kind in _TYPES:
            holder = self._new_type(holder)
        elif runs and runs[-1][1] == kind and runs[-1][2] == holder:
            runs[-1] = (runs[-1][0] + length, kind, holder)
            return
        runs.append((length, kind, holder))
        self.run_starts[client].append(end)

    def _kind_and_holder(self, client: int, item: Struct, end: int) -> tuple[int, Holder]:
        if item.kind is _GC:
            return _GC, NO_TYPE
        if item.clock < end:
            # Cut in two: the new part stands to the right of the known one, wherever that ended up.
            return self._beside(item.kind, ((client, end - 1),))
        parent = item.parent
        if isinstance(parent, str):
            number = self.page.root(parent)
            number = self.roots[parent] if number is None else number
            return item.kind, keyed(number) if item.keyed else number
        if parent is not None:
            kind, number = self._inside(item.kind, parent)
            return kind, keyed(number) if item.keyed and number != NO_TYPE else number
        return self._beside(item.kind, (item.right_origin, item.origin))

    def _inside(self, kind: StructKind, parent: Id) -> tuple[int, TypeNumber]:
        what, number = self._at_itself(parent)
        if what == _TYPE:
            return kind, number
        if what in _EMPTIED:
            return _WHEN_LOST[kind], NO_TYPE
        if what == _LOST_TYPE:
            return _WHEN_LOST[kind], number
        raise ImpossibleUpdate("an item names a parent that is no shared type")

    def _beside(self, kind: StructKind, neighbours: tuple[Id | None, ...]) -> tuple[int, Holder]:
        """Held by what holds the neighbours; one that is nothing makes the item nothing, says Yjs.

        Yrs goes by the others then, so the deepest of them counts: no chain of types must get around the bound.
        """
        lost = False
        holders: list[Holder] = []
        deepest = NO_TYPE
        for neighbour in neighbours:
            if neighbour is not None:
                what, holder = self._at(neighbour)
                lost = lost or what in _NOTHING
                holders.append(holder)
                if self._depth_of(holder) > self._depth_of(deepest):
                    deepest = holder
        if lost:
            return _WHEN_LOST[kind], deepest
        if holders[0] != holders[-1]:
            raise ImpossibleUpdate("an item between two that are held in different places")
        return kind, holders[0]

    def _at_itself(self, reference: Id) -> tuple[int, Holder]:
        """Kind of what is at an id, and its holder; for a shared type its own number."""
        client, clock = reference
        if clock < self.starts.get(client, clock + 1):
            return self.page.at(client, clock)
        _, kind, holder = self.runs[client][bisect_right(self.run_starts[client], clock) - 1]
        return kind, holder

    def _at(self, reference: Id) -> tuple[int, Holder]:
        """Kind of what is at an id, and what holds it."""
        kind, holder = self._at_itself(reference)
        if kind not in _TYPES:
            return kind, holder
        first_new = self.page.type_count + len(self.roots)
        return kind, self.types[holder - first_new][0] if holder >= first_new else self.page.holder_of(holder)

    def _depth_of(self, holder: Holder) -> int:
        number = type_of(holder)
        if number == NO_TYPE:
            return 0
        first_new = self.page.type_count + len(self.roots)
        if number >= first_new:
            return self.types[number - first_new][1]
        return 0 if number >= self.page.type_count else self.page.depth_of(number)

    def _new_type(self, holder: Holder) -> TypeNumber:
        depth = self._depth_of(holder) + 1
        if depth > self.page.limits.max_depth:
            raise TooLarge(f"shared types nest deeper than {self.page.limits.max_depth} levels")
        self.types.append((holder, depth))
        return self.page.type_count + len(self.roots) + len(self.types) - 1

    def _find_deletes(self) -> None:
        for client, ranges in self.update.deletes.items():
            last = self._end(client)
            # What came as a struct without content is deleted already, and the delete set names it again.
            emptied = self._ranges(client)
            for start, end in ranges:
                if end > last:
                    raise _Gap
                if not self.page.is_deleted(client, start, end) and not emptied.covers(start, end):
                    self.deletes.setdefault(client, []).append((start, end))

    def _ranges(self, client: int) -> DeletedRanges:
        ranges = DeletedRanges()
        ranges.add_all(self.deletes.get(client, []))
        return ranges

    def _check_long_values(self) -> None:
        """Values that came one after the other under one key are written as one item, but all of them are deleted."""
        for client, start, end in self.long_values:
            if not self._ranges(client).covers(start, end):
                raise ImpossibleUpdate("several values at once under one key")

    def _check_bounds(self) -> None:
        limits = self.page.limits
        if self.page.type_count + len(self.roots) + len(self.types) > limits.max_types:
            raise TooLarge(f"a page holds at most {limits.max_types} shared types")
        if self.page.struct_count + sum(map(len, self.runs.values())) > limits.max_structs:
            raise TooLarge(f"a page holds at most {limits.max_structs} runs")
