"""What the demo room's pages start with: enough to see what a board and a document can do, and to try it on.

Seeded once, on the server, in the transaction that makes the room. The words are those of the server's language.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from django.utils.translation import gettext as _

from collab.crdt.worker import Worker
from collab.live.ports import NewRow
from collab.models import Page, PageKind, Room
from collab.storage.log import append_rows

Node = dict[str, Any]


def seed_demo(room: Room) -> None:
    """Give the pages of a new demo room their content. Runs in the caller's transaction."""
    pages = list(room.pages.all())
    updates = asyncio.run(_updates(pages))
    append_rows([NewRow(page.pk, page.epoch, update) for page, update in zip(pages, updates, strict=True)])


async def _updates(pages: list[Page]) -> list[bytes]:
    worker = Worker()
    try:
        return [(await worker.run(*_job(page)))[0] for page in pages]
    finally:
        await worker.stop()


def _job(page: Page) -> tuple[str, list[bytes]]:
    if page.kind == PageKind.BOARD:
        return "seed_board", [json.dumps(_board()).encode()]
    return "seed_document", [json.dumps(_document()).encode()]


# The board

_INK, _FONT, _LINE_HEIGHT = "#1e1e1e", 5, 1.25


def _board() -> list[Node]:
    notes = [
        (_("Draw with the pen,\nor pick a shape"), "#ffec99"),
        (_("Open the link in a\nsecond browser"), "#a5d8ff"),
        (_("Restart the server:\nit is all still here"), "#b2f2bb"),
    ]
    elements = [_text("title", 60, 0, 36, _("One board, everybody at once"), index=0)]
    for number, (words, color) in enumerate(notes):
        left = 60 + 260 * number
        elements.append(_note(f"note-{number}", left, 90, color, index=1 + 2 * number))
        elements.append(_text(f"words-{number}", left + 18, 132, 20, words, index=2 + 2 * number))
    return elements


def _element(element_id: str, kind: str, x: float, y: float, width: float, height: float, *, index: int) -> Node:
    return {
        "id": f"demo-{element_id}",
        "type": kind,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "angle": 0,
        "strokeColor": _INK,
        "backgroundColor": "transparent",
        "fillStyle": "solid",
        "strokeWidth": 2,
        "strokeStyle": "solid",
        "roundness": None,
        "roughness": 1,
        "opacity": 100,
        "seed": 1000 + index,
        "index": f"a{index}",
        "isDeleted": False,
        "groupIds": [],
        "frameId": None,
        "link": None,
        "locked": False,
    }


def _note(element_id: str, x: float, y: float, color: str, *, index: int) -> Node:
    return {
        **_element(element_id, "rectangle", x, y, 230, 140, index=index),
        "backgroundColor": color,
        "roundness": {"type": 3},
    }


def _text(element_id: str, x: float, y: float, size: int, words: str, *, index: int) -> Node:
    lines = words.split("\n")
    width = max(map(len, lines)) * size * 0.56
    return {
        **_element(element_id, "text", x, y, width, len(lines) * size * _LINE_HEIGHT, index=index),
        "fontSize": size,
        "fontFamily": _FONT,
        "text": words,
        "originalText": words,
        "textAlign": "left",
        "verticalAlign": "top",
        "containerId": None,
        "autoResize": True,
        "lineHeight": _LINE_HEIGHT,
    }


# The document


def _document() -> list[Node]:
    return [
        {"type": "heading", "attrs": {"level": 1}, "content": [_words(_("Write together"))]},
        _paragraph(
            _words(_("Everybody who opens this page sees what you type, letter by letter. ")),
            _words(_("Saved"), "bold"),
            _words(_(" in the bar above means that it is on the disk of this server.")),
        ),
        {"type": "heading", "attrs": {"level": 2}, "content": [_words(_("Try it"))]},
        {
            "type": "taskList",
            "content": [
                _task(_("Open the same link in a second browser")),
                _task(_("Type / on an empty line to insert a table, a picture or a list")),
                _task(_("Select some words to format them")),
                _task(_("Undo with Ctrl+Z: it takes back what you did, not what others did")),
            ],
        },
        _paragraph(),
    ]


def _words(text: str, *marks: str) -> Node:
    node: Node = {"type": "text", "text": text}
    if marks:
        node["marks"] = [{"type": mark} for mark in marks]
    return node


def _paragraph(*content: Node) -> Node:
    return {"type": "paragraph", "content": list(content)}


def _task(text: str) -> Node:
    return {"type": "taskItem", "attrs": {"checked": False}, "content": [_paragraph(_words(text))]}
