"""The two servers: started on a core of their own with a data directory of their own, watched, stopped."""

from __future__ import annotations

import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from bench import hocuspocus, processes
from bench.dialects import Dialect, Hocuspocus, Ours, Place, Tutorial
from bench.redis import start_redis

ROOT = Path(__file__).resolve().parent.parent
_READY_WITHIN = 60.0
_STOPPED_WITHIN = 15.0


class ServerFailed(Exception):
    """A server did not start or ended by itself; the message ends with what it printed."""


class MeasuredServer(ABC):
    """A server process.

    Args:
        folder: Where it keeps its data and its log; must exist.
        core: The core it runs on; ``None`` leaves that to the system.
    """

    name: str
    dialect: Dialect

    def __init__(self, folder: Path, core: int | None) -> None:
        self.folder = folder
        self.port = _free_port()
        self._core = core
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._helpers: list[int] = []
        """Processes that belong to it and are not its children."""

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerFailed: It does not.
        """
        self._log = (self.folder / "server.log").open("wb")
        self._process = subprocess.Popen(
            self._command(),
            cwd=ROOT,
            env={**_clean_environment(), **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=_prepare_child(self._core),  # noqa: PLW1509 - two system calls, and no threads here
        )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} did not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; one that does not want to is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._log is not None:
            self._log.close()

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "server.log").read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """CPU time it has used, with all its processes and threads."""
        return processes.cpu_seconds(self._processes())

    def resident_bytes(self) -> int:
        """Memory it uses, with all its processes."""
        return processes.resident_bytes(self._processes())

    def _processes(self) -> list[int]:
        """All that there are now: some are started when they are needed, and end."""
        return [*self._helpers, *([] if self._process is None else processes.family(self._process.pid))]

    @abstractmethod
    def make_places(self, count: int) -> list[Place]:
        """Make pages that nobody has used."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _environment(self) -> Mapping[str, str]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...


class OurServer(MeasuredServer):
    """This project, as ``manage.py up`` starts it, with every setting at its default."""

    name = "this project"
    dialect: Dialect = Ours()

    def make_places(self, count: int) -> list[Place]:
        done = subprocess.run(
            [sys.executable, "-m", "bench.rooms", str(count)],
            cwd=ROOT,
            env={**_clean_environment(), **self._environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"pages could not be made:\n{done.stderr[-3000:]}")
        return [Place(made["page"], made["token"]) for made in json.loads(done.stdout)]

    def _command(self) -> Sequence[str]:
        return [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port)]

    def _environment(self) -> Mapping[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "COLLAB_DATA_DIR": str(self.folder / "data"),
            "PYTHONUNBUFFERED": "1",
            **_ONE_ADDRESS,
        }

    def _is_ready(self) -> bool:
        return "Stop with Ctrl+C" in self.log()


class OurServers(OurServer):
    """The same as two processes with a Redis between them, all of them on the one core."""

    name = "two processes"

    def __init__(self, folder: Path, core: int | None) -> None:
        super().__init__(folder, core)
        self._redis: subprocess.Popen[bytes] | None = None
        self._redis_url = ""

    def start(self) -> None:
        self._redis, self._redis_url = start_redis(self.folder)
        if self._core is not None:
            os.sched_setaffinity(self._redis.pid, {self._core})
        super().start()
        self._helpers = [self._redis.pid]

    def stop(self) -> None:
        super().stop()
        if self._redis is not None:
            self._redis.terminate()
            self._redis.wait()

    def _command(self) -> Sequence[str]:
        return [*super()._command(), "--workers", "2"]

    def _environment(self) -> Mapping[str, str]:
        return {**super()._environment(), "REDIS_URL": self._redis_url}


_ONE_ADDRESS = {
    "COLLAB_MAX_SOCKETS": "1_000_000",
    "COLLAB_MAX_SOCKETS_PER_ADDRESS": "1_000_000",
    "COLLAB_CONNECTS_PER_SECOND": "1e6",
    "COLLAB_CONNECT_BURST": "1_000_000",
    "COLLAB_FRAMES_PER_SECOND": "1e6",
    "COLLAB_BYTES_PER_SECOND": "1e9",
}
"""All clients of a run come from here, and some are faster than any person: the checks stay, the bounds are lifted."""


class HocuspocusServer(MeasuredServer):
    """``@hocuspocus/server`` with its SQLite extension, every setting at its default."""

    name = "Hocuspocus"
    dialect: Dialect = Hocuspocus()

    def __init__(self, folder: Path, core: int | None) -> None:
        super().__init__(folder, core)
        self._token = secrets.token_urlsafe(32)

    def make_places(self, count: int) -> list[Place]:
        return [Place(str(uuid.uuid4()), self._token) for _ in range(count)]

    def _command(self) -> Sequence[str]:
        return [str(hocuspocus.node()), str(hocuspocus.FOLDER / "server.mjs")]

    def _environment(self) -> Mapping[str, str]:
        return {
            "NODE_ENV": "production",
            "BENCH_PORT": str(self.port),
            "BENCH_DATABASE": str(self.folder / "documents.sqlite"),
            "BENCH_TOKEN": self._token,
        }

    def _is_ready(self) -> bool:
        return "ready" in self.log().splitlines()


class TutorialServer(MeasuredServer):
    """The design of Channels' tutorial, with Redis: ``bench.tutorial``."""

    name = "tutorial design"
    dialect: Dialect = Tutorial()

    def make_places(self, count: int) -> list[Place]:
        return [Place(uuid.uuid4().hex, "") for _ in range(count)]

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", "bench.tutorial", str(self.port)]

    def _environment(self) -> Mapping[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        return "ready" in self.log().splitlines()


def allow_many_files() -> int:
    """Raise the number of files this process may open as far as it goes; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _prepare_child(core: int | None) -> Callable[[], None]:
    def prepare() -> None:
        allow_many_files()
        if core is not None:
            os.sched_setaffinity(0, {core})

    return prepare


def _clean_environment() -> dict[str, str]:
    """The environment without anything that would change how a server behaves."""
    changes = ("COLLAB_", "DJANGO_", "NODE_", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(changes)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
