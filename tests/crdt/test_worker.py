"""The worker process: jobs, crashes, bounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import PIPE

import pytest
from pycrdt import Array, Doc, Map, Text, XmlFragment

from collab.crdt.frames import encode_parts
from collab.crdt.worker import PROJECT, JobFailed, Worker, WorkerBusy, WorkerCrashed
from collab.errors import CollabError
from collab.live.analysis import WorkerAnalyst
from collab.live.limits import Limits
from collab.wire import FindingKind, PageStructure


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    one = Worker(job_timeout=20, max_waiting=3)
    yield one
    await one.stop()


def document(text: str) -> bytes:
    doc: Doc = Doc()
    doc.get("text", type=Text).insert(0, text)
    return doc.get_update()


async def test_a_large_page_is_indexed_in_the_worker_and_a_large_edit_too(worker: Worker) -> None:
    """The event loop must not stall for either."""
    limits = Limits(worker_parse_bytes=1000)
    analyst = WorkerAnalyst(worker, limits)
    doc: Doc = Doc()
    text = doc.get("text", type=Text)
    text.insert(0, "x" * 5000)

    page = await analyst.index([doc.get_update()])
    state = doc.get_state()
    text.insert(5000, "y" * 5000)
    found = await analyst.extend(page.index, doc.get_update(state))

    structure = PageStructure.load(found.index)
    assert found.kind is FindingKind.NEW
    assert found.advances == {doc.client_id: (5000, 10000)}
    assert found.update == doc.get_update(state)
    assert structure.state_vector == {doc.client_id: 10000}
    again = await analyst.extend(found.index, doc.get_update(state))
    assert again.kind is FindingKind.KNOWN
    assert again.index == b""


async def test_what_the_worker_refuses_is_the_senders_fault(worker: Worker) -> None:
    """It must end one connection with the code that says so, not look like trouble of ours."""
    analyst = WorkerAnalyst(worker, Limits(max_depth=4))
    empty = await analyst.index([])
    doc: Doc = Doc()
    array = doc.get("deep", type=Array)
    for _ in range(10):
        inner: Array = Array()
        array.append(inner)
        array = inner

    with pytest.raises(CollabError) as deep:
        await analyst.extend(empty.index, doc.get_update())
    with pytest.raises(CollabError) as garbage:
        await analyst.extend(empty.index, b"\xff" * 5000)

    assert deep.value.close_code.is_final
    assert garbage.value.close_code.is_final


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked for where Linux lists them")
async def test_a_worker_that_was_started_early_does_the_first_job(worker: Worker) -> None:
    """Starting it takes the event loop some milliseconds, which nobody should wait for who is typing."""
    await worker.start()
    (child,) = children()
    await worker.run("merge", [document("one")])
    assert children() == [child]


async def test_a_crash_costs_one_job_and_the_next_one_runs(worker: Worker) -> None:
    """A hostile update can end the process that builds its document."""
    await worker.run("seed_board", [b"[]"])
    process = worker._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    hit = asyncio.create_task(worker.run("seed_board", [b"[]"]))
    await asyncio.sleep(0)
    process.send_signal(signal.SIGKILL)

    with pytest.raises(WorkerCrashed):
        await hit
    (update,) = await worker.run("seed_board", [b"[]"])

    assert update
    assert worker.restarts == 1


async def test_a_job_that_takes_too_long_is_ended() -> None:
    """Otherwise one document would hold up all later ones."""
    worker = Worker(job_timeout=0.05)
    try:
        with pytest.raises(WorkerCrashed):
            await worker.run("seed_board", [json.dumps([{"id": str(n), "x": n} for n in range(200_000)]).encode()])
    finally:
        await worker.stop()


async def test_the_queue_of_jobs_is_bounded(worker: Worker) -> None:
    """Work that comes faster than it is done is refused, not hoarded."""
    jobs = [asyncio.create_task(worker.run("seed_board", [b"[]"])) for _ in range(10)]
    results = await asyncio.gather(*jobs, return_exceptions=True)

    assert sum(isinstance(result, WorkerBusy) for result in results) == 7
    assert sum(isinstance(result, list) for result in results) == 3


async def test_an_unknown_job_fails_and_hurts_nobody(worker: Worker) -> None:
    """A mistake of ours is an error, not a dead process."""
    with pytest.raises(JobFailed):
        await worker.run("no such job", [])
    assert await worker.run("seed_board", [b"[]"])
    assert worker.restarts == 0


async def test_seeds_have_the_shape_that_browsers_edit(worker: Worker) -> None:
    """What a page starts with is written once, in the browser's own layout."""
    (board,) = await worker.run("seed_board", [json.dumps([{"id": "a", "type": "rectangle", "x": 1}]).encode()])
    nodes = [
        {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "Title"}]},
        {
            "type": "paragraph",
            "content": [
                {"type": "text", "text": "plain "},
                {"type": "text", "text": "bold", "marks": [{"type": "bold"}]},
            ],
        },
    ]
    (page,) = await worker.run("seed_document", [json.dumps(nodes).encode()])

    boards: Doc = Doc()
    boards.apply_update(board)
    assert boards.get("elements", type=Map).to_py() == {"a": {"id": "a", "type": "rectangle", "x": 1}}
    pages: Doc = Doc()
    pages.apply_update(page)
    fragment = pages.get("content", type=XmlFragment)
    assert [child.tag for child in fragment.children] == ["heading", "paragraph"]
    runs = fragment.children[1].children[0].diff()
    assert [(text, sorted(marks or {})) for text, marks in runs] == [("plain ", []), ("bold", ["bold"])]


def alone() -> subprocess.Popen[bytes]:
    """The worker process without an owner."""
    return subprocess.Popen(
        [sys.executable, "-m", "collab.crdt", "5"], cwd=PROJECT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


def test_a_reply_that_nobody_waits_for_any_more_is_no_error() -> None:
    """A server killed while a job ran must not leave a traceback in its log."""
    with alone() as process:
        process.stdout.close()  # type: ignore[union-attr]
        _, said = process.communicate(encode_parts([b"merge", document("one")]), 20)
        assert (process.returncode, said) == (0, b"")


def test_a_request_that_breaks_off_is_no_error() -> None:
    """Nor one killed while it was asking."""
    request = encode_parts([b"merge", document("one")])
    for length in (1, 4, 6, 9, len(request) - 1):
        with alone() as process:
            replies, said = process.communicate(request[:length], 20)
            assert (process.returncode, replies, said) == (0, b"", b"")


def children() -> list[int]:
    """Worker processes of this one, which may have other children from other tests."""
    found = [int(one) for one in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return [one for one in found if b"collab.crdt" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")]


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling classes are Linux's")
async def test_the_worker_leaves_the_scheduling_class_of_its_owner(worker: Worker) -> None:
    """With a server's real-time priority, a job would keep the core from everybody for as long as it takes."""
    await worker.run("merge", [document("one")])
    (child,) = children()
    assert os.sched_getscheduler(child) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, child) > os.getpriority(os.PRIO_PROCESS, 0)
