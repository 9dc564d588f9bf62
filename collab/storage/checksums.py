"""Checksums of stored updates: whether what is read is what was written.

A changed bit can leave a well-formed update that says something else, which nothing else would notice.
"""

from __future__ import annotations

import zlib


def checksum(payload: bytes, sequence: int) -> int:
    """CRC-32 of an update and of its place in the log, so that a row at the wrong place is noticed too."""
    return zlib.crc32(payload, zlib.crc32(sequence.to_bytes(8, "big")))
