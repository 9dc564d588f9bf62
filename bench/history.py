"""A page with a long history, as one update: somebody wrote a long text, here and there, and took much of it back."""

from __future__ import annotations

import random

from bench.edits import var_bytes, var_uint

_INSERTED_SHARE = 0.7
"""Of the key strokes of a published editing trace (automerge-perf: 182,315 insertions, 77,463 deletions)."""
_WRITTEN_AT_ONCE = 20
"""How many characters are written in one place, on average; and a seventh of that is taken back at once."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz     "
_STRING, _HAS_ORIGIN, _HAS_RIGHT_ORIGIN = 0x04, 0x80, 0x40


def long_history(operations: int, rng: random.Random) -> bytes:
    """One update that holds about this many insertions and deletions of one character."""
    client = var_uint(rng.randrange(2**31, 2**32))
    wanted = int(operations * _INSERTED_SHARE)
    items: list[bytes] = []
    clock = 0
    while clock < wanted:
        length = rng.randint(1, 2 * _WRITTEN_AT_ONCE)
        content = var_bytes("".join(rng.choices(_LETTERS, k=length)).encode())
        if clock < 2:
            place = bytes((_STRING, 1)) + var_bytes(b"bench")
        else:
            left = rng.randrange(clock - 1)
            place = b"".join(
                (
                    bytes((_STRING | _HAS_ORIGIN | _HAS_RIGHT_ORIGIN,)),
                    client + var_uint(left),
                    client + var_uint(left + 1),
                )
            )
        items.append(place + content)
        clock += length
    ranges: list[bytes] = []
    deleted = start = 0
    while deleted < operations - wanted:
        length = rng.randint(1, 5)
        start += rng.randint(1, 7)
        if start + length >= clock:
            break
        ranges.append(var_uint(start) + var_uint(length))
        start += length
        deleted += length
    structs = b"\x01" + var_uint(len(items)) + client + b"\x00" + b"".join(items)
    return structs + b"\x01" + client + var_uint(len(ranges)) + b"".join(ranges)
