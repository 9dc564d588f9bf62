"""Who may fold a page: one process at a time, for so long.

A lease ends by itself when its owner dies. Times are the database's, so that clocks that differ between machines do not
give one page to two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from collab.errors import TroubleHere, UnknownPage
from collab.models import Page, PageLease

LEASE_SECONDS = 600.0
"""Longer than a fold can take: two runs of the worker, 240 s at most each, and two transactions."""


class LeaseLost(TroubleHere):
    """The lease ended before the fold was done; nothing was replaced."""


def take_lease(page_id: UUID, seconds: float = LEASE_SECONDS) -> UUID | None:
    """Take the lease of a page; ``None`` when somebody has it.

    Raises:
        UnknownPage: There is no such page.
    """
    try:
        with transaction.atomic():
            PageLease.objects.bulk_create([PageLease(page_id=page_id)], ignore_conflicts=True)
    except IntegrityError:
        raise UnknownPage(str(page_id)) from None
    if not Page.objects.filter(pk=page_id).exists():
        raise UnknownPage(str(page_id))
    token = uuid4()
    until = ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())
    free = Q(until=None) | Q(until__lte=Now())
    taken = PageLease.objects.filter(free, page_id=page_id).update(owner=token, until=until)
    return token if taken else None


def give_back(page_id: UUID, token: UUID) -> None:
    """End a lease before its time."""
    PageLease.objects.filter(page_id=page_id, owner=token).update(owner=None, until=None)


@contextmanager
def held_lease(page_id: UUID, token: UUID) -> Iterator[None]:
    """A transaction in which the lease cannot be taken by anybody else.

    Raises:
        LeaseLost: It is not ours any more.
    """
    with transaction.atomic():
        if not _ours(page_id, token).select_for_update().exists():
            raise LeaseLost(f"the lease of page {page_id} has ended")
        yield


def _ours(page_id: UUID, token: UUID) -> QuerySet[PageLease]:
    return PageLease.objects.filter(page_id=page_id, owner=token, until__gt=Now())
