"""What somebody learns who may not see something: nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from tests import factories

pytestmark = pytest.mark.django_db


def answer(client: Client, method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, bytes, Any]:
    """Everything of an answer that could tell two cases apart."""
    response = client.generic(method, path, str(body or "").replace("'", '"'), content_type="application/json")
    return response.status_code, response.content, sorted(response.headers.items())


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize(
    ("method", "pattern", "body"),
    [
        ("GET", "/rooms/{room}/", None),
        ("PATCH", "/api/rooms/{room}", {"title": "x"}),
        ("PATCH", "/api/rooms/{room}", None),
        ("POST", "/api/rooms/{room}/links", {"role": "editor"}),
        ("PATCH", "/api/pages/{page}", {"title": "x"}),
        ("POST", "/api/pages/{page}/files", None),
        ("GET", "/files/{file}", None),
    ],
)
def test_what_is_missing_and_what_is_forbidden_get_one_identical_answer(
    signed_in: bool, method: str, pattern: str, body: dict[str, str] | None
) -> None:
    cast = factories.cast()
    upload = factories.browser(cast.alice).post(
        f"/api/pages/{cast.board.pk}/files", {"file": picture_file(factories.picture())}
    )
    mallory = factories.browser(cast.mallory if signed_in else None)
    real = pattern.format(room=cast.room.pk, page=cast.board.pk, file=upload.json()["id"])
    guessed = pattern.format(room=uuid4(), page=uuid4(), file=uuid4())

    answers = [answer(mallory, method, path, body) for path in (real, guessed)]

    assert answers[0][0] == 404
    assert answers[0] == answers[1]


def picture_file(content: bytes) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("picture.png", content)


@pytest.mark.parametrize("prefix", ["/join/", "/sign-in/"])
def test_a_link_that_never_was_and_one_that_is_over_get_one_identical_answer(prefix: str) -> None:
    from django.utils import timezone

    from collab import signin
    from collab.models import ShareLink, SignInToken

    cast = factories.cast()
    over = factories.link_token(cast.room) if prefix == "/join/" else signin.create_sign_in(cast.alice)
    ShareLink.objects.update(revoked_at=timezone.now())
    SignInToken.objects.update(used_at=timezone.now())

    answers = [answer(factories.browser(), "GET", f"{prefix}{token}/") for token in (over, "A" * 32, "x", "%00", "a'b")]

    assert answers[0][0] == 404
    assert all(other == answers[0] for other in answers)


@pytest.mark.parametrize(
    "path", ["/rooms/1/", "/rooms/nope/", "/api/rooms/1", "/files/../../etc/passwd", "/api/pages/", "/media/x"]
)
def test_malformed_addresses_are_not_found(path: str) -> None:
    assert factories.browser(factories.staff()).get(path).status_code == 404


def test_errors_for_scripts_are_json_in_the_language_of_the_person() -> None:
    client = factories.browser(headers={"accept-language": "zh-CN"})

    response = client.patch(f"/api/rooms/{uuid4()}", {"title": "x"}, content_type="application/json")

    assert response.json() == {"error": "unknown", "message": "内容不存在，或你没有访问权限。"}


def test_a_failure_of_ours_is_a_page_that_needs_nothing_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from collab.views import home

    def broken(*args: Any) -> None:
        raise RuntimeError("secret detail of the inside")

    monkeypatch.setattr(home, "_rooms_of", broken)
    client = factories.browser(raise_request_exception=False)

    response = client.get("/")

    assert response.status_code == 500
    assert b"What was shown as saved is saved" in response.content
    assert b"secret detail" not in response.content
    assert response["Content-Security-Policy"]


def test_a_foreign_host_name_is_refused_plainly() -> None:
    response = factories.browser().get("/", headers={"host": "evil.example"})

    assert response.status_code == 400


# CSRF


def example_paths(patterns: list[Any] | None = None, prefix: str = "") -> list[str]:
    """One address for each route of the URLconf."""
    paths: list[str] = []
    for item in get_resolver().url_patterns if patterns is None else patterns:
        part = _example_of(item)
        if isinstance(item, URLResolver):
            paths += example_paths(item.url_patterns, prefix + part)
        elif isinstance(item, URLPattern):
            paths.append("/" + prefix + part)
    return paths


def _example_of(item: Any) -> str:
    import re

    pattern = str(item.pattern)
    if not isinstance(item.pattern, RoutePattern):
        for group, value in ((r"\(\?P<app_label>[^)]*\)", "collab"), (r"\(\?P<url>[^)]*\)", "anything")):
            pattern = re.sub(group, value, pattern)
        return pattern.strip("^$").replace("\\Z", "")
    examples = {"uuid": str(uuid4()), "int": "1", "str": "x", "path": "x", "slug": "x"}
    return re.sub(r"<(?:(\w+):)?\w+>", lambda found: examples[found[1] or "str"], pattern)


def test_the_walk_over_the_routes_sees_all_of_them() -> None:
    paths = example_paths()

    assert len(paths) > 80
    assert {"/rooms/", "/api/me", "/i18n/setlang/", "/admin/login/", "/admin/collab/room/"} <= set(paths)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_unsafe_request_gets_anywhere_without_a_csrf_token(method: str) -> None:
    """On every route there is, those of the admin included."""
    client = factories.browser(factories.staff(), enforce_csrf_checks=True)

    statuses = {path: client.generic(method, path).status_code for path in example_paths()}

    assert set(statuses.values()) == {403}, {path: status for path, status in statuses.items() if status != 403}


def test_the_csrf_token_of_the_room_page_is_the_one_that_scripts_may_use() -> None:
    from tests.web.test_rooms import room_data

    cast = factories.cast()
    client = factories.browser(cast.alice, enforce_csrf_checks=True)
    token = room_data(client.get(f"/rooms/{cast.room.pk}/").content)["csrf"]

    def rename(**headers: str) -> int:
        return client.patch(
            f"/api/rooms/{cast.room.pk}", {"title": "New"}, content_type="application/json", headers=headers
        ).status_code

    assert rename() == 403
    assert rename(**{"x-csrftoken": token, "origin": "http://evil.example"}) == 403
    assert rename(**{"x-csrftoken": token}) == 200
