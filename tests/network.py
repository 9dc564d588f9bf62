"""A network between hubs in one process, which loses, repeats and reorders as it is told, and can be switched off."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from collab.bus.envelope import Kind
from collab.bus.link import Address, LinkDown
from tests.fakes import Engine, FakeClock, MemoryStore


class Network:
    """What the links of several hubs share.

    Attributes:
        down: Nothing can be sent.
        loses: Whether to lose a message of this kind; asked for every delivery.
        sent: How many messages of each kind were sent.
    """

    def __init__(self, clock: FakeClock, rng: random.Random | None = None) -> None:
        self.clock = clock
        self.down = False
        self.drop = self.repeat = self.delay = 0.0
        self.loses: Callable[[Kind], bool] = lambda kind: False
        self.sent: Counter[Kind] = Counter()
        self.links: list[FakeLink] = []
        self._rng = rng or random.Random(0)

    def link(self) -> FakeLink:
        """A link for one more hub."""
        self.links.append(FakeLink(self))
        return self.links[-1]

    def carry(self, address: Address, message: bytes) -> None:
        """Deliver to every link in the group, or not."""
        kind = Kind(message[1])
        self.sent[kind] += 1
        for link in self.links:
            if address not in link.addresses or link.deaf or self._rng.random() < self.drop or self.loses(kind):
                continue
            for _ in range(2 if self._rng.random() < self.repeat else 1):
                delay = self._rng.random() * self.delay
                self.clock.call_later(delay, lambda link=link: link.hear(message))  # type: ignore[misc]


class FakeLink:
    """``collab.bus.link.Link`` on a ``Network``.

    Attributes:
        deaf: Nothing arrives here, although sending works.
        connects: How often it was connected.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._receive: Callable[[bytes], None] | None = None
        self.addresses: set[Address] = set()
        self.deaf = False
        self.killed = False
        self.connects = 0

    def hear(self, message: bytes) -> None:
        if self._receive is not None and not self.killed:
            self._receive(message)

    def kill(self) -> None:
        """The process of this link ends without a word."""
        self.killed = True
        self.addresses.clear()

    async def connect(self, receive: Callable[[bytes], None]) -> None:
        self._check()
        self._receive = receive
        self.addresses.add(None)
        self.connects += 1

    async def join(self, address: UUID | bytes) -> None:
        self._check()
        self.addresses.add(address)

    async def leave(self, topic: UUID) -> None:
        self._check()
        self.addresses.discard(topic)

    async def send(self, address: Address, message: bytes) -> None:
        self._check()
        self._network.carry(address, message)

    async def close(self) -> None:
        self.addresses.clear()

    def _check(self) -> None:
        if self._network.down or self.killed:
            raise LinkDown("switched off")


class Processes:
    """Hubs on one database and one network."""

    def __init__(self, count: int, *, rng: random.Random | None = None, **limits: float) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.network = Network(self.clock, rng)
        self.limits = limits
        self.engines = [self.add() for _ in range(count)]

    def add(self) -> Engine:
        """One more process."""
        return Engine(store=self.store, clock=self.clock, link=self.network.link(), **self.limits)

    async def stop(self) -> None:
        """End all of them."""
        for engine in self.engines:
            await engine.hub.stop()
