"""S5: frames that follow no format, or that no client could have made, by the thousand, before and after joining."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from collab.wire import encode_sync_step1, encode_update
from tests.clients.drive import Room, StockClient, agreed, all_of, until
from tests.clients.hostile import join, mutated, survives
from tests.clients.test_bad_input import IMPOSSIBLE, MALFORMED, TOO_LARGE, faults
from tests.conftest import StartServer
from tests.services import Node, Server, find_node
from tests.torture.figures import Figures
from tests.torture.memory import MIB, RETURN_MEMORY, cpu_seconds, resident_bytes
from tests.torture.oracle import Author, nothing_is_lost

LARGE = 100_000
"""Frames above this many bytes are sent once each; the others by the thousand."""


async def real_frames(server: Server) -> list[bytes]:
    """Frames as real clients send them, of every kind, out of a page with everything on it."""
    frames: list[bytes] = []

    async def listen(socket: ClientConnection) -> None:
        async for frame in socket:
            assert isinstance(frame, bytes)
            frames.append(frame)

    node = find_node()
    room = Room(server)
    async with join(room.url(), extended=False) as socket, StockClient(node, room, 2, client_id=4242) as bob:
        listening = asyncio.create_task(listen(socket))
        await socket.send(encode_sync_step1(b"\x00"))

        async def hear(what: Awaitable[Any]) -> None:
            """Each by itself, however much a busy server would merge."""
            before = len(frames)
            await what
            await until(lambda: len(frames) > before, what="somebody else heard of it")

        await hear(bob.ask("enrich"))
        await hear(bob.write("word"))
        await hear(bob.ask("name", user={"name": "Bob"}))
        await hear(bob.ask("erase", length=3))
        await until(lambda: room.replay()["text"] != [], what="Bob's edits were there")
        await socket.send(encode_sync_step1(b"\x00"))
        await until(lambda: sum(frame[:2] == b"\x00\x01" for frame in frames) == 2, what="the whole page was sent")
        listening.cancel()
    return frames


async def send_all(url: str, frames: list[bytes], *, connections: int = 8) -> int:
    """Send frames over some connections, each replaced when it is closed; returns how many were closed."""
    waiting = iter(frames)
    closed = 0

    async def work() -> None:
        nonlocal closed
        for frame in waiting:
            pending: bytes | None = frame
            async with join(url) as socket:
                while pending is not None and await survives(socket, pending):
                    pending = next(waiting, None)
                if pending is not None:
                    closed += 1
                    await socket.wait_closed()
                    assert socket.close_code in {4400, 4403, 4413}, (socket.close_code, pending.hex())

    await asyncio.gather(*(work() for _ in range(connections)))
    return closed


async def send_blind(url: str, frames: list[bytes | str], *, at_once: int = 3) -> int:
    """Send frames without waiting for anything, not even for the page; returns how many connections that took."""
    connections = 0
    for start in range(0, len(frames), at_once):
        connections += 1
        async with join(url) as socket:
            try:
                for frame in frames[start : start + at_once]:
                    await socket.send(frame)
            except ConnectionClosed:
                pass
            if start % 30:
                await socket.close()
            else:
                async with asyncio.timeout(20):
                    await socket.wait_closed()
    return connections


async def test_malformed_frames_by_the_thousand_harm_nobody(
    server: StartServer, node: Node, rng: random.Random, figures: Figures, amounts: Callable[[int, int], int]
) -> None:
    """A viewer sends half of the mutations to Alice's page, where not one may reach the log; an editor the other half
    to a page of its own, where those that Yjs can read are edits like any other: real clients take them and agree.
    Whatever follows no format comes from an editor on Alice's page, half of it before the page was joined."""
    count = amounts(2_000, 10_000)
    product = server(env={"COLLAB_REFUSED_HOLD": "0.1", "COLLAB_CONNECT_BURST": "1_000_000", **RETURN_MEMORY})
    room, scratch = Room(product), Room(product)
    viewing = room.add_link("viewer")
    catalogue = [*MALFORMED.values(), *map(encode_update, IMPOSSIBLE.values()), *TOO_LARGE.values()]
    small = [frame for frame in catalogue if len(frame) < LARGE]
    named: list[bytes | str] = [*catalogue, *(rng.choice(small) for _ in range(count // 10))]
    real = await real_frames(product)
    mutations = [mutated(real, rng) for _ in range(count - len(named))]
    half = len(mutations) // 2
    alice, witness = Author(room.url(), "alice"), StockClient(node, room, 3)
    async with all_of([alice, witness]), StockClient(node, scratch, 3) as other:
        alice.put()
        await other.ask("enrich")
        await until(lambda: not alice.unacknowledged, what="Alice's edit was saved")
        pid, rows, before, began = product.pid, room.log(), resident_bytes(product), cpu_seconds(product)
        await send_blind(room.url(), named)
        closed = await send_all(room.url(token=viewing), mutations[:half])
        closed += await send_all(scratch.url(), mutations[half:])
        growth, spent = resident_bytes(product) - before, cpu_seconds(product) - began
        unchanged = room.log() == rows
        alice.put()
        written = await nothing_is_lost(room, [alice], others=[witness])
        async with StockClient(node, scratch, 3) as newcomer:
            await agreed([other, newcomer], [])
            troubles = [trouble for one in (witness, other, newcomer) for trouble in (await one.seen())["troubles"]]
        reconnects = len((await witness.seen())["closes"]) + len((await other.seen())["closes"])

    each = 1000 * spent / (len(named) + len(mutations))
    figures.row(
        "S5",
        done=f"{len(named) + len(mutations)} malformed frames, before and after joining, from viewers and editors",
        bar="same process, no fault in its log, real Yjs clients throw nothing, memory <= +50 MB, <= 5 ms CPU a frame,"
        " log unchanged",
        measured=f"{closed} senders closed, {len(troubles)} troubles of real clients, memory {growth / 1e6:+.1f} MB,"
        f" {each:.2f} ms CPU a frame (connections included), log {'unchanged' if unchanged else 'CHANGED'},"
        f" {written} edits of Alice there",
    )
    assert product.pid == pid
    assert product.is_running
    assert not faults(product), faults(product)
    assert unchanged
    assert troubles == []
    assert reconnects == 0
    assert growth <= 50 * MIB
    assert each <= 5
    assert closed > 0
