"""People with browsers: one chromium, one context per person, and a record of everything that should not happen.

A console error, an uncaught exception, a breach of the content security policy, a request that leaves the host or a
dialog fails the test at its end, unless the test said beforehand that it is expected.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, WebSocket

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

_REPORT_BREACHES_OF_POLICY = """
addEventListener('securitypolicyviolation', (event) => console.error(
    `content security policy: ${event.violatedDirective} blocked ${event.blockedURI}`,
    `(${event.sourceFile}:${event.lineNumber})`))
"""

_OWN_HOSTS = {"127.0.0.1", "localhost"}
_SCHEMES_WITHOUT_A_HOST = {"data", "blob", "about", "chrome", "devtools"}


class Person:
    """Somebody with a browser of their own.

    Attributes:
        name: What tests and failures call this person.
        context: Playwright's browser context: cookies and storage of this person alone.
        troubles: What went wrong in any of their tabs, as sentences.
    """

    def __init__(self, name: str, context: BrowserContext) -> None:
        self.name = name
        self.context = context
        self.troubles: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        context.add_init_script(_REPORT_BREACHES_OF_POLICY)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._note(f"uncaught exception: {error.error}"))
        context.on("request", self._on_request)
        context.on("dialog", self._on_dialog)
        context.on("page", lambda page: page.on("websocket", self._on_websocket))

    def open(self, url: str) -> Page:
        """Open an address in a new tab."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def allow(self, pattern: str) -> None:
        """Expect troubles that match this regular expression, before or after they happen."""
        self._allowed.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        """The troubles that the test did not allow."""
        return [trouble for trouble in self.troubles if not any(allowed.search(trouble) for allowed in self._allowed)]

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"console error: {message.text} [{message.location.get('url', '')}]")

    def _on_request(self, request: Request) -> None:
        self._check_host(request.url)

    def _on_websocket(self, socket: WebSocket) -> None:
        self._check_host(socket.url)

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES_WITHOUT_A_HOST and parts.hostname not in _OWN_HOSTS:
            self._note(f"request left the host: {url}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.type} {dialog.message}")
        dialog.accept()


class Browsers:
    """Hands a browser to each person of one test and checks them all at its end."""

    def __init__(self, chromium: Browser, pictures: Path) -> None:
        self.chromium = chromium
        self.pictures = pictures
        self.people: list[Person] = []

    def person(self, name: str, *, width: int = 1280, height: int = 800, locale: str = "en", **options: Any) -> Person:
        """A new person; further options are those of Playwright's ``Browser.new_context``."""
        viewport = {"width": width, "height": height}
        context = self.chromium.new_context(viewport=viewport, locale=locale, **options)
        context.set_default_timeout(20_000)
        person = Person(name, context)
        self.people.append(person)
        return person

    def photograph(self, label: str) -> list[Path]:
        """Save a picture of every open tab, for whoever looks into a failure."""
        taken: list[Path] = []
        self.pictures.mkdir(parents=True, exist_ok=True)
        for person in self.people:
            for number, page in enumerate(person.context.pages):
                path = self.pictures / f"{label}-{person.name}-{number}.png"
                try:
                    page.screenshot(path=path, timeout=5_000)
                except Error:
                    continue
                taken.append(path)
        return taken

    def close(self) -> list[str]:
        """Close everybody's browser and return the troubles nobody expected."""
        for person in self.people:
            person.context.close()
        return [f"{person.name}: {trouble}" for person in self.people for trouble in person.unexpected]
