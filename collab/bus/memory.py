"""A bus within one process: between the hubs that share it, of which the product has one and tests have several."""

from __future__ import annotations

import asyncio
from uuid import UUID

from collab.live.ports import Deliver


class MemoryExchange:
    """What the members of a memory bus share."""

    def __init__(self) -> None:
        self._members: list[MemoryBus] = []

    def member(self) -> MemoryBus:
        """A bus for one more hub."""
        bus = MemoryBus(self)
        self._members.append(bus)
        return bus

    def pass_on(self, sender: MemoryBus, page_id: UUID, update: bytes) -> None:
        """Deliver to every other member that holds the page."""
        for member in self._members:
            if member is not sender:
                member.accept(page_id, update)


class MemoryBus:
    """``live.ports.Bus`` without a service."""

    def __init__(self, exchange: MemoryExchange | None = None) -> None:
        self._exchange = exchange
        self._deliver: dict[UUID, Deliver] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, page_id: UUID, update: bytes) -> None:
        """Tell the other hubs."""
        if self._exchange is not None:
            self._exchange.pass_on(self, page_id, update)

    def open(self, page_id: UUID, deliver: Deliver) -> None:
        """Pass on what others publish about this page."""
        self._deliver[page_id] = deliver

    def close(self, page_id: UUID) -> None:
        """Stop doing so."""
        self._deliver.pop(page_id, None)

    def accept(self, page_id: UUID, update: bytes) -> None:
        """Something was published by another member."""
        deliver = self._deliver.get(page_id)
        if deliver is None:
            return
        task = asyncio.get_running_loop().create_task(_run(deliver, page_id, update))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _run(deliver: Deliver, page_id: UUID, update: bytes) -> None:
    await deliver(page_id, update)
