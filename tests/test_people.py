"""The browser fixture itself: whatever should not happen in a page is noticed, for each person separately."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.people import Browsers, Person

pytestmark = [pytest.mark.e2e, pytest.mark.services]

PAGES = {
    "/calm": "<h1>Fine</h1><script>localStorage.seen = (+localStorage.seen || 0) + 1; console.log('hi')</script>",
    "/console": "<script>console.error('it hurts')</script>",
    "/exception": "<script>setTimeout(() => { throw new Error('uncaught one') })</script>",
    "/policy": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    "/outside": "<img src='http://tracker.example/pixel.gif'>",
    "/socket": "<script>new WebSocket('ws://tracker.example/socket')</script>",
    "/dialog": "<script>alert('look at me')</script>",
}
POLICY = {"/policy": "img-src 'self'"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        self.send_response(204 if page is None else 200)
        self.send_header("Content-Type", "text/html")
        if self.path in POLICY:
            self.send_header("Content-Security-Policy", POLICY[self.path])
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A few pages that misbehave."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def alice(chromium_process: Browser, tmp_path: Path) -> Iterator[Person]:
    """Somebody whose troubles this module looks at itself."""
    browsers = Browsers(chromium_process, tmp_path)
    yield browsers.person("Alice")
    browsers.close()


def test_people_have_browsers_of_their_own(browser: Browsers, site: str) -> None:
    """Two people share nothing, as two computers do not; two tabs of one person do."""
    alice, bob = browser.person("Alice"), browser.person("Bob", width=390, height=844, is_mobile=True)
    alice.open(f"{site}/calm")
    second_tab = alice.open(f"{site}/calm")
    phone = bob.open(f"{site}/calm")

    assert second_tab.evaluate("localStorage.seen") == "2"
    assert phone.evaluate("localStorage.seen") == "1"
    assert phone.viewport_size == {"width": 390, "height": 844}


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("/console", "console error: it hurts"),
        ("/exception", "uncaught exception: .*uncaught one"),
        ("/policy", "content security policy: img-src blocked data"),
        ("/outside", "request left the host: http://tracker.example/pixel.gif"),
        ("/socket", "request left the host: ws://tracker.example/socket"),
        ("/dialog", "dialog: alert look at me"),
    ],
)
def test_what_should_not_happen_is_noticed_unless_it_was_expected(
    alice: Person, site: str, path: str, trouble: str
) -> None:
    """A page that works and complains in the console is not finished."""
    page = alice.open(f"{site}{path}")
    page.wait_for_load_state("networkidle")

    assert alice.unexpected
    alice.allow(trouble)
    alice.allow("ERR_NAME_NOT_RESOLVED|Content Security Policy")
    assert alice.unexpected == []


def test_a_page_that_behaves_has_no_troubles(alice: Person, site: str) -> None:
    """Messages that are no errors are nobody's business."""
    alice.open(f"{site}/calm").wait_for_load_state("networkidle")

    assert alice.troubles == []


def test_pictures_of_every_tab_are_taken_for_whoever_looks_into_a_failure(
    chromium_process: Browser, site: str, tmp_path: Path
) -> None:
    """In CI there is no window to look at."""
    browsers = Browsers(chromium_process, tmp_path / "pictures")
    browsers.person("Alice").open(f"{site}/calm")
    browsers.person("Bob").open(f"{site}/calm")

    taken = browsers.photograph("failure")

    assert [path.name for path in taken] == ["failure-Alice-0.png", "failure-Bob-0.png"]
    assert all(path.stat().st_size > 1000 for path in taken)
    assert browsers.close() == []
