"""Awareness entries as bytes."""

from __future__ import annotations

import pytest

from collab.errors import MalformedFrame, TooLarge
from collab.wire import AwarenessEntry, decode_entries, encode_entries
from collab.wire.varint import write_string, write_var_uint

ALICE = AwarenessEntry(7, 3, b'{"cursor":{"x":1}}')
GONE = AwarenessEntry(2**32 + 1, 9, None)


def read(payload: bytes) -> list[AwarenessEntry]:
    return decode_entries(payload, max_entries=4, max_state_bytes=100)


def entry(client: int, state: str) -> bytes:
    return write_var_uint(client) + b"\x01" + write_string(state)


def test_entries_come_back_as_they_went() -> None:
    """States travel as the bytes they came in."""
    assert read(encode_entries([ALICE, GONE])) == [ALICE, GONE]
    assert read(encode_entries([])) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"\x01" + entry(1, "[1]"),
        b"\x01" + entry(1, '"text"'),
        b"\x01" + entry(1, "undefined"),
        b"\x01" + entry(1, '{"x":NaN}'),
        b"\x02" + entry(1, "{}") + entry(1, "{}"),
        b"\x01" + entry(1, "{}") + b"!",
        b"\x02" + entry(1, "{}"),
        b"",
    ],
)
def test_what_would_make_other_clients_throw_is_refused(payload: bytes) -> None:
    """A state must be an object or null, once for each client."""
    with pytest.raises(MalformedFrame):
        read(payload)


@pytest.mark.parametrize(
    "payload",
    [b"\x05", b"\x01" + entry(1, '{"x":"' + "y" * 100 + '"}')],
)
def test_more_than_the_bounds_is_refused(payload: bytes) -> None:
    """Everybody on the page would receive it."""
    with pytest.raises(TooLarge):
        read(payload)


def test_a_state_nested_too_deep_is_refused() -> None:
    """Thirty-two levels are more than any cursor needs."""
    with pytest.raises(TooLarge):
        decode_entries(b"\x01" + entry(1, '{"x":' * 40 + "1" + "}" * 40), max_entries=1, max_state_bytes=1000)
