"""Who is in a room, over several processes."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest

from collab.bus.envelope import Kind
from collab.bus.fanout import Fanout
from collab.errors import MalformedFrame
from collab.live.limits import Limits
from collab.live.rooms import Ears, Rooms
from collab.live.roster import Attendance, Roster
from tests.fakes import FakeClock
from tests.network import Network

ROOM, PAGE = uuid4(), uuid4()


class Process:
    """One process of several, with its rooms."""

    def __init__(self, network: Network) -> None:
        self.link = network.link()
        self.bus = Fanout(self.link, clock=network.clock, limits=Limits())
        self.rooms = Rooms(bus=self.bus, max_listed=5)
        self.heard: list[str] = []
        self.bus.start()

    def enter(self, name: str, *, connection: str | None = None, since: int = 0) -> None:
        person = {"id": f"u:{name}", "name": name, "color": "#000", "role": "editor"}
        attendance = Attendance(person=person, since=f"2026-01-01T00:00:{since:02}")
        ears = Ears(people=lambda: self.heard.append("people"), change=lambda: self.heard.append("change"))
        self.rooms.enter(ROOM, connection or name, attendance, ears)

    def names(self, room: UUID = ROOM) -> list[str]:
        return [person["name"] for person in self.rooms.people(room)["people"]]


async def test_people_on_all_processes_are_listed_in_the_order_they_came_and_go_with_their_process() -> None:
    network = Network(FakeClock())
    one, two = Process(network), Process(network)
    one.enter("Alice", since=1)
    two.enter("Bob", since=2)
    one.enter("Carol", since=3)
    await network.clock.advance(1)
    assert one.names() == two.names() == ["Alice", "Bob", "Carol"]

    two.rooms.look(ROOM, "Bob", PAGE)
    await network.clock.advance(1)
    assert [person["pages"] for person in one.rooms.people(ROOM)["people"]] == [[], [str(PAGE)], []]
    one.heard.clear()
    two.link.kill()
    await network.clock.advance(30)

    assert one.names() == ["Alice", "Carol"]
    assert "people" in one.heard
    await one.bus.stop()
    await two.bus.stop()


async def test_a_person_with_tabs_on_two_processes_is_one_person() -> None:
    network = Network(FakeClock())
    one, two = Process(network), Process(network)
    one.enter("Alice", since=1)
    two.enter("Alice", connection="other tab", since=2)
    await network.clock.advance(1)
    assert one.rooms.people(ROOM)["count"] == 1

    two.rooms.leave(ROOM, "other tab")
    await network.clock.advance(1)

    assert one.names() == ["Alice"]
    assert two.names() == []
    await one.bus.stop()
    await two.bus.stop()


async def test_a_change_reaches_the_room_in_every_process_and_no_other_room() -> None:
    network = Network(FakeClock())
    one, two = Process(network), Process(network)
    one.enter("Alice")
    two.enter("Bob")
    await network.clock.advance(1)
    one.heard.clear()
    two.heard.clear()

    one.rooms.change(ROOM)
    one.rooms.change(uuid4())
    await network.clock.advance(1)

    assert one.heard == two.heard == ["change"]
    await one.bus.stop()
    await two.bus.stop()


async def test_a_room_in_one_process_is_told_to_nobody() -> None:
    network = Network(FakeClock())
    one, two = Process(network), Process(network)
    one.enter("Alice")
    await network.clock.advance(1)
    network.sent.clear()

    for number in range(20):
        one.rooms.look(ROOM, "Alice", uuid4() if number % 2 else None)
        await network.clock.advance(0.1)

    assert set(network.sent) == {Kind.BEACON}
    await one.bus.stop()
    await two.bus.stop()


def test_a_crowd_is_counted_and_not_listed() -> None:
    """A lecture of two thousand must not make a message of a megabyte."""
    roster, here = Roster(max_listed=3), Roster(max_listed=3)
    for number in range(10):
        person = {"id": str(number), "name": str(number)}
        roster.enter(str(number), Attendance(person=person, since=f"{number}"))
    report = roster.report()
    assert len(json.loads(report)["people"]) == 3

    assert here.receive_from(b"process.", report)
    assert not here.receive_from(b"process.", report)
    assert len(here.people()["people"]) == 3
    assert here.people()["count"] == 10
    assert here.forget(b"process.")
    assert here.people() == {"people": [], "count": 0}


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"[]",
        b'{"people": 1, "count": 1}',
        b'{"people": [{}], "count": 1}',
        b'{"people": [], "count": "x"}',
        b"\xff",
    ],
)
def test_what_is_no_list_of_people_is_refused(report: bytes) -> None:
    with pytest.raises(MalformedFrame):
        Roster(max_listed=3).receive_from(b"process.", report)
