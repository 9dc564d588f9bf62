"""Who may join what, and as whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab import access
from collab.errors import NotAllowed, UnknownPage
from collab.models import Membership, Profile, Role, ShareLink
from collab.rooms import create_link, create_room
from tests import factories

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()


def role_of(user: Any, room: Any, **options: Any) -> Role | None:
    """The role somebody is admitted with, or None."""
    try:
        return access.admit_to_room(user=user, session=options.pop("session", {}), room_id=room.pk, **options).role
    except UnknownPage:
        return None


def test_members_are_admitted_with_their_role_and_others_are_not() -> None:
    cast = factories.cast()

    roles = [role_of(user, cast.room) for user in (cast.alice, cast.bob, cast.carol, cast.mallory, NOBODY)]

    assert roles == [Role.OWNER, Role.EDITOR, Role.VIEWER, None, None]


def test_each_role_may_do_what_it_should_and_no_more() -> None:
    cast = factories.cast()
    dave = factories.account("dave")
    factories.member(cast.room, dave, Role.COMMENTER)

    rights = {}
    for user in (cast.alice, cast.bob, dave, cast.carol):
        grant = access.admit_to_room(user=user, session={}, room_id=cast.room.pk)
        rights[user.username] = (grant.can_share, grant.can_edit, grant.can_rename, grant.can_comment)

    assert rights == {
        "alice": (True, True, True, True),
        "bob": (False, True, True, True),
        "dave": (False, False, False, True),
        "carol": (False, False, False, False),
    }


def test_being_staff_opens_no_room() -> None:
    """The admin shows what a room is; what is written in it belongs to its people."""
    assert role_of(factories.staff(), factories.cast().room) is None


def test_an_account_that_was_deactivated_is_not_admitted_on_a_socket_that_outlived_it() -> None:
    """The scope's user was loaded when the socket opened; the database knows better."""
    cast = factories.cast()
    bob_in_an_old_scope = cast.bob
    type(cast.bob).objects.filter(pk=cast.bob.pk).update(is_active=False)

    assert role_of(bob_in_an_old_scope, cast.room) is None


def test_an_unknown_page_and_a_forbidden_one_are_the_same_error() -> None:
    cast = factories.cast()

    refusals = []
    for page_id in (uuid4(), cast.board.pk):
        with pytest.raises(UnknownPage) as caught:
            access.admit_to_page(user=cast.mallory, session={}, page_id=page_id)
        refusals.append((type(caught.value), caught.value.close_code, caught.value.reason))

    assert refusals[0] == refusals[1]


def test_a_grant_for_a_page_names_the_page_and_its_kind() -> None:
    cast = factories.cast()

    grant = access.admit_to_page(user=cast.carol, session={}, page_id=cast.document.pk)

    assert (grant.room_id, grant.page_id, grant.page_kind) == (cast.room.pk, cast.document.pk, "document")


def test_a_link_in_the_session_admits_until_it_is_revoked() -> None:
    room = factories.cast().room
    link, token = create_link(room, Role.EDITOR)
    session: dict[str, Any] = {}
    access.redeem_link(session, token)

    before = role_of(NOBODY, room, session=session)
    ShareLink.objects.filter(pk=link.pk).update(revoked_at=timezone.now())

    assert (before, role_of(NOBODY, room, session=session)) == (Role.EDITOR, None)


def test_a_link_in_the_session_admits_until_it_expires() -> None:
    room = factories.cast().room
    link, token = create_link(room, Role.VIEWER, expires_at=timezone.now() + timedelta(hours=1))
    session: dict[str, Any] = {}
    access.redeem_link(session, token)

    before = role_of(NOBODY, room, session=session)
    ShareLink.objects.filter(pk=link.pk).update(expires_at=timezone.now())

    assert (before, role_of(NOBODY, room, session=session)) == (Role.VIEWER, None)


def test_a_link_admits_to_its_own_room_only() -> None:
    cast = factories.cast()
    other = create_room(cast.alice, "Other")
    token = factories.link_token(cast.room)
    session: dict[str, Any] = {}
    access.redeem_link(session, token)

    assert role_of(NOBODY, other, session=session, token=token) is None


def test_a_session_that_claims_a_link_for_another_room_is_not_believed() -> None:
    """Sessions are ours, but a link is only ever good for the room in its row."""
    cast = factories.cast()
    other = create_room(cast.alice, "Other")
    link, _token = create_link(other, Role.EDITOR)

    assert role_of(NOBODY, cast.room, session={"collab_links": {str(cast.room.pk): str(link.pk)}}) is None


@pytest.mark.parametrize(
    "held", [None, 7, [], {"x": "y"}, {"x": None}, {"00000000-0000-0000-0000-000000000000": 3}, {3: 4}]
)
def test_a_damaged_session_admits_nobody_and_breaks_nothing(held: Any) -> None:
    assert role_of(NOBODY, factories.cast().room, session={"collab_links": held}) is None


@pytest.mark.parametrize("token", ["", "x", "é" * 50, "\udcff", "\x00", "a" * 100_000])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(UnknownPage):
        access.redeem_link({}, token)


def test_the_strongest_of_membership_and_link_counts() -> None:
    cast = factories.cast()
    editor, viewer = factories.link_token(cast.room, Role.EDITOR), factories.link_token(cast.room, Role.VIEWER)

    assert role_of(cast.carol, cast.room, token=editor) is Role.EDITOR
    assert role_of(cast.bob, cast.room, token=viewer) is Role.EDITOR


def test_following_a_weaker_link_takes_nothing_away() -> None:
    room = factories.cast().room
    session: dict[str, Any] = {}
    access.redeem_link(session, factories.link_token(room, Role.EDITOR))
    access.redeem_link(session, factories.link_token(room, Role.VIEWER))

    assert role_of(NOBODY, room, session=session) is Role.EDITOR


def test_following_a_weaker_link_helps_once_the_stronger_one_is_gone() -> None:
    room = factories.cast().room
    session: dict[str, Any] = {}
    link, token = create_link(room, Role.EDITOR)
    access.redeem_link(session, token)
    ShareLink.objects.filter(pk=link.pk).update(revoked_at=timezone.now())
    access.redeem_link(session, factories.link_token(room, Role.VIEWER))

    assert role_of(NOBODY, room, session=session) is Role.VIEWER


def test_a_session_remembers_a_bounded_number_of_links() -> None:
    session: dict[str, Any] = {}
    rooms = [create_room(None, f"Room {number}") for number in range(access.MAX_LINKS_IN_SESSION + 1)]
    for room in rooms:
        access.redeem_link(session, factories.link_token(room))

    assert len(access.link_ids(session)) == access.MAX_LINKS_IN_SESSION
    assert role_of(NOBODY, rooms[0], session=session) is None
    assert role_of(NOBODY, rooms[-1], session=session) is Role.EDITOR


def test_the_session_never_holds_a_token() -> None:
    """Sessions are stored in the database, where tokens must not be."""
    session: dict[str, Any] = {}
    token = factories.link_token(factories.cast().room)
    access.redeem_link(session, token)

    assert token not in repr(session)


def test_a_scope_is_admitted_by_the_token_in_its_query() -> None:
    room = factories.cast().room
    token = factories.link_token(room)

    grant = access.admit_scope_to_room({"query_string": f"token={token}&name=Robot".encode()}, room.pk)

    assert (grant.role, grant.identity.name, grant.identity.is_guest) == (Role.EDITOR, "Robot", True)


@pytest.mark.parametrize("query", [b"", b"token=", b"token=%FF%00", b"\xff\xfe", b"&" * 5000, b"token=a&" * 50])
def test_a_hostile_query_string_is_refused_like_a_missing_token(query: bytes) -> None:
    room = factories.cast().room

    with pytest.raises(UnknownPage):
        access.admit_scope_to_room({"query_string": query, "user": NOBODY, "session": {}}, room.pk)


def test_the_use_of_a_link_is_to_be_noted_once_a_minute() -> None:
    room = factories.cast().room
    link, token = create_link(room, Role.EDITOR)

    def to_note() -> UUID | None:
        return access.admit_to_room(user=NOBODY, session=None, room_id=room.pk, token=token).unnoted_link_id

    assert to_note() == link.pk
    access.note_use(link.pk)
    assert to_note() is None
    ShareLink.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    assert to_note() == link.pk


def test_requiring_a_right_that_is_missing_is_refused() -> None:
    cast = factories.cast()
    grant = access.admit_to_room(user=cast.carol, session={}, room_id=cast.room.pk)

    with pytest.raises(NotAllowed):
        grant.require(grant.can_edit)


def test_deciding_costs_at_most_four_queries() -> None:
    """Page, membership, link, profile: a classroom that reconnects asks three hundred times at once."""
    cast = factories.cast()
    session: dict[str, Any] = {}
    access.redeem_link(session, factories.link_token(cast.room))

    page_id = cast.board.pk

    with CaptureQueriesContext(connection) as queries:
        access.admit_to_page(user=cast.bob, session=session, page_id=page_id)

    assert len(queries) <= 4


# Identity


def test_a_person_has_one_identity_and_colour_in_all_tabs() -> None:
    cast = factories.cast()
    session: dict[str, Any] = {}
    access.redeem_link(session, factories.link_token(cast.room))

    guest = [access.identify(user=NOBODY, session=session) for _ in range(2)]
    member = [access.identify(user=cast.bob, session={}) for _ in range(2)]

    assert guest[0] == guest[1]
    assert member[0] == member[1]
    assert guest[0].id.startswith("g:")
    assert member[0].id == f"u:{cast.bob.pk}"
    assert {guest[0].color, member[0].color} <= set(access.PALETTE)


def test_two_guests_are_two_people() -> None:
    room = factories.cast().room
    sessions: list[dict[str, Any]] = [{}, {}]
    for session in sessions:
        access.redeem_link(session, factories.link_token(room))

    assert len({access.identify(user=NOBODY, session=session).id for session in sessions}) == 2


def test_twelve_guests_who_come_one_after_the_other_have_twelve_colours() -> None:
    guests = [access.identify(user=NOBODY, session=None) for _ in access.PALETTE]

    assert {guest.color for guest in guests} == set(access.PALETTE)


def test_twelve_accounts_made_one_after_the_other_have_twelve_colours() -> None:
    colours = [access.color_of(f"u:{number}") for number in range(30, 42)]

    assert set(colours) == set(access.PALETTE)


@pytest.mark.parametrize("key", ["6f1c0a52-0d0e-4d7b-9a43-0c6a5d7f5c11", "-7", "٧", ""])
def test_any_key_of_an_account_has_a_colour(key: str) -> None:
    """A project may have a user model of its own."""
    assert access.color_of(f"u:{key}") in access.PALETTE


def test_a_guest_can_choose_a_name_that_lasts() -> None:
    session: dict[str, Any] = {}
    access.redeem_link(session, factories.link_token(factories.cast().room))

    assert access.remember_name(session, NOBODY, "  Ada   L. ") == "Ada L."
    assert access.identify(user=NOBODY, session=session, name="Somebody else").name == "Ada L."


def test_an_account_can_choose_a_name_that_lasts() -> None:
    cast = factories.cast()

    access.remember_name({}, cast.bob, "Bobby")
    access.remember_name({}, cast.bob, "Robert")

    assert access.identify(user=cast.bob, session={}).name == "Robert"
    assert Profile.objects.count() == 1


def test_without_a_chosen_name_an_account_shows_its_full_name_then_its_user_name() -> None:
    named = factories.account("dave", first_name="David", last_name="B.")
    bare = factories.account("erin")

    assert [access.identify(user=user, session=None).name for user in (named, bare)] == ["David B.", "erin"]


def test_a_name_that_shows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        access.remember_name({}, NOBODY, "\u200b\u202e")


def test_removing_a_membership_closes_the_room() -> None:
    cast = factories.cast()
    Membership.objects.filter(user=cast.bob).delete()

    assert role_of(cast.bob, cast.room) is None


def test_lists_show_the_same_rooms_and_roles_as_doors_open() -> None:
    """``rooms_of`` and ``roles_in`` are shortcuts of ``admit_to_room`` for lists; they must not drift apart."""
    cast = factories.cast()
    others = [create_room(cast.mallory, f"Room {number}") for number in range(4)]
    session: dict[str, Any] = {}
    access.redeem_link(session, factories.link_token(cast.room, Role.EDITOR))
    access.redeem_link(session, factories.link_token(others[0], Role.VIEWER))
    gone, token = create_link(others[1], Role.EDITOR)
    access.redeem_link(session, token)
    ShareLink.objects.filter(pk=gone.pk).update(revoked_at=timezone.now())
    rooms = [cast.room, *others]

    for user in (cast.carol, cast.mallory, NOBODY):
        expected = {room.pk: role for room in rooms if (role := role_of(user, room, session=session))}
        listed = set(type(cast.room).objects.filter(access.rooms_of(user, session)).values_list("pk", flat=True))
        assert listed == set(expected)
        assert access.roles_in(listed, user=user, session=session) == expected
