"""When which page is folded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from collab.errors import TroubleHere
from collab.live.folds import REST_FACTOR, URGENT_FACTOR, WORKER_IDLE, FoldOutcome, Folds
from collab.live.limits import Limits
from collab.live.ports import StoredPage
from tests.fakes import FakeClock, settle

LIMITS = Limits(fold_rows=10, fold_bytes=1000, fold_idle_rows=3, fold_retry=60, fold_retry_max=200)


class Folder:
    """Writes down what it is asked for."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.folded: list[UUID] = []
        self.running = self.most_running = self.rests = 0
        self.fails: Exception | None = None
        self.outcome = FoldOutcome.FOLDED
        self.takes = 0.0

    async def fold(self, page_id: UUID) -> FoldOutcome:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(0)
            if self.takes:
                await self.clock.sleep(self.takes)
            self.folded.append(page_id)
            if self.fails is not None:
                raise self.fails
            return self.outcome
        finally:
            self.running -= 1

    async def rest(self) -> None:
        self.rests += 1


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.folder = Folder(self.clock)
        self.folds = Folds(folder=self.folder, clock=self.clock, limits=LIMITS)
        self.folds.start()

    def open(self, rows: int = 0, size: int = 10) -> UUID:
        page_id = uuid4()
        self.folds.opened(StoredPage(page_id=page_id, epoch=1, sequence=rows, updates=[b"x" * size] * rows))
        return page_id


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    one = Scene()
    yield one
    await one.folds.stop()


async def test_a_page_is_folded_after_so_many_rows_and_again_after_as_many(scene: Scene) -> None:
    """Neither with every edit nor never."""
    page_id = scene.open()
    for _ in range(35):
        scene.folds.committed(page_id, 1, 10)
        await settle()

    assert scene.folder.folded == [page_id] * 3


async def test_a_page_is_folded_after_so_many_bytes(scene: Scene) -> None:
    """A few large rows cost a load as much as many small ones."""
    page_id = scene.open()
    scene.folds.committed(page_id, 1, 1000)
    await settle()

    assert scene.folder.folded == [page_id]


async def test_a_page_that_grew_before_is_folded_when_it_is_opened(scene: Scene) -> None:
    """The next one to open it comes after a restart, perhaps."""
    page_id = scene.open(rows=10)
    short = scene.open(rows=9)
    await settle()

    assert scene.folder.folded == [page_id]
    assert short not in scene.folder.folded


async def test_a_page_that_nobody_needs_is_folded_if_it_is_worth_it(scene: Scene) -> None:
    """Starting a process for one row is not."""
    worth, not_worth = scene.open(rows=3), scene.open(rows=2)
    scene.folds.closed(worth)
    scene.folds.closed(not_worth)
    await settle()

    assert scene.folder.folded == [worth]


async def test_one_page_is_folded_at_a_time(scene: Scene) -> None:
    """Folding is never in a hurry."""
    pages = [scene.open(rows=10) for _ in range(20)]
    for _ in range(5):
        await settle()

    assert scene.folder.folded == pages
    assert scene.folder.most_running == 1


@pytest.mark.parametrize("fails", [TroubleHere("no"), ValueError("a fault of ours"), None])
async def test_a_page_that_cannot_be_folded_is_tried_again_later_and_later(
    scene: Scene, fails: Exception | None
) -> None:
    """Never in a tight loop, and the other pages are folded meanwhile."""
    scene.folder.fails, scene.folder.outcome = fails, FoldOutcome.FAILED
    page_id = scene.open(rows=10)
    tried = []
    for second in range(700):
        scene.folds.committed(page_id, 1, 10)
        await scene.clock.advance(1)
        if len(scene.folder.folded) > len(tried):
            tried.append(second)

    assert [later - earlier for earlier, later in pairwise(tried)] == [60, 120, 200, 200]
    scene.folder.fails, scene.folder.outcome = None, FoldOutcome.FOLDED
    other = scene.open(rows=10)
    await settle()
    assert scene.folder.folded[-1] == other


async def test_a_page_that_takes_long_rests_unless_its_log_grows_far(scene: Scene) -> None:
    """A large page that is busy must not keep a processor busy with folding."""
    scene.folder.takes = 2.0
    page_id = scene.open(rows=10)
    await scene.clock.advance(3)
    for _ in range(int(2 * REST_FACTOR) - 3):
        scene.folds.committed(page_id, 1, 10)
        await scene.clock.advance(1)
    assert len(scene.folder.folded) == 1

    scene.folds.committed(page_id, LIMITS.fold_rows * URGENT_FACTOR, 10)
    await scene.clock.advance(3)
    assert len(scene.folder.folded) == 2


async def test_the_process_that_folds_ends_when_there_is_nothing_to_fold(scene: Scene) -> None:
    """It costs as much memory as a server."""
    scene.open(rows=10)
    await scene.clock.advance(WORKER_IDLE - 1)
    assert scene.folder.rests == 0
    scene.open(rows=10)
    await scene.clock.advance(WORKER_IDLE - 1)
    assert scene.folder.rests == 0
    await scene.clock.advance(2)
    assert scene.folder.rests == 1


async def test_rows_that_come_during_a_fold_count_for_the_next(scene: Scene) -> None:
    """They are not in the snapshot."""
    scene.folder.takes = 1.0
    page_id = scene.open(rows=10)
    await settle()
    scene.folds.committed(page_id, 9, 90)
    await scene.clock.advance(30)
    assert len(scene.folder.folded) == 1

    scene.folds.committed(page_id, 1, 10)
    await scene.clock.advance(2)
    assert len(scene.folder.folded) == 2
