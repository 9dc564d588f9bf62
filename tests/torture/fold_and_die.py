"""A process that folds one page and is killed at a given step: ``python -m tests.torture.fold_and_die PAGE STEP``.

Steps in their order: ``leased``, ``read``, ``working``, ``deleted`` and ``created`` (inside the transaction),
``committed``; ``worker`` kills the worker process once instead, and ``none`` nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

STEPS = ("leased", "read", "working", "deleted", "created", "committed", "worker", "none")


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        die()
        return result

    return run


def main(page_id: UUID, step: str) -> None:
    import django

    django.setup()
    from collab.conf import collab_settings
    from collab.crdt.worker import Worker
    from collab.live.analysis import rescuer
    from collab.live.clock import LoopClock
    from collab.live.recovery import Recovery
    from collab.models import PageSnapshot
    from collab.storage import fold, log

    worker, store = Worker(), log.LogStore()
    if step == "leased":
        fold.load_page = die
    elif step == "read":
        fold.load_page = then_die(fold.load_page)
    elif step == "deleted":
        PageSnapshot.objects.create = die  # type: ignore[method-assign]
    elif step == "created":
        PageSnapshot.objects.create = then_die(PageSnapshot.objects.create)  # type: ignore[method-assign]
    elif step == "committed":
        fold.give_back = die

    async def run() -> None:
        analyst = rescuer(worker, collab_settings())
        folder = fold.LogFolder(
            worker=worker,
            recovery=Recovery(store=store, analyst=analyst, rescuer=analyst, clock=LoopClock()),
        )
        folding = asyncio.create_task(folder.fold(page_id))
        if step in {"working", "worker"}:
            while worker._process is None:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
            if step == "working":
                die()
            worker._process.send_signal(signal.SIGKILL)
        print((await folding).value, flush=True)
        await folder.stop()
        await store.stop()

    asyncio.run(run())


if __name__ == "__main__":
    main(UUID(sys.argv[1]), sys.argv[2])
