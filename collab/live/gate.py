"""How many connections this process takes: altogether, from one network address, of one person, and how fast.

Whoever comes too fast waits for the handshake; whoever would wait too long is refused, before the database is asked.
A refusal costs more than an arrival, so that an old client that is refused and comes back at once slows itself down.
Plain bookkeeping: knows neither sockets nor the time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from collab.errors import TooMany, TroubleHere
from collab.live.limits import Limits
from collab.live.rates import Bucket

MAX_ADDRESSES = 10_000
"""Addresses that are remembered without a connection; beyond it the one seen longest ago is forgotten."""

REFUSAL_COST = 10
"""So many arrivals a refusal counts for."""


@dataclass(slots=True)
class _Address:
    bucket: Bucket
    sockets: int = 0


class Gate:
    """Counts who is here and who comes.

    Attributes:
        sockets: How many connections there are now.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._persons: Counter[str] = Counter()
        self.sockets = 0

    def arrive(self, address: str | None, now: float) -> Visit:
        """Let a connection in, after ``pause`` seconds.

        Args:
            address: As ``collab.addresses`` tells it; None is not held to anything.
            now: Seconds.

        Raises:
            TroubleHere: This process has as many as it takes.
            TooMany: The address has, or comes too fast.
        """
        if self.sockets >= self._limits.max_sockets:
            raise TroubleHere(f"{self.sockets} connections are open already")
        pause = 0.0
        if address is not None:
            known = self._know(address)
            if known.sockets >= self._limits.max_sockets_per_address:
                raise TooMany(f"{known.sockets} connections from {address}")
            pause = known.bucket.wait(now)
            if pause > self._limits.connect_patience:
                raise TooMany(f"connections from {address} come too fast")
            known.bucket.take(now)
            known.sockets += 1
        self.sockets += 1
        return Visit(self, address, pause)

    def refused(self, address: str | None, now: float) -> None:
        """A connection from this address was told to stay away."""
        if address is not None and address in self._addresses:
            bucket = self._addresses[address].bucket
            if bucket.wait(now) <= self._limits.connect_patience:
                bucket.take(now, REFUSAL_COST)

    @property
    def addresses(self) -> int:
        """How many addresses are remembered."""
        return len(self._addresses)

    def _know(self, address: str) -> _Address:
        known = self._addresses.get(address)
        if known is None:
            self._forget_some()
            rate = self._limits.connects_per_second
            known = _Address(Bucket(rate, self._limits.connect_burst / rate))
            self._addresses[address] = known
        self._addresses.move_to_end(address)
        return known

    def _forget_some(self) -> None:
        """Make room: of the addresses without a connection the one seen longest ago, if there are too many."""
        if len(self._addresses) < MAX_ADDRESSES + self.sockets:
            return
        for address, known in self._addresses.items():
            if not known.sockets:
                del self._addresses[address]
                return

    def _enter(self, person: str) -> None:
        if self._persons[person] >= self._limits.max_sockets_per_person:
            raise TooMany(f"{self._persons[person]} connections of one person")
        self._persons[person] += 1

    def _leave(self, address: str | None, person: str | None) -> None:
        self.sockets -= 1
        if address is not None:
            self._addresses[address].sockets -= 1
        if person is not None:
            self._persons[person] -= 1
            if not self._persons[person]:
                del self._persons[person]


class Visit:
    """One connection, from its arrival to its end.

    Attributes:
        pause: How long it has to wait for its handshake, in seconds.
    """

    __slots__ = ("_gate", "_here", "_person", "address", "pause")

    def __init__(self, gate: Gate, address: str | None, pause: float) -> None:
        self._gate = gate
        self._person: str | None = None
        self._here = True
        self.address = address
        self.pause = pause

    def introduce(self, person: str) -> None:
        """Say who it is.

        Raises:
            TooMany: This person has as many connections as one may have.
        """
        if self._person is None:
            self._gate._enter(person)
            self._person = person

    def refused(self, now: float) -> None:
        """It was told to stay away."""
        self._gate.refused(self.address, now)

    def leave(self) -> None:
        """It ended."""
        if self._here:
            self._here = False
            self._gate._leave(self.address, self._person)
