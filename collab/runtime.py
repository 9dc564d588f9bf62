"""The composition root: builds the engine's objects once per process, starts, drains and stops them.

One runtime belongs to one event loop. It is built when the first socket comes or when the server announces its start,
whichever is first, because daphne does not announce it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from collab import access
from collab.bus.channel_layer import make_bus, tell_once
from collab.conf import CollabSettings, collab_settings
from collab.crdt.worker import BACKGROUND_NICENESS, FOLD_TIMEOUT, Worker
from collab.errors import CollabError, PageReplaced, Restarting, UnknownPage
from collab.live.analysis import WorkerAnalyst, rescuer
from collab.live.clock import LoopClock
from collab.live.folds import Folds
from collab.live.gate import Gate
from collab.live.hub import Hub
from collab.live.ports import Note
from collab.live.recovery import Recovery
from collab.live.rooms import Rooms
from collab.storage.fold import LogFolder
from collab.storage.log import LogStore

logger = logging.getLogger(__name__)


GOODBYE = 1.0
"""How long, in seconds, a stopping process waits for clients to answer that they are closed."""

Farewell = Callable[[CollabError], Awaitable[None]]


class Runtime:
    """Everything that lives as long as the process serves."""

    def __init__(self, settings: CollabSettings) -> None:
        self.settings = settings
        self.clock = LoopClock()
        self.store = LogStore()
        self.worker = Worker()
        self.gate = Gate(settings)
        self.folding_worker = Worker(job_timeout=FOLD_TIMEOUT, niceness=BACKGROUND_NICENESS)
        """For what may take a minute: nobody who opens a page or edits one waits for it."""
        self.bus = make_bus(clock=self.clock, limits=settings)
        self.rooms = Rooms(bus=self.bus, max_listed=settings.max_people_listed)
        self.farewells: set[Farewell] = set()
        """Ends the connections that are not the hub's; each is called with the reason when the process stops."""
        self.held_refusals = 0
        """How many refused connections are held open at the moment."""
        analyst = WorkerAnalyst(self.worker, settings)
        self.recovery = Recovery(
            store=self.store, analyst=analyst, rescuer=rescuer(self.folding_worker, settings), clock=self.clock
        )
        self.folder = LogFolder(worker=self.folding_worker, recovery=self.recovery)
        self.hub = Hub(
            store=self.store,
            bus=self.bus,
            analyst=analyst,
            clock=self.clock,
            limits=settings,
            recovery=self.recovery,
            folds=Folds(folder=self.folder, clock=self.clock, limits=settings),
        )
        self._noting: dict[UUID, asyncio.Task[None]] = {}
        self._warming_up: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[bool] | None = None
        self._sockets = 0
        self._deserted = asyncio.Event()
        self._deserted.set()

    @property
    def is_stopping(self) -> bool:
        """Whether newcomers are sent away."""
        return self._stopping is not None

    def arrive(self) -> None:
        """A connection begins; ``depart`` says that it has ended."""
        self._sockets += 1
        self._deserted.clear()

    def depart(self) -> None:
        """A connection has ended."""
        self._sockets -= 1
        if not self._sockets:
            self._deserted.set()

    def start(self) -> None:
        """Begin to serve."""
        self.hub.start()

    def warm_up(self) -> None:
        """Start what the first large page would otherwise be waited for, and everybody else meanwhile."""
        self._warming_up = asyncio.get_running_loop().create_task(self.worker.start())

    def note_use(self, link_id: UUID | None) -> None:
        """Remember that a share link was used; who uses it does not wait, however busy the database is."""
        if link_id is None or link_id in self._noting:
            return
        task = asyncio.get_running_loop().create_task(self.store.tell(access.note_use, link_id))
        self._noting[link_id] = task
        task.add_done_callback(lambda _: self._noting.pop(link_id, None))

    async def drain(self) -> bool:
        """Save what was accepted and end every connection; returns whether everything is saved. Once only."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._drain())
        return await asyncio.shield(self._stopping)

    async def _drain(self) -> bool:
        saved = await self.hub.drain(self.settings.drain_timeout)
        try:
            async with asyncio.timeout(GOODBYE):
                goodbyes = (end(Restarting("stopping")) for end in list(self.farewells))
                await asyncio.gather(*goodbyes, return_exceptions=True)
                # A server that is told to stop now would cut what it has not sent yet: also the word why it stops.
                await self._deserted.wait()
        except TimeoutError:
            logger.info("%d connections did not answer the goodbye", self._sockets)
        await self.hub.stop()
        if self._warming_up is not None:
            await self._warming_up
        await self.worker.stop()
        await asyncio.gather(*self._noting.values(), return_exceptions=True)
        await self.folder.stop()
        await self.store.stop()
        return saved


_current: tuple[asyncio.AbstractEventLoop, Runtime] | None = None


def current() -> Runtime:
    """The runtime of the running event loop, built and started if there is none yet."""
    global _current  # noqa: PLW0603 - one per process is the point
    loop = asyncio.get_running_loop()
    if _current is None or _current[0] is not loop:
        runtime = Runtime(collab_settings())
        runtime.start()
        _current = (loop, runtime)
    return _current[1]


def _serving() -> tuple[asyncio.AbstractEventLoop, Runtime] | None:
    """The event loop of this process that serves people, with its runtime, if there is one."""
    return None if _current is None or _current[0].is_closed() else _current


def end_page(page_id: UUID, note: Note = Note.DELETED) -> None:
    """A page was deleted or replaced: end its connections, in every process. May be called in any thread."""
    serving = _serving()
    if serving is None:
        tell_once(page_id, note)
        return
    loop, runtime = serving
    error = PageReplaced("replaced") if note is Note.REPLACED else UnknownPage("deleted")
    loop.call_soon_threadsafe(runtime.hub.end, page_id, error)


def change_room(room_id: UUID) -> None:
    """Something about a room changed: tell everybody in it, in every process. May be called in any thread."""
    serving = _serving()
    if serving is None:
        tell_once(room_id, Note.CHANGED)
        return
    loop, runtime = serving
    loop.call_soon_threadsafe(runtime.rooms.change, room_id)


async def drain() -> bool:
    """Drain the runtime of this event loop, if there is one; returns whether everything accepted is saved.

    The runtime stays: a process that has begun to stop sends newcomers away and does not begin anew.
    """
    if _current is None or _current[0] is not asyncio.get_running_loop():
        return True
    return await _current[1].drain()


def is_stopping() -> bool:
    """Whether this process has been told to stop. May be asked in any thread."""
    return _current is not None and _current[1].is_stopping


def loop_of_current() -> asyncio.AbstractEventLoop | None:
    """The event loop that serves in this process, if one does. May be asked in any thread."""
    return None if _current is None else _current[0]
