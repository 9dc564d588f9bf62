"""``manage.py verify_pages``: is what is stored what was written, do opening it and servers give what the log says?"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from collab.conf import collab_settings
from collab.crdt.frames import MAX_PART_BYTES
from collab.crdt.worker import FOLD_TIMEOUT, Worker
from collab.management.live_check import PATIENCE, LiveCheck, LiveReport
from collab.management.live_page import checked_server
from collab.management.pages import add_page_arguments, as_line, run_for_pages
from collab.models import Page
from collab.storage.verify import Verifier

NOT_COMPARED = 2
"""Exit code when no difference was found, but a server could not be asked."""


class Command(BaseCommand):
    """Verify pages."""

    help = (
        "Compare every row and snapshot with its checksum, and a replay of the log with the page as it is opened. "
        "With --server also the log with what that server serves, which it joins as a viewer for a moment. Changes no "
        "page, may run while servers run. Exit code 1 and the page's name on any difference, otherwise 2 if a server "
        "could not be asked."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_page_arguments(parser)
        parser.add_argument(
            "--server",
            action="append",
            default=[],
            type=_server,
            metavar="URL",
            help="compare the log with what this server serves too, for example http://127.0.0.1:8000; may be given "
            "several times, once for each process",
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE,
            metavar="SECONDS",
            help="how long an edit may be on its way between a server and the log (default: %(default)g)",
        )
        parser.add_argument(
            "--settle",
            action="store_true",
            help='take the mark "needs attention" from pages without a difference; what was put aside stays aside',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verifier = Verifier(Worker(job_timeout=FOLD_TIMEOUT))
        # Deleted text and the edits that come during a visit on top of what a page may hold.
        max_bytes = min(2 * collab_settings().max_page_bytes, MAX_PART_BYTES)
        live = LiveCheck(verifier, options["server"], max_bytes=max_bytes, patience=options["patience"])

        async def verify(page_id: UUID) -> dict[str, Any]:
            report = await verifier.verify(page_id)
            # What differs from itself cannot be compared with anything.
            served = LiveReport() if report.problems else await live.check(page_id)
            problems = [*report.problems, *served.problems]
            return {
                "page": str(page_id),
                "title": report.title,
                "rows": report.rows,
                "has_snapshot": report.has_snapshot,
                "put_aside": report.put_aside,
                "without_checksum": report.unchecked,
                "servers": served.compared,
                "ok": not problems and not served.errors,
                "problems": problems,
                "errors": served.errors,
            }

        fine: list[str] = []

        def show(result: dict[str, Any]) -> None:
            if result["ok"]:
                fine.append(result["page"])
            self._show(result, options["json"])

        with _stopping_tidily():
            bad = run_for_pages(options, verify, show, verifier.stop)
        if options["settle"]:
            for page_id in fine:
                Page.objects.filter(pk=page_id).update(attention="", attention_at=None)
        different = sum(bool(result["problems"]) for result in bad)
        if not options["json"]:
            unasked = sum(bool(result.get("errors")) for result in bad)
            not_compared = f", {unasked} not compared with every server" if unasked else ""
            self.stdout.write(f"{len(fine) + len(bad)} pages, {different} with differences{not_compared}")
        if bad:
            raise SystemExit(1 if different else NOT_COMPARED)

    def _show(self, result: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(as_line(result))
            return
        name = f"{result['page']} {result.get('title', '')}".rstrip()
        for problem in result["problems"]:
            self.stdout.write(f"{name}: {problem}")
        for error in result.get("errors", []):
            self.stdout.write(f"{name}: not compared with {error}")
        if result.get("put_aside"):
            self.stdout.write(f"{name}: {result['put_aside']} rows were put aside earlier, see the admin")


def _server(url: str) -> str:
    try:
        checked_server(url)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return url.rstrip("/")


@contextlib.contextmanager
def _stopping_tidily() -> Iterator[None]:
    """Make SIGTERM do what Ctrl+C does, after which nothing temporary is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
