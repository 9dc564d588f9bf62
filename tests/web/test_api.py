"""The JSON endpoints: what they do, whom they tell, and what they refuse."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session

from collab import runtime
from collab.models import Role, Room, ShareLink
from tests import factories

pytestmark = pytest.mark.django_db


def send(client: Any, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def test_an_editor_renames_the_room_and_its_pages() -> None:
    cast = factories.cast()
    client = factories.browser(cast.bob)

    room = send(client, "patch", f"/api/rooms/{cast.room.pk}", {"title": "  Retro\u202e  Friday "})
    page = send(client, "patch", f"/api/pages/{cast.board.pk}", {"title": "Ideas"})

    cast.room.refresh_from_db()
    assert (room.status_code, room.json()) == (200, {"id": str(cast.room.pk), "title": "Retro Friday"})
    assert (page.status_code, page.json()) == (200, {"id": str(cast.board.pk), "title": "Ideas"})
    assert (cast.room.title, cast.board.title) == ("Retro Friday", "Ideas")


def test_a_viewer_renames_nothing() -> None:
    cast = factories.cast()
    client = factories.browser(cast.carol)

    for path in (f"/api/rooms/{cast.room.pk}", f"/api/pages/{cast.board.pk}"):
        response = send(client, "patch", path, {"title": "Mine"})
        assert (response.status_code, response.json()["error"]) == (403, "not-allowed")
    assert Room.objects.get().title == "Sprint planning"


@pytest.mark.django_db(transaction=True)
def test_a_new_title_is_announced_to_the_room_once_it_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = factories.cast()
    announced: list[tuple[UUID, str]] = []

    def change_room(room_id: UUID) -> None:
        announced.append((room_id, Room.objects.get(pk=room_id).title))

    monkeypatch.setattr(runtime, "change_room", change_room)
    send(factories.browser(cast.bob), "patch", f"/api/rooms/{cast.room.pk}", {"title": "Retro"})

    assert announced == [(cast.room.pk, "Retro")]


@pytest.mark.django_db(transaction=True)
def test_trouble_with_announcing_it_does_not_undo_a_title(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = factories.cast()

    def broken(room_id: UUID) -> None:
        raise ConnectionError("redis is gone")

    monkeypatch.setattr(runtime, "change_room", broken)
    response = send(factories.browser(cast.bob), "patch", f"/api/rooms/{cast.room.pk}", {"title": "Retro"})

    assert response.status_code == 200
    assert Room.objects.get().title == "Retro"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"title": "x"', "application/json", 400),
        ("[]", "application/json", 400),
        ("null", "application/json", 400),
        ("{}", "application/json", 400),
        ('{"title": 7}', "application/json", 400),
        ('{"title": null}', "application/json", 400),
        ('{"title": "x", "owner": "mallory"}', "application/json", 400),
        ('{"title": "  "}', "application/json", 400),
        ('{"title": "' + "x" * 121 + '"}', "application/json", 400),
        ('{"title": "\\ud800"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        ("[" * 16_000, "application/json", 400),
        ('{"title": "' + "x" * 20_000 + '"}', "application/json", 413),
        ("x" * 2_000_000, "application/json", 413),
        ("title=x", "application/x-www-form-urlencoded", 415),
        ('{"title": "x"}', "text/plain", 415),
    ],
)
def test_a_body_that_is_not_what_it_should_be_is_refused_with_a_sentence(
    body: str | bytes, content_type: str, status: int
) -> None:
    cast = factories.cast()

    response = factories.browser(cast.bob).generic("PATCH", f"/api/rooms/{cast.room.pk}", body, content_type)

    assert response.status_code == status
    assert set(response.json()) == {"error", "message"}
    assert response.json()["message"].endswith(".")
    assert Room.objects.get().title == "Sprint planning"


@pytest.mark.parametrize("method", ["get", "put", "delete", "post"])
def test_other_methods_are_refused_and_the_right_one_is_named(method: str) -> None:
    cast = factories.cast()

    response = getattr(factories.browser(cast.bob), method)(f"/api/rooms/{cast.room.pk}")

    assert (response.status_code, response["Allow"]) == (405, "PATCH")


def test_a_guest_and_an_account_choose_their_names() -> None:
    cast = factories.cast()

    guest = send(factories.guest(cast.room), "post", "/api/me", {"name": " Ada "})
    member = send(factories.browser(cast.bob), "post", "/api/me", {"name": "Robert"})

    assert (guest.json()["name"], guest.json()["guest"]) == ("Ada", True)
    assert (member.json()["name"], member.json()["id"]) == ("Robert", f"u:{cast.bob.pk}")


def test_a_stranger_has_no_name_to_choose() -> None:
    """Otherwise every visitor could fill the session table."""
    client = factories.browser()

    assert send(client, "post", "/api/me", {"name": "Ada"}).status_code == 403
    assert not Session.objects.exists()


@pytest.mark.parametrize("name", ["", " \u200b ", "x" * 61])
def test_a_name_that_cannot_be_shown_is_refused_with_a_sentence(name: str) -> None:
    response = send(factories.browser(factories.account("dave")), "post", "/api/me", {"name": name})

    assert (response.status_code, response.json()["error"]) == (400, "name")
    assert "between 1 and 60" in response.json()["message"]


def test_an_owner_makes_a_link_that_lets_others_in() -> None:
    cast = factories.cast()

    made = send(factories.browser(cast.alice), "post", f"/api/rooms/{cast.room.pk}/links", {"role": "commenter"})

    assert made.status_code == 201
    assert made.json()["url"].startswith("http://testserver/join/")
    stranger = factories.browser()
    assert stranger.get(made.json()["url"], follow=True).context["role"] == Role.COMMENTER


@pytest.mark.parametrize("role", ["owner", "", "king"])
def test_no_link_grants_what_links_cannot(role: str) -> None:
    cast = factories.cast()

    made = send(factories.browser(cast.alice), "post", f"/api/rooms/{cast.room.pk}/links", {"role": role})

    assert (made.status_code, made.json()["error"]) == (400, "role")


def test_only_owners_make_links() -> None:
    cast = factories.cast()

    for client in (factories.browser(cast.bob), factories.browser(cast.carol), factories.guest(cast.room)):
        before = ShareLink.objects.count()
        made = send(client, "post", f"/api/rooms/{cast.room.pk}/links", {"role": "viewer"})
        assert made.status_code == 403
        assert ShareLink.objects.count() == before
