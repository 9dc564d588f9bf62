"""``/ws/pages/<id>``: what a client is told, what is taken from it, and when it hears "saved"."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from channels.db import database_sync_to_async
from pycrdt import Doc, Text, merge_updates

from collab import access, runtime
from collab.live.page import Page as LivePage
from collab.live.ports import NewRow, Refusal, StoreDown
from collab.models import Page, PageUpdate, Role
from collab.wire import (
    EMPTY_UPDATE,
    Awareness,
    AwarenessEntry,
    Notice,
    Saved,
    SyncStep1,
    SyncStep2,
    Update,
    decode,
    decode_entries,
    encode_awareness,
    encode_entries,
    encode_saved,
    encode_sync_step1,
    encode_sync_step2,
)
from tests import factories
from tests.consumers.conftest import Scene, restart
from tests.consumers.sockets import EXTENDED, OWN_ORIGIN, Closed, PageSocket

Sockets = Callable[[PageSocket], PageSocket]


@pytest.fixture
def board(scene: Scene) -> UUID:
    """The page of most tests."""
    return scene.board.pk


@pytest.fixture
def token(scene: Scene) -> str:
    """Bob's way in: a link for editors."""
    return factories.link_token(scene.room, Role.EDITOR)


@pytest.fixture
def viewing(scene: Scene) -> str:
    """Carol's way in: a link for viewers."""
    return factories.link_token(scene.room, Role.VIEWER)


@database_sync_to_async
def log_of(page_id: UUID) -> list[bytes]:
    """The rows of a page."""
    return [
        bytes(row)
        for row in PageUpdate.objects.filter(page_id=page_id).order_by("seq").values_list("payload", flat=True)
    ]


def text_of(rows: Sequence[bytes]) -> str:
    """What a cold replay of the log gives."""
    doc: Doc = Doc()
    if rows:
        doc.apply_update(merge_updates(*rows))
    return str(doc.get("text", type=Text))


def entries_of(message: Awareness) -> list[AwarenessEntry]:
    """The awareness entries of a message."""
    return list(decode_entries(message.payload, max_entries=100, max_state_bytes=10_000))


# The handshake


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        ([], None),
        ([EXTENDED], EXTENDED),
        (["graphql-ws", EXTENDED, "collab.v9"], EXTENDED),
        (["collab.v9"], None),
        (["COLLAB.V1"], None),
    ],
)
async def test_the_extension_is_spoken_with_those_who_offer_it(
    offered: list[str], agreed: str | None, sockets: Sockets, board: UUID, token: str
) -> None:
    socket = sockets(PageSocket(board, query=f"?token={token}", offers=offered))

    assert await socket.open() == agreed


async def test_a_stock_client_sees_nothing_but_y_protocols(sockets: Sockets, board: UUID, token: str) -> None:
    """It logs an error for every message type it does not know."""
    socket = sockets(PageSocket(board, query=f"?token={token}", extended=False))
    await socket.join()
    await socket.send(socket.typed("Hello"))

    heard = [await socket.message(), await socket.message()]

    assert {type(message) for message in heard} == {SyncStep1, SyncStep2}
    assert await socket.is_silent()
    assert text_of(await log_of(board)) == "Hello"


@pytest.mark.parametrize(("role", "can_edit"), [(Role.EDITOR, True), (Role.COMMENTER, False), (Role.VIEWER, False)])
async def test_somebody_who_joins_hears_first_what_they_may_do(
    role: Role, can_edit: bool, sockets: Sockets, scene: Scene
) -> None:
    socket = sockets(
        PageSocket(
            scene.board.pk, query=f"?token={await database_sync_to_async(factories.link_token)(scene.room, role)}"
        )
    )
    await socket.open()

    assert await socket.message() == Notice({"kind": "role", "role": role.value, "epoch": 1, "can_edit": can_edit})
    assert isinstance(await socket.message(), SyncStep1)


# Saving


async def test_saved_is_said_when_the_row_is_there(sockets: Sockets, board: UUID, token: str) -> None:
    """Everything else this product promises rests on this."""
    socket = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await socket.send(socket.typed("Hello"))

    await socket.saved(2)

    assert text_of(await log_of(board)) == "Hello"


async def test_saved_is_not_said_while_the_commit_is_on_its_way(
    sockets: Sockets, board: UUID, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others see the edit at once; its author hears "saved" only after the database."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.saved(1)
    store, gate, asked = runtime.current().store, asyncio.Event(), asyncio.Event()
    append = store.append

    async def slow(rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        asked.set()
        await gate.wait()
        return await append(rows)

    monkeypatch.setattr(store, "append", slow)
    await alice.send(alice.typed("Hello"))
    await bob.next(Update)
    await asked.wait()

    assert await alice.is_silent()
    assert await log_of(board) == []
    gate.set()
    await alice.saved(2)
    assert text_of(await log_of(board)) == "Hello"


async def test_while_the_database_is_away_people_hear_so_and_nothing_is_lost(
    sockets: Sockets, board: UUID, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.saved(1)
    store = runtime.current().store

    async def away(rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        raise StoreDown("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(store, "append", away)
        await alice.send(alice.typed("Hello "))
        assert (await alice.next(Notice)).body == {"kind": "not-saved", "why": "database"}
        await alice.send(alice.typed("again"))
        bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
        assert {"kind": "not-saved", "why": "database"} in [(await bob.next(Notice)).body for _ in range(2)]

    told = [await alice.message() for _ in range(2)]
    assert sorted(map(repr, told)) == sorted(map(repr, [Notice({"kind": "saved-again"}), Saved(3)]))
    assert text_of(await log_of(board)) == "Hello again"


async def test_what_one_writes_the_next_who_joins_gets(sockets: Sockets, board: UUID, token: str) -> None:
    """Whether or not it has been committed by then."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.send(alice.typed("Hello"))
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    answer = await bob.next(SyncStep2)
    if answer.update == EMPTY_UPDATE:
        answer = await bob.next(Update)

    bob.doc.apply_update(answer.update)

    assert str(bob.text) == "Hello"


# Viewers


async def test_a_viewer_who_edits_is_told_once_and_closed_the_third_time(
    sockets: Sockets, board: UUID, viewing: str, token: str
) -> None:
    """Nothing of it reaches the log or anybody else, and nothing of it is acknowledged."""
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await bob.saved(1)
    carol = await sockets(PageSocket(board, query=f"?token={viewing}")).join()
    await carol.saved(1)

    await carol.send(carol.typed("a"))
    assert await carol.message() == Notice({"kind": "read-only"})
    await carol.send(encode_sync_step2(carol.doc.get_update()))
    assert await carol.is_silent()
    await carol.send(carol.typed("b"))

    assert await carol.ending() == (4403, "not-allowed")
    assert await log_of(board) == []
    assert await bob.is_silent()


async def test_a_viewer_who_answers_by_protocol_has_done_nothing_wrong(
    sockets: Sockets, board: UUID, viewing: str, token: str
) -> None:
    """Every client answers our sync step 1: with nothing, or with what it got from us."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.send(alice.typed("Hello"))
    await alice.saved(2)
    carol = await sockets(PageSocket(board, query=f"?token={viewing}")).join()
    for _ in range(5):
        await carol.send(encode_sync_step2(EMPTY_UPDATE))
        await carol.send(encode_sync_step2(alice.doc.get_update()))

    await carol.saved(11)

    assert len(await log_of(board)) == 1


async def test_a_viewer_with_a_stock_client_is_closed_too(sockets: Sockets, board: UUID, viewing: str) -> None:
    carol = await sockets(PageSocket(board, query=f"?token={viewing}", extended=False)).join()
    for letter in "abc":
        await carol.send(carol.typed(letter))

    assert await carol.ending() == (4403, "not-allowed")
    assert await log_of(board) == []


# Presence


async def test_the_name_that_others_see_is_the_servers_word(sockets: Sockets, scene: Scene) -> None:
    """Mallory cannot appear as Alice; the rest of the state is theirs."""
    token = await database_sync_to_async(factories.link_token)(scene.room)
    alice = await sockets(PageSocket(scene.board.pk, query=f"?token={token}&name=Alice")).join()
    mallory = await sockets(PageSocket(scene.board.pk, query=f"?token={token}&name=Mallory")).join()
    claimed = {"user": {"id": "u:1", "name": "Alice", "color": "#000", "role": "owner"}, "cursor": 7}

    await mallory.send(encode_awareness(encode_entries([AwarenessEntry(5, 1, json.dumps(claimed).encode())])))

    (entry,) = entries_of(await alice.next(Awareness))
    state = json.loads(entry.state or b"null")
    assert state["cursor"] == 7
    assert (state["user"]["name"], state["user"]["role"]) == ("Mallory", "editor")
    assert state["user"]["id"].startswith("g:")
    assert state["user"]["color"] in access.PALETTE


async def test_somebody_whose_connection_ends_is_seen_to_go(sockets: Sockets, board: UUID, token: str) -> None:
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await bob.send(encode_awareness(encode_entries([AwarenessEntry(5, 1, b"{}")])))
    assert entries_of(await alice.next(Awareness))[0].state is not None

    await bob.leave()

    assert [(entry.client_id, entry.state) for entry in entries_of(await alice.next(Awareness))] == [(5, None)]


# Trouble


@pytest.mark.parametrize("extended", [True, False])
@pytest.mark.parametrize("frame", ["text", "", b"", b"\x80", b"\xff" * 100, b"\x02\x00", b"\x64\x01"], ids=repr)
async def test_bytes_that_follow_no_format_end_the_connection_and_no_other(
    extended: bool, frame: bytes | str, sockets: Sockets, board: UUID, token: str
) -> None:
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    mallory = await sockets(PageSocket(board, query=f"?token={token}", extended=extended)).join()

    await mallory.send(frame)

    assert await mallory.ending() == (4400, "malformed")
    await alice.send(alice.typed("Hello"))
    await alice.saved(2)


@pytest.mark.parametrize("extended", [True, False])
async def test_a_frame_above_the_bound_is_refused_with_a_reason(
    extended: bool, sockets: Sockets, board: UUID, token: str, settings: Any
) -> None:
    settings.COLLAB = {**settings.COLLAB, "max_frame_bytes": 1000, "max_update_bytes": 1000}
    socket = await sockets(PageSocket(board, query=f"?token={token}", extended=extended)).join()
    await socket.send(b"\x00\x02" + bytes(999))

    if extended:
        assert {"kind": "too-large", "limit_bytes": 1000} in [(await socket.next(Notice)).body for _ in range(2)]
    assert await socket.ending() == (4413, "too-large")


async def test_a_page_that_cannot_be_loaded_is_refused_and_never_shown_empty(
    sockets: Sockets, board: UUID, token: str
) -> None:
    """Somebody who saw it empty would draw it anew, and both would be there when the log heals."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    for word in ("one ", "two ", "three"):
        await alice.send(alice.typed(word))
        await alice.saved(alice.text.to_py().count(" ") + 1)
    await alice.leave()
    await restart()
    await database_sync_to_async(lambda: PageUpdate.objects.filter(page_id=board, seq=1).delete())()
    bob = sockets(PageSocket(board, query=f"?token={token}"))
    await bob.open()

    with pytest.raises(Closed) as closed:
        await bob.receive()

    assert (closed.value.code, closed.value.reason) == (4500, "trouble")


@pytest.mark.parametrize("extended", [True, False])
async def test_when_access_cannot_be_decided_nobody_gets_in_and_all_may_try_again(
    extended: bool, sockets: Sockets, board: UUID, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise StoreDown("no database")

    monkeypatch.setattr(access, "admit_scope_to_page", fails)
    socket = sockets(PageSocket(board, query=f"?token={token}", extended=extended))
    await socket.open()

    with pytest.raises(Closed) as closed:
        await socket.receive()

    assert (closed.value.code, closed.value.reason) == (4500, "trouble")


async def test_a_fault_of_ours_ends_one_connection(
    sockets: Sockets, board: UUID, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a code that means "try again"; the fault is logged."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await bob.saved(1)
    with monkeypatch.context() as patched:
        patched.setattr(LivePage, "receive", _fault)
        await bob.send(bob.typed("Hello"))
        assert await bob.ending() == (4500, "trouble")

    await alice.send(alice.typed("Hello"))
    await alice.saved(2)


async def _fault(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_page_that_is_deleted_under_its_editors_closes_for_them(
    sockets: Sockets, board: UUID, token: str
) -> None:
    """The next edit finds out; its author is not told that it was saved."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.saved(1)
    await database_sync_to_async(lambda: Page.objects.get(pk=board).delete())()

    await alice.send(alice.typed("Hello"))

    assert await alice.ending() == (4404, "unknown")


async def test_a_process_that_stops_saves_says_so_and_sends_everybody_away(
    sockets: Sockets, board: UUID, token: str
) -> None:
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.saved(1)
    bob = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await bob.saved(1)
    await alice.send(alice.typed("Hello"))
    await bob.next(Update)
    assert await runtime.drain()
    *heard, ending = await alice.everything()

    (notice,) = [frame for frame in heard if frame[0] == 101 and b"draining" in frame]
    assert 0 <= decode(notice).body["retry_after"] <= 5
    assert heard[-1] == encode_saved(2)
    assert ending == (4503, "restarting")
    assert text_of(await log_of(board)) == "Hello"


async def test_who_comes_while_the_process_stops_is_told_to_come_back(
    sockets: Sockets, board: UUID, token: str
) -> None:
    """A new runtime for them would have a log, a worker and pages that nobody drains."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.saved(1)
    assert await runtime.drain()
    bob = sockets(PageSocket(board, query=f"?token={token}"))
    await bob.open()

    with pytest.raises(Closed) as closed:
        await bob.receive()

    assert (closed.value.code, closed.value.reason) == (4503, "restarting")


async def test_a_browser_with_a_session_needs_no_token(sockets: Sockets, scene: Scene) -> None:
    """From our own pages."""
    browser = await database_sync_to_async(factories.browser)(scene.carol)
    carol = await sockets(PageSocket(scene.board.pk, browser=browser, origin=OWN_ORIGIN)).join()

    assert (await carol.next(Notice)).body["role"] == "viewer"


async def test_asking_again_is_answered_again(sockets: Sockets, board: UUID, token: str) -> None:
    """Clients with ``resyncInterval`` ask from time to time."""
    alice = await sockets(PageSocket(board, query=f"?token={token}")).join()
    await alice.send(alice.typed("Hello"))
    await alice.send(encode_sync_step1(b"\x00"))
    await alice.next(SyncStep2)

    doc: Doc = Doc()
    doc.apply_update((await alice.next(SyncStep2)).update)

    assert str(doc.get("text", type=Text)) == "Hello"
