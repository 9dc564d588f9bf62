"""The log of pages in the database: ``live.ports.PageStore`` on the ORM.

Sequences are allocated under the page's row lock, so readers of one page never see a later row before an earlier one
and a load can prove that it saw all of them. Nothing here runs on the event loop: one thread with its own connection
writes, a few others read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from collab.errors import CollabError, PageReplaced, TroubleHere, UnknownPage
from collab.live.ports import NewRow, Refusal, StoreDown, StoredPage
from collab.models import Page, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.prepared import Prepared
from collab.storage.checksums import checksum
from collab.storage.quarantine import check_age, mark_page, quarantine_rows

logger = logging.getLogger(__name__)

READERS = 2
LOAD_ATTEMPTS = 5
HEADS_AT_ONCE = 500
"""How many pages one query asks about; databases bound the number of parameters."""

Result = TypeVar("Result")


class LogStore:
    """Reads and appends the logs of pages."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="collab-log-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="collab-log-reader")

    async def load(self, page_id: UUID) -> StoredPage:
        """Read a page: its snapshot, if there is one, and every row after it."""
        return await self._read(load_page, page_id)

    async def append(self, rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        """Commit rows in one transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, in_thread, append_rows, (rows,))

    async def rows_after(self, page_id: UUID, epoch: int, sequence: int) -> tuple[int, Sequence[bytes]]:
        """The rows that somebody who knows the log up to ``sequence`` lacks."""
        return await self._read(rows_after, page_id, epoch, sequence)

    async def give_up(self, page_id: UUID, epoch: int, waiting: Collection[int]) -> None:
        """Refuse to give up rows that only lack something while they are young."""
        await self._read(check_age, page_id, epoch, waiting)

    async def quarantine(self, page_id: UUID, epoch: int, faults: Mapping[int, str]) -> None:
        """Put rows aside and mark the page."""
        await self._read(quarantine_rows, page_id, epoch, faults)

    async def mark(self, page_id: UUID, reason: str) -> None:
        """Mark a page as one that needs attention."""
        await self._read(mark_page, page_id, reason)

    async def heads(self, page_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, int]]:
        """Epoch and last sequence of those of the pages that exist."""
        return await self._read(heads, page_ids)

    async def stop(self) -> None:
        """Close the connections and end the threads."""
        loop = asyncio.get_running_loop()
        for executor in (self._writer, self._readers):
            await loop.run_in_executor(executor, _close_connection)
            executor.shutdown(wait=False)

    async def ask(self, function: Callable[..., Result], *args: object) -> Result:
        """Run a function that reads the database in one of the reading threads, on a connection that is kept.

        Raises:
            TroubleHere: The database does not answer.
        """
        return await self._read(function, *args)

    async def tell(self, function: Callable[..., None], *args: object) -> None:
        """Run a function that writes to the database in the writing thread, between two commits."""
        await asyncio.get_running_loop().run_in_executor(self._writer, in_thread, function, args)

    async def _read(self, function: Callable[..., Result], *args: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._readers, _read_in_thread, function, args)


def _close_connection() -> None:
    # A function of its own: ``connection.close`` taken here would be the connection of this thread.
    connection.close()


def in_thread(function: Callable[..., Result], args: tuple[object, ...]) -> Result:
    """Run a database function in a thread of ours, on the connection that the thread keeps."""
    try:
        return function(*args)
    except CollabError:
        raise
    except (OperationalError, InterfaceError) as error:
        # Unreachable, locked, full: the connection may be broken, and the next attempt should make its own.
        connection.close()
        raise StoreDown(str(error).strip()) from error
    except DatabaseError as error:
        raise TroubleHere(str(error).strip()) from error


def _read_in_thread(function: Callable[..., Result], args: tuple[object, ...]) -> Result:
    """The same for reads, tried again at once: the kept connection may be one that the database closed long ago."""
    try:
        return in_thread(function, args)
    except StoreDown:
        return in_thread(function, args)


# What every page is opened with, written once.

_page = Prepared(
    lambda page_id: Page.objects.filter(pk=page_id).values_list("epoch", "last_seq"),
    (Page._meta.pk, UUID(int=1)),
)
_snapshot = Prepared(
    lambda page_id, epoch: (
        PageSnapshot.objects.filter(page_id=page_id, epoch=epoch)
        .order_by("-seq")
        .values_list("seq", "payload", "checksum")[:1]
    ),
    (Page._meta.pk, UUID(int=1)),
    (PageSnapshot._meta.get_field("epoch"), 2),
)
_updates = Prepared(
    lambda page_id, epoch, sequence: (
        PageUpdate.objects.filter(page_id=page_id, epoch=epoch, seq__gt=sequence)
        .order_by("seq")
        .values_list("seq", "payload", "checksum")
    ),
    (Page._meta.pk, UUID(int=1)),
    (PageUpdate._meta.get_field("epoch"), 2),
    (PageUpdate._meta.get_field("seq"), 3),
)


def load_page(page_id: UUID) -> StoredPage:
    """Read a page as one consistent whole, without a transaction.

    A read transaction would take the write lock on SQLite. Instead the rows are checked: they must follow the snapshot
    without a hole, but for those in quarantine, up to the page's last sequence; a fold that came in between shows as a
    hole and is read again.
    """
    for _ in range(LOAD_ATTEMPTS):
        page = next(iter(_page.rows(page_id)), None)
        if page is None:
            raise UnknownPage(str(page_id))
        epoch, last_seq = page
        stored = _read_log(page_id, epoch)
        # In quarantine before they were missed: the record comes in the transaction that takes the row away.
        holes = _holes(stored, last_seq)
        if not holes or holes <= set(_quarantined(page_id, epoch)):
            return replace(stored, sequence=max(stored.sequence, last_seq))
    raise TroubleHere(f"the log of page {page_id} has a hole")


def _read_log(page_id: UUID, epoch: int) -> StoredPage:
    snapshot = next(iter(_snapshot.rows(page_id, epoch)), None)
    start = 0 if snapshot is None else snapshot[0]
    rows = _updates.rows(page_id, epoch, start)
    updates: list[bytes] = []
    sequences: list[int] = []
    damaged: dict[int, str] = {}
    for sequence, payload, stored_sum in [*([] if snapshot is None else [snapshot]), *rows]:
        content = bytes(payload)
        if stored_sum is not None and stored_sum != checksum(content, sequence):
            damaged[len(updates)] = "its checksum is wrong"
        updates.append(content)
        sequences.append(sequence)
    return StoredPage(
        page_id=page_id,
        epoch=epoch,
        sequence=sequences[-1] if sequences else 0,
        updates=updates,
        sequences=sequences,
        has_snapshot=snapshot is not None,
        damaged=damaged,
    )


def _holes(stored: StoredPage, last_sequence: int) -> set[int]:
    """Sequences that should be there and are not."""
    last = max(stored.sequence, last_sequence)
    first = stored.sequences[0] if stored.has_snapshot else 1
    if last - first + 1 == len(stored.sequences):
        return set()
    return set(range(first, last + 1)).difference(stored.sequences)


def _quarantined(page_id: UUID, epoch: int) -> list[int]:
    return list(QuarantinedUpdate.objects.filter(page_id=page_id, epoch=epoch).values_list("seq", flat=True))


def append_rows(rows: Sequence[NewRow]) -> dict[UUID, int | Refusal]:
    """Append rows to the logs of several pages in one transaction, with three statements however many they are.

    Plain SQL for the two that write: building model instances and a CASE for every flush held Python's lock so long
    that the event loop stalled (100 busy pages: p99 of a delivery 101 ms, now 9 ms).
    """
    results: dict[UUID, int | Refusal] = {}
    with transaction.atomic():
        # In the order of ids, so that two processes that write the same pages wait for each other and never deadlock.
        pages = {
            page_id: (epoch, last_seq)
            for page_id, epoch, last_seq in Page.objects.select_for_update(no_key=True)
            .filter(pk__in={row.page_id for row in rows})
            .order_by("pk")
            .values_list("pk", "epoch", "last_seq")
        }
        inserted: list[tuple[UUID, int, int, bytes, int]] = []
        for row in rows:
            page = pages.get(row.page_id)
            if page is None:
                results[row.page_id] = Refusal.GONE
            elif page[0] != row.epoch:
                results[row.page_id] = Refusal.REPLACED
            else:
                sequence = page[1] + 1
                pages[row.page_id] = (row.epoch, sequence)
                results[row.page_id] = sequence
                inserted.append((row.page_id, row.epoch, sequence, row.payload, checksum(row.payload, sequence)))
        if inserted:
            _insert(inserted)
            _advance({page_id: last for page_id, last in results.items() if isinstance(last, int)})
    return results


def _insert(rows: Sequence[tuple[UUID, int, int, bytes, int]]) -> None:
    to_database = Page._meta.pk.get_db_prep_value
    columns = "page_id, epoch, seq, payload, checksum"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {_name(PageUpdate)} ({columns}) VALUES (%s, %s, %s, %s, %s)",  # noqa: S608
            [(to_database(row[0], connection), *row[1:]) for row in rows],
        )


def _advance(last_sequences: Mapping[UUID, int]) -> None:
    """Note the last sequence of each page and the time of the edit."""
    to_database = Page._meta.pk.get_db_prep_value
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {_name(Page)} SET last_seq = %s, edited_at = %s WHERE id = %s",  # noqa: S608
            [(last, now, to_database(page_id, connection)) for page_id, last in last_sequences.items()],
        )


def _name(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def heads(page_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Epoch and last sequence of those of the pages that exist."""
    found: dict[UUID, tuple[int, int]] = {}
    for start in range(0, len(page_ids), HEADS_AT_ONCE):
        pages = Page.objects.filter(pk__in=page_ids[start : start + HEADS_AT_ONCE])
        found.update((pk, (epoch, last_seq)) for pk, epoch, last_seq in pages.values_list("pk", "epoch", "last_seq"))
    return found


def rows_after(page_id: UUID, epoch: int, sequence: int) -> tuple[int, Sequence[bytes]]:
    """The log after ``sequence``; the whole page when a fold has swallowed some of these rows."""
    page = Page.objects.filter(pk=page_id).values("epoch", "last_seq").first()
    if page is None:
        raise UnknownPage(str(page_id))
    if page["epoch"] != epoch:
        raise PageReplaced(str(page_id))
    if page["last_seq"] <= sequence:
        return sequence, []
    log = PageUpdate.objects.filter(page_id=page_id, epoch=epoch, seq__gt=sequence).order_by("seq")
    rows = list(log.values_list("seq", "payload", "checksum"))
    if rows and rows[0][0] == sequence + 1:
        return rows[-1][0], _intact(page_id, rows)
    stored = load_page(page_id)
    return stored.sequence, [one for number, one in enumerate(stored.updates) if number not in stored.damaged]


def _intact(page_id: UUID, rows: Sequence[tuple[int, Any, int | None]]) -> list[bytes]:
    """The payloads that are what was written. The others are put aside when the page is opened next."""
    found = []
    for sequence, payload, stored_sum in rows:
        content = bytes(payload)
        if stored_sum is None or stored_sum == checksum(content, sequence):
            found.append(content)
        else:
            logger.error("page %s: row %d of the log is damaged", page_id, sequence)
    return found
