"""Who holds what, from messages that may be lost, repeated and late."""

from __future__ import annotations

from uuid import uuid4

from collab.bus.census import MAX_PROCESSES, Census

ONE, TWO = b"1" * 8, b"2" * 8
PAGE, OTHER = uuid4(), uuid4()


def census_with(*processes: bytes) -> Census:
    census = Census()
    for process in processes:
        assert census.hear(process, 0.0)
        census.replace(process, 0, [])
    return census


def test_a_process_holds_what_it_opened_until_it_closes_it() -> None:
    census = census_with(ONE, TWO)

    assert census.opened(ONE, 1, PAGE)
    assert census.opened(TWO, 1, PAGE)
    assert census.holders(PAGE) == {ONE, TWO}
    assert census.closed(ONE, 2, PAGE)
    assert census.holders(PAGE) == {TWO}
    assert census.is_current(ONE, 2)


def test_a_message_that_is_missing_is_noticed_and_the_list_mends_it() -> None:
    census = census_with(ONE)

    assert census.opened(ONE, 3, PAGE)
    assert census.holders(PAGE) == {ONE}
    assert not census.is_current(ONE, 3)
    assert census.replace(ONE, 3, [PAGE, OTHER]) == ({OTHER}, set())
    assert census.is_current(ONE, 3)
    assert census.replace(ONE, 4, []) == (set(), {PAGE, OTHER})
    assert not census.holders(PAGE)


def test_old_news_change_nothing() -> None:
    """A message that was delayed, or comes twice, must not undo what came after it."""
    census = census_with(ONE)
    census.opened(ONE, 1, PAGE)
    census.closed(ONE, 2, PAGE)

    assert not census.opened(ONE, 1, PAGE)
    assert census.replace(ONE, 1, [PAGE]) == (set(), set())
    assert not census.holders(PAGE)


def test_a_closing_out_of_turn_waits_for_the_list() -> None:
    """Believed at once, it would be undone by the opening that it overtook."""
    census = census_with(ONE)

    assert not census.closed(ONE, 2, PAGE)
    assert census.opened(ONE, 1, PAGE)
    assert not census.is_current(ONE, 2)


def test_a_silent_process_is_found_and_forgotten_with_all_it_held() -> None:
    census = census_with(ONE, TWO)
    census.opened(ONE, 1, PAGE)
    census.hear(TWO, 20.0)

    assert census.silent(26.0, 25.0) == [ONE]
    assert census.forget(ONE) == {PAGE}
    assert not census.holders(PAGE)
    assert census.forget(ONE) == set()


def test_the_number_of_processes_is_bounded() -> None:
    census = census_with(*(number.to_bytes(8, "big") for number in range(MAX_PROCESSES)))

    assert not census.hear(b"one more", 0.0)
    assert census.hear((1).to_bytes(8, "big"), 1.0)
