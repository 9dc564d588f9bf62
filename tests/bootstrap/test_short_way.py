"""The short way out of our server: what is written at once arrives as what is sent the long way, and in its order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from collab.management.websocket import EXTENSION, Connection

WITHIN = 20.0
Write = Callable[[bytes], bool]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application:
    """Accepts one connection and hands over its ways out."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[tuple[Write, Send]] = asyncio.get_running_loop().create_future()
        self.may_read = asyncio.Event()
        self.read: list[bytes] = []
        self.ended = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.opened.set_result((scope["extensions"][EXTENSION], send))
        await self.may_read.wait()
        while (message := await receive())["type"] == "websocket.receive":
            self.read.append(message["bytes"])
        self.ended.set()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Application, ClientConnection, Write, Send]]:
    """Our protocol in this process, with one client."""
    application = Application()
    config = uvicorn.Config(application, port=0, ws=Connection, lifespan="off", log_config=None, loop="asyncio")
    config.load()
    server = uvicorn.Server(config)
    server.config.setup_event_loop = lambda: None  # type: ignore[method-assign]
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with (
            asyncio.timeout(WITHIN),
            connect(f"ws://127.0.0.1:{port}", max_size=None, compression=None) as client,
        ):
            write, send = await application.opened
            yield application, client, write, send
            application.may_read.set()
    finally:
        server.force_exit = True
        await server.shutdown()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_048_576])
async def test_a_message_of_any_size_arrives_as_it_was_written(size: int) -> None:
    async with served() as (_, client, write, _):
        message = bytes(size)
        assert write(message)
        assert write(b"after")

        assert await client.recv() == message
        assert await client.recv() == b"after"


async def test_the_short_and_the_long_way_keep_the_order_of_what_is_sent() -> None:
    async with served() as (_, client, write, send):
        for number in range(200):
            message = b"%d" % number
            if number % 3:
                assert write(message)
            else:
                await send({"type": "websocket.send", "bytes": message})

        assert [await client.recv() for _ in range(200)] == [b"%d" % number for number in range(200)]


async def test_a_client_that_does_not_read_is_not_written_to_beyond_a_bound_and_misses_nothing() -> None:
    async with served() as (_, client, write, send):
        message = bytes(100_000)
        written = 0
        while write(message):
            written += 1
            await asyncio.sleep(0)
            assert written < 1_000, "what waits for a client that does not read must be bounded"
        waiting = asyncio.create_task(send({"type": "websocket.send", "bytes": b"last"}))
        assert not write(message)

        received = [await client.recv() for _ in range(written + 1)]

        await waiting
        assert received == [message] * written + [b"last"]
        assert write(b"again")
        assert await client.recv() == b"again"


async def test_nothing_is_written_once_the_connection_is_closed() -> None:
    async with served() as (application, client, write, send):
        await send({"type": "websocket.close", "code": 4400, "reason": "malformed"})

        assert not write(b"late")
        await client.wait_closed()
        assert client.close_code == 4400
        application.may_read.set()
        await application.ended.wait()
        assert not write(b"later still")


async def test_small_messages_are_taken_in_their_order_while_the_application_is_slow() -> None:
    async with served() as (application, client, _, _):
        sent = [b"%d" % number for number in range(100)] + [bytes(50_000)] + [b"end"]
        for message in sent:
            await client.send(message)
        application.may_read.set()
        await client.close()
        await application.ended.wait()

        assert application.read == sent


async def test_a_client_that_floods_an_application_that_does_not_read_is_no_longer_read() -> None:
    """What it sends stays with it: its own sending waits."""
    async with served() as (application, client, _, _):
        flooding = asyncio.create_task(flood(client))
        try:
            done, _ = await asyncio.wait({flooding}, timeout=3)
            assert not done
        finally:
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            client.transport.abort()
            application.may_read.set()
            await application.ended.wait()
        assert sum(map(len, application.read)) < 32 * 1024 * 1024


async def flood(client: ClientConnection) -> None:
    """Send a hundred mebibytes in small messages."""
    for _ in range(100 * 1024 * 1024 // 10_000):
        await client.send(bytes(10_000))
