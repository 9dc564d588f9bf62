"""One connected client as a page sees it: what it may do, what it has sent, what waits for it.

A peer never makes the page wait. Frames go into its outbox; a task exists only while something is on its way, so an
idle connection costs no task and no timer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from collab.errors import CollabError, NotAllowed
from collab.live.limits import Limits
from collab.live.outbox import Advances, Outbox
from collab.live.ports import Clock
from collab.live.rates import Bucket
from collab.wire import encode_notice, encode_saved

logger = logging.getLogger(__name__)

MAX_NOTICES = 16
AWARENESS_BURST = 2.0
CLOSE_PATIENCE = 5.0
"""How long a client that does not read may hold up its own closing."""


Resync = Callable[["Peer"], list[tuple[bytes, Advances | None]]]
"""Makes the frames that bring a client up after frames were dropped, with what each of them adds."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Who a client is, as the server vouches for it, and what it may do on a page.

    Attributes:
        user: Stamped into the client's awareness as ``user``: id, name, color, role.
        can_edit: Whether its edits are taken.
        lasting: Whether the id in ``user`` will be the same on this person's next connection.
    """

    user: Mapping[str, Any]
    can_edit: bool
    lasting: bool = True


_DONE: Final = object()


def _never(_: bytes) -> bool:
    """A short way that there is not."""
    return False


class _Begun:
    """A coroutine that has already run up to its first wait, to be awaited from there.

    Most sends never wait. Running them where the frame is offered saves a task, and with it most of the cost of a
    delivery; only one that waits is handed to a task.
    """

    __slots__ = ("_awaited", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, None, None], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        awaited = self._awaited
        while True:
            try:
                value = yield awaited
            except BaseException as error:  # noqa: BLE001 - also a cancellation goes where the waiting is done
                awaited = self._step(self._coroutine.throw, error)
            else:
                awaited = self._step(self._coroutine.send, value)
            if awaited is _DONE:
                return

    def _step(self, step: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return step(argument)
        except StopIteration:
            return _DONE


class Peer:
    """One client on one page.

    Args:
        rights: Who it is and what it may do.
        send: Sends one binary frame; may wait when the client does not read, may raise when it is gone.
        write: Writes one binary frame at once and returns whether it did; for servers that have such a way. What it
            does not take goes through ``send``.
        close: Ends the connection with the error's code; called at most once.
        extended: Whether the client speaks ``collab.v1`` and wants to hear ``saved`` and notices.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_close",
        "_notices",
        "_question",
        "_resync",
        "_saved_told",
        "_send",
        "_sending",
        "_sending_since",
        "_write",
        "answered",
        "asked",
        "asked_at",
        "awareness",
        "client_id",
        "closed",
        "extended",
        "gaps",
        "holds_back",
        "last_sent",
        "meter",
        "outbox",
        "received",
        "rights",
        "saved",
        "strikes",
        "waits_for_rest",
    )

    def __init__(
        self,
        *,
        rights: Rights,
        send: Callable[[bytes], Coroutine[Any, None, None]],
        close: Callable[[CollabError], Awaitable[None]],
        extended: bool,
        clock: Clock,
        limits: Limits,
        write: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.rights = rights
        self.extended = extended
        self.outbox = Outbox(max_bytes=limits.outbox_max_bytes, max_age=limits.outbox_max_age)
        self.client_id: int | None = None
        """The Yjs client id it is present under; the first one it used."""
        self.received = 0
        """Sync messages received on this connection."""
        self.saved = 0
        """How many of them, from the first on, are durable."""
        self.waits_for_rest = False
        """It was asked for what an edit depends on; nothing counts as saved until its answer has been taken."""
        self.holds_back = False
        """An edit was left with it because too much waits for the database; it will be asked again."""
        self.strikes = 0
        self.gaps = Bucket(1.0, limits.max_gapped_updates)
        """Updates that could not be applied because something before them is missing."""
        self.asked = 0
        """How often it was asked for what it has."""
        self.asked_at = float("-inf")
        self.answered = 0
        """How many of these questions it has answered, in order."""
        self.awareness = Bucket(limits.awareness_per_second, AWARENESS_BURST)
        self.meter = limits.meter(clock.now())
        self.closed = False
        self.last_sent = clock.now()
        self._send = send
        self._write = write or _never
        self._close = close
        self._clock = clock
        self._notices: list[bytes] = []
        self._question: bytes | None = None
        self._saved_told = 0
        self._sending: asyncio.Task[None] | None = None
        self._sending_since: float | None = None
        self._resync: Resync | None = None

    def attach(self, resync: Resync) -> None:
        """Name the function that makes the frames which bring this client up after frames were dropped."""
        self._resync = resync

    def offer(self, frame: bytes, advances: Advances | None = None) -> None:
        """Queue a frame; never waits. ``advances`` says what of the page it holds."""
        if self.closed:
            return
        if self._sending_since is None and not self._waits and self._write(frame):
            self.last_sent = self._clock.now()
            return
        self.outbox.put(frame, advances, self._clock.now())
        self._wake()

    @property
    def _waits(self) -> bool:
        """Whether something must go before a new frame."""
        return bool(self.outbox or self._notices or self._question or self.outbox.behind)

    def ask(self, question: bytes, now: float) -> int:
        """Ask for what it has that the page lacks; one question waits at most, the newest.

        Not through the outbox: what is dropped there is made up for by a diff, and a question would not be.

        Args:
            question: A sync step 1.
            now: Seconds.

        Returns:
            The number of the answer, which ``answered`` will reach.
        """
        if self._question is None:
            self.asked += 1
        self._question = question
        self.asked_at = now
        if not self.closed:
            self._wake()
        return self.asked

    def notify(self, kind: str, **details: Any) -> None:
        """Tell a ``collab.v1`` client something about its connection; others hear nothing."""
        if self.closed or not self.extended:
            return
        if len(self._notices) < MAX_NOTICES:
            self._notices.append(encode_notice({"kind": kind, **details}))
        self._wake()

    def settle(self, count: int) -> None:
        """The first ``count`` sync messages are durable."""
        if count <= self.saved:
            return
        self.saved = count
        if self.extended and not self.closed:
            self._wake()

    def strike(self, allowed: int) -> None:
        """Count an edit that it may not make.

        Raises:
            NotAllowed: It has been told often enough.
        """
        self.strikes += 1
        if self.strikes == 1:
            self.notify("read-only")
        if self.strikes >= allowed:
            raise NotAllowed("kept editing a page that is read-only for this person")

    def blocked_for(self, now: float) -> float:
        """Seconds since the client last took something, while something waits for it."""
        return 0.0 if self._sending_since is None else now - self._sending_since

    async def close(self, error: CollabError) -> None:
        """End the connection and say why; what waits is dropped, except that notices go first."""
        if self.closed:
            return
        self.closed = True
        self.outbox.clear()
        sending, self._sending = self._sending, None
        if sending is not None and sending is not asyncio.current_task():
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_PATIENCE):
                for notice in self._notices:
                    await self._send(notice)
                if self.extended and self.saved > self._saved_told:
                    await self._send(encode_saved(self.saved))
                await self._close(error)
        except Exception:
            # The other side went first; whatever the server library raises then, there is nobody left to tell.
            logger.debug("a connection was gone before it could be closed", exc_info=True)

    def gone(self) -> None:
        """The connection ended from the other side."""
        self.closed = True
        self.outbox.clear()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _wake(self) -> None:
        """Send what waits: at once while the client takes it, in a task as soon as it makes us wait."""
        if self._sending is not None or self._sending_since is not None:
            return
        self._sending_since = self._clock.now()
        try:
            while not self.closed and (frame := self._next_frame()) is not None:
                if self._write(frame):
                    self.last_sent = self._sending_since
                    continue
                sending = self._send(frame)
                try:
                    awaited = sending.send(None)
                except StopIteration:
                    self.last_sent = self._sending_since
                    continue
                rest = self._drain(_Begun(sending, awaited))
                self._sending = asyncio.get_running_loop().create_task(rest)
                return
        except Exception as error:  # noqa: BLE001 - each server library raises its own
            self._lost(error)
        self._sending_since = None

    async def _drain(self, begun: _Begun) -> None:
        """Finish the sending that was begun, then send what waits, oldest first."""
        try:
            await begun
            while not self.closed and (frame := self._next_frame()) is not None:
                self.last_sent = self._sending_since = self._clock.now()
                await self._send(frame)
            self.last_sent = self._clock.now()
        except Exception as error:  # noqa: BLE001 - each server library raises its own
            self._lost(error)
        finally:
            self._sending_since = None
            if self._sending is asyncio.current_task():
                self._sending = None

    def _lost(self, error: Exception) -> None:
        # uvicorn and daphne each raise their own when the client is gone; the consumer hears of it by itself.
        logger.debug("a client went while something was being sent to it: %r", error)
        self.closed = True
        self.outbox.clear()

    def _next_frame(self) -> bytes | None:
        if self._notices:
            return self._notices.pop(0)
        if self._question is not None:
            question, self._question = self._question, None
            return question
        frame = self.outbox.take()
        if frame is not None:
            return frame
        if self.outbox.behind and self._resync is not None:
            # The diff itself goes first, past the bound: it may be larger, and would be dropped again and again.
            (diff, _), *rest = self._resync(self)
            for part, advances in rest:
                self.outbox.put(part, advances, self._clock.now())
            return diff
        if self.extended and self.saved > self._saved_told:
            self._saved_told = self.saved
            return encode_saved(self.saved)
        return None
