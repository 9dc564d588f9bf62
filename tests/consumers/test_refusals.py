"""Who is not let in, how they are told, and how little they learn from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from collab import runtime
from collab.models import Role, ShareLink
from tests import factories
from tests.consumers.conftest import Scene
from tests.consumers.sockets import EXTENDED, OWN_ORIGIN, PageSocket, Socket

Sockets = Callable[[Any], Any]

KINDS = ["pages", "rooms"]


def path(kind: str, scene: Scene, query: str = "") -> str:
    """The address of the room's socket or of its board's."""
    return f"/ws/{kind}/{scene.board.pk if kind == 'pages' else scene.room.pk}{query}"


def revoked(scene: Scene) -> str:
    token = factories.link_token(scene.room)
    ShareLink.objects.filter(room=scene.room).update(revoked_at=timezone.now())
    return token


def expired(scene: Scene) -> str:
    token = factories.link_token(scene.room)
    ShareLink.objects.filter(room=scene.room).update(expires_at=timezone.now() - timedelta(seconds=1))
    return token


BAD_TOKENS: dict[str, Callable[[Scene], str]] = {
    "none": lambda _: "",
    "empty": lambda _: "?token=",
    "guessed": lambda _: "?token=guessed",
    "revoked": lambda scene: f"?token={revoked(scene)}",
    "expired": lambda scene: f"?token={expired(scene)}",
    "cut short": lambda scene: f"?token={factories.link_token(scene.room)[:-1]}",
    "not UTF-8": lambda _: "?token=%ff%fe",
    "raw bytes": lambda _: "?token=\u00ff",
    "many fields": lambda _: "?" + "&".join(f"a{number}=1" for number in range(1000)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", BAD_TOKENS)
async def test_without_a_good_token_a_program_learns_nothing(
    kind: str, token: str, sockets: Sockets, scene: Scene
) -> None:
    """The answer for a real page is the one for a guessed id, so ids cannot be probed."""
    query = await database_sync_to_async(BAD_TOKENS[token])(scene)
    answers = []
    for address in (path(kind, scene, query), f"/ws/{kind}/{uuid4()}{query}"):
        socket = sockets(Socket(address, offers=[EXTENDED]))
        agreed = await socket.open()
        answers.append((agreed, await socket.everything()))

    assert answers[0][1] == [(4404, "unknown")]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_opens_its_own_room_only(kind: str, sockets: Sockets, scene: Scene) -> None:
    def token_of_another_room() -> str:
        from collab.rooms import create_room

        return factories.link_token(create_room(scene.mallory, "Another"))

    token = await database_sync_to_async(token_of_another_room)()
    socket = sockets(Socket(path(kind, scene, f"?token={token}")))
    await socket.open()

    assert await socket.ending() == (4404, "unknown")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_without_a_role_is_told_what_a_stranger_is_told(
    kind: str, sockets: Sockets, scene: Scene
) -> None:
    browser = await database_sync_to_async(factories.browser)(scene.mallory)
    socket = sockets(Socket(path(kind, scene), browser=browser, origin=OWN_ORIGIN))
    await socket.open()

    assert await socket.everything() == [(4404, "unknown")]


@pytest.mark.parametrize(
    "address", ["/ws/nothing", "/ws/pages/", "/ws/pages/17", "/ws/rooms/no-id", "/ws/pages/%00", "/admin/"]
)
async def test_other_addresses_are_refused_like_missing_pages(address: str, sockets: Sockets, scene: Scene) -> None:
    """Accepted first: a bare 403 is retried for ever."""
    socket = sockets(Socket(address))
    await socket.open()

    assert await socket.everything() == [(4404, "unknown")]


# Origins

FOREIGN = {
    "another site": "https://evil.example",
    "none, in a sandbox": "null",
    "empty": "",
    "a sub-domain": "http://sub.testserver",
    "a longer name": "http://testserver.evil.example",
    "another port": "http://testserver:8080",
    "another scheme": "https://testserver",
    "a file": "file://",
    "an extension": "chrome-extension://abcdefgh",
    "a path": "http://testserver/",
    "a name before it": "http://testserver@evil.example",
    "two": ["http://testserver", "http://testserver"],
    "not ASCII": "http://t\u00e9stserver",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_page_opens_nothing_whoever_looks_at_it(
    kind: str, origin: str, sockets: Sockets, scene: Scene
) -> None:
    """Alice's browser would send her cookie along; a token would not help either."""
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    token = await database_sync_to_async(factories.link_token)(scene.room)
    socket = sockets(Socket(path(kind, scene, f"?token={token}"), browser=browser, origin=FOREIGN[origin]))
    await socket.open()

    assert await socket.everything() == [(4403, "not-allowed")]


@pytest.mark.parametrize("origin", ["http://testserver", "HTTP://TestServer"])
async def test_our_own_page_opens_with_the_session(origin: str, sockets: Sockets, scene: Scene) -> None:
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    socket = sockets(PageSocket(scene.board.pk, browser=browser, origin=origin, extended=False))
    await socket.open()

    assert (await socket.receive())[:2] == b"\x00\x00"


@pytest.mark.parametrize("change", ["password", "active", "signed-out"])
async def test_a_session_that_no_longer_counts_opens_nothing(change: str, sockets: Sockets, scene: Scene) -> None:
    browser = await database_sync_to_async(factories.browser)(scene.alice)

    def end() -> None:
        if change == "password":
            scene.alice.set_password("another one")
            scene.alice.save()
        elif change == "active":
            User.objects.filter(pk=scene.alice.pk).update(is_active=False)
        else:
            Session.objects.all().delete()

    await database_sync_to_async(end)()
    socket = sockets(PageSocket(scene.board.pk, browser=browser, origin=OWN_ORIGIN))
    await socket.open()

    assert await socket.ending() == (4404, "unknown")


async def test_a_session_made_under_an_older_secret_key_still_opens_and_stays_as_it_is(
    sockets: Sockets, scene: Scene, settings: Any
) -> None:
    """A socket has no cookie to send a new key with: a session renewed here would sign the browser out."""
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    before = await database_sync_to_async(lambda: set(Session.objects.values_list("pk", "session_data")))()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next secret key, which is long enough as well, and of many letters"
    socket = sockets(PageSocket(scene.board.pk, browser=browser, origin=OWN_ORIGIN))
    await socket.open()

    assert (await socket.message()).body["role"] == "owner"
    assert await database_sync_to_async(lambda: set(Session.objects.values_list("pk", "session_data")))() == before


async def test_a_host_that_is_not_ours_vouches_for_no_origin(sockets: Sockets, scene: Scene) -> None:
    """DNS rebinding: a foreign name that leads to this machine."""
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    socket = sockets(
        PageSocket(scene.board.pk, browser=browser, host="evil.example", origin="http://evil.example", extended=False)
    )
    await socket.open()

    assert await socket.ending() == (4403, "not-allowed")


@pytest.mark.parametrize(
    ("trusted", "origin", "opens"),
    [
        ("https://board.example.org", "https://board.example.org", True),
        ("https://board.example.org", "http://board.example.org:81", False),
        ("https://board.example.org", "https://sub.board.example.org", False),
        ("https://*.example.org", "https://sub.example.org", True),
        ("https://*.example.org", "https://evilexample.org", False),
        ("https://*.example.org", "http://sub.example.org", False),
    ],
)
async def test_what_a_deployment_trusts_opens_too(
    trusted: str, origin: str, opens: bool, sockets: Sockets, scene: Scene, settings: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    socket = sockets(PageSocket(scene.board.pk, browser=browser, origin=origin, extended=False))
    await socket.open()

    if opens:
        assert (await socket.receive())[:2] == b"\x00\x00"
    else:
        assert await socket.ending() == (4403, "not-allowed")


async def test_behind_tls_the_plain_origin_is_foreign(sockets: Sockets, scene: Scene, settings: Any) -> None:
    """The proxy speaks plain HTTP to us, so it is the setting that says what people see."""
    settings.SESSION_COOKIE_SECURE = True
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    good, bad = (
        sockets(PageSocket(scene.board.pk, browser=browser, origin=f"{scheme}://testserver", extended=False))
        for scheme in ("https", "http")
    )
    await good.open()
    await bad.open()

    assert (await good.receive())[:2] == b"\x00\x00"
    assert await bad.ending() == (4403, "not-allowed")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cookie_without_an_origin_counts_for_nothing(kind: str, sockets: Sockets, scene: Scene) -> None:
    """Every browser says where a socket comes from; what does not say it must have a token."""
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    socket = sockets(Socket(path(kind, scene), browser=browser))
    await socket.open()

    assert await socket.ending() == (4404, "unknown")


async def test_a_program_with_a_token_and_a_cookie_is_who_the_token_says(sockets: Sockets, scene: Scene) -> None:
    """Alice's cookie would make her owner."""
    browser = await database_sync_to_async(factories.browser)(scene.alice)
    token = await database_sync_to_async(factories.link_token)(scene.room, Role.VIEWER)
    socket = sockets(PageSocket(scene.board.pk, query=f"?token={token}", browser=browser))
    await socket.open()

    assert (await socket.message()).body["role"] == "viewer"


# Holding


class TestHolding:
    """Old clients come back at once after any close, so they are let go late."""

    @pytest.fixture
    def hold(self) -> dict[str, float]:
        return {"refused_hold": 3600.0, "max_refused_held": 2}

    async def test_a_refused_stock_client_is_held(self, sockets: Sockets, scene: Scene) -> None:
        socket = sockets(PageSocket(uuid4(), extended=False))
        await socket.open()
        await socket.send(b"\x00\x00\x01\x00")

        assert await socket.is_silent()
        assert runtime.current().held_refusals == 1

    async def test_a_stock_client_whose_edit_is_refused_is_off_the_page_and_held(
        self, sockets: Sockets, scene: Scene
    ) -> None:
        """It would send the same paste again, at once and for ever."""
        token = await database_sync_to_async(factories.link_token)(scene.room)
        bob = await sockets(PageSocket(scene.board.pk, query=f"?token={token}")).join()
        await bob.saved(1)
        mallory = await sockets(PageSocket(scene.board.pk, query=f"?token={token}", extended=False)).join()
        await mallory.receive()
        await mallory.receive()
        await mallory.send(bytes(5 * 1024 * 1024))
        await bob.send(bob.typed("Hello"))
        await bob.saved(2)
        await mallory.send(mallory.typed("Hello"))

        assert await mallory.is_silent()
        assert await bob.is_silent()
        assert runtime.current().held_refusals == 1

    async def test_a_client_that_knows_the_codes_is_told_at_once(self, sockets: Sockets, scene: Scene) -> None:
        """People should not look at a page that is not there for five seconds."""
        token = await database_sync_to_async(factories.link_token)(scene.room)
        nowhere = sockets(PageSocket(uuid4()))
        await nowhere.open()
        there = await sockets(PageSocket(scene.board.pk, query=f"?token={token}")).join()
        await there.send("text")

        async with asyncio.timeout(5):
            assert await nowhere.ending() == (4404, "unknown")
            assert await there.ending() == (4400, "malformed")

    async def test_no_more_are_held_than_the_bound(self, sockets: Sockets, scene: Scene) -> None:
        """Above it they are closed at once; one that hangs up makes room for another."""
        token = await database_sync_to_async(factories.link_token)(scene.room)
        held = [sockets(PageSocket(uuid4(), extended=False)), sockets(Socket(f"/ws/rooms/{uuid4()}"))]
        for socket in held:
            await socket.open()
            assert await socket.is_silent()

        for address in (f"/ws/pages/{uuid4()}", f"/ws/rooms/{uuid4()}", "/ws/nothing"):
            surplus = sockets(Socket(address))
            await surplus.open()
            assert await surplus.ending() == (4404, "unknown")
        foreign = sockets(PageSocket(scene.board.pk, origin="https://evil.example", extended=False))
        await foreign.open()
        assert await foreign.ending() == (4403, "not-allowed")
        mallory = await sockets(PageSocket(scene.board.pk, query=f"?token={token}", extended=False)).join()
        await mallory.send("text")
        assert await mallory.ending() == (4400, "malformed")

        for socket in held:
            await socket.leave()
        assert runtime.current().held_refusals == 0
        again = sockets(PageSocket(uuid4(), extended=False))
        await again.open()
        assert await again.is_silent()
