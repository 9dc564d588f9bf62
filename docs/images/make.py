"""Takes the picture in the README: ``.venv/bin/python -m docs.images.make``. Needs chromium."""

from __future__ import annotations

import math
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import people, services

PICTURE = Path(__file__).with_name("room.png")


def until(page: Page, condition: str) -> None:
    """Wait for something about the board."""
    look = f"() => {{ const board = document.querySelector('.board')?.__board; return Boolean({condition}) }}"
    services.wait_until(lambda: bool(page.evaluate(look)), what=condition)


def draw_wave(page: Page, left: int, top: int) -> None:
    """A stroke with the pen, as a hand would make it."""
    page.keyboard.press("p")
    page.mouse.move(left, top)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(left + 3 * step, top + 22 * math.sin(step / 5))
    page.mouse.up()
    page.keyboard.press("v")


def main() -> None:
    """Start the product, let two people into its demo room, and photograph what the first one sees."""
    with services.temporary_folder("picture") as folder, sync_playwright() as playwright:
        server = services.Server(folder).start()
        chromium = playwright.chromium.launch(
            executable_path=services.find_chromium(), args=people.CHROMIUM_FLAGS, chromium_sandbox=False
        )
        browsers = people.Browsers(chromium, folder)
        alice = browsers.person("Alice", width=1200, height=720).open(server.link)
        bob = browsers.person("Bob", width=1200, height=720).open(server.link)
        for page in (alice, bob):
            until(page, "board?.api.getSceneElements().length > 0")
        draw_wave(bob, 560, 560)
        bob.mouse.move(700, 600)
        draw_wave(alice, 250, 560)
        alice.mouse.move(420, 640)
        until(alice, "board.api.getSceneElements().length > 8")
        until(alice, "board.api.getAppState().collaborators.size > 0")
        alice.get_by_text("Saved", exact=True).wait_for()
        alice.screenshot(path=PICTURE)
        browsers.close()
        server.stop()


if __name__ == "__main__":
    main()
