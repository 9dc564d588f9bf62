"""Folding a log: one snapshot in the place of what was read, or nothing changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from collab.crdt.worker import Worker
from collab.errors import TroubleHere, UnknownPage
from collab.live.analysis import rescuer
from collab.live.clock import LoopClock
from collab.live.folds import FoldOutcome
from collab.live.limits import Limits
from collab.live.recovery import Recovery
from collab.models import Page, PageLease, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.storage.fold import LogChanged, LogFolder, replace_log
from collab.storage.lease import LeaseLost, give_back, take_lease
from collab.storage.log import LogStore, load_page
from tests.storage.logs import Author, age, content_of, new_page, store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page() -> Page:
    return new_page()


@pytest.fixture
async def folder() -> AsyncIterator[LogFolder]:
    worker, log = Worker(), LogStore()
    analyst = rescuer(worker, Limits())
    one = LogFolder(worker=worker, recovery=Recovery(store=log, analyst=analyst, rescuer=analyst, clock=LoopClock()))
    yield one
    await one.stop()
    await log.stop()


async def test_a_folded_page_is_the_same_page_in_one_row(page: Page, folder: LogFolder, rng: random.Random) -> None:
    """Nobody may notice, but whoever opens it next."""
    bob = Author(page, rng)
    rows = await sync_to_async(bob.write)(120)

    assert await folder.fold(page.pk) is FoldOutcome.FOLDED
    stored = await sync_to_async(load_page)(page.pk)

    assert content_of(stored.updates) == content_of(rows)
    assert (stored.has_snapshot, len(stored.updates), stored.sequence) == (True, 1, 120)
    assert len(stored.updates[0]) < sum(map(len, rows)) / 2


async def test_rows_that_come_during_and_after_a_fold_follow_its_snapshot(
    page: Page, folder: LogFolder, rng: random.Random
) -> None:
    """Folding an open page must cost no edit, whoever writes meanwhile."""
    bob = Author(page, rng)
    rows = await sync_to_async(bob.write)(60)
    for _ in range(3):
        fold = asyncio.create_task(folder.fold(page.pk))
        while not fold.done():
            rows += await sync_to_async(bob.write)(2)
        assert fold.result() is FoldOutcome.FOLDED

    stored = await sync_to_async(load_page)(page.pk)
    assert content_of(stored.updates) == content_of(rows)
    assert stored.sequence == len(rows)
    assert await sync_to_async(PageSnapshot.objects.count)() == 1


async def test_a_page_without_rows_is_left_alone(page: Page, folder: LogFolder) -> None:
    """A snapshot of nothing, or of a snapshot, says nothing new."""
    assert await folder.fold(page.pk) is FoldOutcome.NOTHING
    await sync_to_async(Author(page).write)(3)
    assert await folder.fold(page.pk) is FoldOutcome.FOLDED
    assert await folder.fold(page.pk) is FoldOutcome.NOTHING
    with pytest.raises(UnknownPage):
        await folder.fold(uuid4())


async def test_a_page_that_somebody_folds_is_not_folded_by_another(page: Page, folder: LogFolder) -> None:
    """Two that replace the same rows would each delete what the other wrote."""
    await sync_to_async(Author(page).write)(5)
    token = await sync_to_async(take_lease)(page.pk)
    assert token is not None

    assert await folder.fold(page.pk) is FoldOutcome.BUSY
    await sync_to_async(give_back)(page.pk, uuid4())
    assert await folder.fold(page.pk) is FoldOutcome.BUSY
    await sync_to_async(give_back)(page.pk, token)
    assert await folder.fold(page.pk) is FoldOutcome.FOLDED


async def test_the_lease_of_a_process_that_died_ends_by_itself(page: Page, folder: LogFolder) -> None:
    """Nobody gives back what a killed process held."""
    await sync_to_async(Author(page).write)(5)
    await sync_to_async(take_lease)(page.pk)
    past = timezone.now() - timedelta(seconds=1)
    await sync_to_async(PageLease.objects.update)(until=past)

    assert await folder.fold(page.pk) is FoldOutcome.FOLDED


def test_a_lost_lease_replaces_nothing(page: Page) -> None:
    """A process that was stopped for minutes goes on as if nothing had happened; by then another may have folded."""
    Author(page).write(5)
    token = take_lease(page.pk)
    assert token is not None
    stored = load_page(page.pk)
    PageLease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert take_lease(page.pk) is not None

    with pytest.raises(LeaseLost):
        replace_log(stored, token, b"snapshot", b"\x00")

    assert (PageUpdate.objects.count(), PageSnapshot.objects.count()) == (5, 0)


def test_rows_that_are_gone_by_then_replace_nothing(page: Page) -> None:
    """A snapshot is made of exactly what was read."""
    Author(page).write(5)
    token = take_lease(page.pk)
    assert token is not None
    stored = load_page(page.pk)
    PageUpdate.objects.filter(seq=2).delete()

    with pytest.raises(LogChanged):
        replace_log(stored, token, b"snapshot", b"\x00")

    assert (PageUpdate.objects.count(), PageSnapshot.objects.count()) == (4, 0)


async def test_whoever_missed_folded_rows_gets_the_whole_page(page: Page, folder: LogFolder) -> None:
    """Another process that comes back from trouble asks for what it lacks."""
    rows = await sync_to_async(Author(page).write)(20)
    await folder.fold(page.pk)
    log = LogStore()
    try:
        sequence, updates = await log.rows_after(page.pk, 1, 10)
    finally:
        await log.stop()

    assert sequence == 20
    assert content_of([*rows[:10], *updates]) == content_of(rows)


async def test_a_damaged_row_and_what_needs_it_are_put_aside_and_the_rest_is_folded(
    page: Page, folder: LogFolder
) -> None:
    """A snapshot that leaves something out without a word would be the silent loss that must not be."""
    alice, bob = Author(page, random.Random(1)), Author(page, random.Random(2))
    first, second = alice.types("0123456789"), bob.types("abcdefghij")
    await sync_to_async(store)(page, [one for both in zip(first, second, strict=True) for one in both])
    broken = PageUpdate.objects.filter(page=page, seq=9)  # alice's fifth
    await sync_to_async(broken.update)(payload=bytes([first[4][0] ^ 1]) + first[4][1:])
    await sync_to_async(age)(page)

    assert await folder.fold(page.pk) is FoldOutcome.REPAIRED
    assert await folder.fold(page.pk) is FoldOutcome.FOLDED

    stored = await sync_to_async(load_page)(page.pk)
    aside = await sync_to_async(lambda: list(QuarantinedUpdate.objects.order_by("seq").values_list("seq", "reason")))()
    assert content_of(stored.updates) == content_of([*first[:4], *second])
    assert [seq for seq, _ in aside] == [9, 11, 13, 15, 17, 19]
    assert "checksum" in aside[0][1]
    await sync_to_async(page.refresh_from_db)()
    assert "put aside" in page.attention
    assert page.attention_at is not None


async def test_a_row_whose_dependency_may_still_come_is_waited_for(page: Page, folder: LogFolder) -> None:
    """Two processes commit in any order: what one has written may depend on what the other is about to."""
    first, *rest = await sync_to_async(Author(page).types)("abc")
    await sync_to_async(store)(page, rest)

    with pytest.raises(TroubleHere, match="may still come"):
        await folder.fold(page.pk)
    assert not await sync_to_async(QuarantinedUpdate.objects.exists)()

    await sync_to_async(store)(page, [first])
    assert await folder.fold(page.pk) is FoldOutcome.FOLDED
    stored = await sync_to_async(load_page)(page.pk)
    assert content_of(stored.updates)["text"] == "abc"


async def test_a_damaged_snapshot_is_never_left_out(page: Page, folder: LogFolder) -> None:
    """What remained would be shown as the page, and edited."""
    await sync_to_async(Author(page).write)(10)
    await folder.fold(page.pk)
    snapshot = await sync_to_async(PageSnapshot.objects.get)()
    flipped = bytes(snapshot.payload)
    await sync_to_async(PageSnapshot.objects.update)(payload=flipped[:-1] + bytes([flipped[-1] ^ 1]))
    await sync_to_async(store)(page, Author(page, random.Random(3)).edits(2))

    with pytest.raises(TroubleHere):
        await folder.fold(page.pk)

    assert await sync_to_async(PageUpdate.objects.count)() == 2
    assert await sync_to_async(PageSnapshot.objects.count)() == 1
    await sync_to_async(page.refresh_from_db)()
    assert "snapshot" in page.attention


async def test_rows_from_before_there_were_checksums_are_folded_like_others(page: Page, folder: LogFolder) -> None:
    """The day after the migration every row is one of them."""
    rows = await sync_to_async(Author(page).write)(30)
    await sync_to_async(PageUpdate.objects.update)(checksum=None)

    assert await folder.fold(page.pk) is FoldOutcome.FOLDED
    stored = await sync_to_async(load_page)(page.pk)

    assert content_of(stored.updates) == content_of(rows)
    assert (await sync_to_async(PageSnapshot.objects.get)()).checksum is not None
