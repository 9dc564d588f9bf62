"""A person at a document: types, and tells what is to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pycrdt
from playwright.sync_api import Locator, Page, expect

from tests import services
from tests.e2e.shared import expect_status, open_page, replay
from tests.people import Person

_EDITOR = "document.querySelector('.page-view[data-kind=document]').__document.editor"

# The rows of all copies in this browser; those of other pages hold other roots.
_KEPT_ROWS = """async () => {
    const answer = (request) => new Promise((done, failed) => {
        request.onsuccess = () => done(request.result)
        request.onerror = () => failed(request.error)
    })
    const rows = []
    for (const { name } of await indexedDB.databases()) {
        const database = await answer(indexedDB.open(name))
        if (database.objectStoreNames.contains('updates')) {
            const kept = await answer(database.transaction('updates').objectStore('updates').getAll())
            rows.push(...kept.map((row) => [...row]))
        }
        database.close()
    }
    return rows
}"""

# The content as nested lists, read from the shared type itself and not from what the editor made of it.
_CONTENT = """(editor) => {
    const { fragment } = editor.extensionManager.extensions.find((one) => one.name === 'collaboration').options
    const read = (node) => node.toDelta
        ? node.toDelta().map(({ insert, attributes }) => [insert, Object.keys(attributes ?? {}).sort()])
        : [node.nodeName, ...node.toArray().map(read)]
    return fragment.toArray().map(read)
}"""


class Document:
    """The document in one tab."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.wait()

    @classmethod
    def open(cls, person: Person, link: str, page_id: str, *, ready: str = "saved") -> Document:
        """Follow a link into a room and open its document."""
        tab = person.open(link)
        open_page(tab, page_id)
        document = cls(tab)
        expect_status(tab, ready)
        return document

    def wait(self) -> None:
        """Wait until the document is there and holds what the server has."""
        self.tab.wait_for_selector(".document-sheet[aria-busy=false]")

    @property
    def text(self) -> Locator:
        """The text people write in."""
        return self.tab.locator(".document-text")

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate a function of ``(editor, argument)``."""
        return self.tab.evaluate(f"(argument) => ({script})({_EDITOR}, argument)", argument)

    def content(self) -> list[Any]:
        """The shared content: ``[name, child, ...]`` for blocks, ``[[text, [mark, ...]], ...]`` for text."""
        return list(self.run(_CONTENT))

    def focus(self, at: str = "end") -> None:
        """Put the caret at the end of the text, in the tab that has the keyboard."""
        self.tab.bring_to_front()
        self.run("(editor, at) => { editor.commands.focus(at) }", at)
        expect(self.text).to_be_focused()

    def put_caret(self, *, after: str) -> None:
        """Put the caret behind the first occurrence of a text."""
        self.run(
            """(editor, after) => {
                let found = -1
                editor.state.doc.descendants((node, at) => {
                    const inside = found < 0 && node.isText ? node.text.indexOf(after) : -1
                    if (inside >= 0) found = at + inside + after.length
                })
                if (found < 0) throw new Error(`no ${after} in the text`)
                editor.chain().focus().setTextSelection(found).run()
                // The editor takes the focus, and shows its selection, in the next frame.
                return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
            }""",
            after,
        )
        expect(self.text).to_be_focused()

    def type(self, text: str) -> None:
        """Type at the caret."""
        self.tab.keyboard.type(text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.tab.keyboard.press(key)

    def expect_text(self, *texts: str) -> None:
        """Wait until all of these can be read."""
        for text in texts:
            expect(self.text).to_contain_text(text)

    def kept(self, text: str) -> None:
        """Wait until the copy on the device holds this text: the bar has two seconds to notice that it does not."""
        for _ in range(200):
            rows = [bytes(row) for row in self.tab.evaluate(_KEPT_ROWS)]
            doc: pycrdt.Doc[Any] = pycrdt.Doc()
            if rows:
                doc.apply_update(pycrdt.merge_updates(*rows))
            if text in str(doc.get("content", type=pycrdt.XmlFragment)):
                return
            self.tab.wait_for_timeout(50)
        raise AssertionError(f"the device does not keep {text!r}")

    def saved(self) -> None:
        """Wait until the bar says that everything is stored."""
        expect_status(self.tab, "saved")


def stored(server: services.Server, page_id: str) -> list[Any]:
    """The content that the log of a document makes, in the form of :meth:`Document.content`."""

    def read(node: Any) -> list[Any]:
        if isinstance(node, pycrdt.XmlText):
            return [[text, sorted(marks or {})] for text, marks in node.diff()]
        return [node.tag, *map(read, node.children)]

    doc = replay(server, page_id)
    return [read(node) for node in doc.get("content", type=pycrdt.XmlFragment).children]


def expect_same(documents: Sequence[Document]) -> list[Any]:
    """Wait until every document holds the same; return what it is."""
    first, *others = documents
    for other in others:
        for _ in range(200):
            if first.content() == other.content():
                break
            other.tab.wait_for_timeout(50)
        assert first.content() == other.content()
        assert first.run("(editor) => editor.getText()") == other.run("(editor) => editor.getText()")
    return first.content()


def expect_stored(server: services.Server, page_id: str, documents: Sequence[Document]) -> None:
    """What can be read is what the database log makes."""
    for document in documents:
        document.saved()
    assert stored(server, page_id) == expect_same(documents)
