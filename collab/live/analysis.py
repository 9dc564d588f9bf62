"""Where updates are examined: small ones here, large ones in the worker process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from collab.crdt.index import index_updates
from collab.crdt.worker import JobFailed, Worker
from collab.errors import ImpossibleUpdate, TooLarge, TroubleHere
from collab.live.limits import Limits
from collab.live.ports import ExtendedIndex, IndexedPage
from collab.wire import FindingKind, PageLimits, decode_state_vector

_FAULTS_OF_THE_SENDER = {
    "MalformedFrame": ImpossibleUpdate,
    "ImpossibleUpdate": ImpossibleUpdate,
    "TooLarge": TooLarge,
}

MAX_AT_ONCE = 500_000
"""How many updates go to the worker process in one request; it takes twice as many."""


def page_limits(limits: Limits) -> PageLimits:
    """The bounds of a page among those of the engine."""
    return PageLimits(max_depth=limits.max_depth, max_types=limits.max_types, max_structs=limits.max_structs)


class WorkerAnalyst:
    """``ports.Analyst`` with a worker process behind it."""

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self._worker = worker
        self._limits = limits

    async def index(self, updates: Sequence[bytes]) -> IndexedPage:
        """Merge stored updates and index them; what is small is done at once."""
        limits = page_limits(self._limits)
        if sum(map(len, updates)) <= self._limits.worker_parse_bytes:
            content, page = index_updates(updates, limits)
            return IndexedPage(content=content, index=page.dump())
        updates = await self._shortened(updates)
        bounds = [limits.max_depth, limits.max_types, limits.max_structs]
        content, index = await self._worker.run("index", [json.dumps(bounds).encode(), *updates])
        return IndexedPage(content=content, index=index)

    async def _shortened(self, updates: Sequence[bytes]) -> Sequence[bytes]:
        """A log that is too long for one request, merged in parts."""
        while len(updates) > MAX_AT_ONCE:
            starts = range(0, len(updates), MAX_AT_ONCE)
            updates = [(await self._worker.run("merge", updates[at : at + MAX_AT_ONCE]))[0] for at in starts]
        return updates

    async def sift(self, updates: Sequence[bytes]) -> Mapping[int, str]:
        """Find the updates that do not fit with the others."""
        (faults,) = await self._worker.run("sift", updates)
        return {int(number): fault for number, fault in json.loads(faults).items()}

    async def extend(self, index: bytes, update: bytes) -> ExtendedIndex:
        """Examine one large update."""
        try:
            parts = await self._worker.run("extend", [str(self._limits.max_update_bytes).encode(), index, update])
        except JobFailed as failure:
            raise _FAULTS_OF_THE_SENDER.get(failure.error, TroubleHere)(str(failure)) from failure
        kind, starts, ends, rest, extended = parts
        first, last = decode_state_vector(starts), decode_state_vector(ends)
        return ExtendedIndex(
            kind=FindingKind[kind.decode()],
            advances={client: (first.get(client, 0), end) for client, end in last.items()},
            update=rest,
            index=extended,
        )


def rescuer(worker: Worker, limits: Limits) -> WorkerAnalyst:
    """An analyst that does everything in the worker process, however small: for logs that are known to be damaged."""
    return WorkerAnalyst(worker, replace(limits, worker_parse_bytes=1))
