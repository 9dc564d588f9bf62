"""Strict, bounded parser of Yjs v1 updates: who wrote which clocks, what they depend on, what is deleted.

Sans-IO, one pass, no recursion into what a client controls beyond stated depths. Contents are checked and skipped,
never kept. What Yjs 13.6 would throw on or misread, and what Yrs would, is refused here. Format: yjs,
``utils/encoding.js``, ``utils/UpdateDecoder.js``, ``structs/*.js``, ``utils/DeleteSet.js``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire.content import read_content
from collab.wire.state_vector import CLOCK_LIMIT
from collab.wire.varint import MAX_INTEGER, read_string, read_var_uint, skip_string

MIB: Final = 1024 * 1024

Id = tuple[int, int]
"""Client id and clock of one unit of content."""

_Author = tuple[int, bytes]
"""Client id, and the bytes that encode it."""


class StructKind(IntEnum):
    """What a run of clocks holds, as far as it matters for what may refer to it."""

    GC = 0
    """Nothing any more, not even a place: what refers to it becomes nothing too."""

    DELETED = 1
    """A place whose content is gone."""

    TYPE = 2
    """A shared type, which others may name as their parent."""

    OTHER = 3
    """Text, values, formats."""

    SKIP = 4
    """Clocks that this update does not speak of. Only in updates."""

    LOST = 5
    """Came as content, beside or inside something that is nothing any more: nothing to Yjs, a place to Yrs perhaps.
    Only in an index."""

    LOST_TYPE = 6
    """The same of a shared type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLimits:
    """Bounds of one update; above them it is refused with ``TooLarge``."""

    max_bytes: int = 4 * MIB
    max_structs: int = 1_000_000
    max_clients: int = 100_000
    max_delete_ranges: int = 1_000_000
    max_value_depth: int = 64
    """Levels of lists and objects inside one value."""


DEFAULT_LIMITS: Final = UpdateLimits()
SNAPSHOT_LIMITS: Final = UpdateLimits(max_bytes=2**31, max_structs=2**31, max_clients=2**31, max_delete_ranges=2**31)
"""For what was accepted before and is read back, merged."""


class Struct:
    """A run of ``length`` clocks from ``clock`` on.

    Attributes:
        origin: What was to its left when it was made.
        right_origin: What was to its right.
        parent: Name of a root type, or the id of the item that holds the parent; ``None`` when a neighbour tells.
        keyed: Whether it names a key of its parent, which is then a map or holds attributes.
    """

    __slots__ = ("clock", "keyed", "kind", "length", "origin", "parent", "right_origin")

    def __init__(
        self,
        clock: int,
        length: int,
        kind: StructKind,
        origin: Id | None = None,
        right_origin: Id | None = None,
        parent: str | Id | None = None,
        *,
        keyed: bool = False,
    ) -> None:
        self.clock = clock
        self.keyed = keyed
        self.length = length
        self.kind = kind
        self.origin = origin
        self.right_origin = right_origin
        self.parent = parent


@dataclass(frozen=True, slots=True)
class ParsedUpdate:
    """An update, read.

    Attributes:
        structs: Runs of each client in order of their clocks, without holes: what is left out is a SKIP.
        deletes: Deleted ranges of each client, each from its first clock up to the one after its last.
    """

    structs: dict[int, list[Struct]]
    deletes: dict[int, list[tuple[int, int]]]


def parse_update(payload: bytes, limits: UpdateLimits = DEFAULT_LIMITS) -> ParsedUpdate:
    """Read a whole update.

    Args:
        payload: The bytes of the update, without any framing.
        limits: Bounds.

    Raises:
        MalformedFrame: The bytes do not follow the format.
        ImpossibleUpdate: They do, but no Yjs client could have written them.
        TooLarge: A bound is passed.
    """
    if len(payload) > limits.max_bytes:
        raise TooLarge(f"an update of {len(payload)} bytes, {limits.max_bytes} are allowed")
    structs, offset = _read_structs(payload, limits)
    deletes, offset = _read_deletes(payload, offset, limits)
    if offset != len(payload):
        raise MalformedFrame("An update has trailing bytes", offset=offset)
    return ParsedUpdate(structs, deletes)


def _read_structs(payload: bytes, limits: UpdateLimits) -> tuple[dict[int, list[Struct]], int]:
    count, offset = read_var_uint(payload, 0)
    _check_count("clients", count, limits.max_clients, len(payload), offset)
    structs: dict[int, list[Struct]] = {}
    total = 0
    highest = MAX_INTEGER
    for _ in range(count):
        start = offset
        struct_count, offset = read_var_uint(payload, offset)
        total += struct_count
        _check_count("structs", total, limits.max_structs, len(payload), start)
        client_at = offset
        client, offset = read_var_uint(payload, offset)
        author = (client, payload[client_at:offset])
        clock, offset = read_var_uint(payload, offset)
        if client in structs:
            raise MalformedFrame("An update names a client twice", offset=start)
        if client > highest:
            # Yjs and Yrs write the highest id first; Yjs' mergeUpdates relies on it and silently loses the others.
            raise ImpossibleUpdate("clients in an order that nobody writes")
        highest = client
        run: list[Struct] = []
        for _ in range(struct_count):
            struct, offset = _read_struct(payload, offset, author, clock, limits.max_value_depth)
            clock += struct.length
            if clock >= CLOCK_LIMIT:
                raise ImpossibleUpdate("a clock exceeds 31 bits")
            run.append(struct)
        structs[client] = run
    return structs, offset


def _read_struct(payload: bytes, offset: int, author: _Author, clock: int, max_depth: int) -> tuple[Struct, int]:
    start = offset
    if offset >= len(payload):
        raise MalformedFrame("The update ends before a struct", offset=offset)
    info = payload[offset]
    offset += 1
    reference = info & 0x1F
    if reference in (_GC, _SKIP):
        if info != reference:
            raise MalformedFrame("A struct without neighbours names some", offset=start)
        length, offset = read_var_uint(payload, offset)
        if length == 0:
            raise ImpossibleUpdate("an empty struct")
        return Struct(clock, length, _GC_KIND if reference == _GC else _SKIP_KIND), offset
    origin = right_origin = None
    parent: str | Id | None = None
    keyed = False
    if info & _HAS_ORIGIN:
        origin, offset = _read_id(payload, offset, author, clock)
        if info & _HAS_RIGHT_ORIGIN:
            right_origin, offset = _read_id(payload, offset, author, clock)
    elif info & _HAS_RIGHT_ORIGIN:
        right_origin, offset = _read_id(payload, offset, author, clock)
    else:
        named, offset = read_var_uint(payload, offset)
        if named == 1:
            parent, offset = read_string(payload, offset)
        elif named == 0:
            parent, offset = _read_id(payload, offset, author, clock)
        else:
            raise MalformedFrame("A parent is neither named nor an item", offset=offset - 1)
        if info & _HAS_KEY:
            keyed = True
            offset = skip_string(payload, offset)
    length, offset = read_content(reference, payload, offset, max_depth)
    return Struct(clock, length, _KINDS[reference], origin, right_origin, parent, keyed=keyed), offset


def _read_id(payload: bytes, offset: int, author: _Author, clock: int) -> tuple[Id, int]:
    client, encoded = author
    if payload.startswith(encoded, offset):
        # Most references are to content of the same client. Integers are canonical: the same bytes, the same number.
        other_clock, offset = read_var_uint(payload, offset + len(encoded))
        if other_clock >= clock:
            raise ImpossibleUpdate("an item depends on itself or on a later one of its author")
        return (client, other_clock), offset
    other, offset = read_var_uint(payload, offset)
    other_clock, offset = read_var_uint(payload, offset)
    if other_clock >= CLOCK_LIMIT:
        raise ImpossibleUpdate("a clock exceeds 31 bits")
    return (other, other_clock), offset


def _read_deletes(payload: bytes, offset: int, limits: UpdateLimits) -> tuple[dict[int, list[tuple[int, int]]], int]:
    count, offset = read_var_uint(payload, offset)
    _check_count("clients", count, limits.max_clients, len(payload), offset)
    deletes: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for _ in range(count):
        start = offset
        client, offset = read_var_uint(payload, offset)
        if client in deletes:
            raise MalformedFrame("A delete set names a client twice", offset=start)
        range_count, offset = read_var_uint(payload, offset)
        total += range_count
        _check_count("deleted ranges", total, limits.max_delete_ranges, len(payload), start)
        ranges: list[tuple[int, int]] = []
        for _ in range(range_count):
            clock, offset = read_var_uint(payload, offset)
            length, offset = read_var_uint(payload, offset)
            if length == 0:
                raise ImpossibleUpdate("an empty deletion")
            if clock + length >= CLOCK_LIMIT:
                raise ImpossibleUpdate("a clock exceeds 31 bits")
            ranges.append((clock, clock + length))
        deletes[client] = ranges
    return deletes, offset


def _check_count(what: str, count: int, limit: int, payload_bytes: int, offset: int) -> None:
    """Refuse a count before anything is made for it: each of what it counts takes a byte at least."""
    if count > limit:
        raise TooLarge(f"an update announces {count} {what}, {limit} are allowed")
    if count > payload_bytes:
        raise MalformedFrame(f"An update announces more {what} than it has bytes", offset=offset)


_GC: Final = 0
_SKIP: Final = 10
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT_ORIGIN: Final = 0x40
_HAS_KEY: Final = 0x20
_GC_KIND: Final = StructKind.GC
_SKIP_KIND: Final = StructKind.SKIP
_KINDS: Final = tuple(
    {1: StructKind.DELETED, 7: StructKind.TYPE}.get(reference, StructKind.OTHER) for reference in range(32)
)
"""By kind of content. Looking up a member of an enumeration costs as much as reading an integer."""
