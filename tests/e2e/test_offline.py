"""What this device keeps of a page when the server is away, whose it is, and what the bar says about it."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests import services
from tests.e2e import boards, documents
from tests.e2e.boards import Board
from tests.e2e.conftest import MakeRoom
from tests.e2e.documents import Document
from tests.e2e.network import Network
from tests.e2e.shared import expect_status, open_page, out_of_reach, status
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]

_KEEPS_NOTHING = """
IDBFactory.prototype.open = () => { throw new DOMException('A browser that keeps nothing', 'SecurityError') }
"""

_IS_FULL = """
addEventListener('test:full', () => {
    IDBObjectStore.prototype.add = function () { this.transaction.abort(); return {} }
})
"""


@pytest.fixture
def network(module_server: services.Server) -> Iterator[Network]:
    """A network that can be cut, between some of the browsers and the server."""
    with Network(module_server) as network:
        yield network


def copies(tab: Page) -> list[str]:
    """The copies of pages that this person's browser keeps."""
    names = tab.evaluate("async () => (await indexedDB.databases()).map((one) => one.name)")
    return sorted(name for name in names if name.startswith("collab-copy:"))


def wait_for_copies(tab: Page, count: int) -> list[str]:
    """Wait until the browser keeps exactly so many copies."""
    for _ in range(200):
        if len(found := copies(tab)) == count:
            return found
        tab.wait_for_timeout(50)
    raise AssertionError(f"not {count} copies but {found}")


def replace_page(server: services.Server, page_id: str) -> None:
    """Give a page a new epoch, as its replacement does, while nobody has it open."""
    (path,) = [path for path in server.data.rglob("*.sqlite3") if path.is_file()]
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection:
        for table in ("collab_pageupdate", "collab_pagesnapshot"):
            connection.execute(f"DELETE FROM {table} WHERE page_id = ?", [UUID(page_id).hex])
        connection.execute("UPDATE collab_page SET epoch = epoch + 1, last_seq = 0 WHERE id = ?", [UUID(page_id).hex])
        connection.commit()


def test_what_was_done_offline_outlives_the_tab_and_arrives_once(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers, network: Network
) -> None:
    """Both kinds of pages; the other side changes the same pages meanwhile."""
    room = new_room()
    alice, bob = browser.person("Alice"), browser.person("Bob")
    link = network.through(room.editor_link)
    drawn, written = Board.open(alice, link), Document.open(alice, link, room.document)
    written.focus()
    written.type("Together.")
    written.saved()
    out_of_reach(alice)

    network.cut()
    expect_status(drawn.tab, "offline")
    expect_status(written.tab, "offline")
    drawn.draw("rectangle", (300, 150), (400, 250))
    written.focus()
    written.type(" Alone.")
    written.kept("Together. Alone.")
    for page in (drawn, written):
        expect(status(page.tab)).to_have_text("Offline – kept on this device")
        page.tab.close()
    his_board, his_text = Board.open(bob, room.editor_link), Document.open(bob, room.editor_link, room.document)
    his_board.draw("ellipse", (500, 150), (600, 250))
    his_text.put_caret(after="Together")
    his_text.type(" and apart")
    his_board.saved()
    his_text.saved()
    network.mend()
    drawn, written = Board.open(alice, link), Document.open(alice, link, room.document)

    for document in (written, his_text):
        document.expect_text("Together and apart. Alone.")
    assert {element["type"] for element in boards.expect_same([drawn, his_board])} == {"rectangle", "ellipse"}
    boards.expect_stored(module_server, room.board, [drawn, his_board])
    documents.expect_stored(module_server, room.document, [written, his_text])


def test_a_page_is_there_at_once_and_can_be_worked_on_while_no_socket_answers(
    new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = browser.person("Alice")
    before = Document.open(alice, room.editor_link, room.document)
    before.focus()
    before.type("From this device.")
    before.saved()
    before.tab.close()
    out_of_reach(alice)
    # Opened, and never answered.
    alice.context.route_web_socket(re.compile("/ws/pages/"), lambda _socket: None)

    tab = alice.open(f"{room.editor_link}?page={room.document}")
    open_page(tab, room.document)
    after = Document(tab)

    after.expect_text("From this device.")
    expect_status(tab, "offline")
    after.focus()
    after.type(" And more.")
    expect(status(tab)).to_have_text("Offline – kept on this device")


def test_a_server_that_is_killed_while_somebody_types_loses_nothing(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = browser.person("Alice")
    page = Document.open(alice, room.editor_link, room.document)
    out_of_reach(alice)
    page.focus()
    page.type("Before the end. ")

    module_server.kill()
    page.type("During it. ")
    expect_status(page.tab, "offline")
    expect(status(page.tab)).to_have_text("Offline – kept on this device")
    module_server.start()

    page.type("After it.")
    page.saved()
    page.expect_text("Before the end. During it. After it.")
    documents.expect_stored(module_server, room.document, [page])


def test_two_tabs_of_one_person_share_a_copy_without_losing_anything(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers, network: Network
) -> None:
    """Both write while they are cut off from the server and from each other; neither is opened again."""
    room = new_room()
    alice = browser.person("Alice")
    link = network.through(room.editor_link)
    tabs = [Document.open(alice, link, room.document) for _ in range(2)]
    out_of_reach(alice)
    network.cut()
    for number, page in enumerate(tabs):
        expect_status(page.tab, "offline")
        page.focus()
        page.type(f"Tab {number} wrote this. ")
        expect(status(page.tab)).to_have_text("Offline – kept on this device")
        page.kept(f"Tab {number} wrote this.")
    for page in tabs:
        page.tab.close()
    network.mend()

    page = Document.open(alice, link, room.document)

    page.expect_text("Tab 0 wrote this.", "Tab 1 wrote this.")
    documents.expect_stored(module_server, room.document, [page])


def test_a_replaced_page_gets_nothing_of_its_former_self_which_is_offered_as_a_file(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers, tmp_path: Path
) -> None:
    room = new_room()
    alice = browser.person("Alice", accept_downloads=True)
    page = Document.open(alice, room.editor_link, room.document)
    out_of_reach(alice)
    page.focus()
    page.type("Stored. ")
    page.saved()
    module_server.kill()
    page.type("Not stored.")
    expect(status(page.tab)).to_have_text("Offline – kept on this device")
    page.tab.close()
    replace_page(module_server, room.document)
    module_server.start()

    tab = alice.open(room.editor_link)
    open_page(tab, room.document)
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("before somebody replaced the page")
    with tab.expect_download() as download:
        dialog.get_by_role("button", name="Save a copy").click()
    download.value.save_as(tmp_path / "copy.html")

    assert "<p>Stored. Not stored.</p>" in (tmp_path / "copy.html").read_text()
    page = Document(tab)
    page.saved()
    assert "tored" not in page.run("(editor) => editor.getText()")
    assert next(name for name in wait_for_copies(tab, 2) if room.document in name).endswith(":2")
    documents.expect_stored(module_server, room.document, [page])


def test_a_page_that_is_replaced_under_an_open_tab_is_closed_and_its_copy_removed(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = browser.person("Alice")
    page = Document.open(alice, room.editor_link, room.document)
    out_of_reach(alice)
    page.focus()
    page.type("The first version.")
    page.saved()
    assert any(name.endswith(f"{room.document}:1") for name in copies(page.tab))

    module_server.kill()
    replace_page(module_server, room.document)
    module_server.start()
    expect(page.tab.get_by_text("This page was replaced")).to_be_visible(timeout=40_000)
    page.tab.get_by_role("button", name="Reload").click()

    open_page(page.tab, room.document)
    page.wait()
    page.saved()
    assert "version" not in page.run("(editor) => editor.getText()")
    assert not any(name.endswith(f"{room.document}:1") for name in copies(page.tab))


def test_somebody_else_in_the_same_browser_sees_and_sends_nothing_of_a_copy(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers, network: Network
) -> None:
    room = new_room()
    computer = browser.person("Alice, then Bob")
    link = network.through(room.editor_link)
    alice = Document.open(computer, link, room.document)
    out_of_reach(computer)
    network.cut()
    expect_status(alice.tab, "offline")
    alice.focus()
    alice.type("For nobody else.")
    expect(status(alice.tab)).to_have_text("Offline – kept on this device")
    kept = computer.context.cookies()
    alice.tab.close()
    network.mend()

    computer.context.clear_cookies()
    bob = Document.open(computer, link, room.document)
    assert bob.run("(editor) => editor.getText()").strip() == ""
    documents.expect_stored(module_server, room.document, [bob])
    bob.tab.close()

    computer.context.clear_cookies()
    computer.context.add_cookies(kept)  # type: ignore[arg-type]
    alice = Document.open(computer, link, room.document)
    alice.expect_text("For nobody else.")
    documents.expect_stored(module_server, room.document, [alice])


def test_a_browser_that_keeps_nothing_works_and_says_so(
    new_room: MakeRoom, browser: Browsers, network: Network
) -> None:
    room = new_room()
    alice = browser.person("Alice")
    alice.context.add_init_script(_KEEPS_NOTHING)
    page = Document.open(alice, network.through(room.editor_link), room.document)
    out_of_reach(alice)
    network.cut()
    expect_status(page.tab, "offline")
    page.focus()
    page.type("In this tab only.")

    expect(status(page.tab)).to_have_text("Offline – not kept on this device")
    network.mend()
    page.saved()


def test_a_device_that_fills_up_stops_promising(new_room: MakeRoom, browser: Browsers, network: Network) -> None:
    room = new_room()
    alice = browser.person("Alice")
    alice.context.add_init_script(_IS_FULL)
    page = Document.open(alice, network.through(room.editor_link), room.document)
    out_of_reach(alice)
    network.cut()
    expect_status(page.tab, "offline")
    page.focus()
    page.type("Kept. ")
    expect(status(page.tab)).to_have_text("Offline – kept on this device")

    page.tab.evaluate("() => dispatchEvent(new Event('test:full'))")
    page.type("Not any more.")

    expect(status(page.tab)).to_have_text("Offline – not kept on this device")
    network.mend()
    page.saved()
    page.expect_text("Kept. Not any more.")


def test_saved_is_not_said_while_an_image_is_on_its_way_even_from_another_page(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    """Leaving the page meanwhile does not give the image up."""
    room = new_room()
    alice = Document.open(browser.person("Alice"), room.editor_link, room.document)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    alice.tab.route(re.compile("/files$"), hold)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "#0c8599").save(picture, "PNG")
    alice.focus()
    with alice.tab.expect_file_chooser() as chooser:
        alice.type("/picture")
        alice.press("Enter")
    chooser.value.set_files({"name": "teal.png", "mimeType": "image/png", "buffer": picture.getvalue()})

    expect(status(alice.tab)).to_have_text("Storing an image…")
    open_page(alice.tab, room.board)
    expect_status(alice.tab, "saved")
    assert (
        alice.tab.evaluate(
            "() => { const e = new Event('beforeunload', { cancelable: true }); return dispatchEvent(e) }"
        )
        is False
    )
    for route in held:
        route.continue_()
    open_page(alice.tab, room.document)
    expect(alice.tab.locator(".document-text img")).to_be_visible()
    documents.expect_stored(module_server, room.document, [alice])
    assert (
        alice.tab.evaluate(
            "() => { const e = new Event('beforeunload', { cancelable: true }); return dispatchEvent(e) }"
        )
        is True
    )


def test_signing_out_leaves_no_copy_behind(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = browser.person("Alice")
    alice.open(module_server.admin_link).get_by_role("button").first.click()
    page = Document.open(alice, room.editor_link, room.document)
    page.saved()
    assert copies(page.tab)

    page.tab.goto(module_server.url)
    page.tab.get_by_role("button", name="Sign out").click()

    expect(page.tab.get_by_role("link", name="Sign in").first).to_be_visible()
    assert copies(page.tab) == []


def test_a_viewer_who_comes_back_with_a_copy_sends_nothing_that_is_refused(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    """What they hold includes deletions, which every answer to the server repeats."""
    room = new_room()
    alice = Document.open(browser.person("Alice"), room.editor_link, room.document)
    alice.focus()
    alice.type("Written and taken back.")
    alice.press(*["Backspace"] * 11)
    alice.saved()
    carol = Document.open(browser.person("Carol"), room.viewer_link, room.document, ready="read-only")
    for _ in range(4):
        carol.expect_text("Written and")
        expect(status(carol.tab)).to_have_text("View only")
        expect(carol.tab.locator("#bar-of-trouble")).to_be_hidden()
        carol.tab.reload()
        carol.wait()
        expect_status(carol.tab, "read-only")
    alice.type(" More.")
    carol.expect_text("More.")
    documents.expect_stored(module_server, room.document, [alice])
