"""The running product when its database is locked, full or damaged: nothing is lost, and nobody is told otherwise."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from collab.tokens import hash_token
from tests.clients.drive import PythonClient, Room, StockClient, agreed, all_of, open_database, until
from tests.clients.hostile import refused
from tests.conftest import StartServer
from tests.services import Node, Server

pytestmark = pytest.mark.services

TOLD_WITHIN = 6.0
"""How soon people must hear that their edits are not saved, in seconds."""


@contextlib.contextmanager
def locked(server: Server) -> Iterator[None]:
    """Somebody else holds the write lock: a backup, a migration, a forgotten shell."""
    with contextlib.closing(open_database(server)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        yield
        somebody.execute("ROLLBACK")


@contextlib.contextmanager
def full(server: Server) -> Iterator[None]:
    """No file of the server can grow, as on a full disk; the limit is the kernel's, so root is not exempt."""
    (log,) = server.data.rglob("*.sqlite3-wal")
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


TROUBLES = {"locked": locked, "full": full}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_while_nothing_can_be_saved_nobody_hears_saved_and_all_goes_on(
    trouble: str, server: StartServer, node: Node
) -> None:
    """People work together as before; those who can understand it are told within six seconds. Afterwards everything
    is in the log."""
    product = server()
    room = Room(product)
    alice, stock = PythonClient(room.url(), extended=True), StockClient(node, room, 3)
    async with all_of([alice, stock]) as everybody:
        await alice.write("before")
        await until(lambda: alice.all_saved, what="the first edit was saved")
        await agreed(everybody, ["before"])
        rows, saved = room.log(), alice.saved
        with TROUBLES[trouble](product):
            began = time.monotonic()
            await alice.write("meanwhile")
            await stock.write("stocks")
            await until(lambda: alice.heard("not-saved"), what="the notice", within=TOLD_WITHIN)
            assert time.monotonic() - began < TOLD_WITHIN
            async with PythonClient(room.url(), extended=True) as newcomer:
                state = await agreed([*everybody, newcomer], ["before", "meanwhile", "stocks"])
                assert newcomer.heard("not-saved")
            assert alice.notices[-1] == {"kind": "not-saved", "why": "database"}
            assert alice.saved == saved
            assert room.log() == rows

        await until(lambda: alice.heard("saved-again"), what="the all-clear")
        await until(lambda: alice.all_saved, what="everything of hers was saved")
        await until(lambda: room.replay() == state, what="everything was saved")
        assert alice.closes == []
        assert (await stock.seen())["connections"] == 1


async def test_nobody_who_joins_waits_for_a_locked_database(server: StartServer) -> None:
    """That a link was used is noted later, behind their back."""
    product = server()
    room = Room(product)
    fresh = room.add_link("editor")
    async with PythonClient(room.url(), extended=True) as alice:
        await alice.write("before")
        await until(lambda: alice.all_saved, what="the first edit was saved")
        with locked(product):
            began = time.monotonic()
            async with PythonClient(room.url(token=fresh), extended=True) as newcomer:
                await agreed([alice, newcomer], ["before"])
            assert time.monotonic() - began < 3
        used = "SELECT last_used_at IS NOT NULL FROM collab_sharelink WHERE token_hash = ?"
        await until(lambda: product.query(used, hash_token(fresh)) == [(1,)], what="the use was noted", within=20)


async def test_a_stop_while_nothing_can_be_saved_does_not_claim_otherwise(server: StartServer, node: Node) -> None:
    """The edit is still with its authors, who bring it along when the server is back."""
    product = server(env={"COLLAB_DRAIN_TIMEOUT": "1"})
    room = Room(product)
    async with PythonClient(room.url(), extended=True) as alice, StockClient(node, room, 3) as stock:
        await alice.write("before")
        await until(lambda: alice.all_saved, what="the first edit was saved")
        saved = alice.saved
        with locked(product):
            await alice.write("meanwhile")
            product.stop()
            assert "Everything is saved" not in product.log
            assert alice.saved == saved
        product.start()
        state = await agreed([alice, stock], ["before", "meanwhile"], within=30)
        await until(lambda: room.replay() == state, what="the log caught up")


# Loads that fail

DAMAGES = {
    "a row that is no update": "UPDATE collab_pageupdate SET payload = x'ffffff' WHERE page_id = ? AND seq = 1",
    "a row that is cut short": (
        "UPDATE collab_pageupdate SET payload = substr(payload, 1, length(payload) - 3) WHERE page_id = ? AND seq = 1"
    ),
    "an empty row": "UPDATE collab_pageupdate SET payload = x'' WHERE page_id = ? AND seq = 1",
    "a row that is missing": "DELETE FROM collab_pageupdate WHERE page_id = ? AND seq = 1",
    "the last row missing": (
        "DELETE FROM collab_pageupdate WHERE page_id = ?1 AND seq ="
        " (SELECT max(seq) FROM collab_pageupdate WHERE page_id = ?1)"
    ),
    "all rows missing": "DELETE FROM collab_pageupdate WHERE page_id = ?",
}


@pytest.fixture
async def written(server: StartServer) -> Room:
    """A page with some rows, on a server that does not have it open."""
    product = server(env={"COLLAB_PAGE_IDLE_GRACE": "0.1"})
    room = Room(product)
    async with PythonClient(room.url(), extended=True) as alice:
        for word in ("one", "two", "three"):
            await alice.write(word)
            await until(lambda: alice.all_saved, what=f"{word} was saved")
    product.stop()
    return room


async def test_a_damaged_page_is_refused_and_never_shown_empty(written: Room) -> None:
    """Somebody who saw it empty would begin anew, and the log would hold both. The rest of the room is not affected,
    and once the rows are back the page is too."""
    product = written.server
    page = UUID(written.pages["board"]).hex
    with contextlib.closing(open_database(product)) as database:
        rows = database.execute("SELECT * FROM collab_pageupdate WHERE page_id = ?", (page,)).fetchall()
    assert len(rows) >= 3
    product.start()

    for name, damage in DAMAGES.items():
        written.change(damage, page)
        for extended in (True, False):
            ending = await refused(written.url(), b"\x00\x00\x01\x00", extended=extended)
            assert (ending.code, ending.reason, ending.heard) == (4500, "trouble", []), name
        async with PythonClient(written.url("document")):
            pass
        written.change("DELETE FROM collab_pageupdate WHERE page_id = ?", page)
        for row in rows:
            written.change(f"INSERT INTO collab_pageupdate VALUES ({', '.join('?' * len(row))})", *row)

    async with PythonClient(written.url()) as alice:
        assert await agreed([alice], ["one", "two", "three"]) == written.replay()
    assert "Traceback" not in product.log


async def test_a_database_that_cannot_be_read_is_trouble_and_passes(written: Room) -> None:
    """Clients are told to try again; when it is back they get everything."""
    product = written.server
    product.allow_tracebacks = True
    product.start()
    written.change("ALTER TABLE collab_pageupdate RENAME TO hidden")
    ending = await refused(written.url(), b"\x00\x00\x01\x00")
    assert (ending.code, ending.reason, ending.heard) == (4500, "trouble", [])
    written.change("ALTER TABLE hidden RENAME TO collab_pageupdate")

    async with PythonClient(written.url()) as alice:
        await agreed([alice], ["one", "two", "three"])
