"""Verifying and folding pages by command: whatever changed in the database is found, and nothing else is."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from collab.models import Page, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.storage.quarantine import mark_page
from tests.storage.logs import Author, age, content_of, new_page, store

pytestmark = pytest.mark.django_db(transaction=True)


def run(command: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    output = io.StringIO()
    try:
        call_command(command, *arguments, stdout=output)
    except SystemExit as end:
        return int(end.code or 0), output.getvalue()
    return 0, output.getvalue()


def answers(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def flipped(payload: bytes, bit: int) -> bytes:
    changed = bytearray(payload)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_sound_pages_are_found_sound() -> None:
    """Folded, not folded, empty, and from before there were checksums."""
    pages = [new_page(title) for title in ("folded", "rows", "empty", "old")]
    for page in (pages[0], pages[1], pages[3]):
        Author(page).write(20)
    run("fold_pages", "--page", str(pages[0].pk))
    PageUpdate.objects.filter(page=pages[3]).update(checksum=None)

    code, output = run("verify_pages", "--all", "--json")

    found = {report["title"]: report for report in answers(output)}
    assert code == 0
    assert {title: (one["rows"], one["has_snapshot"], one["without_checksum"]) for title, one in found.items()} == {
        "folded": (0, True, 0),
        "rows": (20, False, 0),
        "empty": (0, False, 0),
        "old": (20, False, 20),
    }


@pytest.mark.parametrize("what", ["rows", "snapshot"])
def test_a_flipped_bit_is_found_and_the_page_is_named(what: str, rng: random.Random) -> None:
    """Also one that leaves a well-formed update which says something else."""
    page, sound = new_page("Minutes of May"), new_page("Sound")
    for one in (page, sound):
        Author(one, rng).write(15)
    if what == "snapshot":
        run("fold_pages", "--page", str(page.pk))
    model: Any = PageUpdate if what == "rows" else PageSnapshot
    for _ in range(8):
        row = rng.choice(list(model.objects.filter(page=page)))
        payload = bytes(row.payload)
        model.objects.filter(pk=row.pk).update(payload=flipped(payload, rng.randrange(len(payload) * 8)))

        code, output = run("verify_pages", "--all")

        assert code == 1
        assert f"{page.pk} Minutes of May: " in output
        assert f"{page.epoch}:{row.seq}" in output
        assert str(sound.pk) not in output
        assert "2 pages, 1 with differences" in output
        model.objects.filter(pk=row.pk).update(payload=payload)
    assert run("verify_pages", "--all")[0] == 0


def test_what_else_can_be_wrong_is_found() -> None:
    """A row that is gone, rows that changed places, a snapshot that goes less far than it did, a page that is gone."""

    def verified() -> str:
        code, output = run("verify_pages", "--page", str(page.pk), "--json")
        (report,) = answers(output)
        assert code == 1
        return " ".join(report["problems"])

    page = new_page()
    rows = Author(page).write(6)
    PageUpdate.objects.filter(page=page, seq=3).update(payload=rows[3])
    PageUpdate.objects.filter(page=page, seq=4).update(payload=rows[2])
    assert "row 1:3: its checksum is wrong row 1:4" in verified()
    PageUpdate.objects.filter(page=page, seq=3).delete()
    assert "hole" in verified()

    page = new_page()
    Author(page).write(6)
    run("fold_pages", "--page", str(page.pk))
    vector = bytes(PageSnapshot.objects.get(page=page).state_vector)
    PageSnapshot.objects.filter(page=page).update(state_vector=flipped(vector, len(vector) * 8 - 8))
    assert "as far" in verified()
    PageSnapshot.objects.filter(page=page).update(state_vector=b"\xff")
    assert verified()

    assert run("verify_pages", "--page", str(uuid4()))[0] == 1


def test_a_row_without_checksum_that_says_something_impossible_is_found() -> None:
    """Of old rows only the replay can tell."""
    page = new_page()
    rows = Author(page).write(6)
    PageUpdate.objects.filter(page=page).update(checksum=None)
    PageUpdate.objects.filter(page=page, seq=2).update(payload=rows[0])

    code, output = run("verify_pages", "--all", "--json")

    assert code == 1
    assert "row" in answers(output)[0]["problems"][0]


def test_verifying_changes_nothing() -> None:
    """It is run on what may be the last copy."""
    page = new_page()
    rows = Author(page).write(5)
    PageUpdate.objects.filter(seq=2).update(payload=flipped(rows[1], 3))

    run("verify_pages", "--all", "--settle")

    page.refresh_from_db()
    assert page.attention == ""
    assert PageUpdate.objects.count() == 5
    assert not QuarantinedUpdate.objects.exists()


def test_a_mark_is_taken_from_pages_that_were_looked_at_and_are_sound() -> None:
    """Only when it is asked for."""
    page, damaged = new_page(), new_page()
    for one in (page, damaged):
        Author(one).write(3)
        mark_page(one.pk, "look at this")
    PageUpdate.objects.filter(page=damaged, seq=2).update(payload=b"\x00\x00")

    def marked() -> set[Any]:
        return set(Page.objects.exclude(attention_at=None).values_list("pk", flat=True))

    run("verify_pages", "--all")
    assert marked() == {page.pk, damaged.pk}
    run("verify_pages", "--all", "--settle")
    assert marked() == {damaged.pk}


def test_pages_are_folded_by_command_and_damaged_ones_as_far_as_they_go() -> None:
    """Exit code 0: what could be folded was, and what could not is put aside and marked."""
    page, damaged = new_page(), new_page()
    rows = Author(page).write(12)
    author = Author(damaged)
    kept = author.types("abc")
    store(damaged, [*kept, *author.types("def")])
    PageUpdate.objects.filter(page=damaged, seq=4).update(payload=b"\xff")
    age(damaged)

    code, output = run("fold_pages", "--all", "--json")

    assert code == 0
    assert {one["page"]: one["outcome"] for one in answers(output)} == {
        str(page.pk): "folded",
        str(damaged.pk): "folded",
    }
    assert snapshot_content(page) == content_of(rows)
    assert snapshot_content(damaged) == content_of(kept)
    assert QuarantinedUpdate.objects.filter(page=damaged).count() == 3
    assert run("verify_pages", "--all")[0] == 0


def test_a_page_that_cannot_be_folded_is_named() -> None:
    """And the others are folded all the same."""
    sound, damaged = new_page(), new_page()
    for page in (sound, damaged):
        Author(page).write(5)
    run("fold_pages", "--all")
    PageSnapshot.objects.filter(page=damaged).update(payload=b"\x00\x00")
    for page in (sound, damaged):
        Author(page, random.Random(9)).write(5)

    code, output = run("fold_pages", "--all")

    assert code == 1
    assert f"{damaged.pk}  TroubleHere: its snapshot cannot be read" in output
    assert f"{sound.pk}  folded" in output


@pytest.mark.parametrize("command", ["fold_pages", "verify_pages"])
@pytest.mark.parametrize("arguments", [[], ["--page", "nonsense"], ["--all", "--page", str(uuid4())]])
def test_a_command_that_is_not_understood_does_nothing(command: str, arguments: Iterable[str]) -> None:
    """Without a word it would fold everything, or nothing."""
    with pytest.raises(CommandError):
        call_command(command, *arguments)


def snapshot_content(page: Page) -> dict[str, Any]:
    snapshot = PageSnapshot.objects.get(page=page)
    assert not PageUpdate.objects.filter(page=page).exists()
    return content_of([bytes(snapshot.payload)])
