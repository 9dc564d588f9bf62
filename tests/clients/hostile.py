"""Frames that no honest client would send, and a connection that sends them and reports how it ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from collab.wire import encode_awareness, encode_sync_step1, encode_sync_step2, encode_update
from collab.wire.varint import read_bytes, write_bytes, write_string, write_var_uint
from tests.clients.drive import EXTENDED, WITHIN

MIB = 1024 * 1024
NO_DELETES = b"\x00"
ARRAY_AT_ROOT = b"\x07\x01" + write_string("array") + b"\x00"
QUERY_AWARENESS = b"\x03"


@dataclass
class Ending:
    """How a connection ended.

    Attributes:
        heard: Frames that came before.
    """

    code: int
    reason: str
    heard: list[bytes | str] = field(default_factory=list)


def join(url: str, *, origin: str | None = None, extended: bool = True) -> connect:
    """A connection as a program makes it; one that speaks ``collab.v1`` is not held when it is refused."""
    return connect(
        url,
        origin=None if origin is None else Origin(origin),
        subprotocols=[EXTENDED] if extended else None,
        max_size=None,
        compression=None,
        open_timeout=WITHIN,
        ping_interval=None,
    )


async def refused(url: str, *frames: bytes | str, origin: str | None = None, extended: bool = True) -> Ending:
    """Connect, send frames, and wait until the server ends the connection."""
    heard: list[bytes | str] = []
    async with join(url, origin=origin, extended=extended) as socket:
        try:
            async with asyncio.timeout(WITHIN):
                for frame in frames:
                    await socket.send(frame)
                while True:
                    heard.append(await socket.recv())
        except ConnectionClosed:
            return Ending(socket.close_code or 1006, socket.close_reason or "", heard)


async def survives(socket: ClientConnection, frame: bytes) -> bool:
    """Send one frame; whether the connection is still served after it, which an answer to a question shows."""
    try:
        await socket.send(frame)
        await socket.send(QUERY_AWARENESS)
        async with asyncio.timeout(WITHIN):
            while True:
                answer = await socket.recv()
                if isinstance(answer, bytes) and answer[0] == 1 and len(answer) > 3:
                    return True
    except ConnectionClosed:
        return False


# Updates


def update(structs: dict[int, tuple[int, list[bytes]]], deletes: bytes = NO_DELETES) -> bytes:
    """An update: for each client its first clock and its structs; the highest client first, as Yjs writes them."""
    parts = [write_var_uint(len(structs))]
    for client, (clock, items) in sorted(structs.items(), reverse=True):
        parts += [write_var_uint(len(items)), write_var_uint(client), write_var_uint(clock), *items]
    return b"".join([*parts, deletes])


def text_item(text: str, root: str = "text") -> bytes:
    """A string at the beginning of a root type."""
    return b"\x04\x01" + write_string(root) + write_string(text)


def nested(levels: int, client: int = 7) -> bytes:
    """Arrays, each in the one before."""
    inside = [b"\x07\x00" + write_var_uint(client) + write_var_uint(clock) + b"\x00" for clock in range(levels - 1)]
    return update({client: (0, [ARRAY_AT_ROOT, *inside])})


def value(content: bytes, client: int = 7) -> bytes:
    """One value, in the encoding of lib0's ``any``, in a root array."""
    return update({client: (0, [b"\x08\x01" + write_string("array") + b"\x01" + content])})


def as_large_as(frame_bytes: int, client: int) -> bytes:
    """An update whose frame has exactly this size."""
    characters = frame_bytes
    while len(frame := encode_update(update({client: (0, [text_item("x" * characters)])}))) > frame_bytes:
        characters -= len(frame) - frame_bytes
    assert len(frame) == frame_bytes
    return frame


# Mutation

_REFRAME = {
    b"\x00\x00": encode_sync_step1,
    b"\x00\x01": encode_sync_step2,
    b"\x00\x02": encode_update,
}


def mutated(frames: Sequence[bytes], rng: random.Random) -> bytes:
    """A real frame with something about it changed; mostly inside the payload, with a length that is right."""
    frame = rng.choice(frames)
    if rng.random() < 0.15:
        return _changed(frame, frames, rng)
    if frame[:2] in _REFRAME:
        payload, _ = read_bytes(frame, 2)
        return _REFRAME[frame[:2]](_changed(payload, frames, rng))
    payload, _ = read_bytes(frame, 1)
    return encode_awareness(_changed(payload, frames, rng))


def _changed(content: bytes, frames: Sequence[bytes], rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(changed):
                changed[at] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
            case 2:
                del changed[at : at + rng.randint(1, 8)]
            case 3:
                changed[at:at] = rng.randbytes(rng.randint(1, 8))
            case 4:
                other = rng.choice(frames)
                start = rng.randrange(len(other))
                changed[at:at] = other[start : start + rng.randint(1, 40)]
            case _:
                changed[at : at + 1] = write_var_uint(rng.choice([0, 2**7, 2**31 - 1, 2**31, 2**32, 2**53 - 1]))
    return bytes(changed)


__all__ = [
    "MIB",
    "Ending",
    "as_large_as",
    "join",
    "mutated",
    "nested",
    "refused",
    "survives",
    "text_item",
    "update",
    "value",
    "write_bytes",
]
