"""How many connections there may be, and how fast they may come."""

from __future__ import annotations

import random

import pytest

from collab.errors import TooMany, TroubleHere
from collab.live import gate as gate_module
from collab.live.gate import Gate
from collab.live.limits import Limits


def gate(**limits: float) -> Gate:
    return Gate(Limits(**limits))  # type: ignore[arg-type]


def test_an_address_has_so_many_connections_and_no_more() -> None:
    one = gate(max_sockets_per_address=3)
    visits = [one.arrive("192.0.2.1", 0.0) for _ in range(3)]

    with pytest.raises(TooMany):
        one.arrive("192.0.2.1", 0.0)
    one.arrive("192.0.2.2", 0.0)
    visits[0].leave()
    visits[0].leave()
    one.arrive("192.0.2.1", 0.0)
    with pytest.raises(TooMany):
        one.arrive("192.0.2.1", 0.0)


def test_a_person_has_so_many_connections_wherever_they_come_from() -> None:
    one = gate(max_sockets_per_person=2)
    visits = [one.arrive(f"192.0.2.{number}", 0.0) for number in range(3)]
    visits[0].introduce("u:1")
    visits[1].introduce("u:1")

    with pytest.raises(TooMany):
        visits[2].introduce("u:1")
    visits[2].leave()
    visits[0].leave()
    one.arrive(None, 0.0).introduce("u:1")


def test_a_process_that_is_full_says_try_again() -> None:
    """Another process, or this one in a minute, has room: 4500, not 4429."""
    one = gate(max_sockets=2, max_sockets_per_address=2)
    for _ in range(2):
        one.arrive(None, 0.0)

    with pytest.raises(TroubleHere):
        one.arrive(None, 0.0)


def test_who_comes_too_fast_waits_and_who_would_wait_too_long_is_refused() -> None:
    one = gate(connects_per_second=10, connect_burst=20, connect_patience=1.05)
    pauses = [one.arrive("192.0.2.1", 0.0).pause for _ in range(30)]

    assert pauses[:20] == pytest.approx([0.0] * 20)
    assert pauses[20:] == pytest.approx([0.1 * number for number in range(1, 11)])
    with pytest.raises(TooMany):
        one.arrive("192.0.2.1", 0.0)
    assert one.arrive("192.0.2.2", 0.0).pause == 0.0
    assert one.arrive("192.0.2.1", 2.0).pause == 0.0


def test_who_is_refused_again_and_again_waits_longer() -> None:
    """Old clients come back at once after any close."""
    one = gate(connects_per_second=10, connect_burst=20, connect_patience=1)
    for _ in range(3):
        visit = one.arrive("192.0.2.1", 0.0)
        visit.refused(0.0)
        visit.leave()

    with pytest.raises(TooMany):
        one.arrive("192.0.2.1", 0.0)
    assert one.arrive("192.0.2.1", 10.0).pause == 0.0


def test_addresses_without_a_connection_are_forgotten_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody with many addresses must not fill the memory, nor push out those who are here."""
    monkeypatch.setattr(gate_module, "MAX_ADDRESSES", 100)
    one = gate(max_sockets_per_address=1)
    staying = one.arrive("192.0.2.1", 0.0)
    for number in range(10_000):
        one.arrive(f"198.51.{number // 250}.{number % 250}", 0.0).leave()

    assert one.addresses <= 102
    with pytest.raises(TooMany):
        one.arrive("192.0.2.1", 0.0)
    staying.leave()
    assert one.sockets == 0


def test_whatever_comes_and_goes_the_count_is_right(rng: random.Random) -> None:
    one = gate(max_sockets_per_address=5, max_sockets_per_person=4, max_sockets=30)
    here = []
    for step in range(3000):
        if here and rng.random() < 0.5:
            here.pop(rng.randrange(len(here))).leave()
            continue
        try:
            visit = one.arrive(rng.choice([None, *"abcdefgh"]), step / 10)
        except (TooMany, TroubleHere):
            continue
        try:
            visit.introduce(rng.choice("uvwxyz"))
        except TooMany:
            visit.leave()
            continue
        here.append(visit)
    for visit in here:
        visit.leave()

    assert one.sockets == 0
    assert not one._persons
    assert all(not known.sockets for known in one._addresses.values())
