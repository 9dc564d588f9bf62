"""Awareness entries: the short-lived state of each peer, as bytes.

Sans-IO, and without opinion: who may send which entry is decided in ``collab.live``. A payload is what
``encodeAwarenessUpdate`` of y-protocols returns: the number of entries, then for each its client id, its clock and
its state as JSON text preceded by its length. In a frame that payload is itself preceded by its length, which
PROTOCOL.md of y-protocols omits and ``collab.wire.messages`` adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from collab.errors import MalformedFrame, TooLarge
from collab.wire.json_text import check_json
from collab.wire.varint import read_bytes, read_var_uint, write_bytes, write_var_uint

MAX_STATE_DEPTH = 32
"""Levels of lists and objects in one state; cursors and strokes need four."""


class AwarenessEntry(NamedTuple):
    """One peer's state at one clock.

    Attributes:
        client_id: The Yjs client id of the peer.
        clock: Raised by the peer with every change.
        state: The JSON text of an object, in UTF-8 and as it was sent; None where the peer has left (``null``).
    """

    client_id: int
    clock: int
    state: bytes | None


def decode_entries(payload: bytes, *, max_entries: int, max_state_bytes: int) -> list[AwarenessEntry]:
    """Decode a payload, without the length that precedes it in a frame.

    Raises:
        MalformedFrame: Truncated, trailing bytes, a client twice, or a state that is neither a JSON object nor null.
        TooLarge: More entries, or a longer or deeper state, than allowed.
    """
    count, offset = read_var_uint(payload, 0)
    if count > max_entries:
        raise TooLarge(f"{count} awareness entries in one frame, {max_entries} are allowed")
    entries: list[AwarenessEntry] = []
    seen: set[int] = set()
    for _ in range(count):
        start = offset
        client_id, offset = read_var_uint(payload, offset)
        clock, offset = read_var_uint(payload, offset)
        text, offset = read_bytes(payload, offset)
        if client_id in seen:
            raise MalformedFrame("An awareness update names a client twice", offset=start)
        seen.add(client_id)
        if text == b"null":
            entries.append(AwarenessEntry(client_id, clock, None))
            continue
        if len(text) > max_state_bytes:
            raise TooLarge(f"An awareness state of {len(text)} bytes, {max_state_bytes} are allowed")
        if not text.startswith(b"{"):
            raise MalformedFrame("An awareness state is not an object", offset=offset - len(text))
        check_json(text, offset=offset - len(text), max_depth=MAX_STATE_DEPTH)
        entries.append(AwarenessEntry(client_id, clock, text))
    if offset != len(payload):
        raise MalformedFrame("An awareness update has trailing bytes", offset=offset)
    return entries


def encode_entries(entries: Iterable[AwarenessEntry]) -> bytes:
    """Encode entries as a payload; ``messages.encode_awareness`` makes a frame of it."""
    parts = [b""]
    for client_id, clock, state in entries:
        parts.append(write_var_uint(client_id))
        parts.append(write_var_uint(clock))
        parts.append(write_bytes(b"null" if state is None else state))
    parts[0] = write_var_uint(len(parts) // 3)
    return b"".join(parts)
