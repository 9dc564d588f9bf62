"""Whether a snapshot says what the log said from which it was made: row by row, then clock by clock.

``prove_merged`` compares every row with the merged update and proves that merging lost nothing: each clock that a row
speaks of is in the merged update with the same content at the same place, or deleted, and each deletion is in it.
``prove_equal`` compares the merged update with what garbage collection made of it, and proves:

- nothing waits: both name every clock of every client from 0 on, without holes, and everything they refer to is there;
- the same clocks: both state vectors are equal;
- the same deletions: everything that was deleted still is, and nothing else but what lies inside something deleted,
  which every Yjs client deletes by itself;
- the same content: what is not deleted has the same value;
- the same places: it stands where it stood, and so does what is deleted, since others may stand beside it. A place is
  what a Yjs client puts an item by: its neighbours when it was made, or its parent and key; and the shared type that
  holds it is the same one. Only inside something deleted may a place become garbage; nothing is shown there again.

``prove_held`` compares what one place has of a page with what another one has, either of which may have been folded:
what the first says is in the second, as in the first proof, but what lies inside something deleted counts as deleted.

So a client that takes the snapshot shows what a client shows that took all the updates, and has the same state vector.
Only the contents of deleted things are gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from collab.crdt.index import index_updates
from collab.crdt.runs import DELETED, GC, SKIP, TEXT, Run, read_runs
from collab.crdt.tree import NOTHING_DELETED, Tree
from collab.errors import TroubleHere
from collab.wire import SNAPSHOT_LIMITS, PageLimits, PageStructure, parse_update
from collab.wire.structure import NO_TYPE


class NotProven(TroubleHere):
    """A snapshot could not be shown to say what the updates said. It is thrown away; the updates stay."""


def prove_equal(before: bytes, after: bytes, structure: PageStructure) -> PageStructure:
    """Compare what was stored, merged, with the snapshot that shall replace it; returns the index of the snapshot.

    Args:
        structure: The index of ``before``.

    Raises:
        NotProven: They differ, or something waits in one of them.
    """
    _, new = index_updates([after], PageLimits())
    if structure.state_vector != new.state_vector:
        raise NotProven("the snapshot has another state vector")
    _Comparison(Tree(before, read_runs(before), structure), Tree(after, read_runs(after), new)).check()
    return new


def prove_merged(updates: Iterable[bytes], merged: bytes, structure: PageStructure) -> None:
    """Compare every update of a log with all of them merged.

    Args:
        structure: The index of ``merged``.

    Raises:
        NotProven: Something that an update says is not in ``merged``.
    """
    tree = Tree(merged, read_runs(merged), structure)
    _check_rows(updates, tree, tree.is_deleted, "row {} of the log: ")


def prove_held(updates: Iterable[bytes], merged: bytes, structure: PageStructure) -> None:
    """Show that all that these updates say is in ``merged``, which may have been made from others.

    Args:
        structure: The index of ``merged``.

    Raises:
        NotProven: Something is not.
    """
    tree = Tree(merged, read_runs(merged), structure)
    _check_rows(updates, tree, tree.is_gone, "")


Gone = Callable[[int, int, int], bool]
"""Whether a client's clocks count as deleted."""


def _check_rows(updates: Iterable[bytes], tree: Tree, is_gone: Gone, name: str) -> None:
    starts = {client: [run.clock for run in runs] for client, runs in tree.runs.items()}
    for number, update in enumerate(updates, 1):
        try:
            for client, runs in read_runs(update).items():
                first = bisect_right(starts.get(client, []), runs[0].clock) - 1 if runs else 0
                _check_row(client, runs, tree, max(first, 0), is_gone)
            for client, ranges in parse_update(update, SNAPSHOT_LIMITS).deletes.items():
                if not all(is_gone(client, start, end) for start, end in ranges):
                    raise NotProven(f"a deletion of client {client} is missing")
        except NotProven as error:
            raise NotProven(f"{name.format(number)}{error}") from None


def _check_row(client: int, runs: list[Run], tree: Tree, first: int, is_gone: Gone) -> None:
    found = 0
    for mine, theirs in side_by_side(runs, tree.runs.get(client, []), first):
        start, stop = max(mine.clock, theirs.clock), min(mine.end, theirs.end)
        found += stop - start
        if SKIP in (mine.kind, theirs.kind):
            if mine.kind != SKIP:
                raise NotProven(f"clocks of client {client} are missing at {start}")
        elif mine.kind in _EMPTY or theirs.kind in _EMPTY:
            if not is_gone(client, start, stop):
                raise NotProven(f"client {client}, clocks {start} to {stop}: content is gone that was not deleted")
        elif mine.place(client, start) != theirs.place(client, start) or mine.right != theirs.right:
            raise NotProven(f"client {client}, clocks {start} to {stop}: another place")
        elif not _alike(mine, theirs, start, stop):
            raise NotProven(f"client {client}, clocks {start} to {stop}: another content")
    if found != sum(run.end - run.clock for run in runs):
        raise NotProven(f"clocks of client {client} are missing")


_EMPTY = frozenset({GC, DELETED})


def _alike(mine: Run, theirs: Run, start: int, stop: int) -> bool:
    if mine.kind != theirs.kind:
        return False
    one, other = mine.contents(start, stop), theirs.contents(start, stop)
    if one == other:
        return True
    if mine.kind != TEXT or not isinstance(one, bytes) or not isinstance(other, bytes):
        return False
    # Somebody who cut a character in two has written a mark of replacement for each half.
    return all(
        one[at : at + 2] == other[at : at + 2] or _REPLACED in (one[at : at + 2], other[at : at + 2])
        for at in range(0, len(one), 2)
    )


_REPLACED = "\ufffd".encode("utf-16-le")


class _Comparison:
    def __init__(self, old: Tree, new: Tree) -> None:
        self._old = old
        self._new = new

    def check(self) -> None:
        self._check_deletions()
        if self._old.runs.keys() != self._new.runs.keys():
            raise NotProven("the snapshot speaks of other clients")
        for client, runs in self._old.runs.items():
            clock = 0
            for old, new in side_by_side(runs, self._new.runs[client]):
                start, stop = max(old.clock, new.clock), min(old.end, new.end)
                if start != clock or SKIP in (old.kind, new.kind):
                    raise NotProven(f"clocks of client {client} are missing at {clock}")
                self._check_run(client, start, stop, old, new)
                clock = stop
            if clock != runs[-1].end or clock != self._new.runs[client][-1].end:
                raise NotProven(f"clocks of client {client} are missing at {clock}")

    def _check_deletions(self) -> None:
        for client, ranges in self._old.deleted.items():
            for start, end in zip(ranges.starts, ranges.ends, strict=True):
                if not self._new.is_deleted(client, start, end):
                    raise NotProven(f"the snapshot forgets a deletion of client {client}")
        for client, ranges in self._new.deleted.items():
            known = self._old.deleted.get(client, NOTHING_DELETED)
            for start, end in zip(ranges.starts, ranges.ends, strict=True):
                if not known.covers(start, end):
                    self._check_implied(client, start, end)

    def _check_implied(self, client: int, start: int, end: int) -> None:
        for clock in range(start, end):
            if not self._old.is_deleted(client, clock, clock + 1) and not self._old.is_inside_deleted(client, clock):
                raise NotProven(f"client {client}, clock {clock}: deleted though nobody deleted it")

    def _check_run(self, client: int, start: int, stop: int, old: Run, new: Run) -> None:
        where = f"client {client}, clocks {start} to {stop}"
        if new.kind == GC:
            if not self._old.is_inside_deleted(client, start):
                raise NotProven(f"{where}: garbage where nothing around was deleted")
            return
        if old.kind == GC:
            raise NotProven(f"{where}: content where there was garbage")
        if old.place(client, start) != new.place(client, start) or old.right != new.right:
            raise NotProven(f"{where}: another place")
        if not self._is_held_alike(client, start):
            raise NotProven(f"{where}: inside another type")
        if new.kind == DELETED:
            if not self._new.is_deleted(client, start, stop):
                raise NotProven(f"{where}: content that was not deleted is gone")
        elif new.kind != old.kind or old.contents(start, stop) != new.contents(start, stop):
            raise NotProven(f"{where}: another content")

    def _is_held_alike(self, client: int, clock: int) -> bool:
        old, new = self._old.holder(client, clock), self._new.holder(client, clock)
        if NO_TYPE in (old, new):
            return old == new
        return self._old.identity(old) == self._new.identity(new)


def side_by_side(old: list[Run], new: list[Run], second: int = 0) -> Iterator[tuple[Run, Run]]:
    """Every two runs that overlap, in order; of ``new`` from number ``second`` on."""
    first = 0
    while first < len(old) and second < len(new):
        one, other = old[first], new[second]
        if one.clock < other.end and other.clock < one.end:
            yield one, other
        first += one.end <= other.end
        second += other.end <= one.end
