"""The server's own pages in a real browser: nothing breaks the content security policy, nothing overflows a phone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests import services

SETUP = """
import django; django.setup()
from collab import rooms, signin
from collab.models import PageUpdate, Role
admin = signin.ensure_admin()
room = rooms.create_room(admin, "Sprint planning " + "very " * 18)
page = room.pages.first()
PageUpdate.objects.create(page=page, seq=1, payload=b"x")
rooms.create_link(room, Role.VIEWER, label="Class")
print(signin.create_sign_in(admin), room.pk, page.pk)
"""


@pytest.fixture
def prepared(module_server: services.Server) -> tuple[str, list[str]]:
    """The address of a running server and what was made there: sign-in token, room, page."""
    run = subprocess.run(
        [sys.executable, "-c", SETUP],
        cwd=services.ROOT,
        env=module_server.env,
        capture_output=True,
        text=True,
        check=True,
    )
    return module_server.url, run.stdout.split()


def fits(page: Any) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_simple_pages_fit_and_break_no_policy(prepared: Any, browser: Any, width: int, theme: str) -> None:
    base, _made = prepared
    dave = browser.person("Dave", width=width, color_scheme=theme, locale="zh-CN" if width == 390 else "en")
    dave.allow("404")

    for path in ("/", "/sign-in/", "/nothing-here", "/join/nothing/", "/sign-in/nothing/"):
        assert fits(dave.open(base + path)), path


def test_the_admin_works_under_the_same_policy(prepared: Any, browser: Any) -> None:
    """Every breach of the policy, script error and request that leaves the host is a failure of this test."""
    base, (token, room_id, page_id) = prepared
    alice = browser.person("Alice")
    tab = alice.open(f"{base}/sign-in/{token}/")
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(f"{base}/admin/")

    for path in (
        "room/",
        f"room/{room_id}/change/",
        f"room/{room_id}/delete/",
        f"page/{page_id}/change/",
        "pageupdate/",
        "attachment/",
        "sharelink/add/",
        "membership/add/",
    ):
        tab.goto(f"{base}/admin/collab/{path}")
    tab.locator(".select2-selection").first.click()
    tab.locator(".select2-results__option", has_text="Sprint planning").first.wait_for()
    assert tab.get_by_text("Collab · Admin").is_visible()


def test_somebody_who_signed_in_makes_a_room_from_the_start_page_and_finds_it_there(
    prepared: Any, browser: Any
) -> None:
    base, (token, _room_id, _page_id) = prepared
    alice = browser.person("Alice", width=390)
    tab = alice.open(f"{base}/sign-in/{token}/")
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(f"{base}/admin/")

    tab.goto(base + "/")
    assert fits(tab)
    tab.get_by_role("button", name="New room").click()
    tab.wait_for_url("**/rooms/**")
    tab.goto(base + "/")

    assert tab.get_by_role("link", name="Untitled room").is_visible()
    assert fits(tab)
