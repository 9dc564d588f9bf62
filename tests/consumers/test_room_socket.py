"""``/ws/rooms/<id>``: who is here, what they look at, and what things are called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import transaction

from collab import access, runtime
from collab.announcements import room_changed
from collab.models import Role, Room
from tests import factories
from tests.consumers.conftest import Scene
from tests.consumers.sockets import OWN_ORIGIN, RoomSocket

Sockets = Callable[[RoomSocket], RoomSocket]
Enter = Callable[..., Any]


@pytest.fixture
def enter(sockets: Sockets, scene: Scene) -> Enter:
    """Somebody's tab in the room."""

    async def enter(user: Any) -> RoomSocket:
        browser = await database_sync_to_async(factories.browser)(user)
        return sockets(RoomSocket(scene.room.pk, browser=browser, origin=OWN_ORIGIN))

    return enter


async def people_when(socket: RoomSocket, condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The first list of people that fulfils a condition."""
    while True:
        data = await socket.next("people")
        assert data["count"] == len(data["people"])
        if condition(data["people"]):
            people: list[dict[str, Any]] = data["people"]
            return people


def names(people: list[dict[str, Any]]) -> list[str]:
    return [person["name"] for person in people]


async def test_whoever_enters_is_greeted_with_who_they_are_and_who_is_here(enter: Enter, scene: Scene) -> None:
    alice = await enter(scene.alice)
    await alice.open()
    envelope = await alice.envelope()

    assert envelope["type"] == "hello"
    assert isinstance(envelope["id"], str)
    assert datetime.fromisoformat(envelope["at"]).tzinfo is not None
    identity = access.identify
    me = {**(await database_sync_to_async(identity)(user=scene.alice, session=None)).as_json(), "role": "owner"}
    assert envelope["data"]["me"] == me
    assert envelope["data"]["role"] == "owner"
    assert envelope["data"]["count"] == 1
    (person,) = envelope["data"]["people"]
    assert {**me, "pages": []}.items() <= person.items()
    assert datetime.fromisoformat(person["since"]).tzinfo is not None


async def test_people_see_each_other_come_look_and_go(enter: Enter, scene: Scene) -> None:
    alice = await enter(scene.alice)
    await alice.join()
    bob = await enter(scene.bob)
    assert names((await bob.join())["people"]) == ["alice", "bob"]
    assert names(await people_when(alice, lambda people: len(people) == 2)) == ["alice", "bob"]

    await bob.say("look", page=str(scene.board.pk))
    people = await people_when(alice, lambda people: any(person["pages"] for person in people))
    assert [person["pages"] for person in people] == [[], [str(scene.board.pk)]]

    await bob.say("look", page=None)
    await people_when(alice, lambda people: not any(person["pages"] for person in people))
    await bob.leave()
    assert names(await people_when(alice, lambda people: len(people) == 1)) == ["alice"]


async def test_two_tabs_of_one_person_are_one_person(enter: Enter, scene: Scene) -> None:
    alice, first, second = await enter(scene.alice), await enter(scene.bob), await enter(scene.bob)
    for socket in (alice, first, second):
        await socket.join()
    await first.say("look", page=str(scene.board.pk))
    await second.say("look", page=str(scene.document.pk))
    people = await people_when(alice, lambda people: len(people) == 2 and len(people[1]["pages"]) == 2)
    assert people[1]["pages"] == [str(scene.board.pk), str(scene.document.pk)]

    await first.leave()
    people = await people_when(alice, lambda people: len(people) < 2 or len(people[1]["pages"]) == 1)

    assert names(people) == ["alice", "bob"]


async def test_many_who_come_at_once_cost_few_messages(enter: Enter, scene: Scene) -> None:
    """A class that arrives together must not cost the square of its size."""
    alice = await enter(scene.alice)
    await alice.join()
    crowd = [await enter(scene.bob) for _ in range(20)]
    await asyncio.gather(*(socket.join() for socket in crowd))
    await people_when(alice, lambda people: len(people) == 2)
    lists = 1
    while not await alice.is_silent():
        await alice.receive()
        lists += 1

    assert lists < 10


async def test_a_new_title_reaches_everybody(enter: Enter, scene: Scene) -> None:
    """Of the room or of a page, changed over HTTP by somebody who may."""
    alice, carol = await enter(scene.alice), await enter(scene.carol)
    await alice.join()
    await carol.join()
    browser = await database_sync_to_async(factories.browser)(scene.bob)
    board, document = scene.board, scene.document

    async def rename(path: str, title: str) -> None:
        answer = await sync_to_async(browser.patch)(path, json.dumps({"title": title}), content_type="application/json")
        assert answer.status_code == 200

    await rename(f"/api/rooms/{scene.room.pk}", "Retrospective")
    for socket in (alice, carol):
        room = await socket.next("room")
        assert room["title"] == "Retrospective"
    await rename(f"/api/pages/{document.pk}", "Minutes")
    for socket in (alice, carol):
        assert await socket.next("room") == {
            "title": "Retrospective",
            "pages": [
                {"id": str(board.pk), "kind": "board", "title": board.title, "epoch": 1},
                {"id": str(document.pk), "kind": "document", "title": "Minutes", "epoch": 1},
            ],
        }


async def test_a_room_that_is_deleted_closes_for_everybody(enter: Enter, scene: Scene) -> None:
    """People should not go on looking at what is not there any more."""
    alice, carol = await enter(scene.alice), await enter(scene.carol)
    await alice.join()
    await carol.join()

    def delete() -> None:
        with transaction.atomic():
            room_changed(scene.room.pk)
            Room.objects.get(pk=scene.room.pk).delete()

    await database_sync_to_async(delete)()

    assert await alice.ending() == (4404, "unknown")
    assert await carol.ending() == (4404, "unknown")


async def test_a_ping_is_answered(enter: Enter, scene: Scene) -> None:
    alice = await enter(scene.alice)
    await alice.join()
    await alice.say("ping")

    assert await alice.next("pong") == {}


async def test_a_type_that_is_not_known_is_answered_and_survived(enter: Enter, scene: Scene) -> None:
    """A newer client may talk to an older server."""
    alice = await enter(scene.alice)
    await alice.join()
    await alice.say("dance")
    assert await alice.next("error") == {"reason": "unknown-type"}

    await alice.say("ping")

    await alice.next("pong")


@pytest.mark.parametrize(
    ("message", "ending"),
    [
        ("", (4400, "malformed")),
        ("ping", (4400, "malformed")),
        ("null", (4400, "malformed")),
        ("[]", (4400, "malformed")),
        ('{"type": 1}', (4400, "malformed")),
        ('{"data": {}}', (4400, "malformed")),
        ('{"type": "ping", "data": []}', (4400, "malformed")),
        ('{"type": "ping", "data": null}', (4400, "malformed")),
        ('{"type": "look", "data": {"page": "board"}}', (4400, "malformed")),
        ("[" * 10_000, (4400, "malformed")),
        ('{"type": "ping", "data": {"n": ' + "9" * 10_000 + "}}", (4400, "malformed")),
        ("\ud800", (4400, "malformed")),
        (b'{"type": "ping"}', (4400, "malformed")),
        (b"", (4400, "malformed")),
        (json.dumps({"type": "ping", "data": {"x": "y" * 16_384}}), (4413, "too-large")),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_what_is_no_envelope_ends_that_connection_only(
    message: str | bytes, ending: tuple[int, str], enter: Enter, scene: Scene
) -> None:
    alice, mallory = await enter(scene.alice), await enter(scene.bob)
    await alice.join()
    await mallory.join()

    await mallory.send(message)

    assert await mallory.ending() == ending
    await alice.say("ping")
    await alice.next("pong")


async def test_a_program_enters_with_a_token_and_a_name(sockets: Sockets, scene: Scene) -> None:
    token = await database_sync_to_async(factories.link_token)(scene.room, Role.VIEWER)
    robot = sockets(RoomSocket(scene.room.pk, query=f"?token={token}&name=Robot"))

    hello = await robot.join()

    assert (hello["me"]["name"], hello["role"], hello["me"]["guest"]) == ("Robot", "viewer", True)


async def test_when_access_cannot_be_decided_all_may_try_again(
    enter: Enter, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no database")

    monkeypatch.setattr(access, "admit_scope_to_room", fails)
    alice = await enter(scene.alice)
    await alice.open()

    assert await alice.ending() == (4500, "trouble")


async def test_nobody_is_left_in_the_room_when_all_have_gone(enter: Enter, sockets: Sockets, scene: Scene) -> None:
    """Refused ones were never in it."""
    alice, stranger = await enter(scene.alice), sockets(RoomSocket(uuid4()))
    await alice.join()
    await stranger.open()
    await alice.leave()
    await stranger.leave()

    assert runtime.current().rooms.people(scene.room.pk) == {"people": [], "count": 0}
