"""``manage.py up`` as somebody meets it: what it prints, what its links do, how it stops, what is there afterwards."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.services import ROOT, Server, answers, free_port, temporary_folder, wait_until

StartServer = Callable[..., Server]


class Visitor:
    """A browser without scripts: it follows redirects and keeps cookies."""

    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, url: str) -> tuple[int, str, str]:
        """Status, final address and text of a page."""
        return self._open(urllib.request.Request(url))

    def submit_the_form_of(self, url: str) -> tuple[int, str, str]:
        """Open a page with a form and send the form as it is."""
        _status, address, page = self.get(url)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        body = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(address, data=body, headers={"Origin": url.partition("/sign-in")[0]}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    """A product that was started once, for the tests that only look at it."""
    with temporary_folder("server") as folder:
        server = Server(folder).start()
        yield server
        server.stop()
        assert "Traceback" not in server.log


def test_it_prints_a_line_per_step_and_what_one_needs_to_know(running: Server) -> None:
    """Everything somebody needs is on one screen of 80 columns, and nothing else."""
    lines = running.log.splitlines()
    for line, step in zip(lines, ["database", "demo room", "server"], strict=False):
        assert re.fullmatch(rf"  {step} +\S.* +\d+\.\d s", line), line
        assert len(line) == 80
    assert max(len(line) for line in lines if str(running.data) not in line) <= 80
    assert str(running.data) in running.log
    assert "Stop with Ctrl+C" in running.log
    assert "\x1b" not in running.log
    assert len(lines) == 13


def test_the_demo_link_lets_people_without_an_account_in(running: Server) -> None:
    """The second browser is somebody else's, who has never been here."""
    for _person in range(2):
        status, address, page = Visitor().get(running.link)
        assert status == 200
        assert "/rooms/" in address
        assert "Demo room" in page


def test_the_admin_link_signs_in_once(running: Server) -> None:
    """It stands in a terminal's history: used up, it opens nothing."""
    running.restart()
    first, second = Visitor(), Visitor()

    status, _address, _page = first.submit_the_form_of(running.admin_link)
    assert status == 200
    status, address, _page = first.get(f"{running.url}/admin/")
    assert (status, address) == (200, f"{running.url}/admin/")

    status, _address, _page = second.get(running.admin_link)
    assert status in {404, 410}
    _status, address, _page = second.get(f"{running.url}/admin/")
    assert "login" in address


def test_there_is_no_default_password(running: Server) -> None:
    """The account that the link signs in cannot be signed in any other way."""
    ((password, is_superuser),) = running.query("SELECT password, is_superuser FROM auth_user")

    assert password.startswith("!")
    assert is_superuser


def test_the_secret_files_are_readable_by_their_owner_only(running: Server) -> None:
    """The demo link and the secret key are passwords."""
    for name in ("demo_link", "secret_key"):
        assert stat.S_IMODE((running.data / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700


def test_everything_needed_is_served_without_collectstatic(running: Server) -> None:
    """A fresh checkout has no collected files."""
    assert running.get("/static/collab/manifest.json")[0] == 200
    assert running.get("/static/admin/css/base.css")[0] == 200


def test_the_demo_room_and_its_link_stay_over_restarts(running: Server) -> None:
    """People keep the link; what they drew is behind it."""
    link = running.link

    running.restart()

    assert running.link == link
    assert running.query("SELECT count(*) FROM collab_room") == [(1,)]
    assert " 0 migrations" not in running.log


@pytest.mark.parametrize("loss", ["file lost", "link revoked"])
def test_a_demo_link_that_is_lost_is_replaced_and_the_room_stays(server: StartServer, loss: str) -> None:
    """A new link to the old room, not a second room."""
    product = server()
    link, room = product.link, Visitor().get(product.link)[1]
    product.stop()
    if loss == "file lost":
        (product.data / "demo_link").unlink()
    else:
        revoke = "from collab.models import ShareLink; ShareLink.objects.update(revoked_at='2020-01-01T00:00:00Z')"
        product.manage("shell", "--no-imports", "-c", revoke)

    product.start()

    assert product.link != link
    assert Visitor().get(product.link)[1] == room


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_cleanly_and_says_that_everything_is_saved(server: StartServer, number: signal.Signals) -> None:
    """Ctrl+C in a terminal, a closed terminal, SIGTERM from whatever manages processes: the same end, exit code 0."""
    product = server()

    assert product.stop(with_signal=number) == 0
    assert product.log.splitlines()[-1] == "Stopped. Everything is saved."
    assert not answers(product.port)


def test_open_browsers_are_told_that_it_restarts(server: StartServer) -> None:
    """4503 makes them come back by themselves; they show a thin bar meanwhile, not an error."""
    product = server()
    room = json.loads(product.manage("create_room", "--title", "Plan", "--json"))
    address = f"ws://127.0.0.1:{product.port}{room['pages'][0]['socket']}?token={room['token']}"
    with connect(address) as browser:
        browser.recv(timeout=20)
        assert product.stop(with_signal=signal.SIGINT) == 0
        with pytest.raises(ConnectionClosed) as closed:
            _read_to_the_end(browser)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4503
    assert product.log.splitlines()[-1] == "Stopped. Everything is saved."


def _read_to_the_end(browser: ClientConnection) -> None:
    while True:
        browser.recv(timeout=20)


def test_ctrl_c_before_it_serves_ends_without_a_traceback(tmp_path: Path) -> None:
    """Somebody notices at once that this was the wrong terminal."""
    server = Server(tmp_path)
    server.launch([sys.executable, ROOT / "manage.py", "up", "--port", str(server.port)], env=server.env)
    server.wait_until(lambda: "database" in server.log, what="the first step was done")

    assert server.stop(with_signal=signal.SIGINT) in {0, 130}
    assert "Traceback" not in server.log


def test_it_goes_on_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    """``manage.py up | head`` must not end the server when head has seen enough."""
    server = Server(tmp_path)
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(server.port)]
    process = subprocess.Popen(command, env=server.env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    try:
        wait_until(lambda: answers(server.port) and server.get("/healthz/live")[0] == 200, what="it answered")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_the_remedy(running: Server) -> None:
    """Silently serving elsewhere would break whoever relies on the port."""
    refused = subprocess.run(
        [sys.executable, ROOT / "manage.py", "up", "--port", str(running.port)],
        env=running.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert re.fullmatch(rf"Port {running.port} is taken: stop what runs there, or type --port \d+\.\n", refused.stderr)
    assert refused.stdout == ""


def test_without_a_port_the_next_free_one_is_used_and_said(tmp_path: Path) -> None:
    """Port 8000 is everybody's favourite."""
    with _occupied(8000):
        server = Server(tmp_path)
        server.launch([sys.executable, ROOT / "manage.py", "up"], env=server.env)
        try:
            server.wait_until(lambda: "Ctrl+C" in server.log, what="the product printed its links")
            said = re.search(r"Port 8000 is taken; using port (\d+)\.", server.log)
            assert said is not None
            assert f"http://127.0.0.1:{said[1]}/join/" in server.log
            assert answers(int(said[1]))
        finally:
            assert server.stop(with_signal=signal.SIGINT) == 0


class _occupied:  # noqa: N801 - reads as a statement
    """Somebody listens on this port: we, or whoever did already."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener: socket.socket | None = None

    def __enter__(self) -> None:
        try:
            self._listener = socket.create_server(("127.0.0.1", self._port))
        except OSError:
            assert answers(self._port)

    def __exit__(self, *exception: object) -> None:
        if self._listener is not None:
            self._listener.close()


def test_two_servers_on_the_same_data_are_warned_about(running: Server) -> None:
    """They do not share live edits, and nothing on the screen would tell why."""
    second = Server(running.folder)
    second.log_path = running.folder / "second.log"
    second.start()

    assert "Another server uses the same data" in second.log
    assert second.link.split("/join/")[1] == running.link.split("/join/")[1]
    assert second.stop() == 0


def test_opening_it_to_the_network_warns_and_works_by_the_machines_own_names(tmp_path: Path) -> None:
    """A colleague types this machine's address, not localhost."""
    server = Server(tmp_path, arguments=["--host", "0.0.0.0"])  # noqa: S104
    server.start()
    try:
        assert "Everybody in the networks of this machine can reach this server" in server.log
        printed_host = server.link.split("/")[2].rsplit(":", 1)[0]
        assert printed_host not in {"0.0.0.0", "127.0.0.1", "localhost"}  # noqa: S104
        for host in (printed_host, "localhost", "127.0.0.1"):
            request = urllib.request.Request(f"{server.url}/healthz/live", headers={"Host": f"{host}:{server.port}"})
            assert urllib.request.urlopen(request, timeout=20).status == 200
        status, _address, _page = Visitor().get(f"{server.url}/join/{server.link.split('/join/')[1]}")
        assert status == 200
        room = json.loads(server.manage("create_room", "--title", "Plan", "--json"))
        socket_path = f"{room['pages'][0]['socket']}?token={room['token']}"
        site = f"{printed_host}:{server.port}"
        with connect(f"ws://{site}{socket_path}", origin=Origin(f"http://{site}")) as browser:
            assert browser.recv(timeout=20)[:2] == b"\x00\x00"
        stranger = urllib.request.Request(f"{server.url}/", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(stranger, timeout=20)
    finally:
        assert server.stop() == 0


def test_a_database_that_does_not_answer_ends_in_one_line(tmp_path: Path) -> None:
    """A wrong DATABASE_URL is the first mistake of whoever leaves SQLite."""
    server = Server(tmp_path, env={"DATABASE_URL": f"postgres://nobody@127.0.0.1:{free_port()}/none"})
    server.launch([sys.executable, ROOT / "manage.py", "up", "--port", str(server.port)], env=server.env)
    wait_until(lambda: not server.is_running, what="up ended")

    assert server.exit_code == 1
    assert "Traceback" not in server.log
    assert "see DATABASE_URL in docs/running.md" in server.log


def test_it_runs_on_postgres(server: StartServer, postgres_url: str) -> None:
    """The same code for one process and for many."""
    product = server(env={"DATABASE_URL": postgres_url})

    assert Visitor().get(product.link)[0] == 200


def test_the_test_command_passes_its_arguments_to_pytest() -> None:
    """What one knows about pytest holds."""
    printed = subprocess.run(
        [sys.executable, "manage.py", "test", "tests/test_requirements.py", "-q", "--collect-only", "-k", "pinned"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.returncode == 0, printed.stderr
    assert "test_every_requirement_is_pinned_inside_its_range[requirements.txt]" in printed.stdout
    assert "tests_run_with" not in printed.stdout
