"""The start page and the page of a room."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.models import Page, Role, Room
from collab.rooms import create_room
from tests import factories

pytestmark = pytest.mark.django_db


def room_data(content: bytes) -> dict[str, Any]:
    """The JSON for the browser code."""
    found = re.search(rb'<script id="room-data" type="application/json">(.*?)</script>', content, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_start_page_lists_the_rooms_of_a_member_and_no_others() -> None:
    cast = factories.cast("Sprint planning")
    create_room(cast.mallory, "Secret plans")

    page = factories.browser(cast.bob).get("/").content.decode()

    assert "Sprint planning" in page
    assert "Secret plans" not in page


def test_the_start_page_lists_the_rooms_whose_links_were_followed() -> None:
    client = factories.guest(factories.cast("Sprint planning").room, Role.VIEWER)

    page = client.get("/").content.decode()

    assert "Sprint planning" in page
    assert "Viewer" in page


def test_the_start_page_tells_strangers_what_this_is_and_how_to_begin() -> None:
    page = factories.browser().get("/").content.decode()

    assert "Draw and write together" in page
    assert "/sign-in/" in page
    assert "New room" not in page


def test_the_empty_start_page_teaches_and_offers_a_first_room() -> None:
    page = factories.browser(factories.account("dave")).get("/").content.decode()

    assert "Make your first room" in page
    assert 'action="/rooms/"' in page


def test_the_start_page_costs_the_same_number_of_queries_for_one_room_and_for_thirty() -> None:
    counts = []
    for name, number in (("one", 1), ("thirty", 30)):
        user = factories.account(name)
        for index in range(number):
            create_room(user, f"Room {index}")
        client = factories.browser(user)
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 7


def test_rooms_used_last_come_first() -> None:
    user = factories.account("dave")
    rooms = [create_room(user, f"Room {index}") for index in range(3)]
    now = timezone.now()
    for days, room in enumerate(rooms):
        Room.objects.filter(pk=room.pk).update(updated_at=now - timedelta(days=10 + days))
    Page.objects.filter(room=rooms[2]).update(edited_at=now)

    page = factories.browser(user).get("/").content.decode()

    assert [int(number) for number in re.findall(r"<bdi>Room (\d)</bdi>", page)] == [2, 0, 1]


@override_settings(COLLAB={"max_rooms_listed": 3})
def test_the_start_page_lists_a_bounded_number_of_rooms() -> None:
    user = factories.account("dave")
    for index in range(5):
        create_room(user, f"Room {index}")

    assert len(re.findall(r"<bdi>Room \d</bdi>", factories.browser(user).get("/").content.decode())) == 3


def test_a_new_room_belongs_to_whoever_made_it_and_opens_at_once() -> None:
    dave = factories.account("dave")

    response = factories.browser(dave).post("/rooms/", follow=True)

    room = Room.objects.get()
    assert response.redirect_chain == [(f"/rooms/{room.pk}/", 302)]
    assert response.status_code == 200
    assert room.memberships.get().role == Role.OWNER


def test_strangers_cannot_make_rooms() -> None:
    response = factories.browser().post("/rooms/")

    assert response["Location"].startswith("/sign-in/")
    assert not Room.objects.exists()


def test_looking_never_makes_a_room() -> None:
    assert factories.browser(factories.account("dave")).get("/rooms/").status_code == 405


def test_the_room_page_tells_the_browser_code_all_it_needs() -> None:
    cast = factories.cast()

    data = room_data(factories.browser(cast.alice).get(f"/rooms/{cast.room.pk}/").content)

    assert data["room"] == {
        "id": str(cast.room.pk),
        "title": "Sprint planning",
        "role": "owner",
        "can": {"edit": True, "rename": True, "share": True},
        "socket": f"/ws/rooms/{cast.room.pk}",
    }
    assert data["pages"][0] == {
        "id": str(cast.board.pk),
        "kind": "board",
        "title": "Board",
        "epoch": 1,
        "socket": f"/ws/pages/{cast.board.pk}",
        "files": f"/api/pages/{cast.board.pk}/files",
    }
    assert data["me"]["name"] == "alice"
    assert data["urls"]["room"] == f"/api/rooms/{cast.room.pk}"
    assert data["urls"]["page"] + str(cast.board.pk) == f"/api/pages/{cast.board.pk}"
    assert data["limits"] == {"upload_bytes": 10 * 1024 * 1024, "frame_bytes": 4 * 1024 * 1024}
    assert data["language"] == "en"
    assert len(data["csrf"]) > 30


def test_a_viewer_is_told_that_there_is_nothing_to_edit_or_share() -> None:
    cast = factories.cast()

    data = room_data(factories.browser(cast.carol).get(f"/rooms/{cast.room.pk}/").content)

    assert data["room"]["can"] == {"edit": False, "rename": False, "share": False}
    assert "links" not in data["urls"]


def test_the_language_of_the_browser_code_is_that_of_the_page() -> None:
    cast = factories.cast()

    content = factories.browser(cast.alice, headers={"accept-language": "zh-CN"}).get(f"/rooms/{cast.room.pk}/").content

    assert room_data(content)["language"] == "zh-CN"


def test_the_page_in_the_address_is_the_one_that_opens() -> None:
    cast = factories.cast()
    client = factories.browser(cast.alice)

    opened = [
        client.get(f"/rooms/{cast.room.pk}/?page={page}").context["current_page"]["kind"]
        for page in (cast.document.pk, cast.board.pk, uuid4(), "<script>")
    ]

    assert opened == ["document", "board", "board", "board"]


def test_hostile_titles_and_names_are_text() -> None:
    """Everything that people can name is shown to others: on the start page, in the room, in its JSON."""
    evil = "</script><img src=x onerror=alert(1)>"
    cast = factories.cast(evil)
    Page.objects.filter(pk=cast.board.pk).update(title=evil)
    client = factories.browser(cast.alice)
    client.post("/api/me", {"name": evil}, content_type="application/json")

    for path in ("/", f"/rooms/{cast.room.pk}/"):
        content = client.get(path).content
        assert b"<img" not in content
        assert content.count(b"onerror=alert") > 0, "shown, but as text"
    data = room_data(client.get(f"/rooms/{cast.room.pk}/").content)
    assert (data["room"]["title"], data["pages"][0]["title"], data["me"]["name"]) == (evil, evil, evil)


def test_a_room_whose_last_page_was_deleted_says_so() -> None:
    cast = factories.cast()
    cast.room.pages.all().delete()

    response = factories.browser(cast.alice).get(f"/rooms/{cast.room.pk}/")

    assert response.status_code == 404
    assert b"This room has no pages" in response.content


def test_pages_for_people_are_not_kept_by_shared_caches() -> None:
    cast = factories.cast()
    client = factories.browser(cast.alice)

    assert all("private" in client.get(path)["Cache-Control"] for path in ("/", f"/rooms/{cast.room.pk}/"))
