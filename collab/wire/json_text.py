"""JSON text inside frames: what every client's parser accepts, and nothing else.

Sans-IO. Values travel on as the bytes they came in; here they are only judged. Python's parser takes more than
``JSON.parse`` does (``NaN``), JavaScript's writer emits more than Yrs reads (half surrogate pairs), so the rule is
the part all of them share.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge

_SCALARS: Final = frozenset({b"null", b"true", b"false", b'""', b"{}", b"[]"})
"""Most values of text marks; worth not parsing."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("A number is out of range")
    return number


def _read_int(digits: str) -> float:
    if len(digits) > 20:
        return _read_float(digits)
    number = int(digits)
    if 2**63 <= number < 2**64:
        raise ValueError("An integer is out of the range that Yrs reads")
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float, parse_int=_read_int)


def check_json(text: bytes, *, offset: int, max_depth: int) -> Any:
    """Refuse a text that is not JSON for all clients, and return its value.

    Args:
        text: The whole JSON text in UTF-8.
        offset: Where it starts in the frame, for the error.
        max_depth: Levels of lists and objects allowed.

    Raises:
        MalformedFrame: It is not JSON, or not UTF-8, or holds a number that Yrs cannot read.
        ImpossibleUpdate: It spells half a surrogate pair, which Yrs cannot read.
        TooLarge: It is nested deeper than ``max_depth``.
    """
    if text in _SCALARS:
        return json.loads(text)
    if text.count(b"[") + text.count(b"{") > max_depth and _depth(text) > max_depth:
        raise TooLarge(f"JSON is nested deeper than {max_depth} levels")
    try:
        value = _decoder.decode(text.decode())
    except UnicodeDecodeError as error:
        raise MalformedFrame("JSON is not UTF-8", offset=offset + error.start) from None
    except ValueError:
        raise MalformedFrame("A text is not JSON", offset=offset) from None
    if b"\\u" in text and _has_half_pair(value):
        raise ImpossibleUpdate("JSON spells half a surrogate pair")
    return value


def _depth(text: bytes) -> int:
    """The deepest level of brackets outside of strings; exact for JSON, a bound for everything else."""
    deepest = level = position = 0
    in_string = False
    while position < len(text):
        byte = text[position]
        if in_string:
            if byte == 0x5C:
                position += 1
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in b"]}":
            level -= 1
        position += 1
    return deepest


def _has_half_pair(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
