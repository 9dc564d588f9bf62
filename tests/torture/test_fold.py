"""Folds under load, with processes killed in the middle of them, poisoned pages, flipped bits, and a very long log."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone
from pycrdt import Doc, Text

from collab.conf import CollabSettings
from collab.live.clock import LoopClock
from collab.live.hub import Hub
from collab.models import Page, PageLease, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.runtime import Runtime
from collab.storage.log import load_page
from tests.fakes import Client
from tests.services import ROOT
from tests.storage.logs import Author, content_of, new_page, store
from tests.storage.test_verify import flipped, run
from tests.torture.figures import Figures
from tests.torture.fold_and_die import STEPS

pytestmark = pytest.mark.django_db(transaction=True)


class RealClock(LoopClock):
    """Time that passes by itself, for a client that is used to a fake one."""

    def spend(self, seconds: float) -> None:
        """Nothing takes time on purpose here."""


class LiveEngine:
    """A process as it serves, without its sockets: real database, real workers, real time."""

    def __init__(self, **limits: Any) -> None:
        self.limits = CollabSettings(**limits)
        self.runtime = Runtime(self.limits)
        self.runtime.start()
        self.hub: Hub = self.runtime.hub
        self.clock = RealClock()

    def client(self, name: str) -> Client:
        return Client(self, name)  # type: ignore[arg-type]

    @property
    def folding_pid(self) -> int | None:
        """The process that folds, while there is one."""
        process = self.runtime.folding_worker._process
        return None if process is None or process.returncode is not None else process.pid


@asynccontextmanager
async def live(**limits: Any) -> AsyncIterator[LiveEngine]:
    engine = LiveEngine(**limits)
    try:
        yield engine
    finally:
        await engine.runtime.drain()


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {within:g} s"
        await asyncio.sleep(0.02)


def database_url(folder: Path) -> dict[str, str]:
    """An environment in which another process uses the database of this test."""
    options = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{options['NAME']}"
    else:
        url = f"postgres://{options['USER']}@{options['HOST']}:{options['PORT']}/{options['NAME']}"
    settings = {"DATABASE_URL": url, "COLLAB_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return {**os.environ, **settings}


def text_of(page: Page) -> str:
    """What a cold replay of the log shows."""
    doc: Doc = Doc()
    text = doc.get("text", type=Text)
    for update in load_page(page.pk).updates:
        doc.apply_update(update)
    return str(text)


# R12


def written_by_three(rng: random.Random, count: int) -> list[bytes]:
    """Edits of three people who see each other's, committed late and in another order than they were made."""
    doc_page = Page()
    people = [Author(doc_page, random.Random(rng.random())) for _ in range(3)]
    updates: list[bytes] = []
    while len(updates) < count:
        author = rng.choice(people)
        updates.extend(author.edits(1))
        for other in people:
            if other is not author and rng.random() < 0.5:
                other.doc.apply_update(author.doc.get_update(other.doc.get_state()))
    for at in range(0, len(updates), 6):
        window = updates[at : at + 6]
        rng.shuffle(window)
        updates[at : at + 6] = window
    return updates


def test_a_fold_that_is_killed_at_any_step_leaves_the_page_as_it_was(
    rng: random.Random, amounts: Callable[[int, int], int], figures: Figures, tmp_path: Path
) -> None:
    """R12: edits go on meanwhile, some committed before what they depend on; a replay equals what was written."""
    rounds = amounts(len(STEPS), 100)
    steps = [STEPS[number % len(STEPS)] for number in range(rounds)]
    folded = 0
    for step in steps:
        page = new_page()
        updates = written_by_three(rng, 60)
        store(page, updates[:30])
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.fold_and_die", str(page.pk), step],
            cwd=ROOT,
            env=database_url(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            for at in range(30, 60, 2):
                store(page, updates[at : at + 2])
                time.sleep(rng.random() * 0.05)
            output, _ = process.communicate(timeout=120)
        finally:
            process.kill()
        assert (process.returncode == -signal.SIGKILL) is (step not in {"worker", "none"}), (step, output)

        assert content_of(load_page(page.pk).updates) == content_of(updates), step
        assert PageSnapshot.objects.filter(page=page).count() == (step in {"committed", "worker", "none"}), step
        folded += step in {"committed", "worker", "none"}
        # A lease that nobody gave back ends; then the page is folded as if nothing had happened.
        PageLease.objects.update(until=timezone.now() - timedelta(seconds=1))
        assert run("fold_pages", "--page", str(page.pk))[0] == 0
        assert content_of(load_page(page.pk).updates) == content_of(updates), step
        assert not PageUpdate.objects.filter(page=page).exists()
    assert run("verify_pages", "--all")[0] == 0
    figures.row(
        "R12",
        done=f"{rounds} folds while three people write and commit in any order, killed at {len(STEPS) - 1} steps",
        bar="a replay of the log equals what was written",
        measured=f"{rounds} of {rounds} replays equal; {rounds - folded} folds were killed before they were done",
    )


# R10


def deadly_row() -> bytes:
    """An update that ends any process that merges it with another: a list in a list, 30,000 times."""
    head = bytes((1, 1)) + b"\x95\x9a\xef\x3a" + b"\x00"
    return head + b"\x08\x01\x04list\x01" + b"\x75\x01" * 30_000 + b"\x75\x00" + b"\x00"


async def test_a_poisoned_page_and_killed_folds_cost_healthy_pages_nothing(
    rng: random.Random, amounts: Callable[[int, int], int], figures: Figures
) -> None:
    """R10: people write on 50 pages while others open one that ends the worker, and while folds are killed."""
    healthy, words = amounts(12, 50), amounts(25, 60)
    pages = await sync_to_async(lambda: [new_page(f"healthy {number}") for number in range(healthy)])()
    poisoned = await sync_to_async(new_page)("poisoned")
    good = await sync_to_async(lambda: Author(poisoned, random.Random(1)).types("words that stay"))()
    await sync_to_async(store)(poisoned, [*good[:8], deadly_row(), *good[8:]])
    await sync_to_async(PageUpdate.objects.filter(page=poisoned, seq=9).update)(checksum=None)
    kills = 0

    async with live(fold_rows=10, fold_idle_rows=5) as engine:

        async def write(page: Page, number: int) -> None:
            client = await engine.client(f"Bob {number}").join(page.pk)
            for word in range(words):
                await client.write(f"<{number}:{word}>")
                await asyncio.sleep(rng.random() * 0.1)
            await until(lambda: acknowledged(client), f"saving page {number}")
            client.leave()

        async def acknowledged(client: Client) -> bool:
            for frame in client.frames:
                seen.setdefault(client, 0)
                if frame[0] == 100:
                    seen[client] = max(seen[client], count_of(frame))
            client.frames.clear()
            return seen.get(client, 0) >= client.peer.received

        async def kill_folds() -> None:
            nonlocal kills
            while True:
                await asyncio.sleep(0.05 + rng.random() * 0.4)
                if engine.folding_pid is not None:
                    os.kill(engine.folding_pid, signal.SIGKILL)
                    kills += 1

        async def visit() -> None:
            opened = await engine.client("Carol").join(poisoned.pk)
            assert opened.page is not None
            await until(lambda: shows(opened, "words that stay"), "reading the poisoned page")
            opened.leave()

        seen: dict[Client, int] = {}
        killer = asyncio.create_task(kill_folds())
        writers = [asyncio.create_task(write(page, number)) for number, page in enumerate(pages)]
        await patient(visit)
        await asyncio.gather(*writers)
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)

    for number, page in enumerate(pages):
        text = await sync_to_async(text_of)(page)
        assert all(text.count(f"<{number}:{word}>") == 1 for word in range(words)), number
    await sync_to_async(poisoned.refresh_from_db)()
    assert "put aside" in poisoned.attention
    aside = await sync_to_async(QuarantinedUpdate.objects.get)(page=poisoned)
    assert (aside.seq, bytes(aside.payload)) == (9, deadly_row())
    snapshots = await sync_to_async(PageSnapshot.objects.exclude(page=poisoned).count)()
    assert await sync_to_async(Page.objects.exclude(attention_at=None).count)() == 1
    figures.row(
        "R10",
        done=f"a page with a row that ends the worker process, beside {healthy} healthy ones; folding processes killed",
        bar="healthy pages miss nothing; the page is marked and served without the row, which is kept",
        measured=f"{healthy * words} edits, 0 missed; {kills} folds killed, {snapshots} pages folded meanwhile",
    )
    assert kills
    code, output = await sync_to_async(run)("verify_pages", "--all")
    assert code == 0, output


async def shows(client: Client, text: str) -> bool:
    await client.catch_up()
    return str(client.text) == text


def count_of(frame: bytes) -> int:
    from collab.wire import Saved, decode

    message = decode(frame)
    return message.count if isinstance(message, Saved) else 0


async def patient(attempt: Callable[[], Coroutine[Any, Any, None]], within: float = 60.0) -> None:
    """Try what a killed worker may refuse, as a browser does."""
    from collab.errors import TroubleHere

    deadline = time.monotonic() + within
    while True:
        try:
            return await attempt()
        except TroubleHere:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)


# R11


def test_every_flipped_bit_is_found(rng: random.Random, amounts: Callable[[int, int], int], figures: Figures) -> None:
    """R11: in rows and snapshots, whether what is left is well-formed or not."""
    flips = amounts(10, 100)
    pages = [new_page(f"page {number}") for number in range(4)]
    for number, page in enumerate(pages):
        author = Author(page, random.Random(rng.random()))
        author.write(30)
        if number % 2:
            run("fold_pages", "--page", str(page.pk))
            author.write(5)
    found = 0
    for flip in range(flips):
        page = rng.choice(pages)
        model: Any = PageSnapshot if flip % 2 and PageSnapshot.objects.filter(page=page).exists() else PageUpdate
        row = rng.choice(list(model.objects.filter(page=page)))
        payload = bytes(row.payload)
        model.objects.filter(pk=row.pk).update(payload=flipped(payload, rng.randrange(len(payload) * 8)))
        code, output = run("verify_pages", "--page", str(page.pk))
        found += code == 1 and f"{page.pk} {page.title}" in output
        model.objects.filter(pk=row.pk).update(payload=payload)
    figures.row(
        "R11",
        done=f"{flips} flipped bits in rows and snapshots, verify_pages after each",
        bar="each is found, with exit code 1 and the page's name; sound pages are not",
        measured=f"{found} of {flips} found",
    )
    assert found == flips
    assert run("verify_pages", "--all")[0] == 0


# P3


async def test_a_page_with_a_very_long_log_opens_within_two_seconds(
    amounts: Callable[[int, int], int], figures: Figures
) -> None:
    """P3: 100,000 rows (10,000 in the short form), a worker process to be started; folded, it opens at once."""
    rows = amounts(10_000, 100_000)
    page = await sync_to_async(new_page)()
    await sync_to_async(fill)(page, rows)
    async with live() as engine:
        began = time.monotonic()
        stored, indexed = await engine.runtime.recovery.read(page.pk)
        cold = time.monotonic() - began
        assert len(stored.updates) == rows
        began = time.monotonic()
        await engine.runtime.folder.fold(page.pk)
        folding = time.monotonic() - began
        began = time.monotonic()
        stored, again = await engine.runtime.recovery.read(page.pk)
        folded = time.monotonic() - began
    figures.row(
        "P3",
        done=f"a page with {rows} log rows is opened by a process that has just started, folded, and opened again",
        bar="at most 2 s to open it",
        measured=(
            f"{cold:.2f} s, {folded:.2f} s after the fold, which took {folding:.1f} s;"
            f" {len(indexed.content)} bytes became {len(again.content)}"
        ),
    )
    assert len(stored.updates) == 1
    assert content_of(stored.updates)["text"] == "x" * rows
    assert cold <= 2.0
    assert folded <= 2.0


def fill(page: Page, rows: int) -> None:
    """A long log of one person typing, written as bytes: making it with a document takes a minute."""
    from collab.wire.varint import write_var_uint

    client = write_var_uint(77)
    updates = [b"\x01\x01" + client + b"\x00\x04\x01\x04text\x01x\x00"]
    for clock in range(1, rows):
        struct = b"\x84" + client + write_var_uint(clock - 1) + b"\x01x"
        updates.append(b"\x01\x01" + client + write_var_uint(clock) + struct + b"\x00")
    for at in range(0, rows, 5_000):
        store(page, updates[at : at + 5_000])


async def test_folds_keep_a_busy_log_short(amounts: Callable[[float, float], float], figures: Figures) -> None:
    """P3: at most 1,000 rows at any moment, however fast people write."""
    seconds, flush = amounts(6.0, 60.0), 0.005
    page = await sync_to_async(new_page)()
    most = written = 0
    async with live(flush_interval=flush, fold_rows=200) as engine:
        bob = await engine.client("Bob").join(page.pk)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await bob.write("x")
            written += 1
            bob.frames.clear()
            await asyncio.sleep(flush)
            if written % 50 == 0:
                most = max(most, await sync_to_async(PageUpdate.objects.count)())
        bob.leave()
    await sync_to_async(page.refresh_from_db)()
    snapshots = await sync_to_async(PageSnapshot.objects.count)()
    figures.row(
        "P3",
        done=f"one person writes for {seconds:g} s as fast as rows are committed, folds after 200 rows",
        bar="at most 1,000 rows at any moment",
        measured=f"{written} edits in {page.last_seq} rows, never more than {most} at once",
    )
    assert await sync_to_async(text_of)(page) == "x" * written
    assert most <= 1_000
    assert page.last_seq < 400 or snapshots == 1
