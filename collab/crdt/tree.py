"""What of a page's history is gone: which clocks are deleted, and which lie inside a type that is deleted."""

from __future__ import annotations

from collab.crdt.runs import DELETED, GC, TYPE, Run
from collab.wire import SNAPSHOT_LIMITS, PageStructure, StructKind, parse_update
from collab.wire.structure import NO_TYPE, DeletedRanges, Holder, TypeNumber, type_of

Runs = dict[int, list[Run]]
NOTHING_DELETED = DeletedRanges()

_LOST = frozenset({int(StructKind.GC), int(StructKind.LOST), int(StructKind.LOST_TYPE)})
_TYPES = frozenset({int(StructKind.TYPE), int(StructKind.LOST_TYPE)})


class Tree:
    """A page's runs beside its index.

    Attributes:
        runs: Of each client in order.
        deleted: What its delete set names and what it holds no contents of.
    """

    def __init__(self, update: bytes, runs: Runs, structure: PageStructure) -> None:
        self.runs = runs
        self.deleted = _deletions(update, runs)
        self._structure = structure
        self._made_at: dict[TypeNumber, tuple[int, int]] = {}
        self._names = {number: name for name, number in structure.roots()}
        self._dead: dict[TypeNumber, bool] = {NO_TYPE: False}
        for client, mine in runs.items():
            for run in mine:
                if run.kind == TYPE:
                    self._made_at[structure.at(client, run.clock)[1]] = (client, run.clock)

    def is_deleted(self, client: int, start: int, end: int) -> bool:
        """Whether all these clocks are deleted."""
        return self.deleted.get(client, NOTHING_DELETED).covers(start, end)

    def holder(self, client: int, clock: int) -> Holder:
        """What holds what is at a clock, or ``NO_TYPE`` for what has no place any more."""
        kind, holder = self._structure.at(client, clock)
        if kind in _LOST:
            return NO_TYPE
        return self._structure.holder_of(holder) if kind in _TYPES else holder

    def identity(self, holder: Holder) -> tuple[object, bool]:
        """What a holder is called in every index of the page.

        Returns:
            Where its type was made, or its name when it is a root; and whether it holds in its sequence.
        """
        number = type_of(holder)
        return self._made_at.get(number) or self._names[number], holder == number

    def is_inside_deleted(self, client: int, clock: int) -> bool:
        """Whether a clock lies in a type that was deleted, at whatever level, or has no place at all."""
        number = type_of(self.holder(client, clock))
        return number == NO_TYPE or self.is_dead(number)

    def is_gone(self, client: int, start: int, end: int) -> bool:
        """Whether each of these clocks is deleted or lies inside a type that is, which every Yjs client deletes."""
        if self.is_deleted(client, start, end):
            return True
        return end <= self._structure.state_vector.get(client, 0) and all(
            self.is_deleted(client, clock, clock + 1) or self.is_inside_deleted(client, clock)
            for clock in range(start, end)
        )

    def is_dead(self, number: TypeNumber) -> bool:
        """Whether a type or one of those around it was deleted. A root never is."""
        path = []
        while number not in self._dead:
            path.append(number)
            made_at = self._made_at.get(number)
            if made_at is not None and self.is_deleted(made_at[0], made_at[1], made_at[1] + 1):
                self._dead[number] = True
                break
            number = type_of(self._structure.holder_of(number))
        dead = self._dead[number]
        self._dead.update(dict.fromkeys(path, dead))
        return dead


def _deletions(update: bytes, runs: Runs) -> dict[int, DeletedRanges]:
    found: dict[int, list[tuple[int, int]]] = {
        client: list(ranges) for client, ranges in parse_update(update, SNAPSHOT_LIMITS).deletes.items()
    }
    for client, mine in runs.items():
        emptied = [(run.clock, run.end) for run in mine if run.kind in (GC, DELETED)]
        if emptied:
            found.setdefault(client, []).extend(emptied)
    deletions = {}
    for client, ranges in found.items():
        deletions[client] = DeletedRanges()
        deletions[client].add_all(ranges)
    return deletions
