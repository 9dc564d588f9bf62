"""Updates as runs of clocks with their contents, to compare two encodings of the same history.

Reads only what ``collab.wire.parse_update`` has let through, so it checks nothing again. Yjs and Yrs split and join
runs as they like and write values in different ways (an object's keys in any order, a whole number as an integer or a
float, a negative zero as zero, the options of a subdocument with all their defaults), so contents are brought into one
form: a list with one entry for each clock.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Hashable
from typing import Any, Final

from collab.wire.content import read_content
from collab.wire.varint import read_bytes, read_string, read_var_int, read_var_uint

Id = tuple[int, int]

GC: Final = 0
DELETED: Final = 1
TEXT: Final = 4
_EMBED: Final = 5
_FORMAT: Final = 6
TYPE: Final = 7
VALUES: Final = 8
_DOCUMENT: Final = 9
SKIP: Final = 10

MAX_DEPTH: Final = 2**15


class Run:
    """Clocks of one client from ``clock`` up to ``end``: what they hold and where it was put.

    Attributes:
        kind: The reference of the content; ``GC`` and ``SKIP`` have none.
        origin: What was to the left of the first clock; of each other clock it is the clock before.
        right: What was to the right of all of them.
        parent: Name of a root type or id of an item, where no neighbour tells.
        key: The key in a map, where no neighbour tells.
        has_key: The bit that says "an entry of a map", which is set where a neighbour tells the key too.
        content: Where its contents are, in the update it was read from.
    """

    __slots__ = ("_units", "_update", "clock", "content", "end", "has_key", "key", "kind", "origin", "parent", "right")

    def __init__(self, clock: int, kind: int) -> None:
        self.clock = clock
        self.end = clock
        self.kind = kind
        self.origin: Id | None = None
        self.right: Id | None = None
        self.parent: str | Id | None = None
        self.key: str | None = None
        self.has_key = False
        self.content = slice(0, 0)
        self._update = b""
        self._units: list[Hashable] | bytes | None = None

    def place(self, client: int, clock: int) -> tuple[Hashable, ...]:
        """Where one of its clocks was put: everything that decides its place among others."""
        if clock > self.clock:
            return ((client, clock - 1), self.right, None, None)
        if self.origin is None and self.right is None:
            return (None, None, self.parent, self.key)
        return (self.origin, self.right, None, None)

    def contents(self, start: int, end: int) -> Hashable:
        """What is at these clocks, in a form that two encodings of the same share."""
        if self._units is None:
            self._units = _contents(self.kind, self._update, self.content.start)
        width = 2 if isinstance(self._units, bytes) else 1
        part = self._units[(start - self.clock) * width : (end - self.clock) * width]
        return part if isinstance(part, bytes) else tuple(part)


def read_runs(update: bytes) -> dict[int, list[Run]]:
    """The runs of each client, in order of their clocks."""
    runs: dict[int, list[Run]] = {}
    count, offset = read_var_uint(update, 0)
    for _ in range(count):
        structs, offset = read_var_uint(update, offset)
        client, offset = read_var_uint(update, offset)
        clock, offset = read_var_uint(update, offset)
        mine = runs[client] = []
        for _ in range(structs):
            run, offset = _read_run(update, offset, clock)
            clock = run.end
            mine.append(run)
    return runs


def _read_run(update: bytes, offset: int, clock: int) -> tuple[Run, int]:
    info = update[offset]
    offset += 1
    run = Run(clock, info & 0x1F)
    if run.kind in (GC, SKIP):
        length, offset = read_var_uint(update, offset)
        run.end = clock + length
        return run, offset
    if info & 0x80:
        run.origin, offset = _read_id(update, offset)
    if info & 0x40:
        run.right, offset = _read_id(update, offset)
    if not info & 0xC0:
        named, offset = read_var_uint(update, offset)
        run.parent, offset = read_string(update, offset) if named else _read_id(update, offset)
        if info & 0x20:
            run.key, offset = read_string(update, offset)
    length, end = read_content(run.kind, update, offset, MAX_DEPTH)
    run.end = clock + length
    run.has_key = bool(info & 0x20)
    run.content, run._update = slice(offset, end), update
    return run, end


def _read_id(update: bytes, offset: int) -> tuple[Id, int]:
    client, offset = read_var_uint(update, offset)
    clock, offset = read_var_uint(update, offset)
    return (client, clock), offset


def _contents(kind: int, payload: bytes, offset: int) -> list[Hashable] | bytes:
    if kind == TEXT:
        return read_string(payload, offset)[0].encode("utf-16-le")
    if kind == VALUES:
        count, offset = read_var_uint(payload, offset)
        values = []
        for _ in range(count):
            value, offset = _read_value(payload, offset)
            values.append(value)
        return values
    if kind == _EMBED:
        return [_json(read_bytes(payload, offset)[0])]
    if kind == _FORMAT:
        name, offset = read_bytes(payload, offset)
        return [(name, _json(read_bytes(payload, offset)[0]))]
    if kind == _DOCUMENT:
        return [read_bytes(payload, offset)[0]]
    # Bytes and shared types are written in one way only.
    _, end = read_content(kind, payload, offset, MAX_DEPTH)
    return [payload[offset:end]]


def _json(text: bytes) -> Hashable:
    return _frozen(json.loads(text))


def _frozen(value: Any) -> Hashable:
    if isinstance(value, dict):
        return ("object", frozenset((key, _frozen(one)) for key, one in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(_frozen, value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return (type(value).__name__, value)


def _number(value: float) -> Hashable:
    """Equal for the same number however it is written; NaN is equal to itself."""
    try:
        number = float(value) + 0.0
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    return ("number", struct.pack(">d", number))


def _read_value(payload: bytes, offset: int) -> tuple[Hashable, int]:
    """One value as lib0's ``writeAny`` wrote it."""
    tag = payload[offset]
    offset += 1
    if tag in _SIMPLE:
        return (_SIMPLE[tag],), offset
    if tag == 119:
        text, offset = read_string(payload, offset)
        return ("str", text), offset
    if tag == 125:
        number, offset = read_var_int(payload, offset)
        return _number(number), offset
    if tag in _PACKED:
        packed = _PACKED[tag]
        (value,) = packed.unpack_from(payload, offset)
        offset += packed.size
        return (("bigint", value) if tag == 122 else _number(value)), offset
    if tag == 116:
        content, offset = read_bytes(payload, offset)
        return ("bytes", content), offset
    count, offset = read_var_uint(payload, offset)
    items: list[Hashable] = []
    keyed: dict[str, Hashable] = {}
    for _ in range(count):
        if tag == 118:
            key, offset = read_string(payload, offset)
            keyed[key], offset = _read_value(payload, offset)
        else:
            item, offset = _read_value(payload, offset)
            items.append(item)
    return (("object", frozenset(keyed.items())) if tag == 118 else ("list", tuple(items))), offset


_SIMPLE: Final = {120: True, 121: False, 126: None, 127: "undefined"}
_PACKED: Final = {122: struct.Struct(">q"), 123: struct.Struct(">d"), 124: struct.Struct(">f")}
