"""One topic as this process tells others about it: what waits to be sent, and the numbers of what was."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from collab.bus.envelope import Envelope, Kind, encode_presence
from collab.crdt.merge import UnmergeableUpdate, merge
from collab.live.limits import Limits
from collab.live.ports import Cancellable, Listener


class Topic:
    """A topic that this process holds.

    Attributes:
        skipped: Something was not sent; once it is committed, the others are told to read the log.
        log_is_news: They are to be told now.
        presence_changed: Somebody's state is to be sent.
        presence_wanted: Everybody's is.
        heard: The last number heard from each other process.
    """

    __slots__ = (
        "_counter",
        "_updates",
        "_waiting_bytes",
        "heard",
        "listener",
        "log_is_news",
        "presence_changed",
        "presence_sent",
        "presence_wanted",
        "refreshed",
        "skipped",
        "timer",
        "topic",
    )

    def __init__(self, topic: UUID, listener: Listener, *, counter: int) -> None:
        self.topic = topic
        self.listener = listener
        self.skipped = False
        self.log_is_news = False
        self.presence_changed = False
        self.presence_wanted = False
        self.presence_sent = float("-inf")
        self.refreshed = float("-inf")
        self.heard: dict[bytes, int] = {}
        self.timer: Cancellable | None = None
        self._counter = counter
        self._updates: list[bytes] = []
        self._waiting_bytes = 0

    def queue(self, update: bytes, limits: Limits) -> bool:
        """Let an update wait to be sent; False when it is too large or too much waits."""
        if len(update) > limits.bus_max_message_bytes:
            return False
        if self._waiting_bytes + len(update) > limits.bus_max_waiting_bytes:
            return False
        self._updates.append(update)
        self._waiting_bytes += len(update)
        return True

    def skip(self) -> None:
        """What waits will not be sent: leave a hole in the numbers."""
        self._updates.clear()
        self._waiting_bytes = 0
        self._counter += 1
        self.skipped = True
        self.presence_wanted = True

    def messages(self, process: bytes, now: float, limits: Limits) -> Iterator[bytes]:
        """What is to be sent, newest state of everything, made when it is asked for."""
        while self._updates:
            update = self._take(limits)
            if update is not None:
                yield self._message(Kind.UPDATE, process, update)
        if self.log_is_news:
            self.log_is_news = False
            yield self._message(Kind.READ_LOG, process, b"")
        if self.presence_wanted or self.presence_changed:
            complete, self.presence_wanted, self.presence_changed = self.presence_wanted, False, False
            self.presence_sent = now
            if complete:
                self.refreshed = now
            presence = self.listener.own_presence(self.topic, complete=complete)
            if presence is not None:
                yield self._message(Kind.PRESENCE, process, encode_presence(presence, complete=complete))

    def stop(self) -> None:
        """Call off what is planned."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def follows(self, process: bytes, counter: int) -> bool:
        """Note the number of a message; False when something before it did not arrive."""
        last = self.heard.get(process)
        if last is not None and counter <= last:
            return True
        self.heard[process] = counter
        return last is not None and counter == last + 1

    def _take(self, limits: Limits) -> bytes | None:
        """As many waiting updates as fit into one message, merged; None when they cannot be sent."""
        size = count = 0
        for update in self._updates:
            if count and size + len(update) > limits.bus_max_message_bytes:
                break
            size += len(update)
            count += 1
        taken, self._updates = self._updates[:count], self._updates[count:]
        self._waiting_bytes -= size
        try:
            return merge(taken)
        except UnmergeableUpdate:
            self._counter += 1
            self.skipped = True
            return None

    def _message(self, kind: Kind, process: bytes, payload: bytes) -> bytes:
        self._counter += 1
        return Envelope(kind, process, self._counter, self.topic, payload).encode()
