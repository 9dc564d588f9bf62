"""How many connections there may be, and how fast they may come and send, seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from collab import runtime
from tests import factories
from tests.consumers.conftest import Scene
from tests.consumers.sockets import EXTENDED, OWN_ORIGIN, PageSocket, RoomSocket, Socket

Sockets = Callable[[Any], Any]


class TestFewPerPerson:
    @pytest.fixture
    def hold(self) -> dict[str, float]:
        return {"refused_hold": 0.01, "max_sockets_per_person": 3}

    async def test_one_person_has_so_many_connections_pages_and_rooms_together(
        self, sockets: Sockets, scene: Scene
    ) -> None:
        """A broken script in one account must not take everybody's connections."""
        browser = await database_sync_to_async(factories.browser)(scene.alice)
        who = {"browser": browser, "origin": OWN_ORIGIN}
        first = await sockets(PageSocket(scene.board.pk, **who)).join()
        await sockets(PageSocket(scene.document.pk, **who)).join()
        await sockets(RoomSocket(scene.room.pk, **who)).join()

        for surplus in (PageSocket(scene.board.pk, **who), RoomSocket(scene.room.pk, **who)):
            await sockets(surplus).open()
            assert await surplus.ending() == (4429, "too-many")
        bob = await database_sync_to_async(factories.browser)(scene.bob)
        await sockets(PageSocket(scene.board.pk, browser=bob, origin=OWN_ORIGIN)).join()
        await first.leave()
        await sockets(PageSocket(scene.board.pk, **who)).join()


class TestFewPerAddress:
    @pytest.fixture
    def hold(self) -> dict[str, float]:
        return {"refused_hold": 0.01, "max_sockets_per_address": 2, "trusted_proxies": 1}

    async def test_one_address_has_so_many_connections_whoever_they_are(self, sockets: Sockets, scene: Scene) -> None:
        """Programs with a token are somebody new each time; what they share is where they come from."""
        token = await database_sync_to_async(factories.link_token)(scene.room)
        here, there = {"address": "192.0.2.1"}, {"address": "198.51.100.7"}
        first = await sockets(PageSocket(scene.board.pk, query=f"?token={token}", **here)).join()
        await sockets(PageSocket(scene.board.pk, query=f"?token={token}", **here)).join()

        for path in (f"/ws/pages/{scene.board.pk}?token={token}", f"/ws/rooms/{scene.room.pk}", "/ws/nothing"):
            surplus = sockets(Socket(path, offers=[EXTENDED], **here))
            await surplus.open()
            assert await surplus.everything() == [(4429, "too-many")]
        await sockets(PageSocket(scene.board.pk, query=f"?token={token}", **there)).join()
        await first.leave()
        await sockets(PageSocket(scene.board.pk, query=f"?token={token}", **here)).join()


class TestSlowlyIn:
    @pytest.fixture
    def hold(self) -> dict[str, float]:
        return {
            "refused_hold": 0.01,
            "connects_per_second": 0.01,
            "connect_burst": 25,
            "connect_patience": 1.0,
            "trusted_proxies": 1,
        }

    async def test_who_is_refused_again_and_again_is_refused_before_anything_is_asked(
        self, sockets: Sockets, scene: Scene
    ) -> None:
        """Old clients come back at once whatever the code; each attempt would cost a query otherwise."""
        answers = []
        for _ in range(5):
            socket = sockets(PageSocket(uuid4(), extended=False, address="192.0.2.1"))
            await socket.open()
            answers.append(await socket.ending())
        elsewhere = sockets(PageSocket(uuid4(), extended=False, address="198.51.100.7"))
        await elsewhere.open()

        assert answers[:2] == [(4404, "unknown")] * 2
        assert answers[-2:] == [(4429, "too-many")] * 2
        assert await elsewhere.ending() == (4404, "unknown")

    async def test_nothing_is_counted_when_everybody_has_gone(self, sockets: Sockets, scene: Scene) -> None:
        token = await database_sync_to_async(factories.link_token)(scene.room)
        joined = await sockets(PageSocket(scene.board.pk, query=f"?token={token}", address="192.0.2.1")).join()
        room = sockets(RoomSocket(scene.room.pk, query=f"?token={token}", address="192.0.2.1"))
        await room.join()
        lost = sockets(PageSocket(uuid4(), address="192.0.2.1"))
        await lost.open()
        await lost.ending()
        for socket in (joined, room, lost):
            await socket.leave()

        assert runtime.current().gate.sockets == 0


class TestFewFrames:
    @pytest.fixture
    def hold(self) -> dict[str, float]:
        return {"refused_hold": 0.01, "frames_per_second": 500.0, "rate_burst": 0.02, "rate_patience": 0.2} | {
            "bytes_per_second": 1e9
        }

    async def test_a_flood_on_a_room_is_slowed_and_then_closed(self, sockets: Sockets, scene: Scene) -> None:
        token = await database_sync_to_async(factories.link_token)(scene.room)
        room = sockets(RoomSocket(scene.room.pk, query=f"?token={token}"))
        await room.join()

        for _ in range(500):
            await room.say("ping")

        assert await room.ending() == (4429, "too-many")

    async def test_a_flood_on_a_page_is_slowed_and_then_closed(self, sockets: Sockets, scene: Scene) -> None:
        token = await database_sync_to_async(factories.link_token)(scene.room)
        page = await sockets(PageSocket(scene.board.pk, query=f"?token={token}")).join()

        for _ in range(500):
            await page.send(b"\x03")

        assert await page.ending() == (4429, "too-many")
