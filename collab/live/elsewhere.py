"""Who is on a page in other processes: their awareness states, kept with the process that vouches for each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from collab.live.limits import Limits
from collab.wire import AwarenessEntry

MAX_REMEMBERED = 1_000
"""Clocks kept of states that were removed, so that somebody who comes back is not taken for old news."""


WRITES = "writes"
"""In ``user`` of a state: its person may write, and nobody else under this client id."""


@dataclass(slots=True)
class _State:
    process: bytes
    clock: int
    """As the other process says."""
    told: int
    """As the clients here were told; never goes back, even when the person moves between processes."""
    state: bytes


class Elsewhere:
    """The awareness states of one page in other processes."""

    def __init__(self, limits: Limits) -> None:
        self._max_entries = limits.awareness_max_entries
        self._states: dict[int, _State] = {}
        self._removed: dict[int, int] = {}

    def entries(self) -> list[AwarenessEntry]:
        """Everybody, as clients here are told."""
        return [AwarenessEntry(client_id, known.told, known.state) for client_id, known in self._states.items()]

    def entry(self, client_id: int, *, above: int) -> AwarenessEntry | None:
        """Somebody's state, to be told with a clock above this one; None when they are nowhere."""
        known = self._states.get(client_id)
        if known is None:
            return None
        known.told = max(known.told, above + 1)
        return AwarenessEntry(client_id, known.told, known.state)

    def writer(self, client_id: int) -> str | None:
        """The person who may write under this id there, as that process says; None when there is no such person."""
        known = self._states.get(client_id)
        if known is None:
            return None
        try:
            user = json.loads(known.state)["user"]
            return str(user["id"]) if user.get(WRITES) else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def told(self, client_id: int) -> int:
        """The last clock that clients here were told of somebody elsewhere; -1 when they never were."""
        known = self._states.get(client_id)
        return self._removed.get(client_id, -1) if known is None else known.told

    def receive(self, process: bytes, entries: Iterable[AwarenessEntry], *, complete: bool) -> list[AwarenessEntry]:
        """Take what a process says; returns what is news."""
        entries = list(entries)
        news = [entry for said in entries if (entry := self._take(process, said)) is not None]
        if complete:
            named = {entry.client_id for entry in entries}
            gone = [key for key, known in self._states.items() if known.process == process and key not in named]
            news += [self._remove(client_id) for client_id in gone]
        return news

    def forget(self, process: bytes) -> list[AwarenessEntry]:
        """Drop everybody of a process; returns what is news."""
        gone = [client_id for client_id, known in self._states.items() if known.process == process]
        return [self._remove(client_id) for client_id in gone]

    def _take(self, process: bytes, said: AwarenessEntry) -> AwarenessEntry | None:
        known = self._states.get(said.client_id)
        if said.state is None:
            # Only the process that vouches for somebody may say that they went: they may have moved to another one.
            return self._remove(said.client_id) if known is not None and known.process == process else None
        if known is None:
            if len(self._states) >= self._max_entries:
                return None
            told = max(said.clock, self._removed.pop(said.client_id, -1) + 1)
            self._states[said.client_id] = _State(process, said.clock, told, said.state)
            return AwarenessEntry(said.client_id, told, said.state)
        if said.clock < known.clock or (said.clock == known.clock and said.state == known.state):
            return None
        known.process, known.clock, known.state = process, said.clock, said.state
        known.told = max(said.clock, known.told + 1)
        return AwarenessEntry(said.client_id, known.told, said.state)

    def _remove(self, client_id: int) -> AwarenessEntry:
        told = self._states.pop(client_id).told + 1
        self._removed.pop(client_id, None)
        self._removed[client_id] = told
        if len(self._removed) > MAX_REMEMBERED:
            del self._removed[next(iter(self._removed))]
        return AwarenessEntry(client_id, told, None)
