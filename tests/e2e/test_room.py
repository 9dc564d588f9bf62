"""The room around the pages: its title, tabs, people, words about saving, languages and themes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.boards import Board
from tests.e2e.conftest import MakeRoom
from tests.e2e.documents import Document
from tests.e2e.shared import expect_status, name_oneself, open_page, status
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]


def choose_in_menu(tab: Page, name: str) -> None:
    tab.locator("#menu-button").click()
    tab.locator("[role=menuitemradio]", has_text=name).click()


def test_a_new_title_is_seen_by_the_others_at_once_and_after_a_reload(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice, bob = (Board.open(browser.person(name), room.editor_link).tab for name in ("Alice", "Bob"))

    alice.locator("#room-title button").click()
    alice.locator("#room-title").get_by_role("textbox").fill("Retrospective 四月")
    alice.press("#room-title input", "Enter")

    expect(bob.locator("#room-title")).to_have_text("Retrospective 四月")
    bob.reload()
    expect(bob.locator("#room-title")).to_have_text("Retrospective 四月")
    expect(bob).to_have_title(re.compile("Retrospective 四月"))


def test_a_tab_shows_its_page_and_the_way_back_is_the_browsers_own(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice = Board.open(browser.person("Alice"), room.editor_link).tab

    open_page(alice, room.document)
    expect(alice.locator(".document-text")).to_be_visible()
    expect(alice.locator(".page-view.board")).to_have_count(0)
    alice.go_back()
    expect(alice.locator(".page-view.board canvas").first).to_be_visible()
    alice.go_forward()
    alice.reload()
    expect(alice.locator(".document-text")).to_be_visible()


def test_everybody_who_is_here_is_listed_once_with_the_page_they_look_at(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice, bob = (browser.person(name) for name in ("Alice", "Bob"))
    first = Board.open(alice, room.editor_link).tab
    other = Board.open(bob, room.editor_link).tab
    name_oneself(other, "Bob Baker")
    first.locator("#people").click()
    row = first.locator(".people-list li", has_text="Bob Baker")
    expect(row).to_have_count(1)
    second_of_bob = bob.open(other.url)
    open_page(second_of_bob, room.document)

    expect(row).to_have_count(1)
    expect(row).to_contain_text("looking at")
    expect(row).to_contain_text("Board")
    expect(row).to_contain_text("Notes")
    expect(first.locator(".people-list li")).to_have_count(2)
    for tab in (other, second_of_bob):
        tab.close()
    expect(first.locator("#people")).to_have_accessible_name(re.compile("^1 person"))


def test_the_bar_says_saving_until_the_server_has_stored_it(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice = Document.open(browser.person("Alice"), room.editor_link, room.document)
    alice.tab.evaluate(
        """() => {
            const words = (window.words = [])
            const bar = document.getElementById('status')
            new MutationObserver(() => words.push(bar.dataset.status)).observe(bar, { attributes: true })
        }"""
    )

    alice.focus()
    alice.type("One sentence.")
    alice.saved()

    words = alice.tab.evaluate("window.words")
    assert words[0] == "saving"
    assert words[-1] == "saved"
    assert set(words) == {"saving", "saved"}
    expect(status(alice.tab)).to_have_text("Saved")


def test_another_language_and_another_theme_stay_chosen(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice = Board.open(browser.person("Alice"), room.editor_link)
    alice.draw("rectangle", (300, 150), (400, 250))

    choose_in_menu(alice.tab, "Dark")
    expect(alice.tab.locator(".excalidraw.theme--dark").first).to_be_visible()
    choose_in_menu(alice.tab, "简体中文")
    expect(status(alice.tab)).to_have_text("已保存")
    alice.wait()
    expect(alice.tab.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    expect(alice.tab.locator(".excalidraw.theme--dark").first).to_be_visible()
    expect(alice.tab.get_by_title(re.compile("矩形")).first).to_be_visible()
    assert len(alice.expect_elements(1)) == 1


def test_an_empty_board_says_what_to_do_first(new_room: MakeRoom, browser: Browsers) -> None:
    room = new_room()
    alice = Board.open(browser.person("Alice"), room.editor_link)
    carol = Board.open(browser.person("Carol"), room.viewer_link, ready="read-only")
    hint, quiet_hint = alice.tab.get_by_text("Draw here, together"), carol.tab.get_by_text("Nothing has been drawn")
    expect(hint).to_be_visible()
    expect(quiet_hint).to_be_visible()

    alice.draw("rectangle", (300, 150), (400, 250))

    expect(hint).to_have_count(0)
    expect(quiet_hint).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(new_room: MakeRoom, browser: Browsers, width: int) -> None:
    room = new_room()
    alice = Board.open(browser.person("Alice", width=width), room.editor_link).tab
    fits = "document.documentElement.scrollWidth <= window.innerWidth"

    assert alice.evaluate(fits)
    open_page(alice, room.document)
    expect_status(alice, "saved")
    assert alice.evaluate(fits)
