"""Awareness states of other processes: one person, one state, and clocks that never go back."""

from __future__ import annotations

from collab.live.elsewhere import MAX_REMEMBERED, Elsewhere
from collab.live.limits import Limits
from collab.wire import AwarenessEntry

ONE, TWO = b"1" * 8, b"2" * 8


def entry(client_id: int, clock: int, state: bytes | None = b"{}") -> AwarenessEntry:
    return AwarenessEntry(client_id, clock, state)


def test_clocks_that_clients_are_told_never_go_back() -> None:
    """They ignore what does, and the person would stand still for them."""
    elsewhere = Elsewhere(Limits())
    told = [
        *elsewhere.receive(ONE, [entry(7, 5)], complete=False),
        *elsewhere.forget(ONE),
        *elsewhere.receive(TWO, [entry(7, 1)], complete=False),
        *elsewhere.receive(TWO, [entry(7, 2)], complete=False),
        *elsewhere.receive(TWO, [entry(7, 3, None)], complete=False),
    ]

    assert [one.clock for one in told] == [5, 6, 7, 8, 9]
    assert [one.state for one in told] == [b"{}", None, b"{}", b"{}", None]


def test_only_the_process_that_vouches_for_somebody_may_say_that_they_went() -> None:
    """The old process notices late that its connection was dead, when the person is on a new one already."""
    elsewhere = Elsewhere(Limits())
    elsewhere.receive(ONE, [entry(7, 1)], complete=False)
    elsewhere.receive(TWO, [entry(7, 2)], complete=False)

    assert elsewhere.receive(ONE, [entry(7, 3, None)], complete=False) == []
    assert elsewhere.receive(ONE, [], complete=True) == []
    assert elsewhere.forget(ONE) == []
    assert [one.client_id for one in elsewhere.entries()] == [7]


def test_a_complete_list_removes_whoever_is_not_on_it() -> None:
    elsewhere = Elsewhere(Limits())
    elsewhere.receive(ONE, [entry(7, 1), entry(8, 1)], complete=True)

    assert [(one.client_id, one.state) for one in elsewhere.receive(ONE, [entry(8, 1)], complete=True)] == [(7, None)]


def test_what_is_not_new_is_not_told_again() -> None:
    """The list is repeated every few seconds."""
    elsewhere = Elsewhere(Limits())
    elsewhere.receive(ONE, [entry(7, 4)], complete=True)

    assert elsewhere.receive(ONE, [entry(7, 4)], complete=True) == []
    assert elsewhere.receive(ONE, [entry(7, 3, b'{"old": 1}')], complete=False) == []


def test_people_and_memories_of_people_are_bounded() -> None:
    elsewhere = Elsewhere(Limits(awareness_max_entries=10))
    for client_id in range(3 * MAX_REMEMBERED):
        elsewhere.receive(ONE, [entry(client_id, 1)], complete=False)
        elsewhere.receive(ONE, [entry(client_id, 2, None)], complete=False)
    elsewhere.receive(ONE, [entry(client_id, 1) for client_id in range(50)], complete=False)

    assert len(elsewhere.entries()) == 10
    assert sum(elsewhere.told(client_id) >= 0 for client_id in range(3 * MAX_REMEMBERED)) <= MAX_REMEMBERED + 10
