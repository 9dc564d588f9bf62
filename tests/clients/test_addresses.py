"""Addresses and endings that stock clients meet: the root, and a process that stops."""

from __future__ import annotations

import contextlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.clients.drive import PythonClient, Room
from tests.clients.hostile import refused
from tests.clients.test_database_trouble import locked
from tests.conftest import StartServer

pytestmark = pytest.mark.services


async def test_the_root_address_is_refused_like_any_other(server: StartServer) -> None:
    """Not with a traceback and a bare refusal, on which old clients come back for ever."""
    product = server(env={"COLLAB_REFUSED_HOLD": "0.1"})

    ending = await refused(f"ws://127.0.0.1:{product.port}/")

    assert (ending.code, ending.reason) == (4404, "unknown")


async def test_a_link_used_for_the_first_time_opens_while_the_database_is_locked(server: StartServer) -> None:
    """When a link was last used is worth noting, but not worth refusing anybody."""
    product = server()
    room = Room(product)
    fresh = room.add_link("editor")

    with locked(product):
        async with PythonClient(room.url(token=fresh)) as bob:
            assert bob.closes == []


async def test_a_stopping_process_sends_rooms_away_with_4503(server: StartServer) -> None:
    """It means "come back"; the server's own 1012 does not."""
    product = server()
    room = Room(product)

    async with connect(f"ws://127.0.0.1:{product.port}/ws/rooms/{room.id}?token={room.token}") as socket:
        await socket.recv()
        product.stop()
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass

    assert (socket.close_code, socket.close_reason) == (4503, "restarting")
