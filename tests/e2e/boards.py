"""A person at a board: draws with the mouse and the keyboard, and tells what is to be seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pycrdt
from playwright.sync_api import Page

from tests import services
from tests.e2e.shared import expect_status, replay
from tests.people import Person

_HANDLE = "document.querySelector('.page-view.board').__board"

# Excalidraw reads the keyboard where the focus is nowhere in particular.
KEYS = {"rectangle": "r", "ellipse": "o", "diamond": "d", "pen": "p", "arrow": "a", "line": "l", "text": "t"}


class Board:
    """The board in one tab."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.wait()

    @classmethod
    def open(cls, person: Person, link: str, *, ready: str = "saved") -> Board:
        """Follow a link into a room; its board is the first page."""
        board = cls(person.open(link))
        expect_status(board.tab, ready)
        return board

    def wait(self) -> None:
        """Wait until the board is there and holds what the server has."""
        self.tab.wait_for_function(f"() => document.querySelector('.page-view.board')?.__board && {_HANDLE}.started")

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of ``(board, argument)``."""
        return self.tab.evaluate(f"(argument) => ({script})({_HANDLE}, argument)", argument)

    def wait_for(self, script: str, argument: Any = None) -> None:
        """Wait until a function of ``(board, argument)`` is true."""
        self.tab.wait_for_function(f"(argument) => ({script})({_HANDLE}, argument)", arg=argument)

    # What is to be seen

    def elements(self) -> list[dict[str, Any]]:
        """Everything that is drawn, from back to front."""
        return list(self.run("(board) => JSON.parse(JSON.stringify(board.api.getSceneElements()))"))

    def only(self, kind: str) -> dict[str, Any]:
        """The one element of its kind."""
        (element,) = [element for element in self.elements() if element["type"] == kind]
        return element

    def shared(self) -> dict[str, Any]:
        """What the page's Yjs document holds, as this tab knows it."""
        return dict(self.run("(board) => board.doc.getMap('elements').toJSON()"))

    def expect_elements(self, count: int) -> list[dict[str, Any]]:
        """Wait until exactly so many elements are drawn."""
        self.wait_for("(board, count) => board.api.getSceneElements().length === count", count)
        return self.elements()

    def expect_property(self, element_id: str, name: str, value: Any) -> None:
        """Wait until an element has this property."""
        self.wait_for(
            """(board, [id, name, value]) => {
                const element = board.api.getSceneElements().find((one) => one.id === id)
                return JSON.stringify(element?.[name]) === JSON.stringify(value)
            }""",
            [element_id, name, value],
        )

    # What one does

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where in the window a point of the board is."""
        left, top = self.run(
            """(board, [x, y]) => {
                const state = board.api.getAppState()
                return [(x + state.scrollX) * state.zoom.value + state.offsetLeft,
                        (y + state.scrollY) * state.zoom.value + state.offsetTop]
            }""",
            [x, y],
        )
        return left, top

    def choose(self, tool: str) -> None:
        """Take up a tool by its key."""
        self.tab.keyboard.press(KEYS[tool])
        self.wait_for(
            "(board, tool) => board.api.getAppState().activeTool.type === tool",
            "freedraw" if tool == "pen" else tool,
        )

    def drag(self, start: tuple[float, float], *way: tuple[float, float]) -> None:
        """Press at one point of the board, move along others, release."""
        mouse = self.tab.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        for point in way:
            mouse.move(*self.at(*point), steps=3)
        mouse.up()

    def draw(self, tool: str, start: tuple[float, float], end: tuple[float, float]) -> dict[str, Any]:
        """Draw one shape with the mouse and return it."""
        self.tab.bring_to_front()
        before = {element["id"] for element in self.elements()}
        self.choose(tool)
        self.drag(start, end)
        self.wait_for("(board) => !board.api.getAppState().newElement")
        (made,) = [element for element in self.elements() if element["id"] not in before]
        return made

    def select(self, element: dict[str, Any]) -> None:
        """Click on the edge of a shape."""
        self.tab.keyboard.press("v")
        self.tab.mouse.click(*self.at(*edge_of(element)))
        self.wait_for("(board, id) => board.api.getAppState().selectedElementIds[id] === true", element["id"])

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.tab.keyboard.press(key)

    def saved(self) -> None:
        """Wait until the bar says that everything is stored."""
        expect_status(self.tab, "saved")


def edge_of(element: dict[str, Any]) -> tuple[float, float]:
    """A point where a shape without filling can be taken hold of."""
    return element["x"], element["y"] + element["height"] / 2


def canonical(shared: dict[str, Any]) -> str:
    """The same text for the same content, whichever library read it: whole numbers have no fraction."""

    def plain(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value

    return json.dumps(plain(shared), sort_keys=True)


def stored(server: services.Server, page_id: str) -> dict[str, Any]:
    """The elements that the log of a board makes."""
    return dict(replay(server, page_id).get("elements", type=pycrdt.Map).to_py() or {})


def expect_same(boards: Sequence[Board]) -> list[dict[str, Any]]:
    """Wait until every board holds and shows the same, in the same order; return what it is."""
    first, *others = boards
    visible = """(board) => JSON.stringify(board.api.getSceneElements().map((one) => [
        one.id, one.type, one.index,
        ...[one.x, one.y, one.width, one.height].map(Math.round),
        one.strokeColor, one.backgroundColor, one.text ?? '', one.points?.length ?? 0]))"""
    for other in others:
        for _ in range(200):
            mine, theirs = canonical(first.shared()), canonical(other.shared())
            if mine == theirs and first.run(visible) == other.run(visible):
                break
            other.tab.wait_for_timeout(50)
        assert canonical(first.shared()) == canonical(other.shared())
        assert first.run(visible) == other.run(visible)
    return first.elements()


def expect_stored(server: services.Server, page_id: str, boards: Sequence[Board]) -> None:
    """What the boards show is what the database log makes, to the last property."""
    for board in boards:
        board.saved()
    expect_same(boards)
    assert canonical(stored(server, page_id)) == canonical(boards[0].shared())
