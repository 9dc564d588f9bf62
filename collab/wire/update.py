"""Strict, bounded parser of Yjs v1 updates: who, which clocks, which dependencies, which deletions.

Sans-IO. Format: yjs, ``utils/encoding.js`` and ``structs/*.js``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire.json_text import check_json
from collab.wire.varint import read_bytes, read_string, read_var_int, read_var_uint

CLOCK_LIMIT: Final = 2**31
Id = tuple[int, int]

GC, DELETED, TYPE, OTHER, SKIP = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateLimits:
    """Bounds of one update."""

    max_bytes: int = 4 * 1024 * 1024
    max_structs: int = 1_000_000
    max_clients: int = 100_000
    max_deletes: int = 1_000_000
    max_value_depth: int = 64


DEFAULT_LIMITS: Final = UpdateLimits()
SNAPSHOT_LIMITS: Final = UpdateLimits(max_bytes=2**31, max_structs=2**31, max_clients=2**31, max_deletes=2**31)


class Struct:
    """One struct: ``length`` clocks from ``clock`` on."""

    __slots__ = ("clock", "kind", "length", "origin", "parent", "right_origin")

    def __init__(
        self, clock: int, length: int, kind: int, origin: Id | None, right_origin: Id | None, parent: str | Id | None
    ) -> None:
        self.clock = clock
        self.length = length
        self.kind = kind
        self.origin = origin
        self.right_origin = right_origin
        self.parent = parent


@dataclass(frozen=True, slots=True)
class ParsedUpdate:
    """An update, read."""

    structs: dict[int, list[Struct]]
    deletes: dict[int, list[Id]]


def parse_update(payload: bytes, limits: UpdateLimits = DEFAULT_LIMITS) -> ParsedUpdate:
    """Read a whole update.

    Raises:
        MalformedFrame, ImpossibleUpdate, TooLarge: It is not one that Yjs could have made, or above a bound.
    """
    if len(payload) > limits.max_bytes:
        raise TooLarge(f"an update of {len(payload)} bytes")
    count, offset = read_var_uint(payload, 0)
    if count > limits.max_clients:
        raise TooLarge("too many clients")
    structs: dict[int, list[Struct]] = {}
    total = 0
    for _ in range(count):
        struct_count, offset = read_var_uint(payload, offset)
        total += struct_count
        if total > limits.max_structs:
            raise TooLarge("too many structs")
        client, offset = read_var_uint(payload, offset)
        clock, offset = read_var_uint(payload, offset)
        if client in structs:
            raise MalformedFrame("A client occurs twice", offset=offset)
        run: list[Struct] = []
        for _ in range(struct_count):
            struct, offset = _read_struct(payload, offset, client, clock, limits)
            clock += struct.length
            if clock >= CLOCK_LIMIT:
                raise ImpossibleUpdate("a clock beyond 31 bits")
            run.append(struct)
        structs[client] = run
    deletes: dict[int, list[Id]] = {}
    count, offset = read_var_uint(payload, offset)
    total = 0
    for _ in range(count):
        client, offset = read_var_uint(payload, offset)
        if client in deletes:
            raise MalformedFrame("A client is deleted from twice", offset=offset)
        range_count, offset = read_var_uint(payload, offset)
        total += range_count
        if total > limits.max_deletes:
            raise TooLarge("too many deletions")
        ranges = []
        for _ in range(range_count):
            clock, offset = read_var_uint(payload, offset)
            length, offset = read_var_uint(payload, offset)
            if length == 0 or clock + length >= CLOCK_LIMIT:
                raise ImpossibleUpdate("an impossible deletion")
            ranges.append((clock, clock + length))
        deletes[client] = ranges
    if offset != len(payload):
        raise MalformedFrame("An update has trailing bytes", offset=offset)
    return ParsedUpdate(structs, deletes)


def _read_struct(payload: bytes, offset: int, client: int, clock: int, limits: UpdateLimits) -> tuple[Struct, int]:
    if offset >= len(payload):
        raise MalformedFrame("The update ends inside a struct", offset=offset)
    info = payload[offset]
    start = offset
    offset += 1
    ref = info & 0x1F
    if ref in (0, 10):
        length, offset = read_var_uint(payload, offset)
        if length == 0:
            raise ImpossibleUpdate("an empty struct")
        return Struct(clock, length, GC if ref == 0 else SKIP, None, None, None), offset
    origin = right_origin = None
    parent: str | Id | None = None
    if info & 0x80:
        origin, offset = _read_id(payload, offset, client, clock)
    if info & 0x40:
        right_origin, offset = _read_id(payload, offset, client, clock)
    if not info & 0xC0:
        is_name, offset = read_var_uint(payload, offset)
        if is_name == 1:
            parent, offset = read_string(payload, offset)
        elif is_name == 0:
            parent, offset = _read_id(payload, offset, client, clock)
        else:
            raise MalformedFrame("An unknown kind of parent", offset=offset)
        if info & 0x20:
            _, offset = read_string(payload, offset)
    kind = OTHER
    if ref == 1:
        length, offset = read_var_uint(payload, offset)
        kind = DELETED
    elif ref == 2:
        length, offset = read_var_uint(payload, offset)
        if length > len(payload):
            raise MalformedFrame("The update ends inside a list", offset=offset)
        for _ in range(length):
            text, offset = read_bytes(payload, offset)
            if text != b"undefined":
                check_json(text, offset=offset, max_depth=limits.max_value_depth)
    elif ref == 3:
        _, offset = read_bytes(payload, offset)
        length = 1
    elif ref == 4:
        string, offset = read_string(payload, offset)
        length = len(string) if string.isascii() else len(string.encode("utf-16-le")) // 2
    elif ref == 5:
        text, offset = read_bytes(payload, offset)
        check_json(text, offset=offset, max_depth=limits.max_value_depth)
        length = 1
    elif ref == 6:
        _, offset = read_string(payload, offset)
        text, offset = read_bytes(payload, offset)
        check_json(text, offset=offset, max_depth=limits.max_value_depth)
        length = 1
    elif ref == 7:
        type_ref, offset = read_var_uint(payload, offset)
        if type_ref > 6:
            raise MalformedFrame("An unknown shared type", offset=offset)
        if type_ref in (3, 5):
            _, offset = read_string(payload, offset)
        length = 1
        kind = TYPE
    elif ref == 8:
        length, offset = read_var_uint(payload, offset)
        if length > len(payload):
            raise MalformedFrame("The update ends inside a list", offset=offset)
        for _ in range(length):
            offset = _skip_any(payload, offset, limits.max_value_depth)
    elif ref == 9:
        _, offset = read_string(payload, offset)
        offset = _skip_any(payload, offset, limits.max_value_depth)
        length = 1
    else:
        raise MalformedFrame("An unknown content", offset=start)
    if length == 0:
        raise ImpossibleUpdate("an empty item")
    return Struct(clock, length, kind, origin, right_origin, parent), offset


def _read_id(payload: bytes, offset: int, client: int, clock: int) -> tuple[Id, int]:
    other, offset = read_var_uint(payload, offset)
    other_clock, offset = read_var_uint(payload, offset)
    if other_clock >= CLOCK_LIMIT or (other == client and other_clock >= clock):
        raise ImpossibleUpdate("an item depends on itself or on a later one")
    return (other, other_clock), offset


def _skip_any(payload: bytes, offset: int, max_depth: int) -> int:
    pending = [1]
    while pending:
        if pending[-1] == 0:
            pending.pop()
            continue
        pending[-1] -= 1
        if offset >= len(payload):
            raise MalformedFrame("The update ends inside a value", offset=offset)
        tag = payload[offset]
        offset += 1
        if tag in (120, 121, 126, 127):
            continue
        if tag == 125:
            _, offset = read_var_int(payload, offset)
        elif tag == 124:
            offset += 4
        elif tag in (122, 123):
            offset += 8
        elif tag == 119:
            _, offset = read_string(payload, offset)
        elif tag == 116:
            _, offset = read_bytes(payload, offset)
        elif tag in (117, 118):
            count, offset = read_var_uint(payload, offset)
            if count > len(payload):
                raise MalformedFrame("The update ends inside a value", offset=offset)
            if len(pending) >= max_depth:
                raise TooLarge("a value is nested too deep")
            if tag == 118:
                # Keys alternate with values: a nested object is walked pair by pair.
                for _ in range(count):
                    _, offset = read_string(payload, offset)
                    offset = _skip_any(payload, offset, max_depth - len(pending))
            else:
                pending.append(count)
        else:
            raise MalformedFrame("An unknown value", offset=offset)
        if offset > len(payload):
            raise MalformedFrame("The update ends inside a value", offset=offset)
    return offset
