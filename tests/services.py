"""Starts what the tests need beside themselves: Redis, Postgres, Node, chromium, and the product as people run it.

Everything listens on a free port of 127.0.0.1, keeps its files in a directory of its own, and ends with the tests.
A part that this machine lacks skips the test with the command that would bring it; with ``COLLAB_REQUIRE_ALL=1``, as
in CI, it fails the test instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 60.0
"""Longest wait for a server to answer, in seconds; a loaded machine is slow, a broken server is reported at once."""


def missing(part: str, command: str) -> NoReturn:
    """End the test because a part of the machine is missing, saying which command brings it."""
    message = f"{part} is missing; to run this test: {command}"
    if os.environ.get("COLLAB_REQUIRE_ALL") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_until(condition: Callable[[], bool], *, what: str, within: float = READY_WITHIN) -> None:
    """Wait for something outside this process that sends no event.

    Raises:
        TimeoutError: It did not happen in time.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {within:g} s")
        time.sleep(0.02)


def _end_with_parent() -> None:
    """Ask Linux to end this child when the test process dies, so that a killed run leaves nothing behind.

    A shell without a terminal starts what it runs in the background with SIGINT ignored, and children inherit that:
    nothing that the tests start could be stopped with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _identity(user: str) -> dict[str, Any]:
    """How a process is started as another user."""
    import pwd

    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Service:
    """A child process that listens on a port, with its output in a file."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything the process printed, over all its starts."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def launch(
        self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> None:
        """Start the process, as another user where one is named."""
        assert not self.is_running, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT if user is None else "/",
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - two system calls
                **({} if user is None else _identity(user)),
            )

    def wait_until(self, condition: Callable[[], bool], *, what: str, within: float = READY_WITHIN) -> None:
        """Wait for the process to get somewhere; if it ends instead, its last lines say why."""

        def settled() -> bool:
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended with {self.exit_code} before {what}:\n{self.log[-4000:]}")
            return condition()

        try:
            wait_until(settled, what=what, within=within)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log[-4000:]}") from None

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, or None while it runs."""
        return self.process.poll() if self.process is not None else None

    def send_signal(self, number: int) -> None:
        """Send a signal, for instance SIGSTOP and SIGCONT to act out a stalled process."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, *, with_signal: int = signal.SIGTERM, within: float = 20.0) -> int:
        """Ask the process to end and give back its exit code; one that does not end is killed and reported."""
        assert self.process is not None, f"{self.name} was not started"
        if self.is_running:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
                raise TimeoutError(f"{self.name} did not stop within {within:g} s:\n{self.log[-4000:]}") from None
        return self.process.wait()


class RedisServer(Service):
    """A Redis that keeps nothing on disk. ``stop`` and ``start`` give back an empty one on the same port."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = shutil.which("redis-server") or missing("Redis", install("redis-server"))
        persist_nothing = ["--save", "", "--appendonly", "no"]
        self.launch([program, "--bind", "127.0.0.1", "--port", str(self.port), *persist_nothing, "--dir", self.folder])
        self.wait_until(lambda: self.command("PING") == "+PONG", what="Redis answered")

    def command(self, *words: str) -> str:
        """The first line of Redis' answer to one command, or nothing when it does not answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall((" ".join(words) + "\r\n").encode())
                return connection.recv(65536).decode(errors="replace").split("\r\n")[0]
        except OSError:
            return ""


class PostgresServer(Service):
    """A Postgres cluster in a temporary directory, reachable as the superuser ``collab`` without a password."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, folder)
        self.user = self._unprivileged_user()
        self.data = folder / "data"

    @staticmethod
    def _unprivileged_user() -> str | None:
        """Who runs Postgres, which refuses root; None when we are not root ourselves."""
        if os.geteuid() != 0:
            return None
        import pwd

        known = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in known else "nobody"

    @staticmethod
    def program(name: str) -> Path:
        """A program of the newest Postgres on this machine; Debian keeps them off the PATH."""
        versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
        if versions:
            return max(versions, key=lambda path: float(path.parent.name)) / name
        return Path(shutil.which(name) or missing("Postgres", install("postgresql")))

    def url(self, database: str = "postgres") -> str:
        return f"postgres://collab@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the empty cluster."""
        if self.user is not None:
            owner = _identity(self.user)
            os.chown(self.folder, owner["user"], owner["group"])
        log_path, self.log_path = self.log_path, self.folder.parent / f"{self.folder.name}.initdb.log"
        options = ["--username=collab", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self.launch([self.program("initdb"), "--pgdata", self.data, *options], user=self.user)
        assert self.process is not None
        problem = self.log if self.process.wait() else ""
        self.log_path.unlink(missing_ok=True)
        self.log_path = log_path
        if problem:
            raise RuntimeError(f"initdb failed:\n{problem}")

    def start(self) -> None:
        """Start the cluster, making it first where needed."""
        if not self.data.exists():
            self.create()
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",  # survives the death of every process, which is all that a test can act out
            "max_connections": "200",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.launch([self.program("postgres"), "-D", self.data, *options], user=self.user)
        self.wait_until(self._accepts, what="Postgres answered")

    def _accepts(self) -> bool:
        address = ["--host=127.0.0.1", f"--port={self.port}", "--quiet"]
        return subprocess.run([self.program("pg_isready"), *address], check=False).returncode == 0

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside a transaction and return its rows."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def stop(self, *, with_signal: int = signal.SIGINT, within: float = 20.0) -> int:
        """Stop it: SIGINT ends all sessions ("fast"), SIGQUIT crashes it ("immediate")."""
        return super().stop(with_signal=with_signal, within=within)


def install(*packages: str) -> str:
    """The command that installs system packages on this kind of machine."""
    if sys.platform == "darwin":
        return f"brew install {' '.join(packages)}"
    return f"sudo apt-get install -y {' '.join(packages)}"


def find_chromium() -> Path:
    """The browser that the end-to-end tests drive: ``CHROMIUM`` names one, otherwise the first that is found."""
    chosen = os.environ.get("CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    applications = ("Chromium.app/Contents/MacOS/Chromium", "Google Chrome.app/Contents/MacOS/Google Chrome")
    candidates = [
        *([chosen] if chosen else []),
        *(path for name in names if (path := shutil.which(name))),
        *(f"/Applications/{application}" for application in applications),
    ]
    for candidate in candidates:
        if Path(candidate).exists():
            return Path(candidate)
    missing("chromium", install("chromium"))


@dataclass(frozen=True, slots=True)
class Node:
    """Node with the npm packages of ``tests/node`` installed."""

    path: Path
    folder: Path = field(default=ROOT / "tests" / "node")

    def command(self, script: str, *arguments: str) -> list[str]:
        """What starts one of the scripts in ``tests/node``."""
        return [str(self.path), str(self.folder / script), *arguments]

    def run(self, script: str, *arguments: str, input: str | bytes | None = None, within: float = 120.0) -> bytes:  # noqa: A002
        """Run a script to its end and return what it printed; a failure shows what it said.

        Raises:
            AssertionError: The script exited with something other than 0.
        """
        done = subprocess.run(
            self.command(script, *arguments),
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            timeout=within,
            check=False,
        )
        assert done.returncode == 0, f"{script} exited with {done.returncode}:\n{done.stderr.decode()[-4000:]}"
        return done.stdout


def find_node() -> Node:
    """Node 20 or newer, with exactly the packages of ``tests/node/package-lock.json``."""
    from collab.management.bootstrap import exclusive

    program = shutil.which("node")
    npm = shutil.which("npm")
    if program is None or npm is None:
        missing("Node", install("nodejs", "npm"))
    node = Node(Path(program))
    lock_file = node.folder / "package-lock.json"
    if not lock_file.exists():
        return node
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    modules = node.folder / "node_modules"
    mark = modules / ".installed-from"
    modules.mkdir(exist_ok=True)
    with exclusive(str(node.folder / "package.json")):
        if not mark.exists() or mark.read_text() != wanted:
            done = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=node.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                missing(f"npm packages ({done.stderr.strip()[-300:]})", "npm ci --prefix tests/node")
            mark.write_text(wanted)
    return node


class Server(Service):
    """The product as its README starts it, with a data directory of its own.

    Attributes:
        url: Where it answers, without a slash at the end.
        link: The link to the demo room.
        admin_link: The one-time sign-in link of the latest start.
    """

    def __init__(self, folder: Path, *, env: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> None:
        super().__init__("server", folder)
        self.data = folder / "data"
        self.arguments = list(arguments)
        self.link = ""
        self.admin_link = ""
        self.allow_tracebacks = False
        self._shown = 0
        self.env = {
            **{name: value for name, value in os.environ.items() if not _is_a_setting(name)},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "COLLAB_DATA_DIR": str(self.data),
            "PYTHONUNBUFFERED": "1",
            **(env or {}),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Start it and wait until it has printed its links, which it does when it answers."""
        self._shown = len(self.log)
        self.launch([sys.executable, ROOT / "manage.py", "up", "--port", str(self.port), *self.arguments], env=self.env)
        self.wait_until(self._has_printed_its_links, what="the product printed its links")
        return self

    def _has_printed_its_links(self) -> bool:
        printed = self.log[self._shown :]
        link = re.search(r"https?://\S+/join/\S+", printed)
        admin_link = re.search(r"https?://\S+/sign-in/\S+", printed)
        if link is None or admin_link is None or "Ctrl+C" not in printed:
            return False
        self.link, self.admin_link = link[0], admin_link[0]
        return True

    def restart(self) -> Server:
        """Stop it (or, when it was killed, not) and start it again on the same port and data."""
        if self.is_running:
            self.stop()
        return self.start()

    def manage(self, *arguments: str) -> str:
        """Run another management command on the same data and return what it printed."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"manage.py {' '.join(arguments)} exited with {done.returncode}:\n{done.stderr}"
        return done.stdout

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read rows from the database behind the server's back; values are marked with ``?``."""
        address = self.env.get("DATABASE_URL", "")
        if address.startswith("postgres"):
            import psycopg

            with psycopg.connect(address, autocommit=True) as session:
                return session.execute(statement.replace("?", "%s").encode(), values).fetchall()
        (path,) = [path for path in self.data.rglob("*.sqlite3") if path.is_file()]
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(statement, values).fetchall()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one page, whatever the status is."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def _is_a_setting(name: str) -> bool:
    """Whether a variable of whoever runs the tests would change how the product behaves."""
    return name.startswith(("COLLAB_", "DJANGO_")) or name.removesuffix("_FILE") in {"DATABASE_URL", "REDIS_URL"}


@contextlib.contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """A directory that other users may pass through (Postgres does not run as root), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"collab-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
