"""The end of a process, whichever server it runs under: save, say goodbye, and be gone in time.

``manage.py up`` drains by itself. Other servers close their sockets first and tell the application afterwards (uvicorn)
or never (daphne), so the signal that asks a process to end is taken here: drain, then do what the server would have
done. A second signal is the server's at once. Newcomers are sent away meanwhile by ``Door``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from collab import runtime
from collab.conf import collab_settings
from collab.errors import Restarting

logger = logging.getLogger(__name__)

CLOSING = 3.5
"""Longest time, in seconds, that a stop may take beside the saving (``drain_timeout``)."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_server_drains = False


def leave_signals_to_server() -> None:
    """This process' server drains by itself."""
    global _server_drains  # noqa: PLW0603 - one per process is the point
    _server_drains = True


def drain_on_signals() -> None:
    """From now on drain when this process is told to stop, and then let the server stop. Call it on the event loop.

    Does nothing in a thread that cannot take signals: whoever runs a server there calls ``drain_from_thread``.
    """
    if _server_drains or threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        theirs = signal.getsignal(number)
        if theirs is not None and theirs is not signal.SIG_IGN and not isinstance(theirs, _DrainFirst):
            signal.signal(number, _DrainFirst(asyncio.get_running_loop(), theirs))


class _DrainFirst:
    """A signal handler: the first time it drains before it does what was to be done, afterwards it does so at once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, theirs: Callable[[int, FrameType | None], Any] | signal.Handlers | int
    ) -> None:
        self._loop = loop
        self._theirs = theirs
        self._task: asyncio.Task[None] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if runtime.is_stopping() or self._loop.is_closed():
            self._pass_on(number, frame)
        else:
            end_in_time()
            self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._task = self._loop.create_task(self._drain(number))

    async def _drain(self, number: int) -> None:
        try:
            await runtime.drain()
        except Exception:
            logger.exception("draining failed; edits that were not acknowledged are with their authors")
        self._pass_on(number, None)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._theirs):
            self._theirs(number, frame)
        else:
            signal.signal(number, self._theirs)
            signal.raise_signal(number)


def drain_from_thread() -> bool:
    """Drain a server that runs in another thread; returns whether everything accepted is saved."""
    loop = runtime.loop_of_current()
    if loop is None or not loop.is_running():
        return True
    end_in_time()
    return asyncio.run_coroutine_threadsafe(runtime.drain(), loop).result()


_watch: threading.Timer | None = None


def end_in_time() -> None:
    """See to it that this process ends even if something hangs, such as a database that neither answers nor refuses."""
    global _watch  # noqa: PLW0603 - one per process is the point
    if _watch is None:
        _watch = threading.Timer(collab_settings().drain_timeout + CLOSING, _end)
        _watch.daemon = True
        _watch.start()


def _end() -> None:
    logger.error("stopping took too long and was cut short; edits that were not acknowledged are with their authors")
    os._exit(1)


Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Door:
    """The door of the WebSocket application: counts who is inside, and sends newcomers away once the process stops."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection from handshake to end."""
        here = runtime.current()
        drain_on_signals()
        if here.is_stopping:
            await receive()
            await send({"type": "websocket.accept"})
            error = Restarting("stopping")
            await send({"type": "websocket.close", "code": int(error.close_code), "reason": error.reason})
            return
        here.arrive()
        try:
            await self._application(scope, receive, send)
        finally:
            here.depart()
