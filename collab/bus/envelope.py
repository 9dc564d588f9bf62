"""What travels between processes, as bytes.

An envelope is: version, kind, the sender's id (8 bytes), the topic (16 bytes, zero for what concerns no single one), a
counter as a variable-length integer, and the payload. Everything that arrives is checked before anything is believed:
a Redis may be shared with programs that know nothing of us.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from uuid import UUID

from collab.errors import MalformedFrame
from collab.wire.varint import read_bytes, read_var_uint, write_bytes, write_var_uint

VERSION: Final = 1
PROCESS_BYTES: Final = 8
NOBODY: Final = bytes(PROCESS_BYTES)
"""The sender of an envelope from a program that holds nothing, such as a management command."""

MAX_TOPICS: Final = 65_536
"""Most topics one process may say it holds."""

_TOPIC_BYTES: Final = 16
_HEADER_BYTES: Final = 2 + PROCESS_BYTES + _TOPIC_BYTES
_NO_TOPIC: Final = UUID(int=0)


class Kind(IntEnum):
    """What an envelope says."""

    BEACON = 1
    """The sender lives; the counter says how often its holdings changed."""
    HOLDINGS = 2
    """All topics that the sender holds."""
    OPENED = 3
    CLOSED = 4
    ASK = 5
    """A process, named in the payload, is asked for its holdings."""
    GOODBYE = 6
    UPDATE = 7
    READ_LOG = 8
    """Something was not sent; it is in the log."""
    PRESENCE = 9
    NOTE = 10
    BUNDLE = 11
    """Several messages to one process."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message between processes."""

    kind: Kind
    process: bytes
    counter: int = 0
    topic: UUID = _NO_TOPIC
    payload: bytes = b""

    def encode(self) -> bytes:
        """As bytes."""
        return b"".join(
            (
                bytes((VERSION, self.kind)),
                self.process,
                self.topic.bytes,
                write_var_uint(self.counter),
                self.payload,
            )
        )


def decode_envelope(data: bytes) -> Envelope:
    """Read an envelope.

    Raises:
        MalformedFrame: It is none, or one of a version that is not known here.
    """
    if len(data) < _HEADER_BYTES or data[0] != VERSION:
        raise MalformedFrame("not an envelope of this version", offset=0)
    try:
        kind = Kind(data[1])
    except ValueError:
        raise MalformedFrame("an envelope of an unknown kind", offset=1) from None
    topic_at = 2 + PROCESS_BYTES
    counter, offset = read_var_uint(data, _HEADER_BYTES)
    return Envelope(
        kind=kind,
        process=data[2:topic_at],
        counter=counter,
        topic=UUID(bytes=data[topic_at:_HEADER_BYTES]),
        payload=data[offset:],
    )


def encode_holdings(topics: Iterable[UUID], *, wants_answer: bool) -> bytes:
    """The payload of ``HOLDINGS``."""
    return b"".join((bytes((wants_answer,)), *(topic.bytes for topic in topics)))


def decode_holdings(payload: bytes) -> tuple[bool, set[UUID]]:
    """Whether the sender wants everybody else's holdings too, and its own.

    Raises:
        MalformedFrame: It is no such payload, or names more topics than a process may hold.
    """
    count, rest = divmod(len(payload) - 1, _TOPIC_BYTES)
    if not payload or rest or payload[0] > 1 or count > MAX_TOPICS:
        raise MalformedFrame("not a list of holdings", offset=0)
    topics = {UUID(bytes=payload[start : start + _TOPIC_BYTES]) for start in range(1, len(payload), _TOPIC_BYTES)}
    return payload[0] == 1, topics


def encode_presence(payload: bytes, *, complete: bool) -> bytes:
    """The payload of ``PRESENCE``."""
    return bytes((complete,)) + payload


def decode_presence(payload: bytes) -> tuple[bool, bytes]:
    """Whether it names everybody, and what it says.

    Raises:
        MalformedFrame: It is no such payload.
    """
    if not payload or payload[0] > 1:
        raise MalformedFrame("not a presence", offset=0)
    return payload[0] == 1, payload[1:]


def encode_bundles(messages: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """These envelopes in order, in as few payloads of ``BUNDLE`` as there can be; one that is too large goes alone."""
    parts: list[bytes] = []
    size = 0
    for message in messages:
        part = write_bytes(message)
        if parts and size + len(part) > max_bytes:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield b"".join(parts)


def decode_bundle(payload: bytes) -> Iterator[bytes]:
    """The envelopes in a bundle.

    Raises:
        MalformedFrame: It ends inside one.
    """
    offset = 0
    while offset < len(payload):
        message, offset = read_bytes(payload, offset)
        yield message
