"""A page as a server serves it, against servers that are not as they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import uuid4

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from collab.management.live_page import NotReached, NotServed, checked_server, visit
from collab.wire import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    SyncStep2,
    decode,
    encode_notice,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from tests.clients.drive import until
from tests.services import free_port

TOKEN = "very-secret-token"
MAX_BYTES = 100_000

Serving = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Serving) -> AsyncIterator[str]:
    """A server of the test's own."""
    async with serve(handle, "127.0.0.1", 0, max_size=None) as server:
        yield address(server)


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refused(handle: Serving) -> str:
    """Why a visit to such a server fails."""
    async with serving(handle) as url:
        with pytest.raises(NotServed) as caught:
            async with visit(url, uuid4(), TOKEN, max_bytes=MAX_BYTES, answer_within=0.3):
                pass
    assert not isinstance(caught.value, NotReached)
    return str(caught.value)


async def test_everything_that_a_server_sends_is_kept_and_its_questions_are_answered_with_nothing() -> None:
    """Edits come before and after the answer, between presence and questions; a viewer has nothing to give."""
    answers: list[object] = []

    async def handle(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode_notice({"kind": "role", "role": "viewer", "epoch": 3, "can_edit": False}))
        await socket.send(KEEP_ALIVE)
        await socket.send(encode_update(b"before"))
        await socket.send(encode_sync_step1(b"\x00"))
        await socket.send(encode_sync_step2(b"all"))
        await socket.send(encode_update(b"after"))
        answers.append(decode(await socket.recv()))  # type: ignore[arg-type]
        await socket.close(4503, "restarting")

    async with serving(handle) as url, visit(url, uuid4(), TOKEN, max_bytes=MAX_BYTES) as page:
        await until(lambda: bool(page.ended), what="the connection ended")

        assert page.updates == [b"before", b"all", b"after"]
        assert page.epoch == 3
        assert page.ended == "it ended the connection: 4503 restarting"
    assert answers == [SyncStep2(EMPTY_UPDATE)]


async def test_a_server_that_never_sends_the_page_is_not_waited_for_for_ever() -> None:
    """However lively it is otherwise."""

    async def handle(socket: ServerConnection) -> None:
        while True:
            await socket.send(KEEP_ALIVE)
            await asyncio.sleep(0.05)

    assert await refused(handle) == "it did not send the page within 0.3 s"


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([encode_sync_step2(bytes(2 * MAX_BYTES))], "more than a page can hold"),
        ([encode_update(bytes(MAX_BYTES // 3))] * 4, "more than a page can hold"),
        (["hello"], "text"),
        ([b"\x63"], "not in the protocol"),
    ],
)
async def test_a_server_that_sends_what_it_should_not_is_refused(frames: list[bytes | str], why: str) -> None:
    """What it sends is kept in memory."""

    async def handle(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    assert why in await refused(handle)


async def test_a_message_that_is_too_large_is_refused_before_it_is_read() -> None:
    """What waits to be read is memory too."""
    codes: list[int | None] = []

    async def handle(socket: ServerConnection) -> None:
        await socket.send(encode_sync_step2(bytes(2 * MAX_BYTES)))
        await socket.wait_closed()
        codes.append(socket.close_code)

    assert "more than a page can hold" in await refused(handle)
    assert codes == [1009]


async def test_a_refusal_is_passed_on_in_the_words_of_the_server() -> None:
    """The codes are in docs/protocol.md."""

    async def handle(socket: ServerConnection) -> None:
        await socket.close(4429, "too-many")

    assert await refused(handle) == "it ended the connection: 4429 too-many"


async def test_a_server_that_is_not_there_is_told_from_one_that_refuses() -> None:
    """The first is not asked for the next page."""

    async def handle(socket: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    def redirect(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = f"ws://127.0.0.1:1{request.path}"
        return response

    async with serve(handle, "127.0.0.1", 0, process_request=redirect) as server:
        for url, why in ((address(server), "HTTP 302"), (f"ws://127.0.0.1:{free_port()}", "(?i:connect)")):
            with pytest.raises(NotReached, match=f"it cannot be reached: .*({why})") as caught:
                async with visit(url, uuid4(), TOKEN, max_bytes=MAX_BYTES):
                    pass
            assert TOKEN not in str(caught.value)


def test_servers_are_named_as_people_know_them() -> None:
    """What the browser shows, without anything that would end up in the output."""
    assert checked_server("http://127.0.0.1:8000/") == "ws://127.0.0.1:8000"
    assert checked_server("https://board.example.org/sub") == "wss://board.example.org/sub"
    for wrong in (
        "127.0.0.1:8000",
        "ftp://example.org",
        "http://",
        "http://a:b@example.org",
        "http://e.org/?token=x",
        "http://e.org:port",
    ):
        with pytest.raises(ValueError):
            checked_server(wrong)
