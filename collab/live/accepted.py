"""Judging what another process has accepted already: by the log, not by this page's bounds.

Two processes may each accept an edit that is the last one a page has room for. Whoever then measured the other's again
would show something else than the log holds, so depth, types and size are not measured here; what contradicts the
page is still refused. Large updates are judged in the worker process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collab.crdt.index import UNBOUNDED, judge
from collab.crdt.merge import missing_from
from collab.live.content import Content
from collab.live.limits import Limits
from collab.live.ports import Analyst
from collab.wire import SNAPSHOT_LIMITS, FindingKind, PageStructure, encode_state_vector


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an update is to a page.

    Attributes:
        kind: As ``Finding.kind``.
        update: The part of it that is new.
        advances: As ``Finding.advances``.
        structure: The page's structure with the update; the same object where nothing was to be done elsewhere.
    """

    kind: FindingKind
    update: bytes
    advances: Mapping[int, tuple[int, int]]
    structure: PageStructure


async def judge_accepted(
    structure: PageStructure, content: Content, update: bytes, *, analyst: Analyst, limits: Limits
) -> Accepted:
    """Judge an update and, when it is new, add it to the structure. Nobody may change the page meanwhile.

    Raises:
        CollabError: It is no update that this page could take.
        TroubleHere: It is too large to tell whether it is damaged or only depends on something missing.
    """
    bounds, structure.limits = structure.limits, UNBOUNDED
    try:
        if len(update) <= limits.worker_parse_bytes:
            return _judge_here(structure, update)
        if len(update) <= limits.max_update_bytes:
            found = await _judge_in_worker(structure, update, analyst)
        else:
            found = await _judge_anew(structure, content, update, analyst)
        found.structure.limits = bounds
        return found
    finally:
        structure.limits = bounds


def _judge_here(structure: PageStructure, update: bytes) -> Accepted:
    finding, new = judge(structure, update, SNAPSHOT_LIMITS)
    if finding.kind is FindingKind.NEW:
        structure.add(finding.addition)
    return Accepted(finding.kind, new, finding.advances, structure)


async def _judge_in_worker(structure: PageStructure, update: bytes, analyst: Analyst) -> Accepted:
    found = await analyst.extend(structure.dump(), update)
    extended = PageStructure.load(found.index) if found.kind is FindingKind.NEW else structure
    return Accepted(found.kind, found.update, found.advances, extended)


async def _judge_anew(structure: PageStructure, content: Content, update: bytes, analyst: Analyst) -> Accepted:
    """Larger than any single update may be, such as a snapshot: index the page with it from the start."""
    before = dict(structure.state_vector)
    indexed = await analyst.index([content.everything(), update])
    after = PageStructure.load(indexed.index)
    advances = {
        client: (before.get(client, 0), end)
        for client, end in after.state_vector.items()
        if end > before.get(client, 0)
    }
    new = missing_from(indexed.content, encode_state_vector(before))
    return Accepted(FindingKind.NEW, new, advances, after)
