"""Jobs of the worker process on the whole log of a page: find what cannot be read, fold it into one update, replay it.

A fold merges the log, collects the garbage of the result (``collab.crdt.compact``) and proves that nothing was lost
(``collab.crdt.proof``). Nothing here builds a Yjs document: updates that make Yrs crash or hang are folded like others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from collab.crdt.compact import compact
from collab.crdt.index import index_updates, sift
from collab.crdt.proof import NotProven, prove_equal, prove_held, prove_merged
from collab.errors import TroubleHere
from collab.wire import SNAPSHOT_LIMITS, PageLimits, PageStructure, encode_state_vector, parse_update


def sift_log(parts: list[bytes]) -> list[bytes]:
    """``[update, ...]`` to ``[JSON of number and fault of each update that does not fit]``."""
    return [json.dumps(sift(parts)[1]).encode()]


def fold(parts: list[bytes]) -> list[bytes]:
    """``[update, ...]`` to ``[snapshot, its state vector, why nothing could be left out]``.

    Where the garbage cannot be collected with proof, the snapshot is the merged log, and the last part says why.

    Raises:
        TroubleHere: The log cannot be read as a whole, or merging it loses something.
    """
    content, structure = _merged(parts)
    state = encode_state_vector(structure.state_vector)
    try:
        snapshot = compact(content, structure)
        prove_equal(content, snapshot, structure)
    except NotProven as error:
        return [content, state, str(error).encode()]
    except (TroubleHere, ValueError, LookupError, RecursionError) as error:
        # A fault of ours in what is only there to save space: the proof is for that.
        return [content, state, f"{type(error).__name__}: {error}".encode()]
    return [snapshot, state, b""]


def verify(parts: list[bytes]) -> list[bytes]:
    """``[update, ...]`` to ``[state vector]``: that a load gives what a replay of the log gives, update by update.

    Raises:
        TroubleHere: It does not; the message says where.
    """
    _, structure = _merged(parts)
    return [encode_state_vector(structure.state_vector)]


def hold(parts: list[bytes]) -> list[bytes]:
    """``[number of updates, these updates, those of a page]`` to ``[]``: that the page holds what the former say.

    Raises:
        CollabError: It does not, or one of the updates cannot be read; the message says where.
    """
    count, updates = int(parts[0]), parts[1:]
    for update in updates:
        parse_update(update, SNAPSHOT_LIMITS)
    content, structure = index_updates(updates[count:], PageLimits())
    prove_held(updates[:count], content, structure)
    return []


def _merged(updates: Sequence[bytes]) -> tuple[bytes, PageStructure]:
    """A log as one update with its index, shown to say what each of its updates says."""
    replayed, faults = sift(updates)
    if faults:
        number, fault = min(faults.items())
        raise TroubleHere(f"row {number + 1} of the log: {fault}")
    content, structure = index_updates(updates, PageLimits())
    if structure.state_vector != replayed.state_vector:
        raise NotProven("merged and replayed, the log has different state vectors")
    prove_merged(updates, content, structure)
    if not all(structure.is_deleted(client, start, end) for client, start, end in replayed.deletions()):
        raise NotProven("merged and replayed, the log has different deletions")
    return content, structure
