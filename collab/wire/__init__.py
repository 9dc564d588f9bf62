"""The Yjs wire format as plain bytes and plain values: layer 1 of the product.

Sans-IO: the standard library and ``collab.errors`` only. No Django, no asyncio, no pycrdt, no document: what is
known here about a page is its structure, never its contents. Whatever bytes come in, a function of this package
returns a value or raises a ``CollabError``.

    varint          integers, byte strings, text
    json_text       JSON inside frames
    messages        frames of the page socket
    awareness       entries of an awareness payload
    state_vector    what somebody knows of a page
    update          strict parser of Yjs v1 updates
    content         what an item holds, checked and skipped
    structure       what a page consists of
    examine         whether an update fits a page
"""

from __future__ import annotations

from collab.wire.awareness import AwarenessEntry, decode_entries, encode_entries
from collab.wire.examine import Finding, FindingKind, examine
from collab.wire.messages import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    Awareness,
    Message,
    Notice,
    QueryAwareness,
    Saved,
    SyncStep1,
    SyncStep2,
    Update,
    decode,
    encode_awareness,
    encode_notice,
    encode_query_awareness,
    encode_saved,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from collab.wire.state_vector import decode_state_vector, encode_state_vector
from collab.wire.structure import PageLimits, PageStructure
from collab.wire.update import (
    DEFAULT_LIMITS,
    SNAPSHOT_LIMITS,
    ParsedUpdate,
    Struct,
    StructKind,
    UpdateLimits,
    parse_update,
)

__all__ = [
    "DEFAULT_LIMITS",
    "EMPTY_UPDATE",
    "KEEP_ALIVE",
    "SNAPSHOT_LIMITS",
    "Awareness",
    "AwarenessEntry",
    "Finding",
    "FindingKind",
    "Message",
    "Notice",
    "PageLimits",
    "PageStructure",
    "ParsedUpdate",
    "QueryAwareness",
    "Saved",
    "Struct",
    "StructKind",
    "SyncStep1",
    "SyncStep2",
    "Update",
    "UpdateLimits",
    "decode",
    "decode_entries",
    "decode_state_vector",
    "encode_awareness",
    "encode_entries",
    "encode_notice",
    "encode_query_awareness",
    "encode_saved",
    "encode_state_vector",
    "encode_sync_step1",
    "encode_sync_step2",
    "encode_update",
    "examine",
    "parse_update",
]
