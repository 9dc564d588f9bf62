"""The bytes of a page: nothing gets lost between the levels, and no merge on the way of an edit is a long one."""

from __future__ import annotations

from itertools import accumulate

import pytest
from pycrdt import Doc, Text

from collab.crdt.merge import merge
from collab.live import content
from collab.live.content import FAN_IN, MAX_MERGED_BYTES, Content
from collab.wire import EMPTY_UPDATE, PageStructure


def typed(words: list[str]) -> list[bytes]:
    """The updates of somebody who types these words one after the other."""
    doc: Doc = Doc()
    text = doc.get("text", type=Text)
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    for word, end in zip(words, accumulate(map(len, words)), strict=True):
        text.insert(end - len(word), word)
    return updates


def text_of(update: bytes) -> str:
    doc: Doc = Doc()
    doc.apply_update(update)
    return str(doc.get("text", type=Text))


@pytest.mark.parametrize("count", [0, 1, FAN_IN - 1, FAN_IN, FAN_IN + 1, FAN_IN**2, FAN_IN**2 + FAN_IN + 3])
def test_everything_is_all_that_came_however_much_it_was(count: int) -> None:
    words = [f"{number} " for number in range(count)]
    page = Content(EMPTY_UPDATE, PageStructure())
    for update in typed(words):
        page.add(update)
    assert text_of(page.everything()) == "".join(words)
    assert page.total_bytes == len(page.everything())


def test_no_edit_waits_for_a_long_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging holds up everybody on the server: long sessions must not merge ever more of the page again."""
    merged: list[int] = []

    def counted(updates: list[bytes]) -> bytes:
        merged.append(sum(map(len, updates)))
        return merge(updates)

    words = ["x" * 400] * (FAN_IN * MAX_MERGED_BYTES // 2000)
    updates = typed(words)
    page = Content(EMPTY_UPDATE, PageStructure())
    monkeypatch.setattr(content, "merge", counted)
    for update in updates:
        page.add(update)
    assert sum(map(len, updates)) > 3 * MAX_MERGED_BYTES
    assert max(merged) <= MAX_MERGED_BYTES
    assert text_of(page.everything()) == "".join(words)
