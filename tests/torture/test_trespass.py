"""S2 and S7: people who write where they may only read, and people who pretend to be somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from collab.wire import (
    Awareness,
    AwarenessEntry,
    Notice,
    decode,
    decode_entries,
    encode_awareness,
    encode_entries,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from tests.clients.drive import Room, StockClient, all_of, until
from tests.clients.hostile import join, refused
from tests.conftest import StartServer
from tests.services import Node
from tests.torture.figures import Figures
from tests.torture.oracle import Author, canonical, nothing_is_lost

ALICE_ID, MALLORY_ID = 4_001, 4_666


def state(client_id: int, clock: int, fields: dict[str, object] | None) -> bytes:
    """Awareness with one entry."""
    encoded = None if fields is None else json.dumps(fields).encode()
    return encode_awareness(encode_entries([AwarenessEntry(client_id, clock, encoded)]))


class Watcher:
    """A connection that notes the present state of everybody, and the last word about each client id."""

    def __init__(self, room: Room, name: str) -> None:
        self.people: dict[int, dict[str, object] | None] = {}
        self._join = join(room.url(name=name))
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watcher:
        self._socket = await self._join.__aenter__()
        self._task = asyncio.create_task(self._listen(self._socket))
        return self

    async def __aexit__(self, *details: object) -> None:
        assert self._socket is not None
        assert self._task is not None
        self._task.cancel()
        await self._socket.close()

    async def send(self, frame: bytes) -> None:
        """Say something; whether it is heeded is the server's to decide."""
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(frame)

    def cut(self) -> None:
        """End without a goodbye, as a process that is killed."""
        assert self._socket is not None
        self._socket.transport.abort()

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                assert isinstance(frame, bytes)
                message = decode(frame)
                if isinstance(message, Awareness):
                    for entry in decode_entries(message.payload, max_entries=10_000, max_state_bytes=2**20):
                        self.people[entry.client_id] = None if entry.state is None else json.loads(entry.state)

    def sees(self, client_id: int) -> bool:
        """Whether this client is present."""
        return self.people.get(client_id) is not None


async def test_a_viewer_changes_nothing_and_is_told_first(server: StartServer, node: Node, figures: Figures) -> None:
    """Whatever carries the edit. The first is answered with a notice, the third with 4403."""
    room = Room(server())
    viewing = room.add_link("viewer")
    forged: Doc = Doc()
    forged.get("text", type=Text).insert(0, "not mine to write")
    update = forged.get_update()
    frames = {
        "update": encode_update(update),
        "step 2": encode_sync_step2(update),
        "another's presence": state(ALICE_ID, 99, {"user": {"name": "Mallory"}}),
        "another's removal": state(ALICE_ID, 100, None),
    }
    author = Author(room.url(), "alice")
    stock = StockClient(node, room, 3)
    async with all_of([author, stock]), Watcher(room, "Alice") as alice:
        await alice.send(state(ALICE_ID, 1, {"cursor": 1}))
        author.put()
        await until(lambda: alice.sees(ALICE_ID) and not author.unacknowledged, what="the scene was set")
        rows, content = room.log(), canonical(await stock.state())
        endings = []
        for edit in ("update", "step 2"):
            presence = [frames["another's presence"], frames["another's removal"]]
            endings.append(await refused(room.url(token=viewing), *presence, *[frames[edit]] * 3))
        async with join(room.url(token=viewing)) as patient:
            await patient.send(encode_sync_step2(b"\x00\x00"))
            await patient.send(frames["update"])
            told = await _notice(patient, "read-only")
            await patient.send(encode_sync_step1(b"\x00"))
            still_served = await _next_sync_answer(patient)
        unchanged = room.log() == rows and canonical(await stock.state()) == content
        alice_is_alice = alice.sees(ALICE_ID)
        written = await nothing_is_lost(room, [author], others=[stock])
        troubles = (await stock.seen())["troubles"]

    codes = [ending.code for ending in endings]
    figures.row(
        "S2",
        done="a viewer sent updates, full step 2 answers, and other people's awareness",
        bar="nothing reaches log, document or others; first a notice, at the third edit close 4403",
        measured=f"log and documents {'unchanged' if unchanged else 'CHANGED'}, close codes {codes},"
        f" notice after the first: {'yes' if told else 'no'}, {written} own edit there",
    )
    assert unchanged
    assert alice_is_alice
    assert told
    assert still_served
    assert codes == [4403, 4403]
    assert all(any(b"read-only" in heard for heard in ending.heard if isinstance(heard, bytes)) for ending in endings)
    assert troubles == []


async def _notice(socket: ClientConnection, kind: str) -> bool:
    async with asyncio.timeout(10):
        while True:
            message = decode(await socket.recv())
            if isinstance(message, Notice) and message.body["kind"] == kind:
                return True


async def _next_sync_answer(socket: ClientConnection) -> bool:
    async with asyncio.timeout(10):
        while True:
            frame = await socket.recv()
            if isinstance(frame, bytes) and frame[:2] == b"\x00\x01":
                return True


async def test_others_see_who_somebody_is_and_nobody_who_has_gone(
    server: StartServer, rng: random.Random, figures: Figures, amounts: Callable[[float, float], float]
) -> None:
    """Name and id are the server's word; a client id belongs to one connection; ghosts vanish."""
    timeout, keep_alive = amounts(3.0, 30.0), amounts(1.0, 12.0)
    env = {"COLLAB_AWARENESS_TIMEOUT": str(timeout), "COLLAB_KEEP_ALIVE_INTERVAL": str(keep_alive)}
    room = Room(server(env=env))
    async with Watcher(room, "Alice") as alice, Watcher(room, "Bob") as bob:
        await alice.send(state(ALICE_ID, 1, {"cursor": 1}))
        await until(lambda: bob.sees(ALICE_ID), what="Bob saw Alice")
        honest = bob.people[ALICE_ID]
        assert honest is not None
        async with Watcher(room, "Mallory") as mallory:
            lies = {"user": {"id": honest["user"]["id"], "name": "Alice", "role": "owner"}, "cursor": 666}  # type: ignore[index]
            for frame in (
                state(MALLORY_ID, 1, lies),
                state(ALICE_ID, 50, lies),
                state(ALICE_ID, 51, None),
                state(5_000, 1, lies),
                encode_awareness(
                    encode_entries([AwarenessEntry(client, 9, None) for client in (ALICE_ID, 5_001, 5_002)])
                ),
            ):
                await mallory.send(frame)
            await until(lambda: bob.sees(MALLORY_ID), what="Bob saw Mallory")
            shown = bob.people[MALLORY_ID]
            assert shown is not None
            alice_kept = bob.people[ALICE_ID] == honest
            strangers = bob.sees(5_000)
            mallory.cut()
            began = time.monotonic()
            await until(lambda: not bob.sees(MALLORY_ID), what="Mallory's ghost was gone", within=10)
            gone_after_close = time.monotonic() - began
        huge = await refused(room.url(), state(7_000, 1, {"x": "y" * 20_000}))
        # Alice's machine loses power: the connection stays, and nothing comes any more.
        began = time.monotonic()
        await until(lambda: not bob.sees(ALICE_ID), what="silent Alice was gone", within=timeout + 20)
        gone_after_silence = time.monotonic() - began
    identity = shown["user"]

    figures.row(
        "S7",
        done="another's name, id, client id and removals in awareness, huge states, a cut connection, a silent one",
        bar="others see the true person; ghosts gone <= 2 s after the close, <= 5 s after the timeout of"
        f" {timeout:g} s of silence",
        measured=f"shown as {identity['name']!r}, role {identity['role']!r}; Alice unchanged: {alice_kept};"  # type: ignore[index]
        f" gone after {gone_after_close:.1f} s and {gone_after_silence:.1f} s; huge state: close {huge.code}",
    )
    assert identity["name"] == "Mallory"  # type: ignore[index]
    assert identity["role"] == "editor"  # type: ignore[index]
    assert identity["id"] != honest["user"]["id"]  # type: ignore[index]
    assert alice_kept
    assert not strangers
    assert gone_after_close <= 2
    assert gone_after_silence <= timeout + 5
    assert huge.code == 4413
