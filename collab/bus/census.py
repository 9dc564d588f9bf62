"""Which process holds which topics, as far as it is known here.

Each process tells the others when it opens and closes a topic and numbers these messages; its beacon repeats the last
number. So whoever missed one notices, and asks for the whole list. A process that has said nothing for too long has
ended. Decides only: no clock, no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

MAX_PROCESSES = 256
"""More than anybody runs on one database. A newcomer above it is told nothing and reads the log every few seconds."""


@dataclass(slots=True)
class _Process:
    heard_at: float
    counter: int | None = None
    topics: set[UUID] = field(default_factory=set)


class Census:
    """The other processes and what they hold."""

    def __init__(self) -> None:
        self._processes: dict[bytes, _Process] = {}
        self._holders: dict[UUID, set[bytes]] = {}

    def holders(self, topic: UUID) -> frozenset[bytes] | set[bytes]:
        """The other processes that hold a topic."""
        return self._holders.get(topic, frozenset())

    def hear(self, process: bytes, now: float) -> bool:
        """A process gave a sign of life; returns whether it is among those that are counted."""
        known = self._processes.get(process)
        if known is None:
            if len(self._processes) >= MAX_PROCESSES:
                return False
            self._processes[process] = _Process(now)
        else:
            known.heard_at = now
        return True

    def is_current(self, process: bytes, counter: int) -> bool:
        """Whether everything a process said about its holdings, up to this number, has arrived."""
        known = self._processes.get(process)
        return known is not None and known.counter is not None and known.counter >= counter

    def opened(self, process: bytes, counter: int, topic: UUID) -> bool:
        """A process opened a topic; returns whether that is news."""
        known = self._processes[process]
        if known.counter is not None and counter <= known.counter:
            return False
        self._advance(known, counter)
        # Also when something before it is missing: to tell one process too many is harmless.
        if topic in known.topics:
            return False
        known.topics.add(topic)
        self._holders.setdefault(topic, set()).add(process)
        return True

    def closed(self, process: bytes, counter: int, topic: UUID) -> bool:
        """A process closed a topic; returns whether that is news."""
        known = self._processes[process]
        if known.counter is None or counter != known.counter + 1:
            # Older than what is known, or out of turn: the list of holdings will tell.
            return False
        known.counter = counter
        return self._drop(process, topic)

    def replace(self, process: bytes, counter: int, topics: Iterable[UUID]) -> tuple[set[UUID], set[UUID]]:
        """A process told all its holdings; returns what it holds newly and what no longer."""
        known = self._processes[process]
        if known.counter is not None and counter < known.counter:
            return set(), set()
        topics = set(topics)
        gained, lost = topics - known.topics, known.topics - topics
        known.counter = counter
        for topic in lost:
            self._drop(process, topic)
        known.topics = topics
        for topic in gained:
            self._holders.setdefault(topic, set()).add(process)
        return gained, lost

    def forget(self, process: bytes) -> set[UUID]:
        """A process ended; returns what it held."""
        known = self._processes.get(process)
        if known is None:
            return set()
        topics = set(known.topics)
        for topic in topics:
            self._drop(process, topic)
        del self._processes[process]
        return topics

    def silent(self, now: float, patience: float) -> list[bytes]:
        """Processes that have given no sign of life for longer than this."""
        return [process for process, known in self._processes.items() if now - known.heard_at > patience]

    def _advance(self, known: _Process, counter: int) -> None:
        if known.counter is not None and counter == known.counter + 1:
            known.counter = counter

    def _drop(self, process: bytes, topic: UUID) -> bool:
        known = self._processes[process]
        if topic not in known.topics:
            return False
        known.topics.discard(topic)
        holders = self._holders.get(topic, set())
        holders.discard(process)
        if not holders:
            self._holders.pop(topic, None)
        return True
