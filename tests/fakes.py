"""The engine's surroundings without a database, a network or a real clock, and a client that is a real Yjs document."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from pycrdt import Doc, Text

from collab.bus.fanout import Fanout
from collab.bus.link import Link
from collab.bus.memory import MemoryBus
from collab.crdt.index import index_updates, judge, sift
from collab.crdt.merge import merge
from collab.errors import CollabError, PageReplaced, TroubleHere, UnknownPage
from collab.live.analysis import page_limits
from collab.live.hub import Hub
from collab.live.limits import Limits
from collab.live.page import Page
from collab.live.peer import Peer, Rights
from collab.live.ports import Bus, ExtendedIndex, IndexedPage, NewRow, Refusal, StoreDown, StoredPage
from collab.wire import (
    Awareness,
    FindingKind,
    Message,
    Notice,
    PageStructure,
    Saved,
    SyncStep1,
    SyncStep2,
    Update,
    UpdateLimits,
    decode,
    encode_sync_step1,
    encode_sync_step2,
    encode_update,
)


async def settle() -> None:
    """Let everything run that can run without the clock moving."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass(order=True)
class _Planned:
    due: float
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._planned: list[_Planned] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def spend(self, seconds: float) -> None:
        """Something takes time, and nothing else happens meanwhile."""
        self._now += seconds

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Planned:
        planned = _Planned(self._now + max(delay, 0.0), next(self._order), callback)
        if delay <= 0:
            asyncio.get_running_loop().call_soon(lambda: None if planned.cancelled else callback())
        else:
            heapq.heappush(self._planned, planned)
        return planned

    async def sleep(self, delay: float) -> None:
        woken = asyncio.Event()
        planned = self.call_later(delay, woken.set)
        try:
            await woken.wait()
        finally:
            planned.cancel()

    async def advance(self, seconds: float) -> None:
        """Move time, doing what falls due on the way in its order."""
        end = self._now + seconds
        await settle()
        while self._planned and self._planned[0].due <= end:
            planned = heapq.heappop(self._planned)
            self._now = max(self._now, planned.due)
            if not planned.cancelled:
                planned.callback()
                await settle()
        self._now = end
        await settle()


class MemoryStore:
    """A log in memory that can be told to fail or to take its time."""

    def __init__(self) -> None:
        self.pages: dict[UUID, tuple[int, list[bytes]]] = {}
        self.fails: Exception | None = None
        self.fails_for: dict[UUID, Exception] = {}
        self.gate: asyncio.Event | None = None
        self.commits: list[list[NewRow]] = []
        self.loads = 0
        self.put_aside: dict[UUID, dict[int, str]] = {}
        self.marked: dict[UUID, str] = {}
        self.may_still_come = False
        self.reads = 0
        self.sweeps = 0

    def make_page(self, *updates: bytes) -> UUID:
        """A page that is there."""
        page_id = uuid4()
        self.pages[page_id] = (1, list(updates))
        return page_id

    async def load(self, page_id: UUID) -> StoredPage:
        self.loads += 1
        await self._trouble()
        if page_id not in self.pages:
            raise UnknownPage(str(page_id))
        epoch, rows = self.pages[page_id]
        kept = [number for number in range(1, len(rows) + 1) if number not in self.put_aside.get(page_id, {})]
        return StoredPage(
            page_id=page_id,
            epoch=epoch,
            sequence=len(rows),
            updates=[rows[number - 1] for number in kept],
            sequences=kept,
        )

    async def append(self, rows: Sequence[NewRow]) -> Mapping[UUID, int | Refusal]:
        await self._trouble()
        for row in rows:
            if row.page_id in self.fails_for:
                raise self.fails_for[row.page_id]
        results: dict[UUID, int | Refusal] = {}
        for row in rows:
            epoch, log = self.pages.get(row.page_id, (0, []))
            if row.page_id not in self.pages:
                results[row.page_id] = Refusal.GONE
            elif epoch != row.epoch:
                results[row.page_id] = Refusal.REPLACED
            else:
                log.append(row.payload)
                results[row.page_id] = len(log)
        self.commits.append(list(rows))
        return results

    async def rows_after(self, page_id: UUID, epoch: int, sequence: int) -> tuple[int, Sequence[bytes]]:
        self.reads += 1
        await self._trouble()
        if page_id not in self.pages:
            raise UnknownPage(str(page_id))
        stored_epoch, rows = self.pages[page_id]
        if stored_epoch != epoch:
            raise PageReplaced(str(page_id))
        return len(rows), rows[sequence:]

    async def give_up(self, page_id: UUID, epoch: int, waiting: Collection[int]) -> None:
        if self.may_still_come:
            raise TroubleHere("what it depends on may still come")

    async def quarantine(self, page_id: UUID, epoch: int, faults: Mapping[int, str]) -> None:
        self.put_aside.setdefault(page_id, {}).update(faults)
        await self.mark(page_id, next(iter(faults.values())))

    async def mark(self, page_id: UUID, reason: str) -> None:
        self.marked[page_id] = reason

    async def heads(self, page_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, int]]:
        self.sweeps += 1
        await self._trouble()
        pages = {page_id: self.pages[page_id] for page_id in page_ids if page_id in self.pages}
        return {page_id: (epoch, len(rows)) for page_id, (epoch, rows) in pages.items()}

    async def _trouble(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails

    def text_of(self, page_id: UUID) -> str:
        """What a cold replay of the log gives."""
        doc: Doc = Doc()
        if self.pages[page_id][1]:
            doc.apply_update(merge(self.pages[page_id][1]))
        return str(doc.get("text", type=Text))


def store_down() -> StoreDown:
    """The database does not answer."""
    return StoreDown("database is locked")


class LocalAnalyst:
    """What the worker process does, done here."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.extended = 0
        self.gate: asyncio.Event | None = None

    async def index(self, updates: Sequence[bytes]) -> IndexedPage:
        content, page = index_updates(updates, page_limits(self._limits))
        return IndexedPage(content=content, index=page.dump())

    async def sift(self, updates: Sequence[bytes]) -> Mapping[int, str]:
        return sift(updates)[1]

    async def extend(self, index: bytes, update: bytes) -> ExtendedIndex:
        self.extended += 1
        if self.gate is not None:
            await self.gate.wait()
        page = PageStructure.load(index)
        finding, rest = judge(page, update, UpdateLimits())
        dump = b""
        if finding.kind is FindingKind.NEW:
            page.add(finding.addition)
            dump = page.dump()
        return ExtendedIndex(kind=finding.kind, advances=finding.advances, update=rest, index=dump)


class _Hearing:
    """Whether a document is taking what others wrote."""

    others = False


class Client:
    """A person's browser: a real Yjs document that speaks the protocol over a peer."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        can_edit: bool = True,
        extended: bool = True,
        user_id: str | None = None,
        lasting: bool = True,
        client_id: int | None = None,
    ) -> None:
        self.engine = engine
        self.doc: Doc = Doc(client_id=client_id)
        self.text = self.doc.get("text", type=Text)
        self.frames: list[bytes] = []
        self.closed_with: CollabError | None = None
        self.stalled: asyncio.Event | None = None
        """While set to an unset event, this client takes nothing."""
        self.takes = 0.0
        """How long the server is busy with sending it a frame, in seconds."""
        self.page: Page | None = None
        self._local = [b""]
        self._local.clear()
        self._hears = _Hearing()
        hears, local = self._hears, self._local
        self.doc.observe(lambda event: None if hears.others else local.append(event.update))
        self.peer = Peer(
            rights=Rights(
                user={
                    "id": user_id or f"u:{name}",
                    "name": name,
                    "color": "#2f6fe0",
                    "role": "editor" if can_edit else "viewer",
                },
                can_edit=can_edit,
                lasting=lasting,
            ),
            send=self._receive,
            close=self._closed,
            extended=extended,
            clock=engine.clock,
            limits=engine.limits,
        )

    async def _receive(self, frame: bytes) -> None:
        if self.stalled is not None:
            await self.stalled.wait()
        self.engine.clock.spend(self.takes)
        self.frames.append(frame)

    async def _closed(self, error: CollabError) -> None:
        self.closed_with = error

    async def join(self, page_id: UUID) -> Client:
        """Connect and synchronise, as y-websocket does."""
        self.page = await self.engine.hub.join(page_id, self.peer)
        await self.send(encode_sync_step1(self.doc.get_state()))
        await self.catch_up()
        return self

    async def send(self, frame: bytes) -> None:
        """Send one frame; what the page refuses closes the connection, as the consumer does."""
        assert self.page is not None
        try:
            await self.page.receive(self.peer, frame)
        except CollabError as error:
            await self.peer.close(error)

    def type(self, text: str, at: int | None = None) -> bytes:
        """Write, and return the update that this made."""
        before = len(self._local)
        self.text.insert(len(self.text) if at is None else at, text)
        return self._local[before]

    async def write(self, text: str, at: int | None = None) -> None:
        """Write and send."""
        await self.send(encode_update(self.type(text, at)))

    async def catch_up(self) -> list[Message]:
        """Handle what has arrived; returns it."""
        handled: list[Message] = []
        while True:
            await settle()
            if not self.frames:
                return handled
            message = decode(self.frames.pop(0))
            handled.append(message)
            if isinstance(message, SyncStep1):
                await self.send(encode_sync_step2(self.doc.get_update(message.state_vector)))
            elif isinstance(message, SyncStep2 | Update):
                self.hear(message.update)

    def hear(self, update: bytes) -> None:
        """Take what others wrote."""
        self._hears.others = True
        self.doc.apply_update(update)
        self._hears.others = False

    def on_a_new_connection(self, engine: Engine | None = None, **options: object) -> Client:
        """The same document, not yet joined; to the same server or to one that has just started."""
        again = Client(engine or self.engine, self.peer.rights.user["name"], **options)  # type: ignore[arg-type]
        again.doc, again.text, again._local, again._hears = self.doc, self.text, self._local, self._hears
        return again

    async def notices(self) -> list[dict[str, object]]:
        """Notices among what has arrived."""
        return [message.body for message in await self.catch_up() if isinstance(message, Notice)]

    async def saved(self) -> int | None:
        """The last acknowledgement among what has arrived."""
        return max((message.count for message in await self.catch_up() if isinstance(message, Saved)), default=None)

    async def awareness(self) -> list[Awareness]:
        """Awareness messages among what has arrived."""
        return [message for message in await self.catch_up() if isinstance(message, Awareness)]

    def leave(self) -> None:
        """The connection ends from this side."""
        assert self.page is not None
        self.engine.hub.leave(self.page, self.peer)


class Engine:
    """A hub with everything it needs, in memory."""

    def __init__(
        self,
        *,
        store: MemoryStore | None = None,
        link: Link | None = None,
        clock: FakeClock | None = None,
        **limits: float,
    ) -> None:
        self.limits = Limits(**limits)  # type: ignore[arg-type]
        self.clock = clock or FakeClock()
        self.store = store or MemoryStore()
        self.bus: Bus = MemoryBus() if link is None else Fanout(link, clock=self.clock, limits=self.limits)
        self.analyst = LocalAnalyst(self.limits)
        self.hub = Hub(
            store=self.store,
            bus=self.bus,
            analyst=self.analyst,
            clock=self.clock,
            limits=self.limits,
        )
        self.hub.start()

    def client(self, name: str, **options: object) -> Client:
        """A person who has not joined yet."""
        return Client(self, name, **options)  # type: ignore[arg-type]

    async def saved(self) -> None:
        """Let enough time pass for a commit."""
        await self.clock.advance(self.limits.flush_interval * 2)


__all__ = ["Client", "Engine", "FakeClock", "LocalAnalyst", "MemoryStore", "settle", "store_down"]
