"""P4: messages at the bound, just above it, and far above it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable

from collab.wire import encode_saved, encode_update
from tests.clients.drive import HERE, Room, all_of
from tests.clients.hostile import MIB, as_large_as, join, refused
from tests.conftest import StartServer
from tests.services import Node
from tests.torture.figures import Figures
from tests.torture.memory import RETURN_MEMORY, resident_bytes
from tests.torture.oracle import Author, nothing_is_lost

LIMIT = 4 * MIB
PASTE_SECONDS = 4


async def test_what_is_above_the_bound_is_refused_in_words_and_leaves_nothing_behind(
    server: StartServer, node: Node, figures: Figures, amounts: Callable[[int, int], int]
) -> None:
    """The frame at the bound is an edit like any other; a stock client that pastes too much is not back again."""
    times = amounts(1, 10)
    product = server(env=RETURN_MEMORY)
    room, pasting = Room(product), Room(product)
    where = {"page": pasting.pages["board"], "params": {"token": pasting.token}}
    watch = {"name": "paste", "seconds": PASTE_SECONDS, "paste_characters": 6_000_000, **where}
    options = {"version": 3, "server": f"ws://127.0.0.1:{product.port}", "watches": [watch]}
    paste = await asyncio.create_subprocess_exec(
        str(node.path), str(HERE / "watch.mjs"), json.dumps(options), stdout=subprocess.PIPE
    )
    author = Author(room.url(), "alice")
    async with all_of([author]):
        author.put()
        async with join(room.url("document")) as socket:
            await socket.send(as_large_as(LIMIT, client=4_000))
            async with asyncio.timeout(20):
                while await socket.recv() != encode_saved(1):
                    pass
        before = resident_bytes(product)
        sizes = [LIMIT + 1, LIMIT + MIB, 12 * MIB, 16 * MIB - 1]
        frames = [make(size) for size in sizes for make in (bytes, lambda size: encode_update(bytes(size - 6)))]
        endings = [await refused(room.url(), frame) for frame in frames for _ in range(times)]
        held = await asyncio.gather(*(refused(room.url(), bytes(12 * MIB), extended=False) for _ in range(times)))
        growth = resident_bytes(product) - before
        async with asyncio.timeout(60):
            printed, _ = await paste.communicate()
        (report,) = json.loads(printed)["reports"]
        written = await nothing_is_lost(room, [author])

    codes = {(ending.code, ending.reason) for ending in [*endings, *held]}
    figures.row(
        "P4",
        done=f"frames and updates of {LIMIT // MIB} MiB and {len(endings) + len(held)} above it, up to 16 MiB;"
        " a stock client that pastes 6 MB",
        bar="at the bound accepted, above it close 4413, memory <= +20 MB, the stock client back at most once",
        measured=f"closes {sorted(codes)}, memory {growth / 1e6:+.1f} MB,"
        f" {report['connections'] - 1} reconnects of the stock client in {PASTE_SECONDS} s,"
        f" {written} edit of another there",
    )
    assert codes == {(4413, "too-large")}
    assert growth <= 20 * MIB
    assert report["connections"] <= 2
    assert all(close == [4413, "too-large"] for close in report["closes"])
