"""Rooms for the browser tests: made together, because starting Django once per test would cost more than the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests import services

_AT_ONCE = 12

_MAKE_ROOMS = """
import sys
import django; django.setup()
from collab import rooms
from collab.models import Role
for _ in range(int(sys.argv[1])):
    room = rooms.create_room(None, "Sprint planning")
    tokens = [rooms.create_link(room, role)[1] for role in (Role.EDITOR, Role.VIEWER)]
    print(room.pk, *tokens, *[page.pk for page in room.pages.order_by("position")])
"""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that nobody has opened yet.

    Attributes:
        editor_link: Opens it for people who may edit.
        viewer_link: Opens it for people who may only look.
        board: The id of its board, the page a room opens with.
        document: The id of its document.
    """

    id: str
    editor_link: str
    viewer_link: str
    board: str
    document: str


MakeRoom = Callable[[], Room]


def rooms_of(server: services.Server, count: int = 1) -> list[Room]:
    """Make rooms that belong to nobody, with links for editors and viewers."""
    run = subprocess.run(
        [sys.executable, "-c", _MAKE_ROOMS, str(count)],
        cwd=services.ROOT,
        env=server.env,
        capture_output=True,
        text=True,
        check=True,
    )
    made = []
    for line in run.stdout.splitlines():
        room, editor, viewer, board, document = line.split()
        base = f"{server.url}/join/"
        made.append(Room(room, f"{base}{editor}/", f"{base}{viewer}/", board, document))
    return made


@pytest.fixture(scope="module")
def new_room(module_server: services.Server) -> MakeRoom:
    """Rooms on the server of the module: ``new_room()`` is one that no other test has seen."""
    waiting: list[Room] = []

    def make() -> Room:
        if not waiting:
            waiting.extend(rooms_of(module_server, _AT_ONCE))
        return waiting.pop(0)

    return make
