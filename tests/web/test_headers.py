"""What every answer tells browsers: what may run, what may be kept, and where it may be shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from tests import factories

POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    "connect-src 'self' ws: wss:",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/sign-in/", "/nothing-here", "/join/x/", "/admin/login/", "/api/me"])
def test_every_answer_carries_the_strict_policy(path: str) -> None:
    response = factories.browser().get(path)

    assert {part.strip() for part in response["Content-Security-Policy"].split(";")} == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Referrer-Policy"] in {"same-origin", "strict-origin"}
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
def test_cookies_are_out_of_reach_of_scripts_and_other_sites() -> None:
    response = factories.browser().get("/sign-in/")
    client = factories.guest(factories.cast().room)

    cookies = [response.cookies[settings.CSRF_COOKIE_NAME], client.cookies[settings.SESSION_COOKIE_NAME]]
    assert all(cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in cookies)


@pytest.mark.django_db
def test_strangers_who_look_around_leave_no_session_behind() -> None:
    client = factories.browser()
    for path in ("/", "/sign-in/", "/join/x/", "/nothing-here"):
        client.get(path)

    assert settings.SESSION_COOKIE_NAME not in client.cookies


def test_built_files_are_kept_for_ever_and_others_asked_for_again() -> None:
    """The build names files after their content; a page style of ours keeps its name when it changes."""
    manifest = json.loads(Path(str(finders.find("collab/manifest.json"))).read_text())
    client = factories.browser()

    built = [client.get(f"/static/collab/{chunk['file']}") for chunk in manifest.values()]
    plain = client.get("/static/collab_pages/pages.css")

    assert all(response["Cache-Control"] == "public, max-age=31536000, immutable" for response in built)
    assert plain["Cache-Control"] == "public, no-cache"
    assert plain["ETag"] or plain["Last-Modified"]
    assert "Access-Control-Allow-Origin" not in plain


def test_static_files_are_served_without_collecting_them_first() -> None:
    assert not Path(settings.STATIC_ROOT).exists()
    assert factories.browser().get("/static/admin/css/base.css").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/static/../config/settings.py", "/static/%2e%2e/manage.py", "/static//etc/passwd", "/static/collab/"]
)
def test_nothing_but_static_files_is_served_as_one(path: str) -> None:
    assert factories.browser().get(path).status_code == 404


@pytest.mark.django_db
def test_the_language_is_the_one_that_was_chosen_or_that_the_browser_asks_for() -> None:
    client = factories.browser(headers={"accept-language": "zh-CN,zh;q=0.9"})

    asked = client.get("/").content.decode()
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    chosen = client.get("/").content.decode()

    assert '<html lang="zh-hans"' in asked
    assert "登录" in asked
    assert '<html lang="en"' in chosen
