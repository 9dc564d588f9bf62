"""Folding on bytes: what comes out is the page, or nothing does."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pycrdt import Array, Doc, Map, Text

from collab.crdt.compact import compact
from collab.crdt.fold import fold, hold, sift_log, verify
from collab.crdt.index import index_updates, sift
from collab.crdt.merge import merge
from collab.crdt.proof import NotProven, prove_equal, prove_merged
from collab.crdt.runs import read_runs
from collab.errors import CollabError, TroubleHere
from collab.wire import PageLimits
from tests.fuzz.oracle import Oracle, encoded
from tests.services import Node

DOCUMENTS = 12
CRASH = Path(__file__).parent / "updates_that_crash_yrs.json"


@pytest.fixture(scope="module")
def oracle(node: Node) -> Iterator[Oracle]:
    with Oracle(node) as one:
        yield one


def folded(updates: list[bytes]) -> bytes:
    snapshot, _, kept = fold(updates)
    assert kept == b"", kept
    return snapshot


def typed(*words: str, client: int = 5) -> list[bytes]:
    """One update for each word, at the end of the text."""
    doc: Doc = Doc(client_id=client)
    text = doc.get("text", type=Text)
    updates = []
    for word in words:
        before = doc.get_state()
        text.insert(len(str(text).encode()), word)
        updates.append(doc.get_update(before))
    return updates


@pytest.mark.services
def test_people_see_the_same_page_after_a_fold(
    oracle: Oracle, rng: random.Random, request: pytest.FixtureRequest
) -> None:
    """Real Yjs clients made it, with undo, marks, embeds, nested types, cut characters; a real Yjs client reads it."""
    documents = 200 if request.config.option.full else DOCUMENTS
    before = after = collected = 0
    for _ in range(documents):
        seed = rng.randrange(2**31)
        made = oracle.rich(seed)
        snapshot = folded(made["updates"])
        merged = merge(made["updates"])
        assert oracle.ask("same", one=[encoded(merged)], other=[encoded(snapshot)]) is None, seed
        assert oracle.apply(snapshot, [snapshot, merged]) == [None, None], seed
        before, after, collected = before + len(merged), after + len(snapshot), collected + len(made["snapshot"])
    print(f"{documents} documents: {before} bytes merged, {after} folded, {collected} as Yjs itself writes them")
    assert after < before


@pytest.mark.services
def test_a_page_goes_on_after_a_fold_as_it_would_have_without(oracle: Oracle, rng: random.Random) -> None:
    """Edits that were made before the fold was known arrive after it."""
    for _ in range(DOCUMENTS):
        seed = rng.randrange(2**31)
        updates = oracle.rich(seed)["updates"]
        # In an order in which nothing waits.
        _, faults = sift(updates)
        assert not faults, seed
        cut = next(at for at in range(len(updates) // 2, len(updates) + 1) if not sift(updates[:at])[1])
        snapshot = folded(updates[:cut])
        rest = updates[cut:]
        again = folded([snapshot, *rest])
        whole = encoded(merge(updates))
        assert oracle.ask("same", one=[whole], other=[encoded(merge([snapshot, *rest]))]) is None, seed
        assert oracle.ask("same", one=[whole], other=[encoded(again)]) is None, seed


def test_typing_becomes_one_run_and_deleted_text_a_number() -> None:
    """This is what a fold is for."""
    doc: Doc = Doc(client_id=5)
    text = doc.get("text", type=Text)
    updates = []
    for letter in "a long sentence":
        before = doc.get_state()
        text.insert(len(text), letter)
        updates.append(doc.get_update(before))
    before = doc.get_state()
    del text[0:7]
    updates.append(doc.get_update(before))

    (client_runs,) = read_runs(folded(updates)).values()

    assert [(run.clock, run.end, run.kind) for run in client_runs] == [(0, 7, 1), (7, 15, 4)]


def test_what_lay_inside_a_deleted_type_leaves_no_trace_but_its_clocks() -> None:
    """A deleted table would otherwise stay in every load for ever."""
    doc: Doc = Doc(client_id=5)
    items = doc.get("list", type=Array)
    items.append(Map({"secret": "x" * 1000, "inner": Array([Map({"secret": "y" * 1000})])}))
    before = doc.get_state()
    first = doc.get_update()
    del items[0]
    second = doc.get_update(before)

    snapshot = folded([first, second])

    assert len(first) > 2000
    assert len(snapshot) < 40
    fresh: Doc = Doc()
    fresh.apply_update(snapshot)
    assert fresh.get_state() == doc.get_state()


def test_what_stands_under_a_key_lives_and_dies_with_what_is_around_it() -> None:
    """The index tells what is held under a key from what is held in a sequence; both have a type around them."""
    doc: Doc = Doc(client_id=5)
    root, other = doc.get("map", type=Map), doc.get("list", type=Array)
    root["kept"] = Map({"inner": Map({"value": "kept words", "text": Text("kept text")})})
    root["gone"] = Map({"inner": Map({"value": "lost words"})})
    other.append(Map({"under": Map({"value": "kept too"})}))
    other.append(Map({"under": Map({"value": "lost too"})}))
    first, before = doc.get_update(), doc.get_state()
    del root["gone"]
    del other[1]

    snapshot = folded([first, doc.get_update(before)])

    assert [snapshot.count(words) for words in (b"kept words", b"kept text", b"kept too", b"lost")] == [1, 1, 1, 0]
    fresh: Doc = Doc()
    kept, also = fresh.get("map", type=Map), fresh.get("list", type=Array)
    fresh.apply_update(snapshot)
    assert (kept.to_py(), also.to_py()) == (root.to_py(), other.to_py())


def test_a_deletion_that_cuts_a_character_in_two_keeps_it_whole_and_deleted() -> None:
    """Half a character cannot be written; Yjs clients put a mark of replacement for what is left, each by itself."""
    (first,) = typed("a👍b")
    half = b"\x00\x01\x05\x01\x02\x01"  # clock 2 of client 5: the second half

    snapshot = folded([first, half])

    (run,) = read_runs(snapshot)[5]
    assert (run.clock, run.end) == (0, 4)
    assert index_updates([snapshot], PageLimits())[1].is_deleted(5, 2, 3)


def test_updates_that_crash_yrs_are_found_without_a_crash() -> None:
    """Four updates, well-formed one by one to Yjs, that end a process that applies them to a document of Yrs."""
    updates = [bytes.fromhex(update) for update in json.loads(CRASH.read_text())]

    (faults,) = sift_log(updates)
    kept = [update for number, update in enumerate(updates) if str(number) not in json.loads(faults)]

    with pytest.raises(CollabError):
        fold(updates)
    assert folded(kept)
    assert set(json.loads(faults)) == {"1", "3"}


def test_a_log_in_which_something_is_missing_is_not_folded() -> None:
    """Building a document drops what waits, silently."""
    updates = typed("one", "two", "three")

    with pytest.raises(TroubleHere, match="row 2"):
        fold([updates[0], updates[2]])
    with pytest.raises(TroubleHere):
        verify([updates[0], updates[2]])


def test_the_order_in_which_processes_committed_does_not_matter() -> None:
    """Two processes may write an edit and what depends on it in either order."""
    updates = typed(*["some", "words", "and", "more"])

    assert folded(updates[::-1]) == folded(updates)


def rewritten(update: bytes, old: bytes, new: bytes) -> bytes:
    assert update.count(old) == 1
    return update.replace(old, new)


SNAPSHOT = merge([*typed("hello", " ", "world"), b"\x00\x01\x05\x01\x05\x01"])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (rewritten(SNAPSHOT, b"hello", b"jello"), "another content"),
        (rewritten(SNAPSHOT, b"\x01\x05\x01\x05\x01", b"\x01\x05\x01\x05\x02"), "deleted though nobody"),
        (SNAPSHOT[:-5] + b"\x00", "forgets a deletion"),
        (rewritten(SNAPSHOT, b"\x04text", b"\x04tex2"), "another place"),
        (merge(typed("hello", " ")), "state vector"),
        (b"\x00\x00", "state vector"),
        (b"\x01\x01\x05\x00\x00\x0b\x01\x05\x01\x00\x0b", "deleted though nobody"),
        (b"\x01\x01\x05\x00\x01\x01\x04text\x0b\x01\x05\x01\x00\x0b", "deleted though nobody"),
    ],
    ids=["letter", "deletion", "revival", "root", "end", "empty", "garbage", "emptied"],
)
def test_a_snapshot_that_says_something_else_is_refused(wrong: bytes, why: str) -> None:
    """The proof is all that stands between a mistake in a fold and somebody's words."""
    content, structure = index_updates([SNAPSHOT], PageLimits())
    prove_equal(content, compact(content, structure), structure)

    with pytest.raises(NotProven, match=why):
        prove_equal(content, wrong, structure)


def test_every_flipped_bit_of_a_snapshot_is_refused_unless_it_changes_nothing() -> None:
    """Whatever a fault in collecting garbage could do to the bytes, the proof sees it, or Yjs would not."""
    doc: Doc = Doc(client_id=5)
    text, items = doc.get("text", type=Text), doc.get("map", type=Map)
    text.insert(0, "some words")
    items["a"] = Map({"x": 1, "y": [1, "two", None]})
    text.format(0, 4, {"bold": True})
    del text[2:4]
    items["a"] = 7
    content, structure = index_updates([doc.get_update()], PageLimits())
    snapshot = compact(content, structure)
    accepted = 0
    for bit in range(len(snapshot) * 8):
        flipped = bytearray(snapshot)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            prove_equal(content, bytes(flipped), structure)
        except TroubleHere:
            continue
        # Said twice: that a run is deleted, and that an entry beside another one of its key is an entry.
        accepted += 1
        assert shown(bytes(flipped)) == shown(content), bit

    assert accepted < 10


def shown(update: bytes) -> tuple[object, ...]:
    doc: Doc = Doc()
    text, items = doc.get("text", type=Text), doc.get("map", type=Map)
    doc.apply_update(update)
    return text.diff(), items.to_py(), doc.get_state()


def test_merging_that_would_lose_something_is_noticed() -> None:
    """The proof begins with the rows, not with what merging made of them."""
    updates = [*typed("hello", " world"), b"\x00\x01\x05\x01\x00\x01"]
    content, structure = index_updates(updates, PageLimits())
    prove_merged(updates, content, structure)

    for wrong in (merge(updates[:2]), rewritten(content, b"world", b"word!"), merge(updates[:1])):
        _, other = index_updates([wrong], PageLimits())
        with pytest.raises(NotProven, match="row"):
            prove_merged(updates, wrong, other)


def test_what_one_place_has_of_a_page_is_looked_for_in_another() -> None:
    """The answer is one-sided: more may be there. What cannot be read is not taken for held."""
    rows = typed("one ", "two ", "three")

    def held(updates: list[bytes], page: list[bytes]) -> str:
        try:
            hold([str(len(updates)).encode(), *updates, *page])
        except CollabError as error:
            return str(error)
        return ""

    assert held([], []) == held([], rows) == held(rows, [merge(rows)]) == held([merge(rows)], rows[::-1]) == ""
    assert held(rows[:2], [folded(rows)]) == held([folded(rows[:2])], rows) == ""
    assert "missing" in held(rows, rows[:2])
    assert "another content" in held(rows, typed("one ", "two ", "seven"))
    assert "incomplete" in held(rows[:1], rows[1:])
    assert held([b"\xff\xff"], rows)
    assert held(rows, [b"\xff\xff"])
    assert "deletion" in held([b"\x00\x01\x05\x01\x00\x02"], rows)
    assert "deletion" in held([b"\x00\x01\x06\x01\x00\x02"], rows), "of somebody who is not there"
