"""Logs of pages as real Yjs documents make them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from pycrdt import Array, Doc, Map, Text

from collab.crdt.merge import merge
from collab.live.ports import NewRow
from collab.models import Page, PageUpdate, Room
from collab.storage.log import append_rows


def new_page(title: str = "Notes") -> Page:
    """A page with an empty log."""
    room = Room.objects.create(title="Room")
    return Page.objects.create(room=room, kind="document", title=title)


class Author:
    """Somebody who writes on a page; every edit becomes a row of its log."""

    def __init__(self, page: Page, rng: random.Random | None = None) -> None:
        self.page = page
        self.rng = rng or random.Random(7)
        self.doc: Doc[Any] = Doc(client_id=self.rng.randrange(1, 2**31))
        self.text = self.doc.get("text", type=Text)
        self.map = self.doc.get("map", type=Map)
        self.list = self.doc.get("list", type=Array)

    def edits(self, count: int) -> list[bytes]:
        """So many edits, each as an update."""
        return [self._edit() for _ in range(count)]

    def types(self, words: Sequence[str]) -> list[bytes]:
        """One update for each, at the end of the text: each depends on the one before."""
        updates = []
        for word in words:
            before = self.doc.get_state()
            self.text.insert(len(str(self.text).encode()), word)
            updates.append(self.doc.get_update(before))
        return updates

    def _edit(self) -> bytes:
        before = self.doc.get_state()
        kind = self.rng.randrange(6)
        length = len(self.text)
        if kind == 0 and length > 8:
            start = self.rng.randrange(length - 4)
            del self.text[start : start + 3]
        elif kind == 1:
            self.map[self.rng.choice("abc")] = self.rng.choice([1, "two", {"three": [3]}])
        elif kind == 2:
            self.list.insert(0, Map({"x": self.rng.randrange(9)}))
        elif kind == 3 and len(self.list):
            del self.list[self.rng.randrange(len(self.list))]
        else:
            self.text.insert(self.rng.randrange(length + 1), self.rng.choice(["a", "words "]))
        update = self.doc.get_update(before)
        return update if update != b"\x00\x00" else self._edit()

    def write(self, count: int) -> list[bytes]:
        """So many edits, committed."""
        updates = self.edits(count)
        store(self.page, updates)
        return updates


def store(page: Page, updates: Sequence[bytes]) -> None:
    """Append rows to the log of a page."""
    append_rows([NewRow(page.pk, page.epoch, update) for update in updates])


def content_of(updates: Sequence[bytes]) -> dict[str, Any]:
    """What somebody sees who takes these updates, and how far they go."""
    doc: Doc[Any] = Doc()
    text, plain, items = doc.get("text", type=Text), doc.get("map", type=Map), doc.get("list", type=Array)
    doc.apply_update(merge(updates))
    return {"text": str(text), "map": plain.to_py(), "list": items.to_py(), "state": doc.get_state()}


def age(page: Page) -> None:
    """What is in the log was written long ago: nothing that it lacks is still on its way."""
    PageUpdate.objects.filter(page=page).update(created_at=timezone.now() - timedelta(hours=1))
