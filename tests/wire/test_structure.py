"""The index of a page."""

from __future__ import annotations

import random
from itertools import pairwise

from pycrdt import Doc, Map, Text

from collab.wire import PageLimits, PageStructure, examine, parse_update
from collab.wire.structure import DeletedRanges
from tests.wire.building import block, shared_type, text, update


def take(page: PageStructure, payload: bytes) -> None:
    page.add(examine(page, parse_update(payload)).addition)


def test_deleted_ranges_say_what_a_set_of_clocks_says(rng: random.Random) -> None:
    """Every way in which two ranges can lie beside each other."""
    for _ in range(200):
        ranges, clocks = DeletedRanges(), set[int]()
        for _ in range(12):
            start = rng.randrange(40)
            end = start + rng.randrange(1, 8)
            ranges.add(start, end)
            clocks.update(range(start, end))
            probe = rng.randrange(40)
            assert ranges.covers(probe, probe + 3) == {probe, probe + 1, probe + 2}.issubset(clocks)
        pairs = list(zip(ranges.starts, ranges.ends, strict=True))
        assert {clock for start, end in pairs for clock in range(start, end)} == clocks
        assert all(end < start for (_, end), (start, _) in pairwise(pairs))


def test_many_ranges_at_once_are_the_same_as_one_by_one(rng: random.Random) -> None:
    """The delete set of a whole page comes as one list."""
    for _ in range(50):
        parts = [(start, start + rng.randrange(1, 5)) for start in (rng.randrange(200) for _ in range(40))]
        together, singly = DeletedRanges(), DeletedRanges()
        together.add(50, 60)
        singly.add(50, 60)
        together.add_all(parts)
        for start, end in parts:
            singly.add(start, end)
        assert (together.starts, together.ends) == (singly.starts, singly.ends)


def test_typing_does_not_grow_the_index() -> None:
    """A day of writing is one run."""
    page = PageStructure()
    doc: Doc = Doc()
    words = doc.get("text", type=Text)
    doc.observe(lambda event: take(page, event.update))
    for number in range(500):
        words.insert(number, "x")
    assert page.struct_count == 1
    assert page.state_vector == {doc.client_id: 500}


def test_the_index_names_its_roots_and_what_is_deleted() -> None:
    """A fold compares two indexes by them."""
    doc: Doc = Doc(client_id=5)
    words = doc.get("text", type=Text)
    words.insert(0, "some words")
    del words[2:4]
    del words[4:5]
    doc.get("map", type=Map)["key"] = 1
    page = PageStructure()
    take(page, doc.get_update())

    assert dict(page.roots()).keys() == {"text", "map"}
    assert list(page.deletions()) == [(5, 2, 4), (5, 6, 7)]


def test_the_index_survives_its_way_as_bytes() -> None:
    """The worker makes it, the engine goes on with it."""
    page = PageStructure(PageLimits(max_depth=9, max_types=99, max_structs=999))
    doc: Doc = Doc(client_id=2**40)
    doc.get("字", type=Map)["a"] = Map({"b": Map({"c": 1})})
    take(page, doc.get_update())
    del doc.get("字", type=Map)["a"]
    take(page, doc.get_update())
    take(page, update(block(3, 0, shared_type(parent="other"), text("ab", parent=(3, 0)))))

    again = PageStructure.load(page.dump())

    assert again.dump() == page.dump()
    assert again.limits == page.limits
    assert again.state_vector == page.state_vector
    assert (again.type_count, again.struct_count, again.depth) == (page.type_count, page.struct_count, page.depth)
    assert [again.at(3, clock) for clock in range(3)] == [page.at(3, clock) for clock in range(3)]
    number = again.root("other")
    assert number is not None
    assert again.depth_of(number) == 0
    assert again.is_deleted(2**40, 0, 1)
    assert not again.is_deleted(3, 0, 1)
    assert PageStructure.load(PageStructure().dump()).state_vector == {}
