"""The path everybody takes first: two browsers, one board and one document, a restart, and all is still there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import services
from tests.e2e import boards, documents
from tests.e2e.boards import Board
from tests.e2e.conftest import rooms_of
from tests.e2e.documents import Document
from tests.e2e.shared import expect_status
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_restart_under_two_open_browsers_loses_nothing_and_repeats_nothing(
    server: Callable[..., services.Server], browser: Browsers, end: str
) -> None:
    """Both draw and write before and while the server is away; afterwards the log alone makes what they see."""
    running = server()
    (room,) = rooms_of(running)
    alice, bob = browser.person("Alice"), browser.person("Bob")
    for person in (alice, bob):
        person.allow("WebSocket connection to .* failed")
        person.allow("Failed to load resource")
    drawn = [Board.open(person, room.editor_link) for person in (alice, bob)]
    written = [Document.open(person, room.editor_link, room.document) for person in (alice, bob)]

    drawn[0].draw("rectangle", (300, 150), (400, 250))
    drawn[1].draw("ellipse", (500, 150), (600, 250))
    written[0].focus()
    written[0].type("Alice-before ")
    written[1].expect_text("Alice-before")
    for page in (*drawn, *written):
        page.saved()

    if end == "killed":
        running.kill()
    else:
        running.stop()
    expect_status(drawn[0].tab, "offline")
    expect_status(written[1].tab, "offline")
    drawn[0].draw("diamond", (300, 350), (400, 450))
    written[1].focus()
    written[1].type("Bob-meanwhile ")
    running.start()

    for page in (*drawn, *written):
        page.saved()
    assert sorted(element["type"] for element in drawn[1].expect_elements(3)) == ["diamond", "ellipse", "rectangle"]
    written[0].expect_text("Alice-before", "Bob-meanwhile")
    boards.expect_stored(running, room.board, drawn)
    documents.expect_stored(running, room.document, written)

    for page in (drawn[0], written[0]):
        page.tab.reload()
        page.wait()
    boards.expect_stored(running, room.board, drawn)
    documents.expect_stored(running, room.document, written)
    everything = written[0].run("(editor) => editor.getText()")
    assert everything.count("Alice-before") == everything.count("Bob-meanwhile") == 1
