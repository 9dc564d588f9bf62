"""A runtime for each test, as each server process has one, and the cast in a room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from channels.layers import channel_layers
from django.contrib.auth.models import User

from collab import runtime
from collab.models import Page, Room
from tests import factories
from tests.consumers.sockets import Socket

AnySocket = TypeVar("AnySocket", bound=Socket)


async def restart() -> None:
    """What happens to a page when the process stops and another one takes its place."""
    assert await runtime.drain()
    runtime._current = None


@dataclass(frozen=True)
class Scene:
    """The cast in Alice's room, with its pages already read: tests here may not ask the database on the event loop."""

    room: Room
    board: Page
    document: Page
    alice: User
    bob: User
    carol: User
    mallory: User


@pytest.fixture
def hold() -> dict[str, float]:
    """How refused connections are held; a module or a test may have its own."""
    return {"refused_hold": 0.01}


@pytest.fixture
def scene(transactional_db: None, settings: Any, hold: dict[str, float]) -> Scene:
    """Alice's room. The sockets read it from other threads, so it is committed."""
    settings.ALLOWED_HOSTS = ["testserver", "board.example.org"]
    settings.COLLAB = {**settings.COLLAB, **hold}
    cast = factories.cast()
    people = {name: getattr(cast, name) for name in ("alice", "bob", "carol", "mallory")}
    return Scene(room=cast.room, board=cast.board, document=cast.document, **people)


@pytest_asyncio.fixture
async def sockets(scene: Scene) -> AsyncIterator[Callable[[AnySocket], AnySocket]]:
    """Sockets that are hung up when the test ends, on a runtime of the test's own."""
    channel_layers.backends.clear()
    made: list[Socket] = []

    def remember(socket: AnySocket) -> AnySocket:
        made.append(socket)
        return socket

    yield remember
    for socket in made:
        await socket.leave()
    await restart()
