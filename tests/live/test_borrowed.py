"""Updates that another process has not committed yet, as far as it is known here."""

from __future__ import annotations

from pycrdt import Doc, Text

from collab.live.borrowed import PATIENCE, Borrowed
from collab.wire import SNAPSHOT_LIMITS, parse_update


def typed(doc: Doc, text: str, at: int | None = None) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """An update that writes into a document, and what it advances."""
    before = doc.get_state()
    field = doc.get("text", type=Text)
    field.insert(len(field) if at is None else at, text)
    update = doc.get_update(before)
    structs = parse_update(update, SNAPSHOT_LIMITS).structs
    return update, {client: (runs[0].clock, runs[-1].clock + runs[-1].length) for client, runs in structs.items()}


def copy_of(doc: Doc) -> Doc:
    other: Doc = Doc()
    other.apply_update(doc.get_update())
    return other


def test_only_what_builds_on_borrowed_updates_needs_them() -> None:
    base: Doc = Doc()
    typed(base, "known ")
    theirs, ours = copy_of(base), copy_of(base)
    borrowed = Borrowed()
    update, advances = typed(theirs, "borrowed")
    borrowed.add(update, advances, 0.0)

    independent, _ = typed(ours, "apart", at=0)
    assert not borrowed.are_needed_by(independent)
    ours.apply_update(update)
    after, _ = typed(ours, " and built upon")
    assert borrowed.are_needed_by(after)
    before = ours.get_state()
    text = ours.get("text", type=Text)
    at = str(text).index("borrowed")
    del text[at : at + 8]
    assert borrowed.are_needed_by(ours.get_update(before))


def test_what_the_log_contains_is_not_borrowed_any_more() -> None:
    doc: Doc = Doc()
    borrowed = Borrowed()
    updates = []
    for number in range(3):
        update, advances = typed(doc, f"{number} ")
        borrowed.add(update, advances, float(number))
        updates.append(update)

    borrowed.see(updates[:2])
    assert borrowed.waiting_bytes == len(updates[2])
    assert not borrowed.are_overdue(2.0 + PATIENCE)
    assert borrowed.are_overdue(2.1 + PATIENCE)
    borrowed.see(updates)

    assert not borrowed
    assert borrowed.waiting_bytes == 0


def test_a_deletion_is_borrowed_until_the_log_has_it() -> None:
    """It advances no clock, so clocks alone cannot tell."""
    doc: Doc = Doc()
    written, _ = typed(doc, "gone soon")
    before = doc.get_state()
    del doc.get("text", type=Text)[0:4]
    deletion = doc.get_update(before)
    borrowed = Borrowed()
    borrowed.add(deletion, {}, 0.0)

    borrowed.see([written])
    assert borrowed
    borrowed.see([deletion])

    assert not borrowed
