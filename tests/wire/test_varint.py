"""Integers, byte strings, text."""

from __future__ import annotations

import pytest

from collab.errors import MalformedFrame
from collab.wire.varint import (
    MAX_INTEGER,
    read_bytes,
    read_string,
    read_var_int,
    read_var_uint,
    write_bytes,
    write_string,
    write_var_int,
    write_var_uint,
)

EDGES = [0, 1, 63, 64, 127, 128, 8191, 8192, 16383, 16384, 2**31, 2**32, 2**53 - 1]


@pytest.mark.parametrize("number", EDGES)
def test_integers_come_back_as_they_went(number: int) -> None:
    """The edges of every length."""
    frame = b"\xff" + write_var_uint(number) + b"\x00"
    assert read_var_uint(frame, 1) == (number, len(frame) - 1)
    for signed in (number, -number):
        frame = b"\xff" + write_var_int(signed) + b"\x00"
        assert read_var_int(frame, 1) == (signed, len(frame) - 1)


def test_endless_integer_is_refused_after_eight_bytes() -> None:
    """A megabyte of continuation bytes costs eight steps, not a megabyte of big-integer work."""
    for read in (read_var_uint, read_var_int):
        with pytest.raises(MalformedFrame) as caught:
            read(b"\xff" * 1_000_000, 0)
        assert caught.value.offset == 0


@pytest.mark.parametrize("frame", [b"\x80\x00", b"\xff\x80\x00"])
def test_padded_integers_are_refused(frame: bytes) -> None:
    """Two spellings of 0 would let a message pass a check that looks at its first bytes."""
    for read in (read_var_uint, read_var_int):
        with pytest.raises(MalformedFrame):
            read(frame, 0)


def test_integers_above_53_bits_are_refused() -> None:
    """JavaScript would round them."""
    for read in (read_var_uint, read_var_int):
        with pytest.raises(MalformedFrame):
            read(b"\xff\xff\xff\xff\xff\xff\xff\x7f", 0)
    for write in (write_var_uint, write_var_int):
        with pytest.raises(ValueError, match="53 bits"):
            write(MAX_INTEGER + 1)
    with pytest.raises(ValueError, match="negative"):
        write_var_uint(-1)


def test_negative_zero_is_zero() -> None:
    """lib0 writes -0 as a sign without a magnitude."""
    assert read_var_int(b"\x40", 0) == (0, 1)


@pytest.mark.parametrize("frame", [b"", b"\x80", b"\xff\xff"])
def test_a_frame_that_ends_inside_an_integer_is_refused(frame: bytes) -> None:
    """Never an IndexError."""
    for read in (read_var_uint, read_var_int):
        with pytest.raises(MalformedFrame):
            read(frame, 0)


def test_byte_strings_and_text_come_back_and_know_their_end() -> None:
    """Lengths are in bytes, not in characters."""
    assert read_bytes(write_bytes(b"abc") + b"!", 0) == (b"abc", 4)
    assert read_string(write_string("字👍") + b"!", 0) == ("字👍", 8)


def test_text_that_is_cut_or_not_utf8_is_refused() -> None:
    """Browsers would throw on it."""
    with pytest.raises(MalformedFrame):
        read_bytes(b"\x05abc", 0)
    with pytest.raises(MalformedFrame) as caught:
        read_string(b"\x03a\xffb", 0)
    assert caught.value.offset == 2
