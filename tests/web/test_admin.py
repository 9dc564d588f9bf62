"""The admin: everything about rooms, nothing of what is written in them, at a constant price."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab import models, signin
from collab.models import (
    Attachment,
    Membership,
    Page,
    PageLease,
    PageSnapshot,
    PageUpdate,
    Profile,
    QuarantinedUpdate,
    Role,
    Room,
    ShareLink,
)
from collab.rooms import create_link
from collab.storage.quarantine import mark_page
from tests import factories

pytestmark = pytest.mark.django_db
SECRET = b"what Alice wrote"
MODELS = [getattr(models, name) for name in models.__all__ if name not in {"PageKind", "Role"}]


def fill(number: int, prefix: str) -> None:
    """That many rows of every model, each with its own account and room."""
    for index in range(number):
        user = factories.account(f"{prefix}{index}")
        room = models.Room.objects.create(title=f"{prefix} {index}", created_by=user)
        page = Page.objects.create(room=room, kind="board", title="Board")
        PageUpdate.objects.create(page=page, seq=1, payload=SECRET * 100)
        PageSnapshot.objects.create(page=page, seq=1, payload=SECRET * 100)
        QuarantinedUpdate.objects.create(
            page=page, epoch=1, seq=2, payload=SECRET * 100, reason="its checksum is wrong", created_at=timezone.now()
        )
        PageLease.objects.create(page=page)
        factories.member(room, user, Role.OWNER)
        create_link(room, Role.EDITOR, created_by=user)
        signin.create_sign_in(user)
        Profile.objects.create(user=user, name=user.username)
        Attachment.objects.create(
            page=page,
            uploaded_by=user,
            file="pages/x",
            content_type="image/png",
            sha256="0" * 64,
            width=1,
            height=1,
            size_bytes=1,
        )


def address(model: Any, page: str = "", *args: Any) -> str:
    return f"/admin/collab/{model._meta.model_name}/{page}"


def test_every_model_is_in_the_admin() -> None:
    assert set(MODELS) <= set(admin.site._registry)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_costs_the_same_number_of_queries_for_three_rows_and_for_thirty(model: Any) -> None:
    client = factories.browser(factories.staff())
    counts = []
    for prefix, number in (("few", 3), ("many", 27)):
        fill(number, prefix)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address(model))
        assert response.status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 10, [query["sql"] for query in queries]


@pytest.mark.parametrize("model", MODELS)
def test_no_page_of_the_admin_loads_or_shows_a_payload(model: Any) -> None:
    fill(1, "x")
    client = factories.browser(factories.staff())
    pages = [address(model), address(model, f"{model.objects.get().pk}/change/"), address(model, "?q=Board")]

    for path in pages:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
        assert response.status_code == 200, path
        assert SECRET not in response.content
        selected = [sql for sql in (query["sql"] for query in queries) if re.search(r'[^(]"payload"[^)]', sql)]
        assert selected == []


def test_sizes_are_shown_without_their_content() -> None:
    fill(1, "x")
    client = factories.browser(factories.staff())

    assert "1.6 KB" in client.get(address(PageUpdate)).content.decode().replace("\xa0", " ")
    page = client.get(address(Page, f"{Page.objects.get().pk}/change/")).content.decode().replace("\xa0", " ")
    assert page.count("1.6 KB") == 2


@pytest.mark.parametrize(
    "model", [PageUpdate, PageSnapshot, QuarantinedUpdate, PageLease, Attachment, models.SignInToken]
)
def test_what_the_engine_writes_cannot_be_written_by_hand(model: Any) -> None:
    fill(1, "x")
    client = factories.browser(factories.staff())
    row = model.objects.get()

    assert client.get(address(model, "add/")).status_code == 403
    assert client.post(address(model, f"{row.pk}/change/"), {"seq": 7}).status_code == 403


@pytest.mark.parametrize("model", [PageUpdate, PageSnapshot, QuarantinedUpdate])
def test_single_rows_of_a_log_cannot_be_deleted(model: Any) -> None:
    """A log with a hole is refused when the page is opened."""
    fill(1, "x")

    response = factories.browser(factories.staff()).post(
        address(model, f"{model.objects.get().pk}/delete/"), {"post": "yes"}
    )

    assert response.status_code == 403
    assert model.objects.exists()


def test_deleting_a_room_is_confirmed_with_numbers_and_reads_no_log() -> None:
    fill(1, "x")
    client = factories.browser(factories.staff())
    path = address(Room, f"{Room.objects.get().pk}/delete/")

    with CaptureQueriesContext(connection) as queries:
        asked = client.get(path).content.decode()
        client.post(path, {"post": "yes"})

    assert "Updates: 1" in asked
    assert not Room.objects.exists()
    assert not PageUpdate.objects.exists()
    assert not [query for query in queries if re.search(r'SELECT.*"payload"', query["sql"])]


def test_pages_that_need_attention_are_found_by_a_filter_and_say_why() -> None:
    """Whoever runs the product must learn of a damaged page without reading logs."""
    fill(2, "x")
    damaged, sound = Page.objects.order_by("pk")
    mark_page(damaged.pk, "3 rows of the log were put aside")
    client = factories.browser(factories.staff())

    found = client.get(address(Page, "?attention=yes")).content.decode()
    others = client.get(address(Page, "?attention=no")).content.decode()
    page = client.get(address(Page, f"{damaged.pk}/change/")).content.decode()

    assert str(damaged.pk) in found
    assert str(sound.pk) not in found
    assert str(sound.pk) in others
    assert str(damaged.pk) not in others
    assert "3 rows of the log were put aside" in found
    assert "3 rows of the log were put aside" in page
    assert 'name="attention"' not in page


def test_several_rooms_are_deleted_at_once() -> None:
    fill(3, "x")
    ids = list(Room.objects.values_list("pk", flat=True))

    factories.browser(factories.staff()).post(
        address(Room), {"action": "delete_selected", "_selected_action": ids[:2], "post": "yes"}
    )

    assert list(Room.objects.values_list("pk", flat=True)) == ids[2:]


def test_a_title_is_cleaned_here_as_everywhere() -> None:
    fill(1, "x")
    page = Page.objects.get()
    client = factories.browser(factories.staff())

    client.post(address(Page, f"{page.pk}/change/"), {"title": " New\u202e   title "})
    refused = client.post(address(Page, f"{page.pk}/change/"), {"title": "\u200b"})

    page.refresh_from_db()
    assert page.title == "New title"
    assert "between 1 and 120" in refused.content.decode()


def test_renaming_a_page_never_turns_its_sequence_back() -> None:
    """The engine raises it all the time; a form that was opened a minute ago must not store its old value."""
    fill(1, "x")
    page = Page.objects.get()
    request: Any = type("Request", (), {"user": factories.staff()})()
    stale = Page.objects.get()
    Page.objects.update(last_seq=41)
    stale.title = "New"

    admin.site._registry[Page].save_model(request, stale, None, True)

    page.refresh_from_db()
    assert (page.title, page.last_seq) == ("New", 41)


def test_a_new_link_is_shown_once_and_works() -> None:
    cast = factories.cast()
    client = factories.browser(factories.staff())

    made = client.post(
        address(ShareLink, "add/"), {"room": str(cast.room.pk), "role": "viewer", "label": "For the class"}, follow=True
    )

    url = re.search(r"<code>http://testserver(/join/[^<]+)</code>", made.content.decode())
    assert url is not None
    assert factories.browser().get(url[1], follow=True).context["role"] == Role.VIEWER
    assert url[1] not in client.get(address(ShareLink), follow=True).content.decode()
    assert ShareLink.objects.get().created_by == factories.staff()


def test_a_revoked_link_opens_nothing() -> None:
    cast = factories.cast()
    guest = factories.guest(cast.room)
    link = ShareLink.objects.get()

    factories.browser(factories.staff()).post(
        address(ShareLink), {"action": "revoke", "_selected_action": [str(link.pk)]}
    )

    assert guest.get(f"/rooms/{cast.room.pk}/").status_code == 404


def test_the_state_of_a_link_is_told() -> None:
    room = factories.cast().room
    now = timezone.now()
    create_link(room, Role.VIEWER, label="one")
    create_link(room, Role.VIEWER, label="two", expires_at=now - timedelta(days=1))
    ShareLink.objects.filter(pk=create_link(room, Role.VIEWER, label="three")[0].pk).update(revoked_at=now)

    page = factories.browser(factories.staff()).get(address(ShareLink)).content.decode()

    assert {word for word in ("in force", "expired", "revoked") if f">{word}</td>" in page} == {
        "in force",
        "expired",
        "revoked",
    }


def test_hostile_names_are_text_in_the_admin() -> None:
    evil = "<script>alert(1)</script>"
    cast = factories.cast(evil)
    Page.objects.update(title=evil)
    create_link(cast.room, Role.VIEWER, label=evil)
    Profile.objects.create(user=cast.bob, name=evil)
    client = factories.browser(factories.staff())

    paths = [address(model) for model in MODELS]
    paths += [address(Room, f"{cast.room.pk}/change/"), address(Room, f"{cast.room.pk}/delete/")]
    for path in paths:
        assert b"<script>alert" not in client.get(path).content, path


def test_people_without_rights_do_not_see_the_admin() -> None:
    cast = factories.cast()

    assert factories.browser(cast.alice).get(address(Room))["Location"].startswith("/admin/login/")


def test_a_membership_given_here_opens_the_room() -> None:
    cast = factories.cast()

    factories.browser(factories.staff()).post(
        address(Membership, "add/"), {"room": str(cast.room.pk), "user": cast.mallory.pk, "role": "viewer"}
    )

    assert factories.browser(cast.mallory).get("/").content.decode().count("Sprint planning") == 1
