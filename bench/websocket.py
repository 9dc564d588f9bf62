"""The client's side of RFC 6455, as far as a load generator needs it: one frame a message, no extensions."""

from __future__ import annotations

import base64

BINARY, CLOSE, PING, PONG = 0x2, 0x8, 0x9, 0xA


def upgrade_request(*, host: str, path: str, key: bytes, subprotocol: str | None = None) -> bytes:
    """The HTTP request that opens a WebSocket. ``key``: 16 random bytes."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def client_frame(payload: bytes, mask: bytes, opcode: int = BINARY) -> bytes:
    """One masked frame. ``mask``: 4 random bytes; servers may skip the work for zeros."""
    length = len(payload)
    if length < 126:
        header = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        header = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    key = (mask * (length // 4 + 1))[:length]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
    return header + mask + masked


def frame_bounds(data: bytes, offset: int) -> tuple[int, int] | None:
    """Where the payload of the server's frame at ``offset`` begins and ends; ``None`` while it is not all there."""
    available = len(data) - offset
    if available < 2:
        return None
    length, start = data[offset + 1], offset + 2
    if length == 126:
        if available < 4:
            return None
        length, start = int.from_bytes(data[offset + 2 : offset + 4], "big"), offset + 4
    elif length == 127:
        if available < 10:
            return None
        length, start = int.from_bytes(data[offset + 2 : offset + 10], "big"), offset + 10
    return (start, start + length) if start + length <= len(data) else None
