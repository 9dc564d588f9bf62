"""The log in the database: the truth about every page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from collab.errors import PageReplaced, TroubleHere, UnknownPage
from collab.live.ports import NewRow, Refusal, StoreDown
from collab.models import Page, PageSnapshot, PageUpdate, Room
from collab.storage.log import LogStore, append_rows, load_page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page() -> Page:
    room = Room.objects.create(title="Room")
    return Page.objects.create(room=room, kind="document", title="Notes")


@pytest.fixture
async def store() -> AsyncIterator[LogStore]:
    one = LogStore()
    yield one
    await one.stop()


def row(page: Page, payload: bytes, epoch: int = 1) -> NewRow:
    return NewRow(page.pk, epoch, payload)


async def test_rows_come_back_in_order_after_a_restart(page: Page, store: LogStore) -> None:
    """A second store is what a restarted process is."""
    assert await store.append([row(page, b"one"), row(page, b"two")]) == {page.pk: 2}
    assert await store.append([row(page, b"three")]) == {page.pk: 3}

    again = LogStore()
    stored = await again.load(page.pk)
    await again.stop()

    assert stored.updates == [b"one", b"two", b"three"]
    assert (stored.sequence, stored.epoch) == (3, 1)


async def test_an_unknown_page_is_no_empty_page(page: Page, store: LogStore) -> None:
    """Somebody would write into it and lose it."""
    with pytest.raises(UnknownPage):
        await store.load(uuid4())


async def test_the_heads_of_many_pages_are_found_in_one_question(page: Page, store: LogStore) -> None:
    """Pages that are gone are missing from the answer; more pages than one query takes are no trouble."""
    await store.append([row(page, b"one"), row(page, b"two")])
    others = [uuid4() for _ in range(1200)]

    assert await store.heads([*others, page.pk]) == {page.pk: (1, 2)}
    assert await store.heads([]) == {}


async def test_a_hole_in_the_log_refuses_the_page(page: Page, store: LogStore) -> None:
    """A row that was lost outside must be noticed, not papered over."""
    await store.append([row(page, b"one"), row(page, b"two"), row(page, b"three")])
    await sync_to_async(PageUpdate.objects.filter(seq=2).delete)()

    with pytest.raises(TroubleHere):
        await store.load(page.pk)


async def test_a_lost_last_row_refuses_the_page(page: Page, store: LogStore) -> None:
    """The page remembers how far its log went."""
    await store.append([row(page, b"one"), row(page, b"two")])
    await sync_to_async(PageUpdate.objects.filter(seq=2).delete)()

    with pytest.raises(TroubleHere):
        await store.load(page.pk)


async def test_a_snapshot_stands_for_the_rows_it_swallowed(page: Page, store: LogStore) -> None:
    """Folding must not change what a page is."""
    await store.append([row(page, b"one"), row(page, b"two"), row(page, b"three")])

    def fold() -> None:
        PageSnapshot.objects.create(page=page, epoch=1, seq=2, payload=b"one and two")
        PageUpdate.objects.filter(page=page, seq__lte=2).delete()

    await sync_to_async(fold)()
    stored = await store.load(page.pk)

    assert stored.updates == [b"one and two", b"three"]
    assert stored.sequence == 3
    assert await store.rows_after(page.pk, 1, 2) == (3, [b"three"])
    assert await store.rows_after(page.pk, 1, 1) == (3, [b"one and two", b"three"])
    assert await store.rows_after(page.pk, 1, 3) == (3, [])


async def test_rows_for_a_page_that_is_gone_or_replaced_are_refused_by_name(page: Page, store: LogStore) -> None:
    """The other pages of the same commit are written all the same."""
    gone = uuid4()
    replaced = await sync_to_async(Page.objects.create)(
        room_id=page.room_id, kind="board", title="Board", epoch=2, position=1
    )

    results = await store.append([NewRow(gone, 1, b"x"), row(replaced, b"old", epoch=1), row(page, b"fine")])

    assert results == {gone: Refusal.GONE, replaced.pk: Refusal.REPLACED, page.pk: 1}
    assert await sync_to_async(PageUpdate.objects.count)() == 1
    with pytest.raises(PageReplaced):
        await store.rows_after(replaced.pk, 1, 0)


async def test_many_pages_are_committed_with_a_constant_number_of_queries(store: LogStore) -> None:
    """A hundred busy pages must not cost a hundred times the statements."""

    def pages(count: int) -> list[NewRow]:
        room = Room.objects.create(title="Room")
        rows = [Page(room=room, kind="board", title="Board", position=number) for number in range(count)]
        return [NewRow(one.pk, 1, b"x") for one in Page.objects.bulk_create(rows)]

    def queries(rows: list[NewRow]) -> int:
        connection.force_debug_cursor = True
        before = len(connection.queries)
        append_rows(rows)
        connection.force_debug_cursor = False
        return len(connection.queries) - before

    few = await sync_to_async(queries)(await sync_to_async(pages)(2))
    many = await sync_to_async(queries)(await sync_to_async(pages)(100))

    assert many == few


def test_writers_of_one_page_never_leave_a_hole_or_a_double(page: Page) -> None:
    """Sequences are given out under the page's row lock."""

    def write(number: int) -> int | Refusal:
        try:
            return append_rows([row(page, f"{number}".encode())])[page.pk]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as writers:
        sequences = list(writers.map(write, range(40)))

    assert sorted(sequences) == list(range(1, 41))
    assert load_page(page.pk).sequence == 40


async def test_a_database_that_does_not_answer_is_said_to_be_down(
    page: Page, store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer tries everything again later, instead of suspecting one page."""
    from django.db import OperationalError

    def locked(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("collab.storage.log._insert", locked)

    with pytest.raises(StoreDown):
        await store.append([row(page, b"x")])
    monkeypatch.undo()
    assert await store.append([row(page, b"x")]) == {page.pk: 1}


async def test_reading_goes_on_while_a_commit_runs(page: Page, store: LogStore) -> None:
    """Whoever joins must not wait behind the writer."""
    await store.append([row(page, b"one")])
    ids: list[UUID] = [page.pk] * 8

    results = await asyncio.gather(store.append([row(page, b"two")]), *(store.load(page_id) for page_id in ids))

    assert all(stored.updates[0] == b"one" for stored in results[1:])
