"""Messages of the page socket: frames of bytes, and their typed form.

Sans-IO. One frame carries exactly one message, which is all that stock clients read. Types 0, 1 and 3 are
y-protocols as ``sync.js``, ``awareness.js`` and the WebSocket provider write them; 100 and 101 are our extension
(subprotocol ``collab.v1``, server to client only). Payloads stay bytes here: ``update``, ``state_vector`` and
``awareness`` in this package read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from collab.errors import MalformedFrame
from collab.wire.json_text import check_json
from collab.wire.varint import read_bytes, read_var_uint, write_bytes, write_var_uint

MAX_NOTICE_DEPTH = 32
"""Levels of lists and objects in a notice."""

_SYNC = 0
_AWARENESS = 1
_QUERY_AWARENESS = 3
_SAVED = 100
_NOTICE = 101

_SYNC_STEP_1 = 0
_SYNC_STEP_2 = 1
_UPDATE = 2

EMPTY_UPDATE: Final = b"\x00\x00"
"""The update that changes nothing: no structs, no deletions."""

KEEP_ALIVE: Final = b"\x01\x01\x00"
"""A frame with no awareness entries: counts as a sign of life for stock clients and changes nothing."""


@dataclass(frozen=True, slots=True)
class SyncStep1:
    """ "Here is my state vector": asks for what is missing."""

    state_vector: bytes


@dataclass(frozen=True, slots=True)
class SyncStep2:
    """ "Here is what you lack": the answer to step 1. Never an edit when equal to ``EMPTY_UPDATE``."""

    update: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """A change, as it happens."""

    update: bytes


@dataclass(frozen=True, slots=True)
class Awareness:
    """Awareness entries, as ``awareness.decode_entries`` reads them."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class QueryAwareness:
    """Asks for the state of everybody."""


@dataclass(frozen=True, slots=True)
class Saved:
    """To a ``collab.v1`` client: its first ``count`` sync messages are durable."""

    count: int


@dataclass(frozen=True, slots=True)
class Notice:
    """To a ``collab.v1`` client: something it should tell people, such as that the page is read-only."""

    body: dict[str, Any]


Message = SyncStep1 | SyncStep2 | Update | Awareness | QueryAwareness | Saved | Notice


def decode(frame: bytes) -> Message:
    """Decode one frame.

    Raises:
        MalformedFrame: Unknown type, truncated, or trailing bytes.
        ImpossibleUpdate, TooLarge: A notice whose JSON is refused by ``json_text``.
    """
    kind, offset = read_var_uint(frame, 0)
    message: Message
    if kind == _SYNC:
        step, offset = read_var_uint(frame, offset)
        if step > _UPDATE:
            raise MalformedFrame(f"Unknown sync message {step}", offset=1)
        payload, offset = read_bytes(frame, offset)
        if step == _UPDATE:
            message = Update(payload)
        elif step == _SYNC_STEP_2:
            message = SyncStep2(payload)
        else:
            message = SyncStep1(payload)
    elif kind == _AWARENESS:
        payload, offset = read_bytes(frame, offset)
        message = Awareness(payload)
    elif kind == _QUERY_AWARENESS:
        message = QueryAwareness()
    elif kind == _SAVED:
        count, offset = read_var_uint(frame, offset)
        message = Saved(count)
    elif kind == _NOTICE:
        payload, end = read_bytes(frame, offset)
        body = check_json(payload, offset=end - len(payload), max_depth=MAX_NOTICE_DEPTH)
        if not isinstance(body, dict):
            raise MalformedFrame("A notice is not an object", offset=offset)
        message, offset = Notice(body), end
    else:
        raise MalformedFrame(f"Unknown message type {kind}", offset=0)
    if offset != len(frame):
        raise MalformedFrame("A message has trailing bytes", offset=offset)
    return message


def encode_sync_step1(state_vector: bytes) -> bytes:
    """Frame an encoded state vector as the question "what do I lack?"."""
    return b"\x00\x00" + write_bytes(state_vector)


def encode_sync_step2(update: bytes) -> bytes:
    """Frame an update as the answer to sync step 1."""
    return b"\x00\x01" + write_bytes(update)


def encode_update(update: bytes) -> bytes:
    """Frame an update as it is broadcast."""
    return b"\x00\x02" + write_bytes(update)


def encode_awareness(payload: bytes) -> bytes:
    """Frame what ``awareness.encode_entries`` returned, with the length that goes before it."""
    return b"\x01" + write_bytes(payload)


def encode_query_awareness() -> bytes:
    """Frame the question for everybody's state."""
    return b"\x03"


def encode_saved(count: int) -> bytes:
    """Frame the news that the first ``count`` sync messages of a connection are durable."""
    return b"\x64" + write_var_uint(count)


def encode_notice(body: Mapping[str, Any]) -> bytes:
    """Frame a notice; its JSON is UTF-8 and compact."""
    return b"\x65" + write_bytes(json.dumps(dict(body), ensure_ascii=False, separators=(",", ":")).encode())
