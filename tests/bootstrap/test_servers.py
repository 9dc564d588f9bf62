"""The ordinary ways to serve, started as the docs say: each serves pages, sockets, and lets our largest frame in."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.services import ROOT, Server, answers, temporary_folder

DOCS = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
WAYS = ["runserver", "daphne", "uvicorn"]


def documented(way: str, port: int) -> list[str]:
    """The command of the docs, with this port."""
    if way == "runserver":
        assert "python manage.py runserver\n" in DOCS
        return [sys.executable, str(ROOT / "manage.py"), "runserver", f"127.0.0.1:{port}"]
    found = re.search(rf"^{way} .*config\.asgi:application.*$", DOCS, re.MULTILINE)
    assert found is not None
    return [sys.executable, "-m", *shlex.split(found[0]), "--port", str(port)]


@pytest.fixture(scope="module", params=WAYS)
def served(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The product, served in one of the ordinary ways."""
    with temporary_folder("served") as folder:
        server = Server(folder)
        server.manage("migrate", "--verbosity", "0")
        server.launch(documented(request.param, server.port), env=server.env)
        server.wait_until(lambda: answers(server.port), what=f"{request.param} listened")
        yield server
        server.stop(with_signal=signal.SIGINT)
        assert "Traceback" not in server.log, server.log


def test_it_serves_pages_and_static_files(served: Server) -> None:
    """No collectstatic, no other server."""
    assert served.get("/healthz/live")[0] == 200
    assert served.get("/static/collab/manifest.json")[0] == 200


def test_it_serves_sockets(served: Server) -> None:
    """Joining is answered with sync step 1."""
    with connect(_page_socket(served)) as browser:
        assert browser.recv(timeout=20)[:2] == b"\x00\x00"


def test_a_frame_that_is_too_large_is_refused_by_us_and_not_by_the_server(served: Server) -> None:
    """A server that cuts the connection sends old clients into a loop; our own refusal they understand."""
    too_large = b"\x00\x02" + bytes(5 * 1024 * 1024)
    with connect(_page_socket(served), max_size=None) as browser:
        browser.recv(timeout=20)
        browser.send(too_large)
        with pytest.raises(ConnectionClosed) as closed:
            _read_to_the_end(browser)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4413


def _read_to_the_end(browser: ClientConnection) -> None:
    while True:
        browser.recv(timeout=30)


def _page_socket(server: Server) -> str:
    room = json.loads(server.manage("create_room", "--title", "Plan", "--json"))
    return f"ws://127.0.0.1:{server.port}{room['pages'][0]['socket']}?token={room['token']}"


def test_runserver_on_a_taken_port_says_so_and_fails() -> None:
    """daphne's own ends as if all were well, and a script goes on."""
    with temporary_folder("taken") as folder, socket.create_server(("127.0.0.1", 0)) as somebody:
        server = Server(folder)
        port = somebody.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, ROOT / "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
            env=server.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 2
    assert f"Port {port} is taken" in ended.stderr
