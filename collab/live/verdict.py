"""What can become of an update, and what follows for its sender."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What became of an update."""

    TAKEN = "taken"
    KNOWN = "known"
    GAP = "gap"
    READ_ONLY = "read-only"
    QUEUE_FULL = "queue-full"
    PAGE_FULL = "page-full"
    DISPUTED = "disputed"


LEFT_WITH_SENDER = frozenset({Verdict.READ_ONLY, Verdict.QUEUE_FULL, Verdict.PAGE_FULL})
"""Not applied and not acknowledged: the edit stays in its author's document, who can be asked for it again."""


EXAMINED = frozenset({Verdict.TAKEN, Verdict.KNOWN, Verdict.DISPUTED})
"""What it brings was seen: nothing before it is missing, and it was not left with its sender."""
