"""``manage.py up --workers``: several server processes on one port, watched over by one that serves nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.drive import PythonClient, Room, agreed, all_of, until
from tests.services import ROOT, RedisServer, Server, answers, wait_until

pytestmark = pytest.mark.services

StartServer = Callable[..., Server]


def server_processes(server: Server) -> list[int]:
    """The ids of the processes that serve."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.pid)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if " serve " in line]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (["--workers", "2"], {}, "set REDIS_URL"),
        (["--workers", "0"], {}, "not between 1 and"),
        (["--workers", "1000"], {"REDIS_URL": "redis://127.0.0.1:1/0"}, "not between 1 and"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line_that_names_the_remedy(
    tmp_path: Path, arguments: list[str], env: dict[str, str], says: str
) -> None:
    """Two processes that cannot tell each other anything would look as if edits got lost."""
    server = Server(tmp_path, env=env)
    server.launch([sys.executable, ROOT / "manage.py", "up", *arguments], env=server.env)
    wait_until(lambda: not server.is_running, what="up ended")

    assert server.exit_code == 2
    assert says in server.log
    assert len(server.log.splitlines()) == 1
    assert not (server.data / "db.sqlite3").exists()


async def test_people_on_all_processes_see_the_same_and_one_that_dies_is_started_again(
    server: StartServer, redis_server: RedisServer
) -> None:
    """On SQLite, too: its write lock is waited for."""
    product = server(env={"REDIS_URL": redis_server.url}, arguments=["--workers", "2"])
    assert "2 processes answer on" in product.log
    first, second = server_processes(product)
    room = Room(product)
    clients = [PythonClient(room.url(), extended=True) for _ in range(12)]
    async with all_of(clients):
        tokens = [f"t{number}" for number in range(len(clients))]
        await asyncio.gather(*(client.write(token) for client, token in zip(clients, tokens, strict=True)))
        await agreed(clients, tokens)

        os.kill(first, signal.SIGKILL)
        await until(lambda: any(client.closes for client in clients), what="somebody lost the connection")
        await clients[0].write("meanwhile")
        await until(lambda: len(server_processes(product)) == 2, what="it was started again")
        await agreed(clients, [*tokens, "meanwhile"])
        await until(lambda: all(client.all_saved for client in clients), what="everything was saved")
        moved = sum(bool(client.closes) for client in clients)

    assert 0 < moved < len(clients)
    assert "Server process 1 ended (SIGKILL); again in 0.5 s." in product.log
    assert is_alive(second)
    assert room.replay() == await clients[0].state()
    assert product.stop() == 0
    assert "Stopped. Everything is saved." in product.log


def test_a_process_that_was_only_being_started_has_nothing_to_save(
    server: StartServer, redis_server: RedisServer
) -> None:
    """Stopped a moment after another died: nobody may be told that edits were lost."""
    product = server(env={"REDIS_URL": redis_server.url}, arguments=["--workers", "2"])
    first = server_processes(product)[0]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(server_processes(product)) == 2 and first not in server_processes(product), what="it came")

    assert product.stop() == 0
    assert "Stopped. Everything is saved." in product.log


def test_ctrl_c_reaches_the_watching_process_alone_which_stops_all(
    server: StartServer, redis_server: RedisServer
) -> None:
    """A terminal sends it to its whole session; heard twice, it would cut the goodbye short."""
    product = server(env={"REDIS_URL": redis_server.url}, arguments=["--workers", "2"])
    children = server_processes(product)
    assert os.getsid(product.pid) not in {os.getsid(pid) for pid in children}

    product.send_signal(signal.SIGINT)
    assert product.process is not None

    assert product.process.wait(20) == 0
    assert not any(map(is_alive, children))
    assert "Stopped. Everything is saved." in product.log
    assert "ended (" not in product.log


def test_when_the_watching_process_is_killed_the_others_end_too(server: StartServer, redis_server: RedisServer) -> None:
    """Otherwise they would keep the port, and nobody would know of them."""
    product = server(env={"REDIS_URL": redis_server.url}, arguments=["--workers", "2"])
    children = server_processes(product)
    product.kill()

    wait_until(lambda: not any(map(is_alive, children)), what="the server processes ended", within=20)

    assert not answers(product.port)


def test_a_server_process_that_cannot_start_ends_all_with_one_line(tmp_path: Path, redis_server: RedisServer) -> None:
    """A start that fails for ever must not look like a start."""
    server = Server(tmp_path, env={"REDIS_URL": redis_server.url, "COLLAB_BUS_MAX_WAITING_BYTES": "1"})
    server.launch([sys.executable, ROOT / "manage.py", "up", "--workers", "2"], env=server.env)
    try:
        wait_until(lambda: not server.is_running, what="up ended")
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()

    assert server.exit_code == 1
    assert "COLLAB['bus_max_waiting_bytes']" in server.log or "COLLAB_BUS" in server.log
