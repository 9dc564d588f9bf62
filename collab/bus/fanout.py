"""``live.ports.Bus`` over anything that can send bytes to a group: who is told what, and what to do about losses.

One task sends, in this order: subscriptions, what other processes must know about this one, edits, cursors. What waits
for it is merged, so that a slow link makes messages larger and fewer, and it is bounded. A topic that no other process
holds costs nothing.

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
from collections import deque
from uuid import UUID

from collab.bus.census import Census
from collab.bus.envelope import (
    NOBODY,
    PROCESS_BYTES,
    Envelope,
    Kind,
    decode_envelope,
    decode_holdings,
    decode_presence,
    encode_holdings,
)
from collab.bus.link import Link, LinkDown
from collab.bus.pulse import Pulse
from collab.bus.topic import Topic
from collab.errors import CollabError, MalformedFrame
from collab.live.limits import Limits
from collab.live.ports import Cancellable, Clock, Listener, Note

logger = logging.getLogger(__name__)

TICK_INTERVAL = 0.5
RETRY_INTERVAL = 0.5
MAX_WAITING = 1_000
"""Messages about holdings that may wait, above which one list replaces them; and notes that may wait."""
GOODBYE_PATIENCE = 2.0
STUBBORN_FOR = 0.5


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
        self._holdings = 0
        """How often the holdings of this process changed."""
        self._connected = False
        self._unjoined: dict[UUID, None] = {}
        self._unleft: dict[UUID, None] = {}
        self._control: deque[bytes] = deque()
        self._notes: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._holdings_wanted = False
        self._wants_answer = True
        self._asks: set[bytes] = set()
        self._dirty: dict[UUID, None] = {}
        self._down = False
        self._said_trouble = False
        self._pulse = Pulse(clock.now())
        self._beacon_wanted = False
        self._woken = asyncio.Event()
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
            self._held_changed(Kind.CLOSED, topic)
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
        self._notes.append(Envelope(Kind.NOTE, self.process, 0, topic, bytes((note.value,))).encode())
        self._woken.set()

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
            self._connected = True
            self._unjoined = dict.fromkeys(self._topics)
            self._unleft.clear()
            self._holdings_wanted = self._wants_answer = True
        while self._has_something_to_send:
            await self._send_subscriptions()
            await self._send_control()
            while self._dirty and not self._unjoined:
                topic = next(iter(self._dirty))
                del self._dirty[topic]
                await self._send_topic(self._topics[topic])

    @property
    def _has_something_to_send(self) -> bool:
        return bool(
            self._unleft
            or self._unjoined
            or self._holdings_wanted
            or self._control
            or self._asks
            or self._notes
            or self._beacon_wanted
            or self._dirty
        )

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
                self._held_changed(Kind.OPENED, topic)

    def _held_changed(self, kind: Kind, topic: UUID) -> None:
        self._holdings += 1
        if len(self._control) >= MAX_WAITING:
            self._holdings_wanted = True
        self._control.append(Envelope(kind, self.process, self._holdings, topic).encode())
        self._woken.set()

    async def _send_control(self) -> None:
        if self._holdings_wanted:
            await self._send_holdings()
        while self._control:
            await self._link.send(None, self._control[0])
            self._control.popleft()
        while self._asks:
            ask = Envelope(Kind.ASK, self.process, payload=next(iter(self._asks)))
            await self._link.send(None, ask.encode())
            self._asks.discard(ask.payload)
        while self._notes:
            await self._link.send(None, self._notes[0])
            self._notes.popleft()
        if self._beacon_wanted:
            await self._send_beacon()

    async def _send_holdings(self) -> None:
        # The list takes the place of every single change before it.
        self._control.clear()
        held = [topic for topic in self._topics if topic not in self._unjoined]
        payload = encode_holdings(held, wants_answer=self._wants_answer)
        self._holdings_wanted = False
        try:
            await self._link.send(None, Envelope(Kind.HOLDINGS, self.process, self._holdings, payload=payload).encode())
        except LinkDown:
            self._holdings_wanted = True
            raise
        self._wants_answer = False
        self._beacon_wanted = True

    async def _send_beacon(self) -> None:
        self._beacon_wanted = False
        payload = self._pulse.beat(self._clock.now())
        await self._link.send(None, Envelope(Kind.BEACON, self.process, self._holdings, payload=payload).encode())

    async def _send_topic(self, state: Topic) -> None:
        try:
            for message in state.messages(self.process, self._clock.now(), self._limits):
                await self._link.send(state.topic, message)
        except LinkDown:
            state.skip()
            raise

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
        self._holdings_wanted = self._wants_answer = True
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
                    self._take_note(envelope)
            elif self._census.hear(envelope.process, self._clock.now()):
                self._hear(envelope)
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
        self._holdings_wanted = self._wants_answer = True
        self._woken.set()
        for state in list(self._topics.values()):
            state.listener.missed(state.topic)
            if self._census.holders(state.topic):
                state.presence_wanted = True
                state.log_is_news = state.skipped
                self._soil(state)

    def _hear(self, envelope: Envelope) -> None:
        process = envelope.process
        match envelope.kind:
            case Kind.UPDATE | Kind.READ_LOG | Kind.PRESENCE:
                self._take(envelope)
            case Kind.NOTE:
                self._take_note(envelope)
            case Kind.GOODBYE:
                self._forget(process)
            case Kind.ASK:
                if envelope.payload == self.process:
                    self._want_holdings()
            case _:
                self._take_holdings(envelope)
                if not self._census.is_current(process, envelope.counter):
                    self._ask(process)

    def _take_holdings(self, envelope: Envelope) -> None:
        """What another process holds: all of it, a change, or only the number of the last change."""
        process, counter, topic = envelope.process, envelope.counter, envelope.topic
        if envelope.kind is Kind.HOLDINGS:
            wants_answer, topics = decode_holdings(envelope.payload)
            if wants_answer:
                self._want_holdings()
            gained, lost = self._census.replace(process, counter, topics)
            for topic in gained:
                self._gained(topic)
            for topic in lost:
                self._lost(topic, process)
        elif envelope.kind is Kind.OPENED:
            if self._census.opened(process, counter, topic):
                self._gained(topic)
        elif envelope.kind is Kind.CLOSED and self._census.closed(process, counter, topic):
            self._lost(topic, process)

    def _want_holdings(self) -> None:
        self._holdings_wanted = True
        self._woken.set()

    def _ask(self, process: bytes) -> None:
        self._asks.add(process)
        self._woken.set()

    def _gained(self, topic: UUID) -> None:
        """Another process opened a topic: tell it who is here, and to read the log once what is under way is in it."""
        state = self._topics.get(topic)
        if state is not None:
            state.presence_wanted = True
            state.skipped = True
            self._soil(state)

    def _lost(self, topic: UUID, process: bytes) -> None:
        state = self._topics.get(topic)
        if state is not None:
            state.heard.pop(process, None)
            state.listener.departed(topic, process)

    def _forget(self, process: bytes) -> None:
        for topic in self._census.forget(process):
            self._lost(topic, process)
        self._asks.discard(process)

    def _take_note(self, envelope: Envelope) -> None:
        state = self._topics.get(envelope.topic)
        if state is None:
            return
        try:
            note = Note(int.from_bytes(envelope.payload, "big"))
        except ValueError:
            raise MalformedFrame("an unknown note", offset=0) from None
        state.listener.noted(envelope.topic, note)

    def _take(self, envelope: Envelope) -> None:
        """Something about a topic."""
        state = self._topics.get(envelope.topic)
        if state is None:
            return
        process = envelope.process
        if process not in self._census.holders(envelope.topic):
            # It is not known to hold this: it must be told ours, and asked for its holdings.
            self._ask(process)
        whole = state.follows(process, envelope.counter)
        if envelope.kind is Kind.UPDATE:
            state.listener.deliver(envelope.topic, envelope.payload)
        elif envelope.kind is Kind.PRESENCE:
            complete, payload = decode_presence(envelope.payload)
            state.listener.present(envelope.topic, process, payload, complete=complete)
        if not whole or envelope.kind is Kind.READ_LOG:
            state.listener.missed(envelope.topic)

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
            self._beacon_wanted = True
            self._woken.set()
        for process in self._census.silent(now, self._limits.process_timeout):
            self._forget(process)
        for state in self._topics.values():
            if now - state.refreshed >= self._limits.presence_refresh and self._census.holders(state.topic):
                state.presence_wanted = True
                self._soil(state)
