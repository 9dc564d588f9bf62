"""``verify_pages --server``: replay, snapshot and running servers say the same, or the page is named."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from pycrdt import Text
from websockets.asyncio.server import ServerConnection, serve

from collab.storage.checksums import checksum
from tests.clients.drive import PythonClient, Room, until
from tests.services import ROOT, RedisServer, Server, free_port

StartServer = Callable[..., Server]


@dataclass
class Run:
    """What a command said."""

    code: int
    output: str
    errors: str

    @property
    def reports(self) -> dict[str, Any]:
        """With ``--json``: by page."""
        return {report["page"]: report for report in map(json.loads, self.output.splitlines())}


async def started(server: Server, *arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, str(ROOT / "manage.py"), "verify_pages", *arguments]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, env=server.env, stdout=pipe, stderr=pipe)


async def verified(server: Server, *arguments: str) -> Run:
    """Run the command on a server's data; it leaves no link behind and prints no token."""
    process = await started(server, *arguments)
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert temporary_links(server) == 0
    run = Run(process.returncode or 0, output.decode(), errors.decode())
    assert "token" not in run.output + run.errors
    return run


def temporary_links(server: Server) -> int:
    statement = "SELECT count(*) FROM collab_sharelink WHERE label LIKE ?"
    return int(server.query(statement, "verify_pages%")[0][0])


async def written(room: Room) -> None:
    """Two people's worth of edits, saved, each a row of its own."""
    async with PythonClient(room.url(), extended=True) as alice:
        for word in ("one", "two"):
            await alice.write(word)
            await until(lambda: alice.all_saved, what="saved")


async def test_a_page_on_which_people_write_is_found_equal(server: StartServer) -> None:
    """Edits are on their way to the log all the time. Other pages are opened for it, folded or not."""
    one = server()
    room = Room(one)
    async with PythonClient(room.url(), extended=True) as alice, PythonClient(room.url()) as bob:
        typing = asyncio.create_task(type_on(alice, bob))
        runs = [await verified(one, "--all", "--server", one.url, "--json") for _ in range(3)]
        typing.cancel()

    rows = []
    for run in runs:
        assert run.code == 0, run.output + run.errors
        assert {tuple(report["servers"]) for report in run.reports.values()} == {(one.url,)}
        rows.append(run.reports[room.pages["board"]]["rows"])
    assert rows[0] < rows[1] < rows[2]


@pytest.mark.services
async def test_every_process_is_asked_while_people_write_in_both(server: StartServer, new_redis: RedisServer) -> None:
    """What one has committed may still be on its way to the other."""
    one = server(env={"REDIS_URL": new_redis.url})
    two = server(env={"REDIS_URL": new_redis.url, "COLLAB_DATA_DIR": str(one.data)})
    room = Room(one)
    elsewhere = room.url().replace(f":{one.port}", f":{two.port}")
    async with PythonClient(room.url()) as alice, PythonClient(elsewhere) as bob:
        typing = asyncio.create_task(type_on(alice, bob))
        run = await verified(one, "--all", "--server", one.url, "--server", two.url, "--json")
        typing.cancel()

    assert run.code == 0, run.output + run.errors
    assert run.reports[room.pages["board"]]["servers"] == [one.url, two.url]


async def test_a_page_of_many_megabytes_is_compared(server: StartServer) -> None:
    """It comes in one message, which is larger than any that a client may send."""
    one = server()
    room = Room(one)
    async with PythonClient(room.url()) as alice, PythonClient(room.url()) as bob:
        text, copy = (person.doc.get("text", type=Text) for person in (alice, bob))
        for letter in "abc":
            text.insert(0, letter * 2_000_000)
        await until(lambda: len(copy) == 6_000_000, what="everything is there")
        run = await verified(one, "--page", room.pages["board"], "--server", one.url)

    assert run.code == 0, run.output + run.errors


async def type_on(*people: PythonClient) -> None:
    number = 0
    while True:
        for person in people:
            text = person.doc.get("text", type=Text)
            text.insert(len(str(text)) // 2, f"word{number} ")
            if number % 5 == 4:
                del text[0:7]
        number += 1
        await asyncio.sleep(0.005)


async def test_whatever_a_server_and_the_log_do_not_share_is_found_and_the_page_named(server: StartServer) -> None:
    """Each log is changed so that it agrees with itself: without asking the server nothing is found."""
    one = server()
    lost, added, altered, same = (Room(one) for _ in range(4))
    for room in (lost, added, altered, same):
        await written(room)
    pages = {name: room.pages["board"] for name, room in (("lost", lost), ("added", added), ("altered", altered))}

    rows = lost.log()
    page_id = UUID(pages["lost"]).hex
    lost.change("DELETE FROM collab_pageupdate WHERE page_id = ? AND seq = ?", page_id, len(rows))
    lost.change("UPDATE collab_page SET last_seq = last_seq - 1 WHERE id = ?", page_id)

    async with PythonClient(same.url()) as somebody:
        somebody.doc.get("text", type=Text).insert(0, "unheard of ")
        update = somebody.doc.get_update()
    page_id, sequence = UUID(pages["added"]).hex, len(added.log()) + 1
    added.change(
        "INSERT INTO collab_pageupdate (page_id, epoch, seq, payload, checksum, created_at)"
        " VALUES (?, 1, ?, ?, ?, datetime('now'))",
        *(page_id, sequence, update, checksum(update, sequence)),
    )
    added.change("UPDATE collab_page SET last_seq = ? WHERE id = ?", sequence, page_id)

    row = altered.log()[-1]
    assert b"two" in row
    row, sequence = row.replace(b"two", b"six"), len(altered.log())
    altered.change(
        "UPDATE collab_pageupdate SET payload = ?, checksum = ? WHERE page_id = ? AND seq = ?",
        *(row, checksum(row, sequence), UUID(pages["altered"]).hex, sequence),
    )

    assert (await verified(one, "--all")).code == 0
    run = await verified(one, "--all", "--server", one.url, "--patience", "0.5")

    assert run.code == 1, run.output + run.errors
    not_served, not_logged = "it does not serve what the log says", "it serves what the log does not say"
    assert f"{pages['lost']} Board: {one.url}: {not_logged}" in run.output
    assert f"{pages['added']} Board: {one.url}: {not_served}" in run.output
    for problem in (not_served, not_logged):
        assert f"{pages['altered']} Board: {one.url}: {problem}" in run.output
    assert len(run.output.splitlines()) == 5
    assert "3 with differences\n" in run.output


async def test_a_server_that_cannot_be_asked_is_an_error_of_its_own(server: StartServer) -> None:
    """Exit code 2 says that nothing different was found and that not everything was looked at."""
    one, other = server(), server()
    room = Room(one)
    nowhere = f"http://127.0.0.1:{free_port()}"

    run = await verified(one, "--page", room.pages["board"], "--server", nowhere, "--server", one.url)
    assert run.code == 2, run.output + run.errors
    assert f"{room.pages['board']} Board: not compared with {nowhere}: it cannot be reached: " in run.output
    assert run.output.endswith("1 pages, 0 with differences, 1 not compared with every server\n")

    run = await verified(one, "--page", room.pages["board"], "--server", other.url, "--json")
    assert run.code == 2
    (report,) = run.reports.values()
    assert report["errors"] == [f"{other.url}: it ended the connection: 4404 unknown (does it use another database?)"]
    assert (report["ok"], report["problems"], report["servers"]) == (False, [], [])

    run = await verified(one, "--all", "--server", "localhost:8000")
    assert run.code == 2
    assert "'localhost:8000' is not the address of a server" in run.errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_command_that_is_stopped_leaves_no_link_behind(server: StartServer, number: int) -> None:
    """While a server keeps it waiting."""
    one = server()
    room = Room(one)

    async def say_nothing(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(say_nothing, "127.0.0.1", 0) as silent:
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        process = await started(one, "--page", room.pages["board"], "--server", url)
        await until(lambda: temporary_links(one) == 1 and bool(silent.connections), what="it joined")
        process.send_signal(number)
        async with asyncio.timeout(20):
            await process.communicate()

    assert process.returncode != 0
    assert temporary_links(one) == 0
