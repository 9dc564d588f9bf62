"""A peer with a short way out: frames take it while the client reads, and wait in their order when it does not."""

from __future__ import annotations

import asyncio

from collab.errors import CollabError
from collab.live.limits import Limits
from collab.live.peer import Peer, Rights
from tests.fakes import FakeClock, settle


class Line:
    """A client's connection with both ways."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self.reads = True
        self.room = asyncio.Event()
        self.long_way = 0
        self.clock = FakeClock()
        self.peer = Peer(
            rights=Rights(user={"id": "u:Alice"}, can_edit=True),
            send=self.send,
            close=self.close,
            extended=True,
            clock=self.clock,
            limits=Limits(),
            write=self.write,
        )

    def write(self, frame: bytes) -> bool:
        if self.reads:
            self.arrived.append(frame)
        return self.reads

    async def send(self, frame: bytes) -> None:
        self.long_way += 1
        if not self.reads:
            await self.room.wait()
        self.arrived.append(frame)

    async def close(self, error: CollabError) -> None:
        pass

    async def read_again(self) -> None:
        self.reads = True
        self.room.set()
        await settle()


async def test_a_client_that_reads_gets_every_frame_the_short_way() -> None:
    line = Line()
    for frame in (b"a", b"b"):
        line.peer.offer(frame)

    assert line.arrived == [b"a", b"b"]
    assert line.long_way == 0


async def test_frames_for_a_client_that_stops_reading_wait_and_arrive_in_their_order() -> None:
    line = Line()
    line.peer.offer(b"a")
    line.reads = False
    for frame in (b"b", b"c", b"d"):
        line.peer.offer(frame)
    await settle()
    line.reads = True
    line.peer.offer(b"e")
    before = list(line.arrived)
    await line.read_again()
    line.peer.offer(b"f")

    assert before == [b"a"]
    assert line.arrived == [b"a", b"b", b"c", b"d", b"e", b"f"]


async def test_saved_and_notices_go_out_although_the_frame_before_took_the_short_way() -> None:
    line = Line()
    line.peer.offer(b"a")
    line.peer.settle(1)
    line.peer.notify("draining")

    assert line.arrived[0] == b"a"
    assert len(line.arrived) == 3


async def test_a_frame_that_took_the_short_way_counts_as_a_sign_of_life() -> None:
    line = Line()
    line.clock.spend(10)
    line.peer.offer(b"a")

    assert line.peer.last_sent == line.clock.now()
    assert line.peer.blocked_for(line.clock.now() + 100) == 0
