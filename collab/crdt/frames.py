"""How the worker process and its owner talk: a name and some byte strings each way, over pipes.

One message is a 4-byte big-endian count of parts, then each part with its own 4-byte length; the first part of a
request names the job, the first part of a reply is ``ok`` or ``error``. Byte strings and nothing else, because the
worker handles hostile input: what comes out of it is parsed, never unpickled.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

HEADER = struct.Struct(">I")
MAX_PARTS = 1_000_000
MAX_PART_BYTES = 256 * 1024 * 1024


def encode_parts(parts: Sequence[bytes]) -> bytes:
    """Frame some byte strings for the pipe."""
    return HEADER.pack(len(parts)) + b"".join(HEADER.pack(len(part)) + part for part in parts)


def checked_count(header: bytes) -> int:
    """How many parts follow.

    Raises:
        ValueError: More than any job sends.
    """
    (count,) = HEADER.unpack(header)
    if count > MAX_PARTS:
        raise ValueError(f"{count} parts in one message")
    return int(count)


def checked_length(header: bytes) -> int:
    """How many bytes the next part has.

    Raises:
        ValueError: More than any job sends.
    """
    (length,) = HEADER.unpack(header)
    if length > MAX_PART_BYTES:
        raise ValueError(f"{length} bytes in one part")
    return int(length)
