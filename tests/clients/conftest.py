"""Starts, beside the first test of this folder, the clients that must be left alone for more than a minute."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests import services
from tests.clients.drive import HERE, Room

IDLE_SECONDS = 75
REFUSED_SECONDS = 12
PASTE_CHARACTERS = 6_000_000
VERSIONS = (1, 2, 3)


class Watches:
    """Stock clients of every version that are on their own: idle ones, and ones that are refused."""

    def __init__(self, server: services.Server, node: services.Node) -> None:
        self._server = server
        self._processes = {version: self._start(node, version) for version in VERSIONS}
        self._reports: dict[int, dict[str, Any]] = {}

    def _start(self, node: services.Node, version: int) -> subprocess.Popen[bytes]:
        rooms = [Room(self._server), Room(self._server)]
        idle, quiet, open_to_others, pasted = (
            {"page": page, "params": {"token": room.token}} for room in rooms for page in room.pages.values()
        )
        watches = [
            {"name": "idle", "seconds": IDLE_SECONDS, **idle},
            {"name": "quiet", "seconds": IDLE_SECONDS, "silent": True, **quiet},
            {"name": "foreign", "seconds": REFUSED_SECONDS, "origin": "https://evil.example", **open_to_others},
            {"name": "unknown", "seconds": REFUSED_SECONDS, "page": str(uuid4()), "params": {"token": rooms[0].token}},
            {"name": "paste", "seconds": REFUSED_SECONDS, "paste_characters": PASTE_CHARACTERS, **pasted},
        ]
        options = {"version": version, "server": f"ws://127.0.0.1:{self._server.port}", "watches": watches}
        command = [str(node.path), str(HERE / "watch.mjs"), json.dumps(options)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def report(self, version: int, name: str) -> dict[str, Any]:
        """What one client has been through; waits until all of its version have finished."""
        if version not in self._reports:
            printed, _ = self._processes[version].communicate(timeout=IDLE_SECONDS + 60)
            self._reports[version] = json.loads(printed)
        assert self._reports[version]["troubles"] == []
        (report,) = [report for report in self._reports[version]["reports"] if report["name"] == name]
        return report

    def stop(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture(scope="package")
def watches(request: pytest.FixtureRequest) -> Iterator[Watches]:
    """The clients on their own; ``test_unattended`` looks at them."""
    node = services.find_node()
    with services.temporary_folder("watched") as folder:
        server = services.Server(folder).start()
        started = Watches(server, node)
        try:
            yield started
        finally:
            started.stop()
            server.stop()
        assert "Traceback (most recent call last)" not in server.log, server.log[-8000:]


@pytest.fixture(scope="package", autouse=True)
def early_start(request: pytest.FixtureRequest) -> None:
    """Begin their minute now, while the other tests of this folder run."""
    if any("test_unattended" in item.nodeid for item in request.session.items):
        request.getfixturevalue("watches")
