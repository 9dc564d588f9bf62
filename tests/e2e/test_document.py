"""Two people in one document, with real keyboards; what they read must be one text, and what the log makes."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import services
from tests.e2e.conftest import MakeRoom, Room
from tests.e2e.documents import Document, expect_same, expect_stored, stored
from tests.e2e.shared import log_bytes, name_oneself
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]

Pair = Callable[[], tuple[Room, Document, Document]]


@pytest.fixture
def pair(new_room: MakeRoom, browser: Browsers) -> Pair:
    """Alice and Bob in the document of a new room."""

    def make() -> tuple[Room, Document, Document]:
        room = new_room()
        alice, bob = (
            Document.open(browser.person(name), f"{room.editor_link}", room.document) for name in ("Alice", "Bob")
        )
        return room, alice, bob

    return make


def test_two_people_type_into_one_paragraph_and_into_different_ones_at_once(
    module_server: services.Server, pair: Pair
) -> None:
    """Every word arrives whole and once, and the caret stays with its word."""
    room, alice, bob = pair()
    alice.focus()
    alice.type("Plan: . Done: .")
    alice.press("Enter")
    alice.type("Second.")
    bob.expect_text("Second.")
    alice.put_caret(after="Plan: ")
    bob.put_caret(after="Done: ")
    for mine, theirs in zip("alpha", "omega", strict=True):
        alice.type(mine)
        bob.type(theirs)
    bob.put_caret(after="Second")
    for mine, theirs in zip("betas", "thirds", strict=False):
        alice.type(mine)
        bob.type(theirs)

    for document in (alice, bob):
        document.expect_text("Plan: alphabetas. Done: omega.", "Secondthird.")
    expect_stored(module_server, room.document, [alice, bob])


def test_undo_takes_back_only_what_one_typed_oneself(module_server: services.Server, pair: Pair) -> None:
    room, alice, bob = pair()
    alice.focus()
    alice.type("Alice was here. ")
    bob.expect_text("Alice was here.")
    bob.focus()
    bob.type("Bob too.")
    alice.expect_text("Bob too.")

    alice.press("Control+z")

    for document in (alice, bob):
        expect(document.text).not_to_contain_text("Alice was here")
        document.expect_text("Bob too.")
    alice.press("Control+Shift+z")
    for document in (alice, bob):
        document.expect_text("Alice was here. Bob too.")
    expect_stored(module_server, room.document, [alice, bob])


def test_lists_tables_links_and_headings_come_from_the_keyboard_and_the_slash_menu(
    module_server: services.Server, pair: Pair
) -> None:
    room, alice, bob = pair()
    alice.focus()
    alice.type("/h1")
    expect(alice.tab.get_by_role("listbox", name="Insert a block")).to_be_visible()
    alice.press("Enter")
    alice.type("Agenda")
    alice.press("Enter")
    alice.type("[ ] Buy paper")
    alice.press("Enter", "Enter")
    alice.type("/table")
    alice.press("Enter")
    alice.type("Who")
    alice.press("Tab")
    alice.type("What")

    expect(bob.text.get_by_role("heading", name="Agenda", level=1)).to_be_visible()
    expect(bob.text.get_by_role("columnheader", name="What")).to_be_visible()
    bob.text.get_by_role("checkbox").click()
    expect(alice.text.get_by_role("checkbox")).to_be_checked()
    bob.put_caret(after="Agenda")
    bob.press("Shift+Home", "Control+k")
    expect(bob.tab.get_by_label("Link address")).to_be_focused()
    bob.type("https://example.org/agenda")
    bob.press("Enter")
    expect(alice.text.locator('a[href="https://example.org/agenda"]')).to_have_text("Agenda")
    expect_stored(module_server, room.document, [alice, bob])


def test_a_picture_reaches_the_others_over_http_and_survives_a_reload(
    module_server: services.Server, pair: Pair
) -> None:
    room, alice, bob = pair()
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(file, "PNG")
    alice.focus()
    with alice.tab.expect_file_chooser() as chooser:
        alice.type("/picture")
        alice.press("Enter")
    chooser.value.set_files({"name": "teal.png", "mimeType": "image/png", "buffer": file.getvalue()})

    shown = "(editor) => { const one = editor.view.dom.querySelector('img'); return one?.complete && one.naturalWidth }"
    for document in (alice, bob):
        expect(document.text.locator("img[src^='/files/']")).to_have_count(1)
    expect_stored(module_server, room.document, [alice, bob])
    bob.tab.reload()
    bob.wait()
    expect(bob.text.locator("img[src^='/files/']")).to_have_count(1)
    assert (
        bob.run(
            f"async (editor) => {{ await editor.view.dom.querySelector('img').decode(); return ({shown})(editor) }}"
        )
        == 60
    )
    assert log_bytes(module_server, room.document) < 4_000


def test_a_caret_carries_the_name_of_its_person(pair: Pair) -> None:
    _room, alice, bob = pair()
    name_oneself(alice.tab, "Alice Liddell")
    alice.saved()
    alice.focus()
    alice.type("Here.")

    expect(bob.tab.locator(".document-caret")).to_have_attribute("data-name", "Alice Liddell")


def test_a_viewer_reads_along_and_changes_nothing(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = Document.open(browser.person("Alice"), room.editor_link, room.document)
    carol = Document.open(browser.person("Carol"), room.viewer_link, room.document, ready="read-only")
    alice.focus()
    alice.type("Only for reading.")
    carol.expect_text("Only for reading.")
    alice.saved()
    before = stored(module_server, room.document)

    expect(carol.text).to_have_attribute("contenteditable", "false")
    carol.text.click()
    carol.type("Carol was here")
    carol.run("(editor) => { editor.commands.insertContent('Carol was here') }")
    carol.run(
        """(editor) => {
            const { fragment } = editor.extensionManager.extensions.find((one) => one.name === 'collaboration').options
            fragment.delete(0, fragment.length)
        }"""
    )

    alice.type(" Still.")
    alice.saved()
    expect(alice.text).not_to_contain_text("Carol")
    alice.expect_text("Only for reading. Still.")
    assert len(stored(module_server, room.document)) == len(before)
    expect_same([alice])
