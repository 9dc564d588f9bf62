"""Only so many wrong passwords, and nobody locked out by somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from collab import attempts as module
from collab.attempts import Attempts, attempts
from collab.conf import CollabSettings
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def no_attempts_yet(settings: Any) -> Iterator[None]:
    settings.COLLAB = {**settings.COLLAB, "sign_in_attempts": 3, "sign_in_attempts_per_address": 8}
    attempts.cache_clear()
    yield
    attempts.cache_clear()


@pytest.fixture(params=["/sign-in/", "/admin/login/"])
def address(request: pytest.FixtureRequest) -> str:
    """Where a password may be given."""
    return str(request.param)


def people() -> None:
    for name in ("alice", "bob"):
        account = factories.account(name, is_staff=True)
        account.set_password(PASSWORD)
        account.save()


def sign_in(address: str, name: str, password: str, *, from_host: str = "192.0.2.1") -> tuple[int, bool, str]:
    """Status, whether somebody is signed in, and the page."""
    client = Client(REMOTE_ADDR=from_host)
    response = client.post(address, {"username": name, "password": password})
    return response.status_code, "_auth_user_id" in client.session, response.content.decode()


def test_after_so_many_wrong_passwords_the_right_one_is_not_tried(address: str) -> None:
    people()
    for guess in range(3):
        assert "Too many" not in sign_in(address, "alice", f"guess {guess}")[2]

    status, signed_in, shown = sign_in(address, "alice", PASSWORD)

    assert not signed_in
    assert "Too many wrong passwords" in shown
    assert status == (429 if address == "/sign-in/" else 200)


def test_guessing_from_one_place_locks_nobody_out_of_another(address: str) -> None:
    people()
    for guess in range(5):
        sign_in(address, "alice", f"guess {guess}")

    assert sign_in(address, "alice", PASSWORD, from_host="198.51.100.7")[1]
    assert sign_in(address, "bob", PASSWORD)[1]


def test_one_place_cannot_try_a_password_on_every_account(address: str) -> None:
    people()
    for number in range(8):
        sign_in(address, f"person{number}", "123456")

    assert not sign_in(address, "bob", PASSWORD)[1]
    assert sign_in(address, "bob", PASSWORD, from_host="198.51.100.7")[1]


def test_names_in_other_letters_are_the_same_account(address: str) -> None:
    people()
    for name in ("alice", "ALICE", "Alice"):
        sign_in(address, name, "guess")

    assert "Too many" in sign_in(address, "aLiCe", "guess")[2]


def test_mistyping_now_and_then_is_forgotten_when_it_was_right(address: str) -> None:
    people()
    for _ in range(3):
        sign_in(address, "alice", "mistyped")
        sign_in(address, "alice", "mistyped")
        assert sign_in(address, "alice", PASSWORD)[1]


def test_attempts_come_back_with_time() -> None:
    now = [0.0]
    counted = Attempts(CollabSettings(sign_in_attempts=3), lambda: now[0])
    for _ in range(3):
        assert counted.wait("192.0.2.1", "alice") == 0
        counted.failed("192.0.2.1", "alice")

    assert 0 < counted.wait("192.0.2.1", "alice") <= 60
    now[0] += 61
    assert counted.wait("192.0.2.1", "alice") == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 50)
    counted = Attempts(CollabSettings())
    for number in range(1000):
        counted.failed(f"192.0.2.{number % 200}", f"person{number}")

    assert len(counted) <= 50


def test_the_proxy_in_front_is_not_the_one_who_guesses(settings: Any, address: str) -> None:
    people()
    settings.COLLAB = {**settings.COLLAB, "trusted_proxies": 1}
    for guess in range(4):
        Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1").post(
            address, {"username": "alice", "password": f"guess {guess}"}
        )
    client = Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.7")
    client.post(address, {"username": "alice", "password": PASSWORD})

    assert "_auth_user_id" in client.session
