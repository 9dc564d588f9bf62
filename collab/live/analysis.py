"""Where updates are examined: small ones here, large ones in the worker process."""

from __future__ import annotations

import json
from collections.abc import Sequence

from collab.crdt.merge import merge
from collab.crdt.worker import JobFailed, Worker
from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge, TroubleHere
from collab.live.limits import Limits
from collab.live.ports import ExtendedIndex, IndexedPage
from collab.wire import FindingKind, PageLimits, PageStructure, UpdateLimits, decode_state_vector, parse_update

_FAULTS_OF_THE_SENDER = {
    "MalformedFrame": ImpossibleUpdate,
    "ImpossibleUpdate": ImpossibleUpdate,
    "TooLarge": TooLarge,
}
NO_LIMIT_BYTES = 2**31


def empty_structure(limits: Limits) -> PageStructure:
    """The index of a page without content, with the bounds of a page."""
    return PageStructure(
        PageLimits(max_depth=limits.max_depth, max_types=limits.max_types, max_structs=limits.max_structs)
    )


class WorkerAnalyst:
    """``ports.Analyst`` with a worker process behind it."""

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self._worker = worker
        self._limits = limits

    async def index(self, updates: Sequence[bytes]) -> IndexedPage:
        """Merge stored updates and index them; what is small is done at once."""
        if sum(map(len, updates)) <= self._limits.worker_parse_bytes:
            return index_here(updates, self._limits)
        content, index = await self._worker.run("index", [self._bounds(NO_LIMIT_BYTES), *updates])
        return IndexedPage(content=content, index=index)

    async def extend(self, index: bytes, update: bytes) -> ExtendedIndex:
        """Examine one large update."""
        try:
            parts = await self._worker.run("extend", [self._bounds(self._limits.max_update_bytes), index, update])
        except JobFailed as failure:
            raise _FAULTS_OF_THE_SENDER.get(failure.error, TroubleHere)(str(failure)) from failure
        kind, overlaps, starts, ends, extended = parts
        first, last = decode_state_vector(starts), decode_state_vector(ends)
        return ExtendedIndex(
            kind=FindingKind[kind.decode()],
            advances={client: (first.get(client, 0), end) for client, end in last.items()},
            overlaps=overlaps == b"1",
            index=extended,
        )

    def _bounds(self, update_bytes: int) -> bytes:
        limits = self._limits
        return json.dumps(
            {
                "update_bytes": update_bytes,
                "depth": limits.max_depth,
                "types": limits.max_types,
                "structs": limits.max_structs,
            }
        ).encode()


def index_here(updates: Sequence[bytes], limits: Limits) -> IndexedPage:
    """Merge and index stored updates in this process.

    Raises:
        TroubleHere: They are not what was once accepted.
    """
    content = merge(updates)
    structure = empty_structure(limits)
    try:
        parsed = parse_update(content, UpdateLimits(max_bytes=NO_LIMIT_BYTES))
        finding = structure.examine(parsed)
    except (MalformedFrame, ImpossibleUpdate, TooLarge) as error:
        raise TroubleHere(f"a stored page cannot be read: {error}") from error
    if finding.kind is FindingKind.GAP:
        raise TroubleHere("a stored page is incomplete")
    structure.apply(parsed, finding)
    return IndexedPage(content=content, index=structure.dump())
