"""Updates beside the index of a page: what is stored is indexed, what arrives is judged.

Bytes only, safe in every process.
"""

from __future__ import annotations

from collections.abc import Sequence

from collab.crdt.merge import UnmergeableUpdate, merge, missing_from
from collab.errors import ImpossibleUpdate, MalformedFrame, TooLarge, TroubleHere
from collab.wire import (
    SNAPSHOT_LIMITS,
    Finding,
    FindingKind,
    PageLimits,
    PageStructure,
    UpdateLimits,
    encode_state_vector,
    examine,
    parse_update,
)

MISSING = "depends on something that is missing"
"""What ``sift`` says of an update that another one may still complete."""

UNBOUNDED = PageLimits(max_depth=2**15, max_types=2**31, max_structs=2**31)
"""For what was accepted once and is not measured again."""


def index_updates(updates: Sequence[bytes], limits: PageLimits) -> tuple[bytes, PageStructure]:
    """Merge what the log holds of a page and index it.

    Args:
        updates: Snapshot and rows, in any order.
        limits: For further updates. What is stored was accepted once and is not measured again, so that a bound that
            was lowered since locks nobody out.

    Raises:
        TroubleHere: This is not what was once accepted.
    """
    content = merge(updates)
    page = PageStructure(UNBOUNDED)
    try:
        finding = examine(page, parse_update(content, SNAPSHOT_LIMITS))
    except (MalformedFrame, ImpossibleUpdate, TooLarge) as error:
        raise TroubleHere(f"a stored page cannot be read: {error}") from error
    if finding.kind is FindingKind.GAP:
        raise TroubleHere("a stored page is incomplete")
    page.add(finding.addition)
    page.limits = limits
    return content, page


def sift(updates: Sequence[bytes]) -> tuple[PageStructure, dict[int, str]]:
    """Take in the updates of a log one by one, without merging them.

    What depends on an update that comes later waits for it: two processes may commit in either order.

    Returns:
        The index of those that fit together, and for each other one, by its number from 0, why it does not.
    """
    page = PageStructure(UNBOUNDED)
    faults: dict[int, str] = {}
    waiting = list(range(len(updates)))
    while waiting:
        before = len(waiting)
        waiting = [number for number in waiting if _waits(page, updates[number], number, faults)]
        if len(waiting) == before:
            break
    faults.update((number, MISSING) for number in waiting)
    return page, faults


def _waits(page: PageStructure, update: bytes, number: int, faults: dict[int, str]) -> bool:
    """Take in one update, or note its fault; whether it lacks something instead."""
    try:
        finding = examine(page, parse_update(update, SNAPSHOT_LIMITS))
    except (MalformedFrame, ImpossibleUpdate, TooLarge) as error:
        faults[number] = str(error)
        return False
    if finding.kind is FindingKind.NEW:
        page.add(finding.addition)
    return finding.kind is FindingKind.GAP


def judge(page: PageStructure, update: bytes, limits: UpdateLimits) -> tuple[Finding, bytes]:
    """Whether an update fits a page, and the part of it that is new.

    An update that repeats what is known is cut, and what remains is read again: a cut through the middle of a character
    leaves something that no client could have made.

    Raises:
        MalformedFrame, ImpossibleUpdate, TooLarge: See ``collab.wire``.
    """
    parsed = parse_update(update, limits)
    finding = examine(page, parsed)
    if finding.kind is not FindingKind.NEW or not finding.overlaps:
        return finding, update
    known = encode_state_vector({client: page.state_vector.get(client, 0) for client in parsed.structs})
    try:
        rest = missing_from(update, known)
    except UnmergeableUpdate as error:
        raise ImpossibleUpdate("an update that cannot be cut where the page ends") from error
    finding = examine(page, parse_update(rest, limits))
    if finding.kind is not FindingKind.NEW:
        raise ImpossibleUpdate("an update that falls apart where the page ends")
    return finding, rest
