"""Share links and one-time sign-in links."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from collab import signin
from collab.errors import UnknownPage
from collab.models import Role, SignInToken
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_share_link_opens_the_room_without_an_account() -> None:
    cast = factories.cast()
    client = factories.browser()

    response = client.get(f"/join/{factories.link_token(cast.room, Role.VIEWER)}/", follow=True)

    assert response.redirect_chain == [(f"/rooms/{cast.room.pk}/", 302)]
    assert response.status_code == 200
    assert response.context["role"] == Role.VIEWER


def test_a_share_link_works_for_people_with_an_account_too() -> None:
    cast = factories.cast()
    client = factories.browser(cast.mallory)

    client.get(f"/join/{factories.link_token(cast.room)}/")

    assert client.get(f"/rooms/{cast.room.pk}/").context["me"]["id"] == f"u:{cast.mallory.pk}"


def test_signing_in_keeps_the_rooms_that_were_opened_by_link_and_signing_out_forgets_them() -> None:
    cast = factories.cast()
    client = factories.guest(cast.room)
    cast.mallory.set_password("a long password")
    cast.mallory.save()

    client.post("/sign-in/", {"username": "mallory", "password": "a long password"})
    signed_in = client.get(f"/rooms/{cast.room.pk}/").status_code
    client.post("/sign-out/")

    assert (signed_in, client.get(f"/rooms/{cast.room.pk}/").status_code) == (200, 404)


@pytest.mark.parametrize("kind", ["good", "bad"])
@pytest.mark.parametrize("prefix", ["/join/", "/sign-in/"])
def test_addresses_that_are_secrets_stay_out_of_caches_and_referers(prefix: str, kind: str) -> None:
    cast = factories.cast()
    good = factories.link_token(cast.room) if prefix == "/join/" else signin.create_sign_in(cast.alice)

    response = factories.browser().get(f"{prefix}{good if kind == 'good' else 'x'}/")

    assert response["Referrer-Policy"] == "strict-origin"
    assert response["Cache-Control"] == "no-store"


def test_looking_at_a_sign_in_link_uses_nothing_up() -> None:
    """Mail scanners and chat previews look at links before their reader does."""
    token = signin.create_sign_in(factories.staff())
    client = factories.browser()

    for _ in range(3):
        assert b"Sign in with this link" in client.get(f"/sign-in/{token}/").content

    assert SignInToken.objects.get().used_at is None
    assert "_auth_user_id" not in client.session


def test_a_sign_in_link_signs_in_once_and_leads_staff_to_the_admin() -> None:
    token = signin.create_sign_in(factories.staff())
    first, second = factories.browser(), factories.browser()

    assert first.post(f"/sign-in/{token}/")["Location"] == "/admin/"
    assert first.get("/admin/").status_code == 200
    assert second.post(f"/sign-in/{token}/").status_code == 404
    assert "_auth_user_id" not in second.session


def test_a_sign_in_link_leads_people_who_are_not_staff_to_the_start_page() -> None:
    token = signin.create_sign_in(factories.account("dave"))

    assert factories.browser().post(f"/sign-in/{token}/")["Location"] == "/"


def test_signing_in_starts_a_new_session() -> None:
    """A session id that somebody planted beforehand must not become a signed-in one."""
    client = factories.guest(factories.cast().room)
    before = client.session.session_key

    client.post(f"/sign-in/{signin.create_sign_in(factories.staff())}/")

    assert client.session.session_key != before


def test_a_sign_in_link_ends_after_half_an_hour() -> None:
    token = signin.create_sign_in(factories.staff())
    row = SignInToken.objects.get()
    lifetime = row.expires_at - timezone.now()
    SignInToken.objects.update(expires_at=timezone.now())

    assert timedelta(minutes=29) < lifetime <= timedelta(minutes=30)
    with pytest.raises(UnknownPage):
        signin.use(token)


def test_a_sign_in_link_of_a_deactivated_account_is_none() -> None:
    user = factories.staff()
    token = signin.create_sign_in(user)
    user.is_active = False
    user.save()

    assert not signin.is_good(token)


def test_the_first_admin_has_no_password_that_could_be_guessed() -> None:
    admin = signin.ensure_admin()

    assert not admin.has_usable_password()
    assert signin.ensure_admin() == admin


def test_an_account_that_is_called_admin_but_is_none_is_left_alone() -> None:
    factories.account("admin")

    assert signin.ensure_admin().get_username() == "admin2"


def test_the_password_form_signs_in_and_says_when_it_cannot() -> None:
    factories.account("dave", password="a long password")
    client = factories.browser()

    wrong = client.post("/sign-in/", {"username": "dave", "password": "no"})
    right = client.post("/sign-in/?next=//evil.example/", {"username": "dave", "password": "a long password"})

    assert b'role="alert"' in wrong.content
    assert right["Location"] == "/"
