"""Collect a page's garbage on bytes: one update in, a smaller one out that every Yjs client reads as the same page.

It does what Yjs does when it collects garbage (``Item.gc``, ``tryToMergeWithLefts``): what was deleted keeps its place
and loses its contents, what lay inside a deleted type loses its place too, and runs that continue each other become
one. It builds no document, because Yrs' documents do not keep their promises: of 60 documents made by several real Yjs
clients, with undo, marks, embeds and cut surrogate pairs, ``Doc.get_update`` gave 42 that could not be shown to be the
page, 31 of which Yjs could not have read. ``collab.crdt.proof`` checks what comes out here all the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from collab.crdt.runs import DELETED, GC, MAX_DEPTH, SKIP, TEXT, VALUES, Id, Run, read_runs
from collab.crdt.tree import NOTHING_DELETED, Runs, Tree
from collab.wire import PageStructure
from collab.wire.content import skip_value
from collab.wire.structure import DeletedRanges
from collab.wire.varint import read_bytes, read_var_uint, write_bytes, write_string, write_var_uint

_JOINED = frozenset({DELETED, TEXT, VALUES})


def compact(update: bytes, structure: PageStructure) -> bytes:
    """Collect the garbage of a whole page.

    Args:
        update: A page without gaps, as ``index_updates`` gave it.
        structure: Its index.
    """
    runs = read_runs(update)
    tree = Tree(update, runs, structure)
    deleted = dict(tree.deleted)
    clients = []
    for client in sorted(runs, reverse=True):
        pieces = list(_joined(client, _pieces(client, runs[client], update, tree)))
        collected = [(piece.clock, piece.end) for piece in pieces if piece.kind == GC]
        if collected:
            ranges = deleted.setdefault(client, DeletedRanges())
            ranges.add_all(collected)
        clients.append(
            b"".join([write_var_uint(len(pieces)), write_var_uint(client), b"\x00", *map(_Piece.encode, pieces)])
        )
    return b"".join([write_var_uint(len(clients)), *clients, _encode_deletions(deleted)])


class _Piece:
    """A run to be written: its place, and its contents in parts."""

    __slots__ = ("clock", "contents", "count", "end", "has_key", "key", "kind", "origin", "parent", "right")

    def __init__(self, clock: int, end: int, kind: int) -> None:
        self.clock = clock
        self.end = end
        self.kind = kind
        self.origin: Id | None = None
        self.right: Id | None = None
        self.parent: str | Id | None = None
        self.key: str | None = None
        self.has_key = False
        self.contents: list[bytes] = []
        """Parts of a text or of a list of values, or the contents as they are written."""

    def continues(self, client: int, before: _Piece) -> bool:
        """Whether it follows the piece before it so that the two are one."""
        if self.kind != before.kind:
            return False
        if self.kind == GC:
            return True
        if self.kind not in _JOINED or (self.kind != DELETED and (self.has_key or before.has_key)):
            # Under a key there is one value at a time: what follows another is another value.
            return False
        return self.origin == (client, before.end - 1) and self.right == before.right

    def encode(self) -> bytes:
        length = self.end - self.clock
        if self.kind == GC:
            return b"\x00" + write_var_uint(length)
        info = self.kind | ((self.origin and 0x80) or 0) | ((self.right and 0x40) or 0) | ((self.has_key and 0x20) or 0)
        parts = [bytes((info,))]
        parts.extend(write_var_uint(number) for neighbour in (self.origin, self.right) for number in neighbour or ())
        if self.origin is None and self.right is None:
            if isinstance(self.parent, str):
                parts.append(b"\x01" + write_string(self.parent))
            else:
                parts.append(b"\x00")
                parts.extend(write_var_uint(number) for number in self.parent or ())
            if self.has_key:
                parts.append(write_string(self.key or ""))
        if self.kind == DELETED:
            parts.append(write_var_uint(length))
        elif self.kind == TEXT:
            parts.append(write_bytes(b"".join(self.contents)))
        elif self.kind == VALUES:
            parts.extend((write_var_uint(length), *self.contents))
        else:
            parts.extend(self.contents)
        return b"".join(parts)


def _joined(client: int, pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    last: _Piece | None = None
    for piece in pieces:
        if last is not None and piece.continues(client, last):
            last.end = piece.end
            last.contents.extend(piece.contents)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _pieces(client: int, runs: list[Run], update: bytes, tree: Tree) -> Iterator[_Piece]:
    for run in runs:
        if run.kind in (GC, SKIP) or tree.is_inside_deleted(client, run.clock):
            yield _Piece(run.clock, run.end, GC)
            continue
        cuts = _cuts(run, tree.deleted.get(client, NOTHING_DELETED))
        contents = _cut_contents(run, update, cuts)
        if contents is None:
            cuts, contents = [(run.clock, run.end, False)], _whole_contents(run, update)
        for (start, end, is_dead), part in zip(cuts, contents, strict=True):
            piece = _Piece(start, end, DELETED if is_dead else run.kind)
            piece.origin = run.origin if start == run.clock else (client, start - 1)
            piece.right, piece.has_key = run.right, run.has_key
            piece.parent, piece.key = run.parent, run.key
            piece.contents = [] if is_dead else part
            yield piece


def _cuts(run: Run, deleted: DeletedRanges) -> list[tuple[int, int, bool]]:
    """A run in parts of which each is either deleted or not."""
    if run.kind == DELETED:
        return [(run.clock, run.end, True)]
    parts = []
    clock = run.clock
    index = max(bisect_right(deleted.starts, clock) - 1, 0)
    while clock < run.end and index < len(deleted.starts):
        start, end = deleted.starts[index], min(deleted.ends[index], run.end)
        index += 1
        if end <= clock:
            continue
        if start >= run.end:
            break
        if start > clock:
            parts.append((clock, start, False))
        parts.append((max(start, clock), end, True))
        clock = end
    if clock < run.end:
        parts.append((clock, run.end, False))
    return parts


def _cut_contents(run: Run, update: bytes, cuts: list[tuple[int, int, bool]]) -> list[list[bytes]] | None:
    """The contents of each part; ``None`` where a cut goes through the middle of a character, which stays whole."""
    if len(cuts) == 1:
        return _whole_contents(run, update)
    if run.kind == VALUES:
        values = _values(run, update)
        return [values[start - run.clock : end - run.clock] for start, end, _ in cuts]
    text = read_bytes(update, run.content.start)[0]
    if text.isascii():
        return [[text[start - run.clock : end - run.clock]] for start, end, _ in cuts]
    units = text.decode().encode("utf-16-le")
    try:
        return [
            [units[(start - run.clock) * 2 : (end - run.clock) * 2].decode("utf-16-le").encode()]
            for start, end, _ in cuts
        ]
    except UnicodeDecodeError:
        return None


def _whole_contents(run: Run, update: bytes) -> list[list[bytes]]:
    if run.kind == TEXT:
        return [[read_bytes(update, run.content.start)[0]]]
    if run.kind == VALUES:
        _, start = read_var_uint(update, run.content.start)
        return [[update[start : run.content.stop]]]
    return [[update[run.content]]]


def _values(run: Run, update: bytes) -> list[bytes]:
    values = []
    count, offset = read_var_uint(update, run.content.start)
    for _ in range(count):
        end = skip_value(update, offset, MAX_DEPTH)
        values.append(update[offset:end])
        offset = end
    return values


def _encode_deletions(deleted: dict[int, DeletedRanges]) -> bytes:
    named = {client: ranges for client, ranges in deleted.items() if ranges.starts}
    parts = [write_var_uint(len(named))]
    for client in sorted(named, reverse=True):
        ranges = named[client]
        parts.extend((write_var_uint(client), write_var_uint(len(ranges.starts))))
        for start, end in zip(ranges.starts, ranges.ends, strict=True):
            parts.extend((write_var_uint(start), write_var_uint(end - start)))
    return b"".join(parts)


__all__ = ["Runs", "compact"]
