"""A TCP connection that can go dead in one direction, as when packets of one way are lost, and heal again."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Literal, Self

Direction = Literal["up", "down"]


class Link:
    """A proxy on a port of its own.

    What is held arrives after healing: the sender's TCP sends lost packets again.

    Attributes:
        port: Where to connect to instead.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.heal()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self, direction: Direction) -> None:
        """From now on nothing comes through in this direction; the connections stay."""
        self._flows[direction].clear()

    def heal(self) -> None:
        """Let everything through."""
        for flow in self._flows.values():
            flow.set()

    def cut(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass_on(reader, there_writer, "up"))
                    both.create_task(self._pass_on(there_reader, writer, "down"))
            finally:
                writer.close()
                there_writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        while chunk := await reader.read(65536):
            await self._flows[direction].wait()
            writer.write(chunk)
            await writer.drain()
        await self._flows[direction].wait()
        with contextlib.suppress(OSError):
            writer.write_eof()
