"""What both kinds of pages have in common in a browser: the bar around them, and what the database says of them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pycrdt
from playwright.sync_api import Locator, Page, expect

from tests import services
from tests.people import Person

STATUS_WITHIN_MS = 20_000


def open_page(tab: Page, page_id: str) -> None:
    """Show one page of the room this tab is in."""
    tab.locator(f'a.tab[data-page="{page_id}"]').click()
    expect(tab.locator(f'a.tab[data-page="{page_id}"]')).to_have_attribute("aria-current", "page")


def status(tab: Page) -> Locator:
    """The word about saving in the room's bar."""
    return tab.locator("#status")


def expect_status(tab: Page, kind: str) -> None:
    """Wait until the bar says this: ``saved``, ``saving``, ``offline``, ``read-only``, ``not-saved``, ``refused``."""
    expect(status(tab)).to_have_attribute("data-status", kind, timeout=STATUS_WITHIN_MS)


def out_of_reach(person: Person) -> None:
    """Expect what the browser prints about a server that does not answer."""
    person.allow("WebSocket connection to .* failed")
    person.allow("net::ERR_")
    person.allow("Failed to load resource")


def name_oneself(tab: Page, name: str) -> None:
    """Change the name of a guest, as the dialog in the room's menu does."""
    tab.locator("#menu-button").click()
    tab.get_by_role("menuitem", name=re.compile("Your name")).click()
    field = tab.get_by_role("dialog").get_by_role("textbox")
    field.fill(name)
    field.press("Enter")
    expect(tab.get_by_role("dialog")).to_have_count(0)


def log_of(server: services.Server, page_id: str) -> list[bytes]:
    """Everything the database holds of a page's content, oldest first."""
    key = UUID(page_id).hex
    snapshots = server.query(
        "SELECT seq, payload FROM collab_pagesnapshot WHERE page_id = ? ORDER BY seq DESC LIMIT 1", key
    )
    after = snapshots[0][0] if snapshots else 0
    rows = server.query("SELECT payload FROM collab_pageupdate WHERE page_id = ? AND seq > ? ORDER BY seq", key, after)
    return [payload for _, payload in snapshots] + [payload for (payload,) in rows]


def log_bytes(server: services.Server, page_id: str) -> int:
    """The size of a page's log in the database, in bytes."""
    return sum(map(len, log_of(server, page_id)))


def replay(server: services.Server, page_id: str) -> pycrdt.Doc[Any]:
    """The document that the log alone makes: what a server would know after losing everything else."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    rows = log_of(server, page_id)
    if rows:
        doc.apply_update(pycrdt.merge_updates(*rows))
    return doc
