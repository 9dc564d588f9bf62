"""JSON that every client reads the same."""

from __future__ import annotations

import pytest

from collab.errors import CollabError, ImpossibleUpdate, MalformedFrame, TooLarge
from collab.wire.json_text import check_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b'{"a":[1,2.5,"x\\\\\\"[{"]}', {"a": [1, 2.5, 'x\\"[{']}),
        (b"123456789012345678901234567890", 1.2345678901234568e29),
        (b'"\\ud83d\\udc4d"', "👍"),
        (b"18446744073709551616", 18446744073709551616),
    ],
)
def test_what_every_parser_reads_is_read(text: bytes, value: object) -> None:
    """Honest clients must never be refused."""
    assert check_json(text, offset=0, max_depth=8) == value


@pytest.mark.parametrize(
    "text", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"{", b"", b"{'a':1}", b"9223372036854775808", b"1" * 400]
)
def test_what_only_some_parsers_read_is_refused(text: bytes) -> None:
    """One client that throws is one client that loses the page."""
    with pytest.raises(MalformedFrame):
        check_json(text, offset=0, max_depth=8)


def test_bytes_that_are_no_utf8_are_refused_where_they_stand() -> None:
    """The error names the byte."""
    with pytest.raises(MalformedFrame) as caught:
        check_json(b'"\xff"', offset=10, max_depth=8)
    assert caught.value.offset == 11


def test_half_a_surrogate_pair_is_refused() -> None:
    """JavaScript can spell it, Yrs cannot read it."""
    with pytest.raises(ImpossibleUpdate):
        check_json(b'"\\ud83d"', offset=0, max_depth=8)


def test_depth_counts_brackets_outside_of_strings_only() -> None:
    """A text full of brackets is shallow."""
    assert check_json(b'["' + b"[" * 100 + b'"]', offset=0, max_depth=2) == ["[" * 100]
    assert check_json(b"[[1],[2],[3]]", offset=0, max_depth=2)
    for text in (b"[" * 9 + b"]" * 9, b'{"a":' * 9 + b"1" + b"}" * 9, b"[" * 100_000):
        with pytest.raises(TooLarge):
            check_json(text, offset=0, max_depth=8)
    with pytest.raises(CollabError):
        check_json(b'"\\', offset=0, max_depth=8)
    with pytest.raises(CollabError):
        check_json(b'[[[[[[[[["\\', offset=0, max_depth=8)
