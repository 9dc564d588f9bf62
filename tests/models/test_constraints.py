"""What the database itself refuses, whoever writes to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings

from collab.models import Membership, Page, PageKind, PageUpdate, Role, Room, ShareLink
from collab.rooms import NewPage, create_link, create_room
from collab.tokens import hash_token
from tests import factories

pytestmark = pytest.mark.django_db


def refuses(make: Any) -> bool:
    try:
        with transaction.atomic():
            make()
    except IntegrityError:
        return True
    return False


def test_the_database_keeps_the_rules_of_the_rows() -> None:
    cast = factories.cast()
    page, room = cast.board, cast.room
    PageUpdate.objects.create(page=page, seq=1, payload=b"x")

    assert refuses(lambda: PageUpdate.objects.create(page=page, seq=1, payload=b"y"))
    assert refuses(lambda: PageUpdate.objects.create(page=page, seq=0, payload=b"y"))
    assert refuses(lambda: Membership.objects.create(room=room, user=cast.bob, role=Role.VIEWER))
    assert refuses(lambda: Membership.objects.create(room=room, user=cast.mallory, role="king"))
    assert refuses(lambda: ShareLink.objects.create(room=room, role=Role.OWNER, token_hash="x"))
    assert refuses(lambda: Page.objects.create(room=room, kind="slides", title="x"))
    assert refuses(lambda: Page.objects.create(room=room, kind=PageKind.BOARD, title=""))
    assert refuses(lambda: Room.objects.create(title=""))


def test_the_same_sequence_may_appear_again_in_the_next_epoch() -> None:
    page = factories.cast().board
    PageUpdate.objects.create(page=page, epoch=1, seq=1, payload=b"x")
    PageUpdate.objects.create(page=page, epoch=2, seq=1, payload=b"x")

    assert page.updates.count() == 2


def test_every_index_and_constraint_has_a_name_of_ours() -> None:
    """A generated name differs between releases of Django, and a migration cannot then find what it should change."""
    for model in apps.get_app_config("collab").get_models():
        names = [item.name for item in (*model._meta.indexes, *model._meta.constraints)]
        assert all(name.startswith("collab_") for name in names), model


def test_the_migrations_match_the_models_and_say_what_they_do() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)

    names = [name for app, name in MigrationLoader(connection).graph.nodes if app == "collab"]
    assert all("auto" not in name and "initial" not in name for name in names)


def test_a_new_room_has_a_board_and_a_document_and_its_owner() -> None:
    cast = factories.cast()

    pages = list(cast.room.pages.order_by("position").values_list("kind", "title", "epoch", "last_seq"))

    assert pages == [("board", "Board", 1, 0), ("document", "Notes", 1, 0)]
    assert Membership.objects.get(room=cast.room, user=cast.alice).role == Role.OWNER


def test_a_room_that_cannot_be_made_whole_is_not_made_at_all() -> None:
    with pytest.raises(ValidationError):
        create_room(factories.account("alice"), "Fine", [NewPage(PageKind.BOARD), NewPage(PageKind.BOARD, "\u200b")])

    assert not Room.objects.exists()


@pytest.mark.parametrize("pages", [[], [NewPage(PageKind.BOARD)] * 51])
def test_a_room_has_at_least_one_page_and_not_too_many(pages: list[NewPage]) -> None:
    with pytest.raises(ValidationError, match="between 1 and 50"):
        create_room(None, "Fine", pages)


@override_settings(COLLAB={"max_rooms_per_owner": 2})
def test_an_account_owns_a_bounded_number_of_rooms() -> None:
    alice = factories.account("alice")
    create_room(alice), create_room(alice)

    with pytest.raises(ValidationError, match="2 rooms"):
        create_room(alice)


@override_settings(COLLAB={"max_links_per_room": 2})
def test_a_room_has_a_bounded_number_of_links() -> None:
    room = factories.cast().room
    create_link(room, Role.EDITOR), create_link(room, Role.VIEWER)

    with pytest.raises(ValidationError, match="2 links"):
        create_link(room, Role.VIEWER)


def test_a_link_cannot_make_anybody_an_owner() -> None:
    with pytest.raises(ValidationError, match="editor"):
        create_link(factories.cast().room, Role.OWNER)


def test_only_the_hash_of_a_token_is_stored() -> None:
    link, token = create_link(factories.cast().room, Role.EDITOR)
    link.refresh_from_db()

    assert len(token) >= 32
    assert link.token_hash == hash_token(token)
    assert token not in repr(list(ShareLink.objects.values()))


def test_deleting_a_room_deletes_all_that_belongs_to_it_without_reading_payloads() -> None:
    """A log may be gigabytes; deleting must not pass it through this process."""
    from django.test.utils import CaptureQueriesContext

    cast = factories.cast()
    PageUpdate.objects.create(page=cast.board, seq=1, payload=b"x" * 1000)

    with CaptureQueriesContext(connection) as queries:
        cast.room.delete()

    assert not any("payload" in query["sql"] and query["sql"].startswith("SELECT") for query in queries)
    assert not PageUpdate.objects.exists()
    assert not Page.objects.exists()
    assert not ShareLink.objects.exists()
