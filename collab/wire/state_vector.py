"""State vectors: per client id, the clock up to which a document is known.

Sans-IO. Wire form: the number of entries, then client id and clock of each, all variable-length unsigned integers;
written by ``writeStateVector`` of Yjs (``utils/encoding.js``).
"""

from __future__ import annotations

from collections.abc import Mapping

from collab.errors import MalformedFrame, TooLarge
from collab.wire.varint import read_var_uint, write_var_uint

CLOCK_LIMIT = 2**31
"""Clocks stay below this: Yjs would count on, Yrs keeps 32 bits only."""

MAX_ENTRIES = 100_000
"""Client ids on one page; a new one appears with every opening of a page that is followed by an edit."""


def decode_state_vector(payload: bytes, *, max_entries: int = MAX_ENTRIES) -> dict[int, int]:
    """Decode a whole state vector.

    Returns:
        The next expected clock by client id.

    Raises:
        MalformedFrame: Truncated, trailing bytes, a client twice, or a clock no client can reach.
        TooLarge: More than ``max_entries`` entries.
    """
    count, offset = read_var_uint(payload, 0)
    if count > max_entries:
        raise TooLarge(f"A state vector announces {count} clients, {max_entries} are allowed")
    clocks: dict[int, int] = {}
    for _ in range(count):
        start = offset
        client, offset = read_var_uint(payload, offset)
        clock, offset = read_var_uint(payload, offset)
        if client in clocks:
            raise MalformedFrame("A state vector names a client twice", offset=start)
        if clock >= CLOCK_LIMIT:
            raise MalformedFrame("A clock exceeds 31 bits", offset=start)
        clocks[client] = clock
    if offset != len(payload):
        raise MalformedFrame("A state vector has trailing bytes", offset=offset)
    return clocks


def encode_state_vector(clocks: Mapping[int, int]) -> bytes:
    """Encode a state vector as Yjs does: highest client id first, clients at clock 0 left out."""
    known = [entry for entry in clocks.items() if entry[1]]
    known.sort(reverse=True)
    parts = [write_var_uint(len(known))]
    for client, clock in known:
        parts.append(write_var_uint(client))
        parts.append(write_var_uint(clock))
    return b"".join(parts)
