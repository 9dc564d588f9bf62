"""Where updates are examined: small ones here, large ones in the worker process."""

from __future__ import annotations

import json
from collections.abc import Sequence

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
        bounds = [limits.max_depth, limits.max_types, limits.max_structs]
        content, index = await self._worker.run("index", [json.dumps(bounds).encode(), *updates])
        return IndexedPage(content=content, index=index)

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
