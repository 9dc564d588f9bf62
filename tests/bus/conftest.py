"""Several processes on one database and one network, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest_asyncio

from tests.fakes import Client
from tests.network import Processes

Start = Callable[..., Processes]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """Processes that are ended with the test."""
    started: list[Processes] = []

    def start(count: int = 2, **options: object) -> Processes:
        started.append(Processes(count, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for processes in started:
        processes.network.down = False
        await processes.stop()


async def on_page(processes: Processes, *names: str) -> tuple[UUID, list[Client]]:
    """A page with one person on each process."""
    page_id = processes.store.make_page()
    await processes.clock.advance(1)
    people = [await engine.client(name).join(page_id) for engine, name in zip(processes.engines, names, strict=False)]
    await processes.clock.advance(1)
    for person in people:
        await person.catch_up()
    return page_id, people
