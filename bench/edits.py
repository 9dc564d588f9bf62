"""Edits as Yjs updates, made before the clock runs, each with a token that is recognised wherever it arrives.

An edit appends a short word to the shared text ``bench``, behind its author's previous word: what typing looks like.
The word is the token: ``~`` and the number of the edit on its page in hexadecimal. However a server merges, cuts or
frames updates, their text arrives as it was, so a receiver needs no parser to see which edits it was given.
"""

from __future__ import annotations

import json
import re

TOKEN = re.compile(rb"~([0-9a-f]{6})")
MAX_EDITS = 16**6
"""How many edits a page can tell apart."""

_ROOT = b"bench"
_STRING, _HAS_ORIGIN = 0x04, 0x80
_TOKEN_UNITS = 7


def var_uint(number: int) -> bytes:
    """An unsigned integer as Yjs writes it, least significant 7 bits first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(0x80 | (number & 0x7F))
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def var_bytes(content: bytes) -> bytes:
    """Bytes with their length before them."""
    return var_uint(len(content)) + content


class Author:
    """Somebody who types: a Yjs client id and how much it has written."""

    __slots__ = ("_awareness_clock", "_client", "_clock")

    def __init__(self, client_id: int) -> None:
        self._client = var_uint(client_id)
        self._clock = 0
        self._awareness_clock = 0

    def edit(self, number: int) -> bytes:
        """The next update of this author: one item that holds the token of edit ``number``."""
        token = b"~%06x" % number
        if self._clock:
            item = bytes((_STRING | _HAS_ORIGIN,)) + self._client + var_uint(self._clock - 1)
        else:
            item = bytes((_STRING, 1)) + var_bytes(_ROOT)
        update = b"\x01\x01" + self._client + var_uint(self._clock) + item + var_bytes(token) + b"\x00"
        self._clock += _TOKEN_UNITS
        return update

    def presence(self, x: int, y: int) -> bytes:
        """The next awareness payload of this author: a pointer that has moved."""
        self._awareness_clock += 1
        state = json.dumps({"user": {"name": "Alice", "color": "#2f6fe0"}, "pointer": {"x": x, "y": y}}).encode()
        return b"\x01" + self._client + var_uint(self._awareness_clock) + var_bytes(state)
