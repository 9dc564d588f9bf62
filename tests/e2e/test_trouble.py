"""What people see, and what is kept, when the network or the database fails them, or they ask for too much."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests import services
from tests.e2e import boards, documents
from tests.e2e.boards import Board
from tests.e2e.conftest import MakeRoom
from tests.e2e.documents import Document
from tests.e2e.network import Network
from tests.e2e.shared import expect_status, out_of_reach, status
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]


@contextlib.contextmanager
def locked(server: services.Server) -> Iterator[None]:
    """Somebody else holds the database's write lock."""
    (path,) = [path for path in server.data.rglob("*.sqlite3") if path.is_file()]
    with contextlib.closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def network(module_server: services.Server) -> Iterator[Network]:
    """A network that can be cut, between some of the browsers and the server."""
    with Network(module_server) as network:
        yield network


def test_what_is_written_offline_arrives_exactly_once(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers, network: Network
) -> None:
    """Both pages are edited on both sides of the gap."""
    room = new_room()
    people = [browser.person(name) for name in ("Alice", "Bob")]
    links = [network.through(room.editor_link), room.editor_link]
    drawn = [Board.open(person, link) for person, link in zip(people, links, strict=True)]
    written = [Document.open(person, link, room.document) for person, link in zip(people, links, strict=True)]
    written[0].focus()
    written[0].type("Together.")
    written[1].expect_text("Together.")
    out_of_reach(people[0])

    network.cut()
    people[0].context.set_offline(True)
    expect_status(drawn[0].tab, "offline")
    expect_status(written[0].tab, "offline")
    drawn[0].draw("rectangle", (300, 150), (400, 250))
    written[0].focus()
    written[0].type(" Alone.")
    expect(status(written[0].tab)).to_contain_text("kept on this device")
    drawn[1].draw("ellipse", (500, 150), (600, 250))
    written[1].put_caret(after="Together")
    written[1].type(" and apart")
    network.mend()
    people[0].context.set_offline(False)

    for page in (*drawn, *written):
        page.saved()
    for document in written:
        document.expect_text("Together and apart. Alone.")
    assert {element["type"] for element in boards.expect_same(drawn)} == {"rectangle", "ellipse"}
    boards.expect_stored(module_server, room.board, drawn)
    documents.expect_stored(module_server, room.document, written)


def test_a_locked_database_is_said_at_once_and_loses_nothing(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    """Nothing is called saved meanwhile; others see the edits all the same."""
    room = new_room()
    alice, bob = (Document.open(browser.person(name), room.editor_link, room.document) for name in ("Alice", "Bob"))

    with locked(module_server):
        alice.focus()
        alice.type("Written while nobody could store it.")
        expect_status(alice.tab, "not-saved")
        expect(status(alice.tab)).to_contain_text("Not saved")
        bob.expect_text("Written while nobody could store it.")

    alice.saved()
    documents.expect_stored(module_server, room.document, [alice, bob])


def test_a_paste_that_is_too_large_is_refused_with_a_word_and_harms_nobody(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice, bob = (Document.open(browser.person(name), room.editor_link, room.document) for name in ("Alice", "Bob"))
    alice.focus()
    alice.type("Before. ")
    bob.expect_text("Before.")
    alice.saved()

    alice.run("(editor) => { editor.commands.insertContent('x'.repeat(5_000_000)) }")

    expect_status(alice.tab, "refused")
    expect(alice.tab.get_by_text("That change is too large")).to_be_visible()
    bob.focus()
    bob.type("After.")
    bob.saved()
    alice.tab.get_by_role("button", name="Reload").click()
    alice.wait()
    alice.expect_text("Before. After.")
    documents.expect_stored(module_server, room.document, [alice, bob])


def test_a_large_paste_on_the_board_travels_in_parts(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    """A thousand shapes at once, which in one frame would be too much."""
    room = new_room()
    alice, bob = (Board.open(browser.person(name), room.editor_link) for name in ("Alice", "Bob"))

    alice.tab.mouse.move(*alice.at(500, 300))
    alice.run(
        """(board) => {
            const elements = Array.from({ length: 1_000 }, (_, at) => ({
                id: `shape-${at}`, type: 'rectangle', x: (at % 50) * 30, y: Math.floor(at / 50) * 30, width: 20,
                height: 20, seed: at + 1, version: 1, versionNonce: at, isDeleted: false, groupIds: [] }))
            const clipboardData = new DataTransfer()
            clipboardData.setData('text/plain', JSON.stringify({ type: 'excalidraw/clipboard', elements }))
            document.querySelector('.excalidraw').focus()
            document.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData }))
        }"""
    )

    for board in (alice, bob):
        board.expect_elements(1_000)
    boards.expect_stored(module_server, room.board, [alice, bob])
    largest = module_server.query("SELECT max(length(payload)) FROM collab_pageupdate")[0][0]
    assert largest < 500_000
