"""The owner's side of the worker process: ask it for a job, replace it when it dies.

A Yjs document can be made so that building it ends the process with SIGSEGV, and building any document holds the GIL.
So documents are built in a child process at low priority with a memory cap; a crash or a stuck job costs that job.
Jobs are in ``collab.crdt.jobs``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from collab.crdt.frames import HEADER, checked_count, checked_length, encode_parts
from collab.errors import TroubleHere

logger = logging.getLogger(__name__)

MAX_WAITING_JOBS = 200
NICENESS = 5
"""For work that somebody waits for."""
BACKGROUND_NICENESS = 10
JOB_TIMEOUT = 60.0
FOLD_TIMEOUT = 240.0
"""For a process that nobody waits for: 100,000 rows take 5 to 10 s."""
STOP_TIMEOUT = 2.0
MANY_PARTS = 1_000
PROJECT = Path(__file__).resolve().parents[2]
"""Where ``collab`` is imported from."""


class WorkerBusy(TroubleHere):
    """More jobs wait than the bound allows."""


class WorkerCrashed(TroubleHere):
    """The process ended, or was ended because the job took too long; the job is not done."""


class JobFailed(TroubleHere):
    """The job ran and said why it could not be done.

    Attributes:
        error: Name of the exception class it ended with.
    """

    def __init__(self, error: str, problem: str) -> None:
        super().__init__(problem)
        self.error = error


class Worker:
    """One child process, one job at a time, started when the first job comes or before.

    Args:
        niceness: How far it steps back behind this process where both want the same core.
    """

    def __init__(
        self, *, job_timeout: float = JOB_TIMEOUT, max_waiting: int = MAX_WAITING_JOBS, niceness: int = NICENESS
    ) -> None:
        self._niceness = niceness
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._job_timeout = job_timeout
        self._max_waiting = max_waiting
        self.restarts = 0

    async def start(self) -> None:
        """Start the process now; what comes of that is seen by the first job."""
        async with self._turn:
            try:
                await self._started()
            except OSError:
                logger.warning("the worker process did not start", exc_info=True)

    async def run(self, job: str, parts: Sequence[bytes]) -> list[bytes]:
        """Run one job and return its parts.

        Raises:
            WorkerBusy: Too many jobs wait already.
            WorkerCrashed: The process died of this job, or the job passed its time.
            JobFailed: The job refused its input; the message says why.
        """
        if self._waiting >= self._max_waiting:
            raise WorkerBusy(f"{self._waiting} jobs wait for the worker process")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._run(job, parts)
        finally:
            self._waiting -= 1

    async def _run(self, job: str, parts: Sequence[bytes]) -> list[bytes]:
        process = await self._started()
        try:
            async with asyncio.timeout(self._job_timeout):
                status, *result = await _exchange(process, [job.encode(), *parts])
        except (TimeoutError, OSError, EOFError, ValueError) as error:
            await self._end()
            self.restarts += 1
            logger.error("worker process lost during job %s: %s", job, error or type(error).__name__)
            raise WorkerCrashed(f"the worker process was lost during {job}") from error
        except BaseException:
            # Cancelled between request and reply: the next job would read this one's answer.
            await self._end()
            raise
        if status != b"ok":
            name, problem = (part.decode(errors="replace") for part in result[:2])
            raise JobFailed(name, problem)
        return result

    async def _started(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "collab.crdt",
            str(self._niceness),
            stdin=PIPE,
            stdout=PIPE,
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            # Ctrl+C is for the owner: it drains first and then ends this process itself.
            start_new_session=True,
        )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.kill()
        await process.wait()

    async def rest(self) -> None:
        """End the process when its jobs are done; the next job starts another."""
        async with self._turn:
            await self.stop()

    async def stop(self) -> None:
        """Let the running job finish briefly, then end the process."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            pass
        await self._end()


async def _exchange(process: Process, parts: Sequence[bytes]) -> list[bytes]:
    if process.stdin is None or process.stdout is None:
        raise EOFError("no pipes")
    reader = process.stdout
    # A log of a hundred thousand rows takes longer to write down than the event loop may stall.
    request = encode_parts(parts) if len(parts) < MANY_PARTS else await asyncio.to_thread(encode_parts, parts)
    process.stdin.write(request)
    await process.stdin.drain()
    count = checked_count(await reader.readexactly(HEADER.size))
    return [await reader.readexactly(checked_length(await reader.readexactly(HEADER.size))) for _ in range(count)]
