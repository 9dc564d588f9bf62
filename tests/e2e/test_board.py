"""Two people at one board, with real mice and keyboards; what they see must be one board, and what the log makes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import services
from tests.e2e.boards import Board, edge_of, expect_same, expect_stored, stored
from tests.e2e.conftest import MakeRoom, Room
from tests.e2e.shared import log_bytes, name_oneself, status
from tests.people import Browsers

pytestmark = [pytest.mark.e2e, pytest.mark.services]

Pair = Callable[[], tuple[Room, Board, Board]]

RED = "#ffc9c9"
TEAL = (0, 128, 128)


@pytest.fixture
def pair(new_room: MakeRoom, browser: Browsers) -> Pair:
    """Alice and Bob at the board of a new room."""

    def make() -> tuple[Room, Board, Board]:
        room = new_room()
        return room, *(Board.open(browser.person(name), room.editor_link) for name in ("Alice", "Bob"))

    return make


def picture(width: int = 60, height: int = 40, color: str = "teal") -> bytes:
    """A PNG."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), color).save(file, "PNG")
    return file.getvalue()


def test_what_two_people_draw_at_the_same_time_is_one_board(module_server: services.Server, pair: Pair) -> None:
    """Both are in the middle of a shape when the other one finishes."""
    room, alice, bob = pair()
    alice.choose("rectangle")
    bob.choose("ellipse")
    for board, (x, y) in ((alice, (300, 150)), (bob, (500, 150))):
        board.tab.mouse.move(*board.at(x, y))
        board.tab.mouse.down()
    for step in range(1, 5):
        alice.tab.mouse.move(*alice.at(300 + 20 * step, 150 + 20 * step))
        bob.tab.mouse.move(*bob.at(500 + 20 * step, 150 + 20 * step))
    alice.tab.mouse.up()
    bob.tab.mouse.up()

    for board in (alice, bob):
        board.expect_elements(2)
    assert {element["type"] for element in expect_same([alice, bob])} == {"rectangle", "ellipse"}
    expect_stored(module_server, room.board, [alice, bob])


def test_a_shape_that_one_moves_while_the_other_recolours_it_keeps_both(
    module_server: services.Server, pair: Pair
) -> None:
    """Elements are shared property by property: a board that shared whole elements would lose one of the two."""
    room, alice, bob = pair()
    shape = alice.draw("rectangle", (300, 150), (400, 250))
    bob.expect_elements(1)
    alice.select(shape)
    x, y = edge_of(shape)

    bob.press("v")
    bob.tab.mouse.move(*bob.at(x, y))
    bob.tab.mouse.down()
    bob.tab.mouse.move(*bob.at(x + 50, y + 60), steps=4)
    alice.tab.get_by_test_id(f"color-top-pick-{RED}").click()
    alice.expect_property(shape["id"], "backgroundColor", RED)
    bob.tab.mouse.move(*bob.at(x + 100, y + 120), steps=4)
    bob.tab.mouse.up()

    for board in (alice, bob):
        board.expect_property(shape["id"], "backgroundColor", RED)
        board.expect_property(shape["id"], "x", shape["x"] + 100)
        board.expect_property(shape["id"], "y", shape["y"] + 120)
    expect_stored(module_server, room.board, [alice, bob])


def test_text_can_be_typed_into_a_box_that_the_other_moves(module_server: services.Server, pair: Pair) -> None:
    """The text is seen letter by letter, and stays in its box."""
    room, alice, bob = pair()
    box = alice.draw("rectangle", (300, 150), (420, 250))
    bob.expect_elements(1)
    alice.select(box)
    alice.press("Enter")
    alice.tab.wait_for_selector("textarea.excalidraw-wysiwyg")
    alice.tab.keyboard.type("Hel")
    bob.wait_for("(board) => board.api.getSceneElements().some((one) => one.text === 'Hel')")

    bob.select(bob.only("rectangle"))
    bob.press("ArrowDown", "ArrowDown")
    alice.expect_property(box["id"], "y", bob.only("rectangle")["y"])
    alice.tab.keyboard.type("lo")
    alice.press("Escape", "Escape")

    bob.wait_for("(board) => board.api.getSceneElements().some((one) => one.text === 'Hello')")
    expect_stored(module_server, room.board, [alice, bob])
    text, moved = bob.only("text"), bob.only("rectangle")
    assert text["containerId"] == moved["id"]
    assert moved["y"] < text["y"] < text["y"] + text["height"] < moved["y"] + moved["height"]


def test_what_is_sent_to_the_back_is_behind_for_everybody(pair: Pair) -> None:
    _room, alice, bob = pair()
    drawn = [alice.draw("rectangle", (300 + 30 * at, 150), (400 + 30 * at, 250)) for at in range(3)]
    ids = [element["id"] for element in drawn]
    bob.expect_elements(3)

    alice.select(drawn[2])
    alice.press("Control+Shift+BracketLeft")

    order = "(board, ids) => board.api.getSceneElements().map((one) => one.id).join() === ids.join()"
    for board in (alice, bob):
        board.wait_for(order, [ids[2], ids[0], ids[1]])
    expect_same([alice, bob])


def test_what_one_deletes_while_the_other_moves_it_ends_the_same_for_both(
    module_server: services.Server, pair: Pair
) -> None:
    room, alice, bob = pair()
    shape = alice.draw("rectangle", (300, 150), (400, 250))
    bob.expect_elements(1)
    alice.select(shape)
    x, y = edge_of(shape)

    bob.press("v")
    bob.tab.mouse.move(*bob.at(x, y))
    bob.tab.mouse.down()
    bob.tab.mouse.move(*bob.at(x + 50, y + 60), steps=3)
    alice.press("Delete")
    alice.expect_elements(0)
    bob.tab.mouse.move(*bob.at(x + 100, y + 60), steps=3)
    bob.tab.mouse.up()

    for board in (alice, bob):
        board.expect_elements(0)
    expect_stored(module_server, room.board, [alice, bob])
    alice.press("Control+z")
    for board in (alice, bob):
        board.expect_elements(1)
    expect_stored(module_server, room.board, [alice, bob])


def test_undo_takes_back_only_what_one_did_oneself(pair: Pair) -> None:
    _room, alice, bob = pair()
    alice.draw("rectangle", (300, 150), (400, 250))
    bob.expect_elements(1)
    bob.draw("ellipse", (500, 150), (600, 250))
    bob.draw("diamond", (500, 300), (600, 400))
    alice.expect_elements(3)

    alice.press("Control+z")
    for board in (alice, bob):
        board.expect_elements(2)
    alice.press("Control+z", "Control+z")
    bob.press("Control+z")
    for board in (alice, bob):
        (left,) = board.expect_elements(1)
        assert left["type"] == "ellipse"
    alice.press("Control+Shift+z")
    for board in (alice, bob):
        board.expect_elements(2)
    expect_same([alice, bob])


def test_a_pen_stroke_is_seen_while_it_is_drawn_and_stored_once(module_server: services.Server, pair: Pair) -> None:
    """Writing its points at every step would put hundreds of kilobytes into the log for one signature."""
    room, alice, bob = pair()
    before = log_bytes(module_server, room.board)
    alice.choose("pen")
    left, top = alice.at(300, 200)
    alice.tab.mouse.move(left, top)
    alice.tab.mouse.down()
    for step in range(300):
        alice.tab.mouse.move(left + step * 1.7, top + (step * 13) % 97)

    bob.wait_for(
        "(board) => board.api.getSceneElements().some((one) => one.type === 'freedraw' && one.points.length > 20)"
    )
    assert stored(module_server, room.board) == {}
    assert bob.shared() == {}
    alice.tab.mouse.up()

    for board in (alice, bob):
        board.wait_for("(board) => board.doc.getMap('elements').size === 1")
        board.expect_elements(1)
    expect_stored(module_server, room.board, [alice, bob])
    assert len(alice.only("freedraw")["points"]) >= 290
    assert 0 < log_bytes(module_server, room.board) - before <= 20_000
    bob.press("Control+z")
    assert len(alice.expect_elements(1)) == 1


def test_a_stroke_nobody_finished_leaves_nothing_behind(pair: Pair) -> None:
    """Its author's tab is gone in the middle of it."""
    _room, alice, bob = pair()
    alice.choose("pen")
    alice.tab.mouse.move(*alice.at(300, 200))
    alice.tab.mouse.down()
    alice.tab.mouse.move(*alice.at(420, 320), steps=20)
    bob.expect_elements(1)

    alice.tab.close()

    bob.expect_elements(0)
    assert bob.shared() == {}


def drop(board: Board, file: bytes) -> None:
    board.tab.evaluate(
        """([data, x, y]) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0))
            const dataTransfer = new DataTransfer()
            dataTransfer.items.add(new File([bytes], 'picture.png', { type: 'image/png' }))
            document.querySelector('.excalidraw__canvas.interactive').dispatchEvent(
                new DragEvent('drop', { bubbles: true, cancelable: true, clientX: x, clientY: y, dataTransfer }))
        }""",
        [base64.b64encode(file).decode(), *board.at(500, 300)],
    )


def paste(board: Board, file: bytes) -> None:
    board.tab.mouse.move(*board.at(500, 300))
    board.tab.evaluate(
        """(data) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0))
            const clipboardData = new DataTransfer()
            clipboardData.items.add(new File([bytes], 'picture.png', { type: 'image/png' }))
            document.querySelector('.excalidraw').focus()
            document.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData }))
        }""",
        base64.b64encode(file).decode(),
    )


def expect_color_in(board: Board, element: dict[str, Any], color: tuple[int, int, int]) -> None:
    """Wait until an element is painted in this colour; left above its middle, where no cursor points at it."""
    left, top = board.at(element["x"] + element["width"] / 4, element["y"] + element["height"] / 4)

    def painted() -> bool:
        screen = Image.open(io.BytesIO(board.tab.screenshot())).convert("RGB")
        return screen.getpixel((int(left), int(top))) == color

    services.wait_until(painted, what=f"{color} was painted", within=10)


@pytest.mark.parametrize("way", [drop, paste])
def test_an_image_reaches_the_others_over_http_and_survives_a_reload(
    module_server: services.Server, pair: Pair, way: Callable[[Board, bytes], None]
) -> None:
    """The document holds where it is, never its bytes."""
    room, alice, bob = pair()
    loaded = "(board) => Object.values(board.api.getFiles()).some((file) => file.dataURL.startsWith('data:image/png'))"

    with bob.tab.expect_response("**/files/*") as answer:
        way(alice, picture())
    assert answer.value.status == 200
    bob.wait_for(loaded)
    image = bob.only("image")
    for board in (alice, bob):
        board.expect_property(image["id"], "status", "saved")
        expect_color_in(board, image, TEAL)
    expect_stored(module_server, room.board, [alice, bob])
    assert log_bytes(module_server, room.board) < 4_000
    files = "SELECT count(*) FROM collab_attachment WHERE page_id = ?"
    assert module_server.query(files, UUID(room.board).hex) == [(1,)]

    bob.tab.reload()
    bob.wait()
    bob.wait_for(loaded)
    expect_color_in(bob, image, TEAL)


def test_an_image_that_could_not_be_stored_is_tried_again(pair: Pair, browser: Browsers) -> None:
    """The first attempt meets a broken network; the person is told, and nothing needs to be done."""
    _room, alice, bob = pair()
    browser.people[0].allow("Failed to load resource")
    alice.tab.route("**/api/pages/*/files", lambda route: route.abort(), times=1)

    drop(alice, picture(color="orange"))

    expect(alice.tab.get_by_text("is not stored yet").first).to_be_visible()
    bob.wait_for("(board) => Object.values(board.api.getFiles()).length === 1")
    for board in (alice, bob):
        board.expect_property(bob.only("image")["id"], "status", "saved")


def test_others_are_seen_with_their_name_and_the_colour_of_their_avatar(pair: Pair) -> None:
    _room, alice, bob = pair()
    name_oneself(alice.tab, "Alice Liddell")
    alice.wait()
    alice.tab.mouse.move(*alice.at(400, 300))
    alice.tab.mouse.move(*alice.at(420, 310))

    bob.wait_for(
        """(board) => [...board.api.getAppState().collaborators.values()].some((one) =>
            one.username === 'Alice Liddell' && Math.abs(one.pointer?.x - 420) < 2 && Math.abs(one.pointer?.y - 310) < 2
            && /^#[0-9a-f]{6}$/.test(one.color.background))"""
    )
    color = alice.tab.evaluate("JSON.parse(document.getElementById('room-data').textContent).me.color")
    pixels = Image.open(io.BytesIO(bob.tab.screenshot())).convert("RGB")
    left, top = map(int, bob.at(420, 310))
    around = {pixels.getpixel((left + dx, top + dy)) for dx in range(30) for dy in range(40)}
    assert tuple(bytes.fromhex(color[1:])) in around

    alice.tab.mouse.move(200, 20)
    bob.wait_for("(board) => [...board.api.getAppState().collaborators.values()].every((one) => !one.pointer)")


def test_a_viewer_sees_everything_and_changes_nothing(
    module_server: services.Server, new_room: MakeRoom, browser: Browsers
) -> None:
    room = new_room()
    alice = Board.open(browser.person("Alice"), room.editor_link)
    carol = Board.open(browser.person("Carol"), room.viewer_link, ready="read-only")
    shape = alice.draw("rectangle", (300, 150), (400, 250))
    carol.expect_elements(1)
    expect(status(carol.tab)).to_have_text("View only")
    alice.saved()
    rows = log_bytes(module_server, room.board)

    for key in ("r", "Control+a", "Delete", "Control+v", "Control+d"):
        carol.press(key)
    carol.drag((350, 300), (450, 400))
    drop(carol, picture())
    carol.run("(board, id) => { board.doc.getMap('elements').get(id).set('x', 9999) }", shape["id"])
    carol.run("(board) => { board.doc.getMap('elements').delete([...board.doc.getMap('elements').keys()][0]) }")

    expect(carol.tab.get_by_text("Your last changes were not stored").first).to_be_visible()
    alice.draw("ellipse", (500, 150), (600, 250))
    alice.saved()
    assert [element["type"] for element in alice.elements()] == ["rectangle", "ellipse"]
    assert stored(module_server, room.board)[shape["id"]]["x"] == shape["x"]
    assert log_bytes(module_server, room.board) - rows < 2_000
    carol.tab.get_by_role("button", name="Show the stored version").click()
    carol.wait()
    expect_same([alice, carol])


def test_a_file_that_is_opened_adds_to_the_board_and_hides_nothing(pair: Pair) -> None:
    """Excalidraw replaces the scene; on a shared board that would hide the others' work from one person only."""
    _room, alice, bob = pair()
    bob.draw("rectangle", (300, 150), (400, 250))
    alice.expect_elements(1)

    alice.tab.evaluate(
        """([x, y]) => {
            const element = { id: 'from-a-file', type: 'ellipse', x: 500, y: 200, width: 80, height: 80, seed: 1 }
            const scene = JSON.stringify({ type: 'excalidraw', version: 2, elements: [element], appState: {} })
            const dataTransfer = new DataTransfer()
            dataTransfer.items.add(new File([scene], 'old.excalidraw', { type: 'application/vnd.excalidraw+json' }))
            document.querySelector('.excalidraw__canvas.interactive').dispatchEvent(
                new DragEvent('drop', { bubbles: true, cancelable: true, clientX: x, clientY: y, dataTransfer }))
        }""",
        list(alice.at(500, 300)),
    )

    for board in (alice, bob):
        board.expect_elements(2)
    expect_same([alice, bob])


def test_a_drag_of_many_shapes_costs_little(module_server: services.Server, pair: Pair) -> None:
    """Hundreds of positions a second are neither needed by those who watch nor worth storing."""
    room, alice, bob = pair()
    boxes = [
        {"id": f"box-{at}", "type": "rectangle", "x": 260 + at % 12 * 60, "y": 150 + at // 12 * 60, "seed": at + 1}
        | {"width": 40, "height": 40, "version": 1, "versionNonce": at, "strokeColor": "#1e1e1e", "roughness": 1}
        | {"backgroundColor": "transparent", "fillStyle": "solid", "strokeWidth": 2, "strokeStyle": "solid"}
        | {"roundness": None, "opacity": 100, "angle": 0, "groupIds": [], "frameId": None, "index": None, "link": None}
        | {"isDeleted": False, "boundElements": None, "updated": 1, "locked": False}
        for at in range(60)
    ]
    alice.run("(board, elements) => board.api.updateScene({ captureUpdate: 'IMMEDIATELY', elements })", boxes)
    bob.expect_elements(60)
    alice.saved()
    before = log_bytes(module_server, room.board)
    alice.press("v", "Control+a")
    left, top = alice.at(280, 170)
    alice.tab.mouse.move(left, top)
    alice.tab.mouse.down()
    for step in range(60):
        alice.tab.mouse.move(left + step, top + step)
    alice.tab.mouse.up()

    bob.wait_for("(board) => board.api.getSceneElements().every((one) => one.id !== 'box-0' || one.y > 200)")
    expect_stored(module_server, room.board, [alice, bob])
    assert log_bytes(module_server, room.board) - before < 60_000
