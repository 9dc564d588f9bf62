"""``manage.py verify_pages``: is what is stored what was written, and does opening it give what its log says?"""

from __future__ import annotations

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from collab.crdt.worker import FOLD_TIMEOUT, Worker
from collab.management.pages import add_page_arguments, as_line, run_for_pages
from collab.models import Page
from collab.storage.verify import Verifier


class Command(BaseCommand):
    """Verify pages."""

    help = (
        "Compare every row and snapshot with its checksum, and a replay of the log with the page as it is opened. "
        "Changes nothing, may run while servers run. Exit code 1 and the page's name on any difference."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_page_arguments(parser)
        parser.add_argument(
            "--settle",
            action="store_true",
            help='take the mark "needs attention" from pages without a difference; what was put aside stays aside',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verifier = Verifier(Worker(job_timeout=FOLD_TIMEOUT))

        async def verify(page_id: UUID) -> dict[str, Any]:
            report = await verifier.verify(page_id)
            return {
                "page": str(page_id),
                "title": report.title,
                "rows": report.rows,
                "has_snapshot": report.has_snapshot,
                "put_aside": report.put_aside,
                "without_checksum": report.unchecked,
                "ok": not report.problems,
                "problems": report.problems,
            }

        fine: list[str] = []

        def show(result: dict[str, Any]) -> None:
            if result["ok"]:
                fine.append(result["page"])
            self._show(result, options["json"])

        bad = run_for_pages(options, verify, show, verifier.stop)
        if options["settle"]:
            for page_id in fine:
                Page.objects.filter(pk=page_id).update(attention="", attention_at=None)
        if not options["json"]:
            self.stdout.write(f"{len(fine) + len(bad)} pages, {len(bad)} with differences")
        if bad:
            raise SystemExit(1)

    def _show(self, result: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(as_line(result))
            return
        name = f"{result['page']} {result.get('title', '')}".rstrip()
        for problem in result["problems"]:
            self.stdout.write(f"{name}: {problem}")
        if result.get("put_aside"):
            self.stdout.write(f"{name}: {result['put_aside']} rows were put aside earlier, see the admin")
