"""Queries that are written once and asked again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.models import Page, Role, ShareLink
from collab.prepared import Prepared
from collab.rooms import create_link
from tests import factories

pytestmark = pytest.mark.django_db
BY_KEY = ShareLink._meta.pk, UUID(int=1)
SINCE = ShareLink._meta.get_field("created_at"), datetime(2000, 1, 1, tzinfo=UTC)


def links_since() -> Prepared:
    return Prepared(
        lambda link_id, moment: ShareLink.objects.filter(pk=link_id, created_at__gt=moment, role="editor").values_list(
            "pk", "room_id", "created_at", "revoked_at"
        ),
        BY_KEY,
        SINCE,
    )


def test_it_answers_as_the_queryset_does_with_values_of_python() -> None:
    """SQLite keeps ids and times as text: comparing a link's room with text would admit nobody, or worse."""
    link, _ = create_link(factories.cast().room, Role.EDITOR)
    prepared, moment = links_since(), timezone.now() - timedelta(hours=1)

    [row] = prepared.rows(link.pk, moment)

    kept = ShareLink.objects.get(pk=link.pk)
    assert row == [kept.pk, kept.room_id, kept.created_at, None]
    assert isinstance(row[1], UUID)
    assert row[2].tzinfo is not None


def test_every_argument_counts_every_time() -> None:
    room = factories.cast().room
    (one, _), (two, _), (viewers, _) = [create_link(room, role) for role in (Role.EDITOR, Role.EDITOR, Role.VIEWER)]
    prepared, moment = links_since(), timezone.now() - timedelta(hours=1)

    found = [prepared.rows(link_id, moment) for link_id in (one.pk, two.pk, viewers.pk, uuid4())]

    assert [[row[0] for row in rows] for rows in found] == [[one.pk], [two.pk], [], []]
    assert prepared.rows(one.pk, timezone.now() + timedelta(hours=1)) == []


def test_none_equals_nothing() -> None:
    """Somebody without a link in the session must not be given the rows that lack something too."""
    create_link(factories.cast().room, Role.EDITOR)
    field = ShareLink._meta.get_field("revoked_at")
    revoked = Prepared(
        lambda moment: ShareLink.objects.filter(revoked_at=moment).values_list("pk"), (field, timezone.now())
    )

    assert revoked.rows(None) == []


def test_the_database_is_asked_every_time() -> None:
    """Only the text of the query is kept: what was revoked a moment ago must show."""
    link, _ = create_link(factories.cast().room, Role.EDITOR)
    prepared, moment = links_since(), timezone.now() - timedelta(hours=1)
    before = prepared.rows(link.pk, moment)
    now = timezone.now()
    ShareLink.objects.filter(pk=link.pk).update(revoked_at=now)

    with CaptureQueriesContext(connection) as asked:
        after = prepared.rows(link.pk, moment)

    assert [row[3] for row in (*before, *after)] == [None, now]
    assert len(asked) == 1


def test_an_argument_that_the_query_does_not_use_is_refused() -> None:
    """A condition that was optimised away would admit whoever it should have kept out."""
    careless = Prepared(lambda link_id, moment: ShareLink.objects.filter(pk=link_id).values_list("pk"), BY_KEY, SINCE)

    with pytest.raises(ValueError, match="argument 1 is no parameter"):
        careless.rows(uuid4(), timezone.now())


def test_two_arguments_with_one_example_are_refused() -> None:
    """Which of them is meant could not be told."""
    unclear = Prepared(
        lambda page_id, room_id: Page.objects.filter(pk=page_id, room_id=room_id).values_list("pk"), BY_KEY, BY_KEY
    )

    with pytest.raises(ValueError, match="argument 0 is no parameter"):
        unclear.rows(uuid4(), uuid4())


def test_a_constant_that_equals_an_example_stays_what_it_is() -> None:
    """``is_active`` is compared with True, which is 1."""
    alice = factories.cast().alice
    keys = type(alice)._meta.pk, 1
    active = Prepared(
        lambda key: type(alice).objects.filter(is_active=True, pk__gte=key).order_by("pk").values_list("pk"), keys
    )

    assert [alice.pk] in active.rows(alice.pk)
    assert active.rows(alice.pk + 1_000_000) == []


def test_an_argument_may_be_used_twice() -> None:
    page = factories.cast().board
    either = Prepared(
        lambda key: (Page.objects.filter(pk=key) | Page.objects.filter(room_id=key)).values_list("pk"),
        (Page._meta.pk, UUID(int=1)),
    )

    assert either.rows(page.pk) == [[page.pk]]
    assert [page.pk] in either.rows(page.room_id)
