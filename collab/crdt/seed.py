"""Content that a page starts with, written once, in the transaction that creates the page.

Runs in the worker process only. The layout of the shared types is the browser's (``frontend/src/contract.ts``): a board
has a map ``elements`` of maps of properties, a document an XML fragment ``content`` in ProseMirror's shape.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pycrdt import Doc, Map, XmlElement, XmlFragment, XmlText


def seed_board(parts: list[bytes]) -> list[bytes]:
    """``[JSON list of elements]`` to ``[update]``. An element is a flat object of properties with an ``id``."""
    doc: Doc[Any] = Doc()
    elements = doc.get("elements", type=Map)
    with doc.transaction():
        for element in json.loads(parts[0]):
            elements[element["id"]] = Map(element)
    return [doc.get_update()]


def seed_document(parts: list[bytes]) -> list[bytes]:
    """``[JSON list of nodes]`` to ``[update]``.

    A node is as in ProseMirror's JSON: ``{"type", "attrs"?, "content"?}``, or a text
    ``{"type": "text", "text", "marks"?}``.
    """
    doc: Doc[Any] = Doc()
    fragment = doc.get("content", type=XmlFragment)
    with doc.transaction():
        _append(fragment, json.loads(parts[0]))
    return [doc.get_update()]


def _append(parent: XmlFragment | XmlElement, nodes: Sequence[dict[str, Any]]) -> None:
    run: XmlText | None = None
    for node in nodes:
        if node["type"] == "text":
            if run is None:
                run = XmlText()
                parent.children.append(run)
            marks = {mark["type"]: mark.get("attrs", {}) for mark in node.get("marks", [])}
            run.insert(len(str_of(run)), node["text"], marks or None)
            continue
        run = None
        element = XmlElement(node["type"])
        parent.children.append(element)
        for name, value in node.get("attrs", {}).items():
            element.attributes[name] = value
        _append(element, node.get("content", []))


def str_of(text: XmlText) -> str:
    """The characters of a text, without its marks."""
    return "".join(part for part, _ in text.diff() if isinstance(part, str))
