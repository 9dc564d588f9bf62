"""The worker process: first it steps back behind the servers, then it loads what the jobs need and serves them."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

MEMORY_CAP_BYTES = 2 * 1024**3


def step_back(niceness: int) -> None:
    """Ordinary scheduling at low priority whatever the owner has, and a cap on memory.

    Args:
        niceness: How far behind the owner: with 5 it gets a quarter of a core that both want, with 10 a tenth.
    """
    with contextlib.suppress(OSError, AttributeError):
        # A server with real-time priority would hand it down, and a job would then keep the core from everybody.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError):
        os.nice(niceness)
    with contextlib.suppress(OSError):
        # Linux weighs sessions before it weighs what runs in them, and this process has one of its own.
        Path("/proc/self/autogroup").write_text(str(niceness))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_CAP_BYTES, MEMORY_CAP_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    step_back(int(sys.argv[1]))
    from collab.crdt.jobs import main

    main(sys.stdin.buffer, sys.stdout.buffer)
