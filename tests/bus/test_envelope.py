"""What travels between processes, and what is refused."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest

from collab.bus.envelope import (
    MAX_TOPICS,
    Envelope,
    Kind,
    decode_envelope,
    decode_holdings,
    decode_presence,
    encode_holdings,
    encode_presence,
)
from collab.errors import MalformedFrame


@pytest.mark.parametrize("kind", Kind)
def test_an_envelope_comes_out_as_it_went_in(kind: Kind) -> None:
    envelope = Envelope(kind, b"process.", 2**40, uuid4(), b"payload")

    assert decode_envelope(envelope.encode()) == envelope


def test_holdings_and_presence_come_out_as_they_went_in() -> None:
    topics = {uuid4() for _ in range(5)}

    assert decode_holdings(encode_holdings(topics, wants_answer=True)) == (True, topics)
    assert decode_holdings(encode_holdings([], wants_answer=False)) == (False, set())
    assert decode_presence(encode_presence(b"states", complete=True)) == (True, b"states")


def test_what_is_no_envelope_is_refused_and_nothing_else_happens(rng: random.Random) -> None:
    """Another program, or another version of this one, may use the same Redis."""
    whole = Envelope(Kind.UPDATE, b"process.", 300, uuid4(), b"").encode()
    for wrong in (b"", whole[:-1], b"\x02" + whole[1:], bytes((1, 99)) + whole[2:]):
        with pytest.raises(MalformedFrame):
            decode_envelope(wrong)
    for _ in range(2000):
        try:
            decode_envelope(rng.randbytes(rng.randrange(60)))
        except MalformedFrame:
            pass


@pytest.mark.parametrize("payload", [b"", b"\x02", b"\x00" + b"x" * 15, b"\x00" + b"x" * 16 * (MAX_TOPICS + 1)])
def test_what_is_no_list_of_holdings_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_holdings(payload)
