"""Bytes and clients that mean no good, sent to the running product: who sent them is refused, and nobody else notices.

Beside every test Alice (Python) and a stock client (Node) are on the page; when it is over they have seen nothing,
the server is the same process, the log has no new row, and Alice's next edit arrives.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from pycrdt import Text
from websockets.asyncio.client import connect as connect_to
from websockets.exceptions import ConnectionClosed

from collab.wire import (
    AwarenessEntry,
    encode_awareness,
    encode_entries,
    encode_notice,
    encode_saved,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)
from collab.wire.varint import write_bytes, write_var_uint
from tests.clients.drive import PythonClient, Room, StockClient, agreed, until
from tests.clients.hostile import MIB, as_large_as, join, nested, refused, survives, text_item, update, value
from tests.services import Server, find_node, temporary_folder

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="module")]

LIMIT = 4 * MIB
SERVERS_LIMIT = 16 * MIB


@dataclass
class Stage:
    """The product with a page that two people are on."""

    server: Server
    room: Room
    viewing: str
    alice: PythonClient
    witness: StockClient
    words: list[str] = field(default_factory=list)

    async def goes_on(self) -> None:
        """Alice writes, it is saved, and the witness sees it."""
        self.words.append(f"calm{len(self.words)}")
        await self.alice.write(self.words[-1])
        await agreed([self.alice, self.witness], self.words)
        await until(lambda: self.alice.all_saved, what="Alice's edit was saved")

    @property
    def memory_bytes(self) -> int:
        """What the server process takes."""
        pages = int(Path(f"/proc/{self.server.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * 4096


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One stage for all tests of this module."""
    node = find_node()
    with temporary_folder("server") as folder:
        server = Server(folder, env={"COLLAB_REFUSED_HOLD": "0.1"}).start()
        room = Room(server)
        async with PythonClient(room.url(), extended=True) as alice, StockClient(node, room, 3) as witness:
            yield Stage(server, room, room.add_link("viewer"), alice, witness)
        server.stop()
        assert not faults(server), faults(server)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nobody_notices(stage: Stage) -> AsyncIterator[None]:
    """What must be true after every test here."""
    await stage.goes_on()
    before = (stage.server.pid, stage.room.log(), await stage.witness.state(), (await stage.witness.seen())["closes"])
    yield
    seen = await stage.witness.seen()
    assert seen["troubles"] == []
    assert (stage.server.pid, stage.room.log(), await stage.witness.state(), seen["closes"]) == before
    assert stage.server.is_running
    assert not faults(stage.server), faults(stage.server)
    await stage.goes_on()


def faults(server: Server) -> str:
    """The beginning of the first fault that the server's log tells of."""
    found = re.search(r"^.* (ERROR|CRITICAL) |Traceback \(most recent call last\)", server.log, re.MULTILINE)
    return "" if found is None else server.log[found.start() :][:6000]


def one(entry: bytes | None, *, clock: int = 1, client: int = 77) -> bytes:
    """Awareness with one entry."""
    return encode_awareness(encode_entries([AwarenessEntry(client, clock, entry)]))


def raw_state(state: bytes) -> bytes:
    """The same, whatever the bytes of the state are."""
    return encode_awareness(b"\x01" + write_var_uint(77) + b"\x01" + write_bytes(state))


MALFORMED: dict[str, bytes | str] = {
    "empty": b"",
    "text": "sync",
    "empty text": "",
    "no type": b"\x80",
    "unknown type": b"\x2a",
    "y-protocols auth": b"\x02\x00\x04nope",
    "ours to send: saved": encode_saved(9),
    "ours to send: notice": encode_notice({"kind": "draining"}),
    "unknown sync step": b"\x00\x03\x00",
    "type in two bytes": b"\x80\x00\x02\x02\x00\x00",
    "endless number": b"\x00\x02" + b"\xff" * 1_000_000,
    "endless type": b"\xff" * 1_000_000,
    "shorter than it says": b"\x00\x02\x05\x00\x00",
    "longer than it says": encode_update(b"\x00\x00") + b"\x00",
    "longest there is": b"\x00\x02" + write_var_uint(2**53 - 1),
    "empty update": encode_update(b""),
    "empty step 2": encode_sync_step2(b""),
    "empty state vector": encode_sync_step1(b""),
    "endless update": encode_update(b"\xff" * 100_000),
    "struct cut short": encode_update(update({7: (0, [text_item("Hello")])})[:-4]),
    "trailing bytes": encode_update(update({7: (0, [text_item("Hello")])}) + b"\x00"),
    "more structs than bytes": encode_update(b"\x01" + write_var_uint(900_000) + b"\x07\x00"),
    "text that is not UTF-8": encode_update(update({7: (0, [b"\x04\x01\x04text\x02\xff\xfe"])})),
    "client id of 54 bits": encode_update(b"\x01\x01" + b"\xff" * 7 + b"\x1f\x00" + text_item("x") + b"\x00"),
    "state vector cut short": encode_sync_step1(b"\x02\x01\x01"),
    "awareness cut short": b"\x01\x05\x01",
    "awareness that is not UTF-8": raw_state(b"\xff\xfe"),
    "awareness undefined": raw_state(b"undefined"),
    "awareness without a value": raw_state(b""),
    "awareness list": raw_state(b"[]"),
    "awareness number": raw_state(b"1"),
    "awareness NaN": raw_state(b'{"x": NaN}'),
    "trailing awareness": encode_awareness(b"\x00\x00"),
}

IMPOSSIBLE: dict[str, bytes] = {
    "clock of 32 bits": update({7: (2**31, [text_item("x")])}),
    "clock of 53 bits": update({7: (2**53 - 1, [text_item("x")])}),
    "clock that grows beyond 31 bits": update({7: (2**31 - 2, [text_item("xxxx")])}),
    "deletion beyond 31 bits": b"\x00\x01\x07\x01\x00" + write_var_uint(2**32),
    "empty deletion": b"\x00\x01\x07\x01\x00\x00",
    "empty item": update({7: (0, [text_item("")])}),
    "item that is its own neighbour": update({7: (0, [b"\x84\x07\x00\x01x"])}),
    "parent that is no type": update({7: (0, [text_item("x"), b"\x04\x00\x07\x00\x01y"])}),
}

TOO_LARGE: dict[str, bytes] = {
    "types 65 deep": encode_update(nested(65)),
    "types 5,000 deep": encode_update(nested(5_000)),
    "types 30,000 deep": encode_update(nested(30_000)),
    "value 65 deep": encode_update(value(b"\x75\x01" * 65 + b"\x7e")),
    "value 100,000 deep": encode_update(value(b"\x75\x01" * 100_000 + b"\x7e")),
    "awareness state": one(json.dumps({"x": "y" * 20_000}).encode()),
    "awareness entries": encode_awareness(encode_entries([AwarenessEntry(n, 1, b"{}") for n in range(1, 600)])),
    "just above the limit": bytes(LIMIT + 1),
    "far above the limit": bytes(12 * MIB),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_frame_that_follows_no_format_is_refused(name: str, stage: Stage) -> None:
    ending = await refused(stage.room.url(), MALFORMED[name])

    assert ending.code == 4400
    assert ending.reason in {"malformed", "impossible"}


@pytest.mark.parametrize("name", IMPOSSIBLE)
async def test_an_update_that_no_client_could_have_made_is_refused(name: str, stage: Stage) -> None:
    """Yjs would throw on it, on every replica."""
    for frame in (encode_update(IMPOSSIBLE[name]), encode_sync_step2(IMPOSSIBLE[name])):
        ending = await refused(stage.room.url(), frame)
        assert ending.code == 4400
        assert ending.reason in {"malformed", "impossible"}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_what_is_above_a_bound_is_refused(name: str, stage: Stage) -> None:
    ending = await refused(stage.room.url(), TOO_LARGE[name])

    assert (ending.code, ending.reason) == (4413, "too-large")


async def test_updates_in_the_second_encoding_are_refused(stage: Stage) -> None:
    """A client that was told to use it would otherwise write nonsense."""
    second = base64.b64decode(await stage.witness.ask("v2"))

    for frame in (encode_update(second), encode_sync_step2(second)):
        assert (await refused(stage.room.url(), frame)).code == 4400


async def test_a_stock_client_is_refused_with_the_same_codes(stage: Stage) -> None:
    """It is held for a moment first."""
    for frame, code in ((b"\x2a", 4400), (bytes(LIMIT + 1), 4413), ("text", 4400)):
        assert (await refused(stage.room.url(), frame, extended=False)).code == code


async def test_the_largest_frame_is_accepted(stage: Stage) -> None:
    """On the other page, because it is rather a lot of text."""
    async with PythonClient(stage.room.url("document"), extended=True) as bob:
        async with join(stage.room.url("document")) as socket:
            await socket.send(as_large_as(LIMIT, client=4_000))
            async with asyncio.timeout(20):
                while (await socket.recv()) != encode_saved(1):
                    pass
        text = bob.doc.get("text", type=Text)
        await until(lambda: len(str(text)) > LIMIT - 100, what="Bob had it")


async def test_frames_above_the_bound_leave_nothing_in_memory(stage: Stage) -> None:
    """Held connections do not hold their frames."""
    before = stage.memory_bytes
    await asyncio.gather(*(refused(stage.room.url(), bytes(12 * MIB), extended=False) for _ in range(4)))

    assert stage.memory_bytes - before < 20 * MIB


async def test_a_state_of_64_levels_and_a_type_of_64_levels_are_accepted(stage: Stage) -> None:
    """On the other page: the bound itself is allowed."""
    async with join(stage.room.url("document")) as socket:
        await socket.send(encode_update(nested(64, client=4_001)))
        await socket.send(encode_update(value(b"\x75\x01" * 63 + b"\x7e", client=4_002)))
        async with asyncio.timeout(20):
            while (await socket.recv()) != encode_saved(2):
                pass


async def test_an_update_with_20_000_holes_is_left_with_its_sender(stage: Stage) -> None:
    """It waits for what never comes: it is not applied, not acknowledged, and costs nobody anything."""
    gap = update({client: (5, [text_item("x")]) for client in range(100, 20_100)})
    async with join(stage.room.url()) as socket:
        for _ in range(3):
            assert await survives(socket, encode_update(gap))
        assert await survives(socket, encode_sync_step2(gap))


@pytest.mark.parametrize("client", [0, 2**32, 2**53 - 1])
async def test_unusual_client_ids_are_left_to_the_protocol(client: int, stage: Stage) -> None:
    """Asking about them is fine, and so is being present under them."""
    async with join(stage.room.url()) as socket:
        assert await survives(socket, encode_sync_step1(b"\x01" + write_var_uint(client) + b"\x05"))
        assert await survives(socket, one(b'{"x": 1}', client=client))
        assert await survives(socket, one(b'{"x": 2}', client=client, clock=2**52 - 1))
        assert await survives(socket, one(None, client=client, clock=2**52))


async def test_a_viewer_cannot_write_whatever_the_frame(stage: Stage) -> None:
    """Nothing reaches the log or anybody else; the third edit ends the connection."""
    edits = [
        encode_update(update({7: (0, [text_item("x")])})),
        encode_sync_step2(update({8: (0, [text_item("x")])})),
        encode_update(b"\x00\x01" + write_var_uint(stage.alice.doc.client_id) + b"\x01\x00\x05"),
    ]
    ending = await refused(stage.room.url(token=stage.viewing), *edits)

    assert (ending.code, ending.reason) == (4403, "not-allowed")


# Who may not come in


async def test_what_must_not_be_known_is_one_answer(stage: Stage) -> None:
    """A missing page, a wrong token, none, one that was revoked, one of another room."""
    revoked = stage.room.add_link("editor")
    stage.room.revoke(revoked)
    other = Room(stage.server)
    addresses = [
        stage.room.url(str(uuid4())),
        stage.room.url(token="wrong"),
        stage.room.url(token=""),
        stage.room.url().split("?")[0],
        stage.room.url(token=revoked),
        stage.room.url(token=other.token),
        stage.room.url(str(uuid4()), token="wrong"),
    ]
    for extended in (True, False):
        endings = [await refused(address, extended=extended) for address in addresses]
        assert all((ending.code, ending.reason, ending.heard) == (4404, "unknown", []) for ending in endings)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://sub.127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "ws://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
    ],
)
async def test_a_page_of_another_origin_is_refused_even_with_a_token(origin: str, stage: Stage) -> None:
    ending = await refused(stage.room.url(), origin=origin.format(port=stage.server.port))

    assert (ending.code, ending.reason, ending.heard) == (4403, "not-allowed", [])


async def test_our_own_origin_and_none_are_let_in_with_a_token(stage: Stage) -> None:
    for origin in (f"http://127.0.0.1:{stage.server.port}", None):
        async with join(stage.room.url(), origin=origin) as socket:
            assert await survives(socket, encode_sync_step1(b"\x00"))


async def test_addresses_that_are_no_sockets_are_refused_in_words_that_clients_understand(stage: Stage) -> None:
    address = f"ws://127.0.0.1:{stage.server.port}"
    for path in ("/ws/pages/17", "/ws/nothing", "/admin/"):
        async with connect_to(address + path) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (4404, "unknown")
