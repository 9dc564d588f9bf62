"""Contents of items: checked, measured and skipped.

Sans-IO. Each kind is read as Yjs reads it (``structs/Content*.js``, lib0 ``decoding.js``); what Yjs or Yrs would
throw on is refused: so is content 2, lists of JSON, which Yjs 13 only reads (from documents of version 12) and Yrs
cannot. Lengths are in clocks, which for text means UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire.json_text import check_json
from collab.wire.varint import read_bytes, read_string, read_var_int, read_var_uint, skip_string

_XML_ELEMENT: Final = 3
_TYPES: Final = frozenset({0, 1, 2, _XML_ELEMENT, 4, 6})
"""Array, map, text, XML element, XML fragment, XML text. Not 5, the XML hook: Yrs cannot read it, no editor uses it."""


def read_content(reference: int, payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    """Read the content of one item.

    Args:
        reference: The kind of content: the low five bits of the struct's first byte.
        payload: The whole update.
        offset: Index of its first byte.
        max_depth: Levels of lists and objects allowed inside a value.

    Returns:
        Its length in clocks and the index of the byte after it.

    Raises:
        MalformedFrame: The bytes do not follow the format.
        ImpossibleUpdate: It is empty, or holds what no client can write.
        TooLarge: A value is nested too deep.
    """
    reader = _READERS.get(reference)
    if reader is None:
        raise MalformedFrame(f"Content {reference} is unknown or no longer written", offset=offset)
    length, offset = reader(payload, offset, max_depth)
    if length == 0:
        raise ImpossibleUpdate("an item without content")
    return length, offset


def _read_deleted(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    return read_var_uint(payload, offset)


def _read_binary(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    _, offset = read_bytes(payload, offset)
    return 1, offset


def _read_text(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    content, end = read_bytes(payload, offset)
    if content.isascii():
        return len(content), end
    text, _ = read_string(payload, offset)
    return len(text.encode("utf-16-le")) // 2, end


def _read_json(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    text, end = read_bytes(payload, offset)
    check_json(text, offset=offset, max_depth=max_depth)
    return 1, end


def _read_format(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    return _read_json(payload, skip_string(payload, offset), max_depth)


def _read_type(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    kind, end = read_var_uint(payload, offset)
    if kind not in _TYPES:
        raise MalformedFrame(f"Unknown shared type {kind}", offset=offset)
    if kind == _XML_ELEMENT:
        end = skip_string(payload, end)
    return 1, end


def _read_values(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    count, offset = _read_list_length(payload, offset)
    for _ in range(count):
        offset = skip_value(payload, offset, max_depth)
    return count, offset


def _read_document(payload: bytes, offset: int, max_depth: int) -> tuple[int, int]:
    offset = skip_string(payload, offset)
    if payload[offset : offset + 1] != bytes((_OBJECT,)):
        # Yjs reads properties from it, which null and undefined do not have.
        raise MalformedFrame("The options of a subdocument are not an object", offset=offset)
    return 1, _skip_object(payload, offset + 1, max_depth, _UNREADABLE_OPTIONS)


def _read_list_length(payload: bytes, offset: int) -> tuple[int, int]:
    count, end = read_var_uint(payload, offset)
    if count > len(payload):
        raise MalformedFrame("A list announces more values than there are bytes", offset=offset)
    return count, end


def skip_value(payload: bytes, offset: int, levels: int) -> int:
    """Index of the byte after one value as lib0's ``writeAny`` wrote it.

    Args:
        levels: How deep lists and objects may nest from here on.

    Raises:
        MalformedFrame: It is none.
        TooLarge: It is nested too deep.
    """
    if offset >= len(payload):
        raise MalformedFrame("The update ends before a value", offset=offset)
    tag = payload[offset]
    offset += 1
    if tag in _WITHOUT_BODY:
        return offset
    if tag == _STRING:
        return skip_string(payload, offset)
    if tag == _INTEGER:
        return read_var_int(payload, offset)[1]
    if tag in _FIXED_BYTES:
        offset += _FIXED_BYTES[tag]
        if offset > len(payload):
            raise MalformedFrame("The update ends inside a number", offset=offset)
        return offset
    if tag == _BINARY:
        return read_bytes(payload, offset)[1]
    if tag == _OBJECT:
        return _skip_object(payload, offset, levels, _UNREADABLE_KEYS)
    if tag != _LIST:
        raise MalformedFrame(f"Unknown value {tag}", offset=offset - 1)
    if levels == 0:
        raise TooLarge("a value is nested too deep")
    count, offset = _read_list_length(payload, offset)
    for _ in range(count):
        offset = skip_value(payload, offset, levels - 1)
    return offset


def _skip_object(payload: bytes, offset: int, levels: int, unreadable: frozenset[bytes]) -> int:
    if levels == 0:
        raise TooLarge("a value is nested too deep")
    count, offset = _read_list_length(payload, offset)
    for _ in range(count):
        key, end = read_bytes(payload, offset)
        if not key.isascii():
            read_string(payload, offset)
        elif key in unreadable:
            raise ImpossibleUpdate(f"an object with the key {key.decode()}, which JavaScript clients fail on")
        offset = skip_value(payload, end, levels - 1)
    return offset


_BINARY: Final = 116
_LIST: Final = 117
_OBJECT: Final = 118
_STRING: Final = 119
_INTEGER: Final = 125
_UNREADABLE_KEYS: Final = frozenset({b"__proto__"})
"""lib0 sets it by assignment, so it replaces the prototype: with bytes as its value every later encoding throws."""
_UNREADABLE_OPTIONS: Final = _UNREADABLE_KEYS | {b"guid", b"gcFilter"}
"""Yjs spreads the options over the subdocument's own, and would write this ``guid``, or call this filter."""
_WITHOUT_BODY: Final = frozenset({120, 121, 126, 127})
"""True, false, null, undefined."""
_FIXED_BYTES: Final = {122: 8, 123: 8, 124: 4}
"""64-bit integer, double, float."""

_READERS: Final[dict[int, Callable[[bytes, int, int], tuple[int, int]]]] = {
    1: _read_deleted,
    3: _read_binary,
    4: _read_text,
    5: _read_json,
    6: _read_format,
    7: _read_type,
    8: _read_values,
    9: _read_document,
}
