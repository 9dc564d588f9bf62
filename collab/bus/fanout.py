"""``live.ports.Bus`` over anything that can send bytes to a group: who is told what, and what to do about losses.

One task sends, in this order: subscriptions, what other processes must know about this one, edits and cursors. What
waits for it is merged, so that a slow link makes messages larger and fewer, and it is bounded. A topic that no other
process holds costs nothing. What waits about many topics goes to each process that holds some of them as one bundle:
a message through Redis costs ten times as much as what is in it.

Every message about a topic is numbered. A jump in the numbers, a sender not heard before, a link that was down or deaf:
in each case the listener is told that it may have missed something, and reads the log. What is not sent, because it is
too large, too much or the link is down, takes a number all the same, and "read the log" follows once it is committed.

A process hears its own beacon. When it does not, messages may be getting lost though sending seems to work; the link is
then made anew.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from uuid import UUID

from collab.bus.census import Census
from collab.bus.envelope import (
    NOBODY,
    PROCESS_BYTES,
    Envelope,
    Kind,
    decode_bundle,
    decode_envelope,
    encode_bundles,
)
from collab.bus.hearing import Hearing
from collab.bus.link import Address, Link, LinkDown
from collab.bus.notices import Notices
from collab.bus.pulse import Pulse
from collab.bus.topic import Topic
from collab.errors import CollabError
from collab.live.limits import Limits
from collab.live.ports import Cancellable, Clock, Listener, Note

logger = logging.getLogger(__name__)

TICK_INTERVAL = 0.5
RETRY_INTERVAL = 0.5
GOODBYE_PATIENCE = 2.0
STUBBORN_FOR = 0.5

ROUND_PAUSE = 2
"""After sending there is a pause of so many times what it took."""

MAX_ROUND_PAUSE = 0.03
"""The longest such pause, in seconds."""


class Fanout:
    """Tells other processes about topics.

    Args:
        process: The id of this process, drawn at random unless given.
    """

    several = True

    def __init__(self, link: Link, *, clock: Clock, limits: Limits, process: bytes | None = None) -> None:
        self.process = process or secrets.token_bytes(PROCESS_BYTES)
        self._link = link
        self._clock = clock
        self._limits = limits
        self._census = Census()
        self._topics: dict[UUID, Topic] = {}
        self._opened = 0
        self._connected = False
        self._unjoined: dict[UUID, None] = {}
        self._unleft: dict[UUID, None] = {}
        self._dirty: dict[UUID, None] = {}
        self._down = False
        self._said_trouble = False
        self._pulse = Pulse(clock.now())
        self._woken = asyncio.Event()
        self._notices = Notices(
            self.process,
            held=lambda: [topic for topic in self._topics if topic not in self._unjoined],
            beat=lambda: self._pulse.beat(self._clock.now()),
            wake=self._woken.set,
        )
        self._hearing = Hearing(
            self.process, topics=self._topics, census=self._census, notices=self._notices, soil=self._soil
        )
        self._stopping = False
        self._sending: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def unsure(self) -> bool:
        """Whether messages may be getting lost at the moment."""
        return self._down or self._pulse.deaf

    def start(self) -> None:
        """Begin to listen and to send."""
        loop = asyncio.get_running_loop()
        self._sending = loop.create_task(self._run())
        self._ticking = loop.create_task(self._run_ticks())
        self._woken.set()

    async def stop(self) -> None:
        """Send what waits, say goodbye and end; waits ``GOODBYE_PATIENCE`` for it at most."""
        self._stopping = True
        self._woken.set()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        if self._sending is not None:
            # Not cancelled at first: a Redis client that is in the middle of something may swallow that.
            await asyncio.wait([self._sending], timeout=GOODBYE_PATIENCE)
            while not self._sending.done():
                self._sending.cancel()
                await asyncio.wait([self._sending], timeout=STUBBORN_FOR)
        await self._link.close()
        for topic in self._topics.values():
            topic.stop()

    # What this process holds and says

    def open(self, topic: UUID, listener: Listener) -> None:
        """From now on pass what others say about this topic."""
        # Above every number used for it before, so that whoever heard those sees a jump.
        self._opened += 1
        self._topics[topic] = Topic(topic, listener, counter=self._opened << 32)
        self._unleft.pop(topic, None)
        self._unjoined[topic] = None
        self._woken.set()

    def close(self, topic: UUID) -> None:
        """Stop doing so."""
        state = self._topics.pop(topic, None)
        if state is None:
            return
        state.stop()
        self._dirty.pop(topic, None)
        if topic in self._unjoined:
            del self._unjoined[topic]
        else:
            self._notices.changed(Kind.CLOSED, topic)
        self._unleft[topic] = None
        self._woken.set()

    def publish(self, topic: UUID, update: bytes) -> None:
        """Tell the other processes that hold this topic; may lose it."""
        state = self._topics.get(topic)
        if state is None or not self._census.holders(topic):
            return
        if self._down or not state.queue(update, self._limits):
            state.skip()
        else:
            self._soil(state)

    def committed(self, topic: UUID, *, everything: bool) -> None:
        """Updates of this topic are in the log: say so if some were not sent."""
        state = self._topics.get(topic)
        if state is None or not state.skipped or self._down:
            return
        state.skipped = not everything
        if self._census.holders(topic):
            state.log_is_news = True
            self._soil(state)

    def announce(self, topic: UUID) -> bool:
        """Presence has changed; returns whether anybody is going to ask for it."""
        state = self._topics.get(topic)
        if state is None or not self._census.holders(topic):
            return False
        wait = state.presence_sent + self._limits.presence_interval - self._clock.now()
        if wait <= 0:
            state.presence_changed = True
            self._soil(state)
        elif state.timer is None:
            state.timer = self._announce_later(state, wait)
        return True

    def tell(self, topic: UUID, note: Note) -> None:
        """Tell every other process."""
        self._notices.note(topic, note)

    def _announce_later(self, state: Topic, wait: float) -> Cancellable:
        def now() -> None:
            state.timer = None
            state.presence_changed = True
            self._soil(state)

        return self._clock.call_later(wait, now)

    def _soil(self, state: Topic) -> None:
        if self._topics.get(state.topic) is state:
            self._dirty[state.topic] = None
            self._woken.set()

    # Sending

    async def _run(self) -> None:
        while not self._stopping:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._send_all()
                if self._stopping:
                    await self._link.send(None, Envelope(Kind.GOODBYE, self.process).encode())
            except LinkDown as error:
                self._went_down(str(error))
            except Exception as error:
                # A fault here must not cut this process off from the others for good.
                logger.exception("sending to other processes failed; it goes on")
                self._connected = False
                self._went_down(repr(error))
            else:
                self._down = False
                continue
            if not self._stopping:
                await self._clock.sleep(RETRY_INTERVAL)
                self._woken.set()

    async def _send_all(self) -> None:
        if not self._connected:
            await self._link.close()
            await self._link.connect(self._receive)
            await self._link.join(self.process)
            self._connected = True
            self._unjoined = dict.fromkeys(self._topics)
            self._unleft.clear()
            self._notices.start_over()
        while self._has_something_to_send:
            await self._send_subscriptions()
            await self._notices.send(self._link)
            if self._dirty and not self._unjoined:
                await self._send_topics()

    @property
    def _has_something_to_send(self) -> bool:
        return bool(self._dirty or self._unleft or self._unjoined or self._notices)

    async def _send_subscriptions(self) -> None:
        while self._unleft:
            topic = next(iter(self._unleft))
            await self._link.leave(topic)
            self._unleft.pop(topic, None)
            if topic in self._topics:
                self._unjoined[topic] = None
        while self._unjoined:
            topic = next(iter(self._unjoined))
            await self._link.join(topic)
            if topic in self._unjoined:
                del self._unjoined[topic]
                self._notices.changed(Kind.OPENED, topic)

    async def _send_topics(self) -> None:
        """Send what waits about all topics, and pause for a time that depends on how long it took: more is merged."""
        began = self._clock.now()
        states = [self._topics[topic] for topic in self._dirty]
        self._dirty.clear()
        try:
            for address, message in self._addressed(states):
                await self._link.send(address, message)
        except Exception:
            # Whatever it was, some of this was not sent: it is in the log, and the others are told to read it.
            for state in states:
                state.skip()
            raise
        took = self._clock.now() - began
        if took > 0 and not self._stopping:
            await self._clock.sleep(min(took * ROUND_PAUSE, MAX_ROUND_PAUSE))

    def _addressed(self, states: list[Topic]) -> Iterator[tuple[Address, bytes]]:
        """Messages about topics, and whom to send them to: each process, or where those are many, each topic."""
        now = self._clock.now()
        holders = [self._census.holders(state.topic) for state in states]
        if len(set().union(*holders)) >= len(states):
            for state in states:
                for message in state.messages(self.process, now, self._limits):
                    yield state.topic, message
            return
        waiting: dict[bytes, list[bytes]] = {}
        for state, processes in zip(states, holders, strict=True):
            messages = list(state.messages(self.process, now, self._limits))
            for process in processes:
                waiting.setdefault(process, []).extend(messages)
        for process, messages in waiting.items():
            for payload in encode_bundles(messages, self._limits.bus_max_message_bytes):
                yield process, Envelope(Kind.BUNDLE, self.process, payload=payload).encode()

    def _went_down(self, problem: str) -> None:
        if not self._said_trouble:
            self._said_trouble = True
            logger.warning(
                "Redis cannot be reached (%s): edits are saved and shown as before; people on other processes see them"
                " within some seconds, read from the database",
                problem,
            )
        self._down = True
        self._pulse.lose(self._clock.now())
        self._notices.start_over()
        for topic in self._dirty:
            self._topics[topic].skip()
        self._dirty.clear()

    # Receiving

    def _receive(self, data: bytes) -> None:
        """Take one message from the link; what is none is passed over."""
        try:
            envelope = decode_envelope(data)
            if envelope.process == self.process:
                self._hear_self(envelope)
            elif envelope.process == NOBODY:
                if envelope.kind is Kind.NOTE:
                    self._hearing.take_note(envelope)
            elif self._census.hear(envelope.process, self._clock.now()):
                if envelope.kind is Kind.BUNDLE:
                    for message in decode_bundle(envelope.payload):
                        self._hearing.take(decode_envelope(message))
                else:
                    self._hearing.take(envelope)
        except CollabError as error:
            logger.warning("a message on the bus was not understood: %s", error)
        except Exception:
            logger.exception("a message from another process could not be handled")

    def _hear_self(self, envelope: Envelope) -> None:
        if envelope.kind is not Kind.BEACON:
            return
        was_deaf = self._pulse.deaf
        self._pulse.hear(envelope.payload, self._clock.now())
        if was_deaf:
            self._hear_again()

    def _hear_again(self) -> None:
        """Messages arrive again: what was said meanwhile is lost, so ask, and tell."""
        if self._said_trouble:
            logger.info("Redis carries messages between processes again")
        self._said_trouble = False
        self._notices.start_over()
        self._woken.set()
        for state in list(self._topics.values()):
            state.listener.missed(state.topic)
            if self._census.holders(state.topic):
                state.presence_wanted = True
                state.log_is_news = state.skipped
                self._soil(state)

    # The passing of time

    async def _run_ticks(self) -> None:
        while True:
            await self._clock.sleep(TICK_INTERVAL)
            try:
                self._tick(self._clock.now())
            except Exception:
                logger.exception("a tick of the bus failed")

    def _tick(self, now: float) -> None:
        self._pulse.check(now)
        if self._pulse.renews(now):
            if not self._said_trouble:
                self._said_trouble = True
                logger.warning("messages to other processes do not come back from Redis: connecting anew")
            self._connected = False
            self._woken.set()
        if self._pulse.is_due(now, self._limits.beacon_interval):
            self._notices.want_beacon()
        for process in self._census.silent(now, self._limits.process_timeout):
            self._hearing.forget(process)
        for state in self._topics.values():
            if now - state.refreshed >= self._limits.presence_refresh and self._census.holders(state.topic):
                state.presence_wanted = True
                self._soil(state)
