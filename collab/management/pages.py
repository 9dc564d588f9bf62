"""What the commands have in common that do something with every page or with some: which ones, and what is printed."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from collab.errors import CollabError, UnknownPage
from collab.models import Page

PAGES_AT_ONCE = 500


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """``--page``, ``--all`` and ``--json``."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--page", action="append", type=_page_id, metavar="UUID", help="this page; may be given several times"
    )
    which.add_argument("--all", action="store_true", help="every page")
    parser.add_argument("--json", action="store_true", help="print one JSON object a page for programs")


def _page_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a page") from None


async def each_page(options: dict[str, Any]) -> AsyncIterator[UUID]:
    """The pages that were asked for."""
    if options["page"]:
        for page_id in options["page"]:
            yield page_id
        return
    last: UUID | None = None
    while True:
        some = await asyncio.to_thread(_pages_after, last)
        for page_id in some:
            yield page_id
        if len(some) < PAGES_AT_ONCE:
            return
        last = some[-1]


def _pages_after(last: UUID | None) -> list[UUID]:
    try:
        pages = Page.objects.order_by("pk")
        if last is not None:
            pages = pages.filter(pk__gt=last)
        return list(pages.values_list("pk", flat=True)[:PAGES_AT_ONCE])
    finally:
        connection.close()


def run_for_pages(
    options: dict[str, Any],
    one: Callable[[UUID], Awaitable[dict[str, Any]]],
    show: Callable[[dict[str, Any]], None],
    done: Callable[[], Awaitable[None]],
) -> list[dict[str, Any]]:
    """Run something for each page, show what it gave, and return what says that it is not ``ok``.

    Raises:
        CommandError: The database does not answer.
    """

    async def run() -> list[dict[str, Any]]:
        bad = []
        try:
            async for page_id in each_page(options):
                try:
                    result = await one(page_id)
                except UnknownPage:
                    if options["all"]:
                        continue  # deleted since it was listed
                    result = {"page": str(page_id), "ok": False, "problems": ["there is no such page"]}
                except CollabError as error:
                    problem = str(error) or type(error).__name__
                    result = {"page": str(page_id), "ok": False, "problems": [f"{type(error).__name__}: {problem}"]}
                show(result)
                if not result["ok"]:
                    bad.append(result)
        finally:
            await done()
        return bad

    try:
        return asyncio.run(run())
    except DatabaseError as error:
        raise CommandError(f"the pages could not be read ({error}). Has `manage.py migrate` been run?") from None


def as_line(result: dict[str, Any]) -> str:
    """One JSON object on one line."""
    return json.dumps(result, ensure_ascii=False)
