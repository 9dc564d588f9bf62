"""Rows that cannot be read are put aside, never thrown away, and their page is marked for those who run the product."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from collab.errors import TroubleHere
from collab.models import Page, PageUpdate, QuarantinedUpdate
from collab.models.room import ATTENTION_MAX_CHARS

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 200


WAITING_SECONDS = 60.0
"""How long a row may lack what it depends on: two processes commit in any order, and one may be cut off a while."""


def check_age(page_id: UUID, epoch: int, waiting: Collection[int]) -> None:
    """Refuse to give up rows that only lack something while it may still be on its way to the log.

    Raises:
        TroubleHere: The youngest of them is too young.
    """
    youngest = PageUpdate.objects.filter(page_id=page_id, epoch=epoch, seq=max(waiting))
    if youngest.filter(created_at__gt=Now() - timedelta(seconds=WAITING_SECONDS)).exists():
        raise TroubleHere(f"row {epoch}:{max(waiting)} of the log depends on something that may still come")


def quarantine_rows(page_id: UUID, epoch: int, faults: Mapping[int, str]) -> None:
    """Move rows of the log aside and mark the page, in one transaction.

    A row that is not there any more was moved by another process, or folded; it is passed over.

    Args:
        faults: By the sequence of each row what is wrong with it.
    """
    sequences = sorted(faults)
    with transaction.atomic():
        if not Page.objects.select_for_update(no_key=True).filter(pk=page_id).exists():
            return
        rows_of_page = PageUpdate.objects.filter(page_id=page_id, epoch=epoch)
        moved = 0
        for start in range(0, len(sequences), ROWS_AT_ONCE):
            some = sequences[start : start + ROWS_AT_ONCE]
            rows = list(rows_of_page.filter(seq__in=some))
            QuarantinedUpdate.objects.bulk_create([_aside(row, faults[row.seq]) for row in rows])
            PageUpdate.objects.filter(pk__in=[row.pk for row in rows]).delete()
            moved += len(rows)
        if moved:
            first = sequences[0]
            mark_page(page_id, f"{moved} rows of the log were put aside, the first is {epoch}:{first}: {faults[first]}")


def mark_page(page_id: UUID, reason: str) -> None:
    """Say that a page needs attention; since when is kept when it was marked before."""
    logger.error("page %s needs attention: %s", page_id, reason)
    page = Page.objects.filter(pk=page_id)
    page.update(attention=reason[:ATTENTION_MAX_CHARS])
    page.filter(attention_at=None).update(attention_at=timezone.now())


def _aside(row: PageUpdate, reason: str) -> QuarantinedUpdate:
    return QuarantinedUpdate(
        page_id=row.page_id,
        epoch=row.epoch,
        seq=row.seq,
        payload=bytes(row.payload),
        checksum=row.checksum,
        reason=reason[:ATTENTION_MAX_CHARS],
        created_at=row.created_at,
    )
