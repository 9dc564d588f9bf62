"""What an update is to a page."""

from __future__ import annotations

from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from collab.crdt.index import judge
from collab.errors import ImpossibleUpdate, TooLarge
from collab.wire import DEFAULT_LIMITS, FindingKind, PageLimits, PageStructure, examine, parse_update
from collab.wire.structure import type_of
from collab.wire.update import StructKind
from collab.wire.varint import write_var_uint
from tests.wire.building import block, collected, deleted, item, shared_type, skipped, text, update

ALICE, BOB = 10, 20


def look(page: PageStructure, payload: bytes) -> FindingKind:
    return examine(page, parse_update(payload)).kind


def take(page: PageStructure, payload: bytes) -> FindingKind:
    finding = examine(page, parse_update(payload))
    if finding.kind is FindingKind.NEW:
        page.add(finding.addition)
    return finding.kind


@pytest.fixture
def page() -> PageStructure:
    """Alice wrote "hello", two letters of it deleted, made a map in another root, and has two clocks collected."""
    page = PageStructure()
    structs = text("hello", parent="text"), shared_type(parent="map", key="k"), collected(2), deleted(1, parent="text")
    take(page, update(block(ALICE, 0, *structs), deletes={ALICE: [(2, 2)]}))
    return page


def test_what_is_there_already_is_known(page: PageStructure) -> None:
    """Deletions included; nothing happens but the acknowledgement."""
    assert (
        look(page, update(block(ALICE, 0, text("hello", parent="text")), deletes={ALICE: [(3, 1)]}))
        is FindingKind.KNOWN
    )
    assert look(page, update(block(ALICE, 0, skipped(5)))) is FindingKind.KNOWN
    assert look(page, update()) is FindingKind.KNOWN


def test_a_deletion_alone_is_news(page: PageStructure) -> None:
    """No state vector shows it."""
    finding = examine(page, parse_update(update(deletes={ALICE: [(0, 1), (3, 1)]})))
    assert finding.kind is FindingKind.NEW
    assert finding.advances == {}
    page.add(finding.addition)
    assert look(page, update(deletes={ALICE: [(0, 1)]})) is FindingKind.KNOWN


def test_new_clocks_are_named(page: PageStructure) -> None:
    """A slow reader that missed them is brought up by exactly these."""
    finding = examine(page, parse_update(update(block(BOB, 0, text("abc", origin=(ALICE, 4))))))
    assert (finding.kind, finding.advances, finding.overlaps) == (FindingKind.NEW, {BOB: (0, 3)}, False)


@pytest.mark.parametrize(
    "payload",
    [
        update(block(BOB, 1, text("x", parent="text"))),
        update(block(BOB, 0, skipped(2), text("x", parent="text"))),
        update(block(BOB, 0, text("x", origin=(ALICE, 99)))),
        update(block(BOB, 0, text("x", right=(30, 0)))),
        update(block(BOB, 0, text("x", parent=(30, 0)))),
        update(block(BOB, 0, text("x", parent="text")), deletes={BOB: [(0, 2)]}),
        update(deletes={30: [(0, 1)]}),
        update(block(30, 0, text("y", origin=(BOB, 0))), block(BOB, 0, text("x", origin=(30, 0)))),
        update(block(30, 0, text("y", parent="text")), block(BOB, 0, text("x", origin=(30, 5)))),
    ],
)
def test_whatever_is_missing_is_a_gap(page: PageStructure, payload: bytes) -> None:
    """A clock, a neighbour, a parent, a deleted range, each other."""
    before = page.dump()
    assert look(page, payload) is FindingKind.GAP
    assert page.dump() == before


@pytest.mark.parametrize(
    "struct",
    [
        text("a", origin=(ALICE, 1), right=(ALICE, 2)),
        text("a", origin=(ALICE, 5)),
        text("a", right=(ALICE, 8)),
        text("a", origin=(ALICE, 6)),
        text("a", origin=(ALICE, 1), right=(ALICE, 6)),
        text("a", right=(99, 0)),
        text("a", parent="text"),
        deleted(1, origin=(ALICE, 1)),
        shared_type(origin=(ALICE, 1)),
    ],
)
def test_a_key_stroke_is_judged_like_everything_else(page: PageStructure, struct: bytes) -> None:
    """It takes a shorter way, which must lead to the same place; an empty delete set takes the long one."""
    short = examine(page, parse_update(update(block(BOB, 0, struct))))
    long = examine(page, parse_update(update(block(BOB, 0, struct), deletes={ALICE: []})))
    assert (short.kind, short.advances, short.overlaps) == (long.kind, long.advances, long.overlaps)
    assert short.addition == long.addition


def test_a_key_stroke_too_many_is_refused() -> None:
    """The bound of a page holds for the shorter way as well."""
    page = PageStructure(PageLimits(max_structs=1))
    take(page, update(block(ALICE, 0, text("a", parent="text"))))
    with pytest.raises(TooLarge):
        look(page, update(block(BOB, 0, text("b", origin=(ALICE, 0)))))


def test_clients_that_need_each_other_in_turn_are_untangled(page: PageStructure) -> None:
    """Walking one client to its end, once begun, would wait for itself."""
    alternating = update(
        block(30, 0, text("b", origin=(BOB, 0)), text("d", origin=(BOB, 1))),
        block(BOB, 0, text("a", parent="text"), text("c", origin=(30, 0)), text("e", origin=(30, 1))),
    )
    three = update(
        block(3, 0, text("x", origin=(2, 0))),
        block(2, 0, text("y", parent="text"), text("z", origin=(1, 0))),
        block(1, 0, text("w", origin=(3, 0))),
    )
    assert take(page, alternating) is FindingKind.NEW
    assert take(page, three) is FindingKind.NEW
    assert page.state_vector == {ALICE: 9, 30: 2, BOB: 3, 1: 1, 2: 2, 3: 1}


def test_a_parent_that_is_no_shared_type_is_impossible(page: PageStructure) -> None:
    """Yjs would look for a list inside a letter."""
    with pytest.raises(ImpossibleUpdate):
        look(page, update(block(BOB, 0, text("x", parent=(ALICE, 0)))))


@pytest.mark.parametrize(
    "struct",
    [
        text("x", origin=(ALICE, 6)),
        text("x", right=(ALICE, 7)),
        text("x", origin=(ALICE, 0), right=(ALICE, 6)),
        text("x", parent=(ALICE, 6)),
        text("x", parent=(ALICE, 8)),
        collected(1),
    ],
)
def test_beside_or_inside_what_is_gone_nothing_stays(page: PageStructure, struct: bytes) -> None:
    """Yjs turns such an item into garbage; taking it for content would judge the next one wrongly."""
    assert take(page, update(block(BOB, 0, struct))) is FindingKind.NEW
    assert page.at(BOB, 0)[0] in {StructKind.LOST, StructKind.GC}
    assert page.is_deleted(BOB, 0, 1)
    take(page, update(block(BOB, 1, text("y", origin=(BOB, 0)), deleted(1, right=(BOB, 0)))))
    assert [page.at(BOB, clock)[0] for clock in (1, 2)] == [StructKind.LOST, StructKind.GC]


def test_what_came_as_text_is_no_parent_also_when_it_is_lost(page: PageStructure) -> None:
    """To Yjs it is garbage, and so is what it holds; Yrs still knows the text, and fails on the whole page."""
    take(page, update(block(BOB, 0, text("x", origin=(ALICE, 6)))))
    with pytest.raises(ImpossibleUpdate):
        look(page, update(block(30, 0, text("y", parent=(BOB, 0)))))


def test_lost_types_count_as_deep_as_yrs_may_put_them() -> None:
    """Beside garbage and something alive, Yjs makes garbage and Yrs makes a place: a chain of these must end too."""
    page = PageStructure(PageLimits(max_depth=4))
    take(page, update(block(ALICE, 0, collected(1), shared_type(parent="list"))))
    for step in range(3):
        below = text("x", parent=(ALICE, 1)) if step == 0 else text("x", parent=(BOB, 2 * step - 1))
        garbage_and_alive = shared_type(origin=(ALICE, 0), right=(BOB, 2 * step))
        assert take(page, update(block(BOB, 2 * step, below, garbage_and_alive))) is FindingKind.NEW
        assert page.at(BOB, 2 * step + 1)[0] == StructKind.LOST_TYPE
    assert page.depth == 4
    with pytest.raises(TooLarge):
        look(page, update(block(BOB, 6, shared_type(parent=(BOB, 5)))))
    assert (
        take(page, update(block(BOB, 6, shared_type(parent=(ALICE, 0)), shared_type(origin=(BOB, 6)))))
        is FindingKind.NEW
    )


def test_neighbours_tell_the_parent_also_when_they_are_shared_types(page: PageStructure) -> None:
    """An item beside a map lies in the map's parent, not in the map."""
    root, holder = page.root("map"), page.at(ALICE, 5)[1]
    take(
        page,
        update(block(BOB, 0, text("x", origin=(ALICE, 5)), shared_type(origin=(BOB, 0)), text("y", right=(BOB, 1)))),
    )
    assert type_of(page.at(BOB, 0)[1]) == root
    assert type_of(page.at(BOB, 2)[1]) == root
    assert type_of(page.holder_of(holder)) == root
    take(page, update(block(30, 0, text("in", parent=(ALICE, 5)), text("z", origin=(30, 0)))))
    assert page.at(30, 2)[1] == holder


def test_part_known_part_new_is_an_overlap(page: PageStructure) -> None:
    """The known part is cut off before anybody hears of it."""
    finding = examine(page, parse_update(update(block(ALICE, 8, deleted(3, parent="text")))))
    assert (finding.kind, finding.overlaps, finding.advances) == (FindingKind.NEW, True, {ALICE: (9, 11)})
    after_garbage = PageStructure()
    take(after_garbage, update(block(ALICE, 0, collected(2))))
    take(after_garbage, update(block(ALICE, 0, text("abcd", parent="text"))))
    assert after_garbage.at(ALICE, 3) == (StructKind.LOST, -1)
    whole = examine(
        page, parse_update(update(block(ALICE, 0, text("hello", parent="text")), deletes={ALICE: [(0, 1)]}))
    )
    assert whole.overlaps


def test_a_cut_through_a_character_is_refused(page: PageStructure) -> None:
    """Yrs leaves an empty text behind, which makes Yjs misread everything after it."""
    doc: Doc = Doc(client_id=BOB)
    doc.get("text", type=Text).insert(0, "👍")
    honest = doc.get_update()
    half = PageStructure()
    take(half, update(block(BOB, 0, text("x", parent="text"))))

    with pytest.raises(ImpossibleUpdate):
        judge(half, honest, DEFAULT_LIMITS)


def test_the_known_part_is_cut_off_by_judge(page: PageStructure) -> None:
    """And nothing else is."""
    doc: Doc = Doc(client_id=BOB)
    words = doc.get("text", type=Text)
    words.insert(0, "known ")
    first = doc.get_update()
    words.insert(6, "new")
    fresh = PageStructure()
    take(fresh, first)

    finding, rest = judge(fresh, doc.get_update(), DEFAULT_LIMITS)

    assert (finding.kind, finding.advances) == (FindingKind.NEW, {BOB: (6, 9)})
    assert len(rest) < len(doc.get_update())
    same, untouched = judge(fresh, rest, DEFAULT_LIMITS)
    assert (same.kind, untouched) == (FindingKind.NEW, rest)


def nested(levels: int, root: str = "deep") -> bytes:
    doc: Doc = Doc()
    array = doc.get(root, type=Array)
    for _ in range(levels):
        inner: Array = Array()
        array.append(inner)
        array = inner
    return doc.get_update()


def test_nesting_is_bounded_in_one_update(page: PageStructure) -> None:
    """Thousands of levels end browsers, and the process that builds the document."""
    assert take(page, nested(64)) is FindingKind.NEW
    assert page.depth == 64
    with pytest.raises(TooLarge):
        look(page, nested(65))


def test_nesting_is_bounded_over_many_updates() -> None:
    """A hundred updates of one level each are a hundred levels."""
    page = PageStructure()
    take(page, update(block(BOB, 0, shared_type(0, parent="deep"))))
    for clock in range(1, 64):
        take(page, update(block(BOB, clock, shared_type(0, parent=(BOB, clock - 1)))))
    assert page.depth == 64
    with pytest.raises(TooLarge):
        look(page, update(block(BOB, 64, shared_type(0, parent=(BOB, 63)))))
    with pytest.raises(TooLarge):
        look(page, update(block(30, 0, shared_type(0, right=(BOB, 63)), shared_type(0, parent=(30, 0)))))


def test_the_bounds_of_a_page_are_kept() -> None:
    """Types and runs cost memory for as long as the page is open."""
    few = PageStructure(PageLimits(max_types=3, max_structs=4))
    doc: Doc = Doc()
    things = doc.get("map", type=Map)
    things["a"] = Map()
    things["b"] = Map()
    assert take(few, doc.get_update()) is FindingKind.NEW
    with pytest.raises(TooLarge):
        look(few, update(block(BOB, 0, shared_type(parent="map", key="c"))))
    with pytest.raises(TooLarge):
        look(
            few, update(block(BOB, 0, text("a", parent="map"), item(b"\x01", 1, parent="map"), text("b", parent="map")))
        )


def test_a_type_beside_garbage_from_a_mixed_root_is_at_the_first_level() -> None:
    """A holder that cannot be told counts as a root."""
    page = PageStructure()
    take(page, update(block(BOB, 0, shared_type(parent="one"), shared_type(parent="two"))))
    assert page.depth == 1
    assert page.type_count == 4


@pytest.mark.parametrize("place", [{"parent": "map", "key": "k"}, {"origin": (ALICE, 5)}, {"right": (ALICE, 5)}])
def test_two_values_at_once_under_one_key_are_refused(page: PageStructure, place: dict[str, Any]) -> None:
    """Cut in two, one of them would be alive behind the other: Yjs throws when their map is deleted."""
    two = item(write_var_uint(2) + b"\x7e\x7e", 8, **place)
    for payload in (update(block(BOB, 0, two)), update(block(BOB, 0, two), deletes={BOB: [(0, 1)]})):
        with pytest.raises(ImpossibleUpdate):
            look(page, payload)

    assert look(page, update(block(BOB, 0, item(write_var_uint(1) + b"\x7e", 8, **place)))) is FindingKind.NEW


def test_values_that_followed_each_other_under_one_key_come_as_one_when_all_are_deleted(page: PageStructure) -> None:
    """As Yjs writes them when it keeps what was deleted, and when it does not."""
    two = item(write_var_uint(2) + b"\x7e\x7e", 8, parent="map", key="k")
    assert look(page, update(block(BOB, 0, two), deletes={BOB: [(0, 2)]})) is FindingKind.NEW
    assert look(page, update(block(BOB, 0, deleted(2, parent="map", key="k")))) is FindingKind.NEW


@pytest.mark.parametrize(("origin", "right"), [((ALICE, 0), (ALICE, 5)), ((ALICE, 5), (ALICE, 0))])
def test_an_item_between_neighbours_of_different_places_is_refused(
    page: PageStructure, origin: tuple[int, int], right: tuple[int, int]
) -> None:
    """A letter and a value of a map: nobody ever stood between them."""
    for structs in ([text("x", origin=origin, right=right)], [text("x", origin=origin, right=right), collected(1)]):
        with pytest.raises(ImpossibleUpdate):
            look(page, update(block(BOB, 0, *structs)))


def test_an_item_between_a_sequence_and_a_key_of_one_type_is_refused(page: PageStructure) -> None:
    """The same type, and yet two places."""
    take(page, update(block(BOB, 0, text("x", parent="text", key="k"))))
    with pytest.raises(ImpossibleUpdate):
        look(page, update(block(30, 0, text("y", origin=(ALICE, 0), right=(BOB, 0)))))
