"""Frames and their typed form."""

from __future__ import annotations

import pytest

from collab.errors import MalformedFrame
from collab.wire import (
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


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (encode_sync_step1(b"\x00"), SyncStep1(b"\x00")),
        (encode_sync_step2(b"\x00\x00"), SyncStep2(b"\x00\x00")),
        (encode_update(b"abc"), Update(b"abc")),
        (encode_awareness(b"\x00"), Awareness(b"\x00")),
        (KEEP_ALIVE, Awareness(b"\x00")),
        (encode_query_awareness(), QueryAwareness()),
        (encode_saved(300), Saved(300)),
        (encode_notice({"kind": "role", "name": "字"}), Notice({"kind": "role", "name": "字"})),
    ],
)
def test_every_message_comes_back_as_it_went(frame: bytes, message: Message) -> None:
    """The frames are those of y-protocols; 100 and 101 are ours."""
    assert decode(frame) == message


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"\x00\x03\x00",
        b"\x00\x02\x05abc",
        b"\x00\x02\x01a!",
        b"\x01\x01",
        b"\x02\x00",
        b"\x03!",
        b"\x04",
        b"\x64",
        b"\x65\x04null",
        b"\x65\x01x",
        b"\x80\x00\x02\x00",
        b"\xff" * 200_000,
    ],
)
def test_frames_that_follow_no_format_are_refused(frame: bytes) -> None:
    """Also with bytes after the message: stock clients would ignore what follows, others would not."""
    with pytest.raises(MalformedFrame):
        decode(frame)
