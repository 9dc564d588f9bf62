"""Updates as bytes."""

from __future__ import annotations

import random

import pytest
from pycrdt import Doc, Text

from collab.crdt.merge import EMPTY_STATE, EMPTY_UPDATE, UnmergeableUpdate, merge, missing_from, state_of


def written(count: int, rng: random.Random) -> tuple[list[bytes], str]:
    """Updates of a document that somebody typed into at random places."""
    doc: Doc = Doc()
    text = doc.get("text", type=Text)
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    for number in range(count):
        if number % 7 == 6:
            at = rng.randrange(len(text))
            del text[at : at + 1]
        else:
            text.insert(rng.randrange(len(text) + 1), chr(97 + number % 26))
    return updates, str(text)


def text_of(update: bytes) -> str:
    doc: Doc = Doc()
    doc.apply_update(update)
    return str(doc.get("text", type=Text))


def test_merging_a_shuffled_log_gives_what_was_written(rng: random.Random) -> None:
    """Applying them one by one in another order does not: pycrdt needs dependencies first."""
    updates, text = written(500, rng)
    rng.shuffle(updates)

    assert text_of(merge(updates)) == text


def test_what_is_missing_completes_what_somebody_has(rng: random.Random) -> None:
    """A reconnecting client gets the rest and nothing twice."""
    updates, text = written(300, rng)
    half, whole = merge(updates[:150]), merge(updates)
    rest = missing_from(whole, state_of(half))

    doc: Doc = Doc()
    doc.apply_update(half)
    doc.apply_update(rest)
    assert str(doc.get("text", type=Text)) == text
    assert len(rest) < len(whole)


def test_nothing_merges_to_nothing() -> None:
    """An empty log is an empty page."""
    assert merge([]) == EMPTY_UPDATE
    assert missing_from(EMPTY_UPDATE, EMPTY_STATE) == EMPTY_UPDATE


def test_unreadable_bytes_are_one_error_whatever_pycrdt_raises() -> None:
    """pycrdt has three ways to fail, one of which is no Exception."""
    with pytest.raises(UnmergeableUpdate):
        merge([b"\xff\xff\xff", EMPTY_UPDATE])
    with pytest.raises(UnmergeableUpdate):
        state_of(b"\x01")
