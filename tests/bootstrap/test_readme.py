"""What the README and the docs say works: the two client programs, the links, the table of variables."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pycrdt import (
    Doc,
    XmlElement,
    XmlFragment,
    XmlText,
    create_sync_message,
    create_update_message,
    handle_sync_message,
)
from websockets.asyncio.client import connect

from tests.services import ROOT, Node, Server

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def program(name: str) -> str:
    """A program out of the README, by the name in its fence."""
    found = re.search(rf"^```\w+ {re.escape(name)}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.services
@pytest.mark.parametrize("name", ["client.py", "client.mjs"])
async def test_the_readmes_programs_see_what_others_write(
    name: str, module_server: Server, node: Node, tmp_path: Path
) -> None:
    """Copied out and started as the README says, against a room made as the README says."""
    room = json.loads(module_server.manage("create_room", "--title", "Plan", "--link", "editor", "--json"))
    (page,) = [page["id"] for page in room["pages"] if page["kind"] == "document"]
    (tmp_path / name).write_text(program(name), encoding="utf-8")
    _offer_packages(node, tmp_path)
    interpreter = sys.executable if name.endswith(".py") else str(node.path)
    address = f"ws://127.0.0.1:{module_server.port}"

    process = await asyncio.create_subprocess_exec(
        interpreter, name, address, page, room["token"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    try:
        writing = asyncio.create_task(_write(f"{address}/ws/pages/{page}?token={room['token']}", "Hello from Bob"))
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b"<paragraph>Hello from Bob</paragraph>" not in (line := await process.stdout.readline()):
                assert line, "the program ended"
        writing.cancel()
    finally:
        process.kill()
        await process.wait()


def _offer_packages(node: Node, folder: Path) -> None:
    """What ``npm install yjs y-websocket ws`` would bring."""
    modules = folder / "node_modules"
    modules.mkdir()
    for name, ours in {"yjs": "yjs", "ws": "ws", "y-websocket": "y-websocket-3"}.items():
        (modules / name).symlink_to(node.folder / "node_modules" / ours)


async def _write(url: str, text: str) -> None:
    """Join a page, write one paragraph, and stay."""
    doc: Doc = Doc()
    content = doc.get("content", type=XmlFragment)
    async with connect(url) as socket:
        await socket.send(create_sync_message(doc))
        before = doc.get_state()
        content.children.append(XmlElement("paragraph", contents=[XmlText(text)]))
        await socket.send(create_update_message(doc.get_update(before)))
        async for frame in socket:
            if isinstance(frame, bytes) and frame[0] == 0 and (answer := handle_sync_message(frame[1:], doc)):
                await socket.send(answer)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_documents_lead_somewhere(page: Path) -> None:
    """A moved file must not leave dead links behind."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (page.parent / target).exists(), f"{page.name} points at {target}"


def test_every_variable_in_the_docs_is_one_that_the_settings_read() -> None:
    """A misspelt variable in the docs costs somebody an afternoon."""
    listed = re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "running.md").read_text(encoding="utf-8"), re.MULTILINE)
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    read = re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings)

    assert sorted(listed) == sorted(read)
