"""Makes rooms with many pages in a database of the product: ``python -m bench.rooms 400`` prints them as JSON.

A program of its own, because it needs Django set up for the data directory of the server that is measured, and so that
nothing else in the benchmark imports the product.
"""

from __future__ import annotations

import json
import sys

import django


def make_pages(count: int) -> list[dict[str, str]]:
    """Make this many boards; returns id and token of each."""
    from django.db import transaction

    from collab.conf import collab_settings
    from collab.models import PageKind, Role
    from collab.rooms import NewPage, create_link, create_room

    made: list[dict[str, str]] = []
    with transaction.atomic():
        while len(made) < count:
            size = min(collab_settings().max_pages_per_room, count - len(made))
            room = create_room(None, "Benchmark", [NewPage(PageKind.BOARD)] * size)
            _, token = create_link(room, Role.EDITOR, label="benchmark")
            made.extend({"page": str(page.pk), "token": token} for page in room.pages.order_by("position"))
    return made


if __name__ == "__main__":
    django.setup()
    json.dump(make_pages(int(sys.argv[1])), sys.stdout)
