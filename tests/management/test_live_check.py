"""Comparing a log with what a server sends: what is only late is waited for, what differs is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from pycrdt import Array, Doc, Map
from websockets.asyncio.server import ServerConnection, serve

from collab.conf import collab_settings
from collab.crdt.merge import merge
from collab.crdt.worker import Worker
from collab.errors import UnknownPage
from collab.live.ports import NewRow
from collab.management.live_check import LiveCheck, LiveReport
from collab.models import Page, PageSnapshot, Role, ShareLink
from collab.rooms import create_link
from collab.storage.log import append_rows
from collab.storage.verify import Verifier
from collab.tokens import hash_token
from collab.wire import encode_notice, encode_sync_step2, encode_update
from tests.services import free_port
from tests.storage.logs import Author, new_page, store
from tests.storage.test_verify import run

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[[bytes], Awaitable[None]]
Serving = Callable[[Send], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Serving) -> AsyncIterator[str]:
    """A server that says what the test wants as soon as somebody has joined."""

    async def join(socket: ServerConnection) -> None:
        assert socket.request is not None
        token = socket.request.path.partition("?token=")[2]
        link = await sync_to_async(ShareLink.objects.get)(token_hash=hash_token(token))
        assert link.role == Role.VIEWER
        assert link.expires_at is not None
        await socket.recv()
        await handle(socket.send)
        await socket.wait_closed()

    async with serve(join, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def checked(page_id: UUID, *servers: str, patience: float = 0.5) -> LiveReport:
    """What comes of asking these servers. No link stays behind, whatever happens."""
    verifier = Verifier(Worker())
    try:
        return await LiveCheck(verifier, servers, max_bytes=10_000_000, patience=patience).check(page_id)
    finally:
        await verifier.stop()
        assert not await ShareLink.objects.filter(label__startswith="verify_pages").aexists()


async def compared(page: Page, handle: Serving, patience: float = 0.5) -> list[str]:
    """The differences between the log of a page and what a server sends, without the server's name."""
    async with serving(handle) as url:
        report = await checked(page.pk, url, patience=patience)
    assert report.errors == []
    assert report.compared == [url]
    return [problem.removeprefix(f"{url}: ") for problem in report.problems]


def sends(*updates: bytes) -> Serving:
    """A server that has exactly this."""

    async def handle(send: Send) -> None:
        await send(encode_sync_step2(merge(updates)))

    return handle


async def test_the_same_page_is_the_same_whether_it_was_folded_or_not() -> None:
    """A server goes on holding what a fold has left out since; another one has only what was left."""
    page = await sync_to_async(new_page)()
    author = Author(page)
    rows = author.edits(60)
    before = author.doc.get_state()
    author.map["deep"] = Map({"list": Array([Map({"x": 1}), "y"])})
    made = author.doc.get_update(before)
    other: Doc = Doc(client_id=3)
    other.apply_update(merge([*rows, made]))
    before = other.get_state()
    # Nobody says that this is deleted: it is, because what it lies in is.
    other.get("map", type=Map)["deep"]["list"].append(Map({"unseen": 1}))
    unseen = other.get_update(before)
    before = author.doc.get_state()
    author.map["deep"] = "gone"
    rows += [made, author.doc.get_update(before), unseen]
    await sync_to_async(store)(page, rows)
    assert await compared(page, sends(*rows)) == []

    await sync_to_async(run)("fold_pages", "--page", str(page.pk))

    snapshot = bytes((await PageSnapshot.objects.aget(page=page)).payload)
    assert len(snapshot) < len(merge(rows))
    assert await compared(page, sends(*rows)) == []
    assert await compared(page, sends(snapshot)) == []


async def test_what_only_one_side_has_is_found() -> None:
    """In either direction: an edit, a deletion, another text at the same place."""
    page = await sync_to_async(new_page)()
    author = Author(page)
    rows = author.types(["abc", "def"])
    other = Author(page).types(["abc", "xyz"])
    before = author.doc.get_state()
    del author.text[0:2]
    deletion = author.doc.get_update(before)
    await sync_to_async(store)(page, rows)

    assert await compared(page, sends(*rows), patience=0) == []
    (missing,) = await compared(page, sends(rows[0]), patience=0)
    assert missing.startswith("it does not serve what the log says: clocks of client")
    (added,) = await compared(page, sends(*rows, deletion), patience=0)
    assert added.startswith("it serves what the log does not say: a deletion of client")
    assert len(await compared(page, sends(*other), patience=0)) == 2

    await sync_to_async(store)(page, [deletion])
    (undeleted,) = await compared(page, sends(*rows), patience=0)
    assert undeleted.startswith("it does not serve what the log says: a deletion of client")


async def test_what_a_server_sends_need_not_be_readable() -> None:
    """It is taken apart in the worker process, and told like any difference."""
    page = await sync_to_async(new_page)()
    await sync_to_async(store)(page, Author(page).types(["abc"]))

    async def handle(send: Send) -> None:
        await send(encode_sync_step2(b"\xff\xff"))

    assert len(await compared(page, handle, patience=0)) == 2


async def test_an_edit_that_is_committed_a_moment_later_is_no_difference() -> None:
    """Servers show an edit before they have saved it."""
    page = await sync_to_async(new_page)()
    rows = Author(page).types(["abc", "def"])
    await sync_to_async(store)(page, rows[:1])
    committed: list[asyncio.Task[None]] = []

    async def handle(send: Send) -> None:
        async def commit() -> None:
            await asyncio.sleep(1)
            await sync_to_async(store)(page, rows[1:])

        committed.append(asyncio.create_task(commit()))
        await send(encode_sync_step2(merge(rows)))

    assert await compared(page, handle, patience=30) == []
    assert committed[0].done()


async def test_an_edit_that_reaches_the_server_a_moment_later_is_no_difference() -> None:
    """It was made in another process, which has committed it already."""
    page = await sync_to_async(new_page)()
    rows = Author(page).types(["abc", "def"])
    await sync_to_async(store)(page, rows)

    async def handle(send: Send) -> None:
        await send(encode_sync_step2(rows[0]))
        await asyncio.sleep(1)
        await send(encode_update(rows[1]))

    assert await compared(page, handle, patience=30) == []


async def test_a_page_that_is_replaced_meanwhile_is_compared_as_it_is_now() -> None:
    """And a server that goes on with the old one is found."""
    page = await sync_to_async(new_page)()
    rows = Author(page).types(["abc"])
    await sync_to_async(store)(page, rows)

    async def replace(send: Send) -> None:
        stored = await Page.objects.aget(pk=page.pk)
        if stored.epoch == 1:
            await Page.objects.filter(pk=page.pk).aupdate(epoch=2, last_seq=0)
            await sync_to_async(append_rows)([NewRow(page.pk, 2, rows[0])])
        await send(encode_notice({"kind": "role", "epoch": stored.epoch}))
        await send(encode_sync_step2(rows[0]))

    async def stay(send: Send) -> None:
        await send(encode_notice({"kind": "role", "epoch": 1}))
        await send(encode_sync_step2(rows[0]))

    assert await compared(page, replace) == []
    assert await compared(page, stay) == ["it serves epoch 1 of the page, the log is of epoch 2"]


async def test_a_page_that_is_deleted_meanwhile_is_not_there() -> None:
    """Neither a difference nor a server that is to blame."""
    page = await sync_to_async(new_page)()

    async def handle(send: Send) -> None:
        await Page.objects.filter(pk=page.pk).adelete()

        raise RuntimeError("ends the connection")

    async with serving(handle) as url:
        with pytest.raises(UnknownPage):
            await checked(page.pk, url)


async def test_a_room_that_has_all_its_links_is_told_and_so_is_a_server_that_is_not_there() -> None:
    """Each is an error, not a difference, and another server is asked all the same."""
    page = await sync_to_async(new_page)()
    nowhere = f"http://127.0.0.1:{free_port()}"

    async with serving(sends()) as url:
        report = await checked(page.pk, nowhere, url)
        assert report.compared == [url]
        assert report.problems == []
        assert len(report.errors) == 1
        assert report.errors[0].startswith(f"{nowhere}: it cannot be reached: ")

        await sync_to_async(fill_with_links)(page)
        report = await checked(page.pk, url)
        assert report.compared == []
        assert "no link to join with can be made" in report.errors[0]


async def test_a_server_that_was_not_reached_is_not_tried_for_every_page() -> None:
    """A thousand pages would take a thousand times as long."""
    first, second = await sync_to_async(new_page)(), await sync_to_async(new_page)()
    nowhere = f"http://127.0.0.1:{free_port()}"
    verifier = Verifier(Worker())
    check = LiveCheck(verifier, [nowhere], max_bytes=1000)

    await check.check(first.pk)
    report = await check.check(second.pk)

    await verifier.stop()
    assert report.errors == [f"{nowhere}: not asked, it could not be reached before"]


def fill_with_links(page: Page) -> None:
    for _ in range(collab_settings().max_links_per_room):
        create_link(page.room, Role.VIEWER)
