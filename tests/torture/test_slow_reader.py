"""P1: a client that stops reading while much passes."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from collab.wire import AwarenessEntry, encode_awareness, encode_entries
from tests.clients.drive import Room, all_of, until
from tests.clients.hostile import join
from tests.conftest import StartServer
from tests.torture.figures import Figures
from tests.torture.memory import MIB, RETURN_MEMORY, resident_bytes
from tests.torture.oracle import Author, nothing_is_lost
from tests.torture.writing import write_until

STATE_BYTES = 15_000
SENDERS = 8
STATES_A_SECOND = 40


class SlowReader(Author):
    """An author that can stop reading; what it is sent then waits wherever the network lets it."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        self.reads = asyncio.Event()
        self.reads.set()

    async def _take(self, frame: bytes) -> None:
        await self.reads.wait()
        await super()._take(frame)


class Drawing:
    """Somebody whose hand moves: a large awareness state many times a second."""

    def __init__(self, room: Room, number: int) -> None:
        self.heard_bytes = 0
        self._join = join(room.url(name=f"D{number}"))
        self._client_id = 9_000 + number

    async def draw(self, stop: asyncio.Event) -> None:
        """Draw, and listen, until it is time to stop."""
        async with self._join as socket:
            listening = asyncio.create_task(self._listen(socket))
            clock = 0
            while not stop.is_set():
                clock += 1
                state = b'{"stroke":"' + b"x" * STATE_BYTES + b'"}'
                await socket.send(encode_awareness(encode_entries([AwarenessEntry(self._client_id, clock, state)])))
                await asyncio.sleep(1 / STATES_A_SECOND)
            listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                self.heard_bytes += len(frame)
        except ConnectionClosed:
            pass


async def test_a_client_that_stops_reading_costs_little_and_loses_nothing(
    server: StartServer, rng: random.Random, figures: Figures, full: bool, amounts: Callable[[int, int], int]
) -> None:
    """Everybody else goes on as before; when it reads again it is brought up by one diff, on the same connection."""
    volume = amounts(20, 200) * MIB
    product = server(env=RETURN_MEMORY)
    room = Room(product)
    authors = [Author(room.url(), f"a{number}") for number in range(3)]
    slow = SlowReader(room.url(), "slow")
    drawing = [Drawing(room, number) for number in range(SENDERS)]
    async with all_of([*authors, slow]):
        stop = asyncio.Event()
        people = [asyncio.create_task(write_until(stop, author, rng)) for author in authors]
        people += [asyncio.create_task(one.draw(stop)) for one in drawing]

        async def pass_by() -> float:
            """Let the volume pass; how long authors waited for "saved" meanwhile, p95 in seconds."""
            for author in authors:
                author.latencies.clear()
            until_bytes = drawing[0].heard_bytes + volume
            await until(lambda: drawing[0].heard_bytes >= until_bytes, what="the volume passed", within=600)
            return statistics.quantiles([one for author in authors for one in author.latencies], n=20)[18]

        with_all_reading = await pass_by()
        before = resident_bytes(product)
        slow.reads.clear()
        slow.put()
        with_one_stalled = await pass_by()
        growth = resident_bytes(product) - before
        slow.reads.set()
        stop.set()
        await asyncio.gather(*people)
        written = await nothing_is_lost(room, [*authors, slow])
        reconnects = len(slow.closes)
    ratio = with_one_stalled / with_all_reading
    # A server that waited for the stalled client would make the others wait until it reads again.
    bar, longest = ("1.2 times what it was", 1.2 * with_all_reading) if full else ("1 s", 1.0)

    figures.row(
        "P1",
        done=f"a client that stops reading while {volume // MIB} MiB pass",
        bar=f"memory <= +16 MiB, the others' p95 <= {bar}, correct after it resumes",
        measured=f"memory {growth / MIB:+.1f} MiB,"
        f" p95 {with_all_reading * 1000:.0f} -> {with_one_stalled * 1000:.0f} ms"
        f" ({ratio:.2f} times), {written} edits all there once, {reconnects} reconnects",
    )
    assert growth <= 16 * MIB
    assert with_one_stalled <= longest
    # Who does not answer pings for 40 s either is taken for dead, and comes back.
    assert reconnects == 0 or full
