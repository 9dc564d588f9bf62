"""State vectors."""

from __future__ import annotations

import pytest
from pycrdt import Doc, Text

from collab.errors import CollabError, MalformedFrame, TooLarge
from collab.wire import decode_state_vector, encode_state_vector


def test_vectors_come_back_and_say_what_pycrdt_says() -> None:
    """Clients at clock 0 are left out, as Yjs does."""
    assert decode_state_vector(encode_state_vector({5: 7, 2**40: 1, 9: 0})) == {5: 7, 2**40: 1}
    doc: Doc = Doc(client_id=77)
    doc.get("text", type=Text).insert(0, "hello")
    assert decode_state_vector(doc.get_state()) == {77: 5}
    assert encode_state_vector({77: 5}) == doc.get_state()


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x01\x05", b"\x02\x05\x01\x05\x02", b"\x00!", b"\x01\x05\x80\x80\x80\x80\x08"]
)
def test_vectors_that_make_no_sense_are_refused(payload: bytes) -> None:
    """Cut, doubled, with a tail, with a clock beyond 31 bits."""
    with pytest.raises(MalformedFrame):
        decode_state_vector(payload)


def test_more_clients_than_the_bound_are_refused_before_they_are_read() -> None:
    """The count alone must not make us reserve anything."""
    with pytest.raises(TooLarge):
        decode_state_vector(b"\xff\xff\xff\x7f")
    with pytest.raises(CollabError):
        decode_state_vector(b"\x03\x01\x01\x02\x01\x03\x01", max_entries=2)
