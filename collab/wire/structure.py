"""What a page consists of, without its contents, and whether an update fits it."""

from __future__ import annotations

import struct as binary
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum

from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire.update import DELETED, GC, OTHER, SKIP, TYPE, Id, ParsedUpdate, Struct


class FindingKind(Enum):
    """What an update is to a page."""

    KNOWN = "known"
    GAP = "gap"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """Bounds of a page."""

    max_depth: int = 64
    max_types: int = 200_000
    max_structs: int = 2_000_000


class Finding:
    """The result of examining an update."""

    __slots__ = ("added", "advances", "deletes", "kind", "new_types", "overlaps")

    def __init__(self, kind: FindingKind) -> None:
        self.kind = kind
        self.advances: dict[int, tuple[int, int]] = {}
        self.overlaps = False
        self.added: dict[int, list[tuple[int, int, int]]] = {}
        self.new_types: list[tuple[Id, int]] = []
        self.deletes: dict[int, list[Id]] = {}


class _Clients:
    """The runs of one client."""

    __slots__ = ("kinds", "parents", "starts")

    def __init__(self) -> None:
        self.starts = array("q")
        self.kinds = bytearray()
        self.parents = array("q")


class PageStructure:
    """The index of a page."""

    def __init__(self, limits: PageLimits | None = None) -> None:
        self.limits = limits or PageLimits()
        self.state_vector: dict[int, int] = {}
        self._clients: dict[int, _Clients] = {}
        self._depths = array("H")
        self._types: dict[Id, int] = {}
        self._roots: dict[str, int] = {}
        self._deleted: dict[int, list[list[int]]] = {}
        self.depth = 0

    @property
    def type_count(self) -> int:
        """Nested types."""
        return len(self._types)

    @property
    def struct_count(self) -> int:
        """Runs."""
        return sum(len(client.starts) for client in self._clients.values())

    def examine(self, update: ParsedUpdate) -> Finding:
        """Compare an update with the page."""
        return _Examination(self, update).run()

    def lookup(self, client: int, clock: int) -> tuple[int, int]:
        """Kind and parent type of what is at a known clock."""
        runs = self._clients[client]
        at = bisect_right(runs.starts, clock) - 1
        return runs.kinds[at], runs.parents[at]

    def root(self, name: str) -> int:
        """The number of a root type; negative, so that nothing needs to be kept for a question."""
        number = self._roots.get(name)
        if number is None:
            number = self._roots[name] = len(self._depths)
            self._depths.append(0)
        return number

    def is_deleted(self, client: int, start: int, end: int) -> bool:
        """Whether the whole range is deleted."""
        ranges = self._deleted.get(client)
        if not ranges:
            return False
        at = bisect_right(ranges, [start, 2**62]) - 1
        return at >= 0 and ranges[at][1] >= end

    def apply(self, update: ParsedUpdate, finding: Finding) -> None:
        """Add what was found."""
        for type_id, depth in finding.new_types:
            self._types[type_id] = len(self._depths)
            self._depths.append(depth)
            self.depth = max(self.depth, depth)
        for client, runs in finding.added.items():
            mine = self._clients.setdefault(client, _Clients())
            for start, kind, parent in runs:
                if kind != TYPE and mine.starts and mine.kinds[-1] == kind and mine.parents[-1] == parent:
                    continue
                mine.starts.append(start)
                mine.kinds.append(kind)
                mine.parents.append(parent)
        for client, (_, end) in finding.advances.items():
            self.state_vector[client] = end
        for client, ranges in finding.deletes.items():
            self._add_deleted(client, ranges)

    def _add_deleted(self, client: int, ranges: list[Id]) -> None:
        merged: list[list[int]] = []
        for start, end in sorted([*map(tuple, self._deleted.get(client, [])), *ranges]):  # type: ignore[misc]
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        self._deleted[client] = merged

    def dump(self) -> bytes:
        """For ``load``, in another process."""
        import pickle

        return pickle.dumps(
            (
                self.limits.max_depth,
                self.limits.max_types,
                self.limits.max_structs,
                self.state_vector,
                {c: (r.starts, r.kinds, r.parents) for c, r in self._clients.items()},
                self._depths,
                self._types,
                self._roots,
                self._deleted,
                self.depth,
            )
        )

    @classmethod
    def load(cls, dump: bytes) -> PageStructure:
        """What ``dump`` gave."""
        import pickle

        depth, types, structs, vector, clients, depths, type_ids, roots, deleted, deepest = pickle.loads(dump)
        self = cls(PageLimits(max_depth=depth, max_types=types, max_structs=structs))
        self.state_vector = vector
        for client, (starts, kinds, parents) in clients.items():
            runs = self._clients[client] = _Clients()
            runs.starts, runs.kinds, runs.parents = starts, kinds, parents
        self._depths, self._types, self._roots, self._deleted, self.depth = depths, type_ids, roots, deleted, deepest
        return self


class _Examination:
    def __init__(self, page: PageStructure, update: ParsedUpdate) -> None:
        self.page = page
        self.update = update
        self.finding = Finding(FindingKind.NEW)
        self.state = {client: page.state_vector.get(client, 0) for client in update.structs}
        self.position = dict.fromkeys(update.structs, 0)
        self.types: dict[Id, int] = {}
        self.type_depths: list[int] = []
        for structs in update.structs.values():
            for item in structs:
                if isinstance(item.parent, str):
                    page.root(item.parent)
        self.first_type = len(page._depths)

    def clock(self, client: int) -> int:
        state = self.state.get(client)
        return self.page.state_vector.get(client, 0) if state is None else state

    def run(self) -> Finding:
        for client in self.update.structs:
            if not self._advance(client):
                return Finding(FindingKind.GAP)
        for client, ranges in self.update.deletes.items():
            end = self.clock(client)
            for start, stop in ranges:
                if stop > end:
                    return Finding(FindingKind.GAP)
                if not self.page.is_deleted(client, start, stop):
                    self.finding.deletes.setdefault(client, []).append((start, stop))
        for client, state in self.state.items():
            known = self.page.state_vector.get(client, 0)
            if state > known:
                self.finding.advances[client] = (known, state)
        if not self.finding.advances and not self.finding.deletes:
            return Finding(FindingKind.KNOWN)
        if self.page.type_count + len(self.finding.new_types) > self.page.limits.max_types:
            raise TooLarge("too many shared types on the page")
        return self.finding

    def _advance(self, first: int) -> bool:
        stack = [first]
        while stack:
            client = stack[-1]
            structs = self.update.structs[client]
            at = self.position[client]
            if at == len(structs):
                stack.pop()
                continue
            item = structs[at]
            known = self.state[client]
            if item.clock + item.length <= known:
                self.position[client] = at + 1
                if item.kind != SKIP:
                    self.finding.overlaps = True
                continue
            if item.clock > known:
                return False
            if item.kind == SKIP:
                self.position[client] = at + 1
                continue
            missing = self._missing(client, item)
            if missing is not None:
                if missing in stack or missing not in self.update.structs:
                    return False
                if self.position[missing] == len(self.update.structs[missing]):
                    return False
                stack.append(missing)
                continue
            self._take(client, item, known)
            self.position[client] = at + 1
        return True

    def _missing(self, client: int, item: Struct) -> int | None:
        for reference in (item.origin, item.right_origin, item.parent):
            if isinstance(reference, tuple) and reference[1] >= self.clock(reference[0]):
                return reference[0]
        return None

    def _lookup(self, reference: Id) -> tuple[int, int]:
        client, clock = reference
        if clock < self.page.state_vector.get(client, 0):
            return self.page.lookup(client, clock)
        runs = self.finding.added[client]
        kind, parent = OTHER, -1
        for start, run_kind, run_parent in reversed(runs):
            if start <= clock:
                kind, parent = run_kind, run_parent
                break
        return kind, parent

    def _take(self, client: int, item: Struct, known: int) -> None:
        start = item.clock
        kind = item.kind
        parent = -1
        if start < known:
            self.finding.overlaps = True
            item = Struct(known, item.length - (known - start), kind, (client, known - 1), item.right_origin, None)
            start = known
        if kind != GC:
            kind, parent = self._place(item, kind)
        if kind == TYPE:
            depth = self._depth_of(parent) + 1
            if depth > self.page.limits.max_depth:
                raise TooLarge(f"shared types are nested deeper than {self.page.limits.max_depth}")
            self.types[(client, start)] = self.first_type + len(self.type_depths)
            self.type_depths.append(depth)
            self.finding.new_types.append(((client, start), depth))
        if kind in (GC, DELETED):
            self.finding.deletes.setdefault(client, []).append((start, start + item.length))
        self.finding.added.setdefault(client, []).append((start, kind, parent))
        self.state[client] = start + item.length

    def _place(self, item: Struct, kind: int) -> tuple[int, int]:
        inherited = -1
        for reference in (item.right_origin, item.origin):
            if reference is not None:
                neighbour, parent = self._lookup(reference)
                if neighbour == GC:
                    return GC, -1
                inherited = parent
        if item.parent is None:
            return kind, inherited
        if isinstance(item.parent, str):
            return kind, self.page.root(item.parent)
        holder, _ = self._lookup(item.parent)
        if holder in (GC, DELETED):
            return GC, -1
        number = self.page._types.get(item.parent, self.types.get(item.parent))
        if holder != TYPE or number is None:
            raise ImpossibleUpdate("a parent that is no shared type")
        return kind, number

    def _depth_of(self, parent: int) -> int:
        if parent < 0:
            return 0
        if parent < len(self.page._depths):
            return self.page._depths[parent]
        return self.type_depths[parent - self.first_type]


__all__ = ["Finding", "FindingKind", "MalformedFrame", "PageLimits", "PageStructure", "binary"]
