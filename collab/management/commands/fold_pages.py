"""``manage.py fold_pages``: fold the logs of pages now, and try those again that could not be folded."""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from collab.conf import collab_settings
from collab.crdt.worker import FOLD_TIMEOUT, Worker
from collab.live.analysis import rescuer
from collab.live.clock import LoopClock
from collab.live.folds import FoldOutcome
from collab.live.recovery import Recovery
from collab.management.pages import add_page_arguments, as_line, run_for_pages
from collab.storage.fold import LogFolder
from collab.storage.log import LogStore

FOLDS_A_PAGE = 2
"""The first may find rows that cannot be read, and the second folds the rest."""


class Command(BaseCommand):
    """Fold pages."""

    help = (
        "Fold the logs of pages into snapshots. Servers do it by themselves; this is for logs that grew before, and "
        "for pages that need attention. May run while servers run."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_page_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folding = _Folding()
        bad = run_for_pages(options, folding.fold, lambda result: self._show(result, options["json"]), folding.stop)
        if bad:
            raise SystemExit(1)

    def _show(self, result: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(as_line(result))
        else:
            self.stdout.write(f"{result['page']}  {'; '.join(result['problems']) or result['outcome']}")


class _Folding:
    """The objects that a fold needs, made when the first page comes: they belong to an event loop."""

    def __init__(self) -> None:
        self._folder: LogFolder | None = None
        self._store: LogStore | None = None

    async def fold(self, page_id: UUID) -> dict[str, Any]:
        folder = self._folder or self._make()
        outcome = FoldOutcome.NOTHING
        for _ in range(FOLDS_A_PAGE):
            outcome = await folder.fold(page_id)
            if outcome is not FoldOutcome.REPAIRED:
                break
        failed = outcome in (FoldOutcome.FAILED, FoldOutcome.REPAIRED)
        return {
            "page": str(page_id),
            "outcome": outcome.value,
            "ok": not failed,
            "problems": ["it needs attention, see the admin"] if failed else [],
        }

    def _make(self) -> LogFolder:
        settings, worker, self._store = collab_settings(), Worker(job_timeout=FOLD_TIMEOUT), LogStore()
        analyst = rescuer(worker, settings)
        recovery = Recovery(store=self._store, analyst=analyst, rescuer=analyst, clock=LoopClock())
        self._folder = LogFolder(worker=worker, recovery=recovery)
        return self._folder

    async def stop(self) -> None:
        if self._folder is not None:
            await self._folder.stop()
        if self._store is not None:
            await self._store.stop()
