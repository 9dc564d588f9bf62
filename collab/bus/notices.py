"""What every other process must know about this one, as it waits to be sent: what it holds, and that it lives.

Changes of the holdings are numbered and sent one by one; when too many wait, or a link was down, one list of all
takes their place. Besides: questions to others for their lists, notes, and the beacon. All of it is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from uuid import UUID

from collab.bus.envelope import Envelope, Kind, encode_holdings
from collab.bus.link import Link, LinkDown
from collab.live.ports import Note

MAX_WAITING = 1_000
"""Messages about holdings that may wait, above which one list replaces them; and notes that may wait."""


class Notices:
    """Messages of this process to all others, in the order in which they are sent.

    Args:
        process: The id of this process.
        held: The topics whose groups this process is in now.
        beat: Makes the payload of one more beacon.
        wake: Called when something begins to wait.
    """

    def __init__(
        self,
        process: bytes,
        *,
        held: Callable[[], list[UUID]],
        beat: Callable[[], bytes],
        wake: Callable[[], None],
    ) -> None:
        self._process = process
        self._held = held
        self._beat = beat
        self._wake = wake
        self._counter = 0
        """How often the holdings of this process changed."""
        self._changes: deque[bytes] = deque()
        self._list_wanted = False
        self._wants_answer = True
        self._asks: set[bytes] = set()
        self._notes: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._beacon_wanted = False

    def __bool__(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._list_wanted or self._changes or self._asks or self._notes or self._beacon_wanted)

    def changed(self, kind: Kind, topic: UUID) -> None:
        """This process holds a topic from now on, or no longer."""
        self._counter += 1
        if len(self._changes) >= MAX_WAITING:
            self._list_wanted = True
        self._changes.append(Envelope(kind, self._process, self._counter, topic).encode())
        self._wake()

    def start_over(self) -> None:
        """Messages may have been lost, both ways: tell everything, and have everybody answer with the same."""
        self._list_wanted = self._wants_answer = True

    def want_list(self) -> None:
        """Somebody does not know what this process holds."""
        self._list_wanted = True
        self._wake()

    def ask(self, process: bytes) -> None:
        """Ask a process for its list."""
        self._asks.add(process)
        self._wake()

    def forget(self, process: bytes) -> None:
        """It has ended and need not be asked."""
        self._asks.discard(process)

    def note(self, topic: UUID, note: Note) -> None:
        """Pass on a note about a topic."""
        self._notes.append(Envelope(Kind.NOTE, self._process, 0, topic, bytes((note.value,))).encode())
        self._wake()

    def want_beacon(self) -> None:
        """A beacon is due."""
        self._beacon_wanted = True
        self._wake()

    async def send(self, link: Link) -> None:
        """Send all of it. What was not sent goes on waiting, but for the beacon: the next one says the same.

        Raises:
            LinkDown: Something was not sent.
        """
        if self._list_wanted:
            await self._send_list(link)
        while self._changes:
            await link.send(None, self._changes[0])
            self._changes.popleft()
        while self._asks:
            ask = Envelope(Kind.ASK, self._process, payload=next(iter(self._asks)))
            await link.send(None, ask.encode())
            self._asks.discard(ask.payload)
        while self._notes:
            await link.send(None, self._notes[0])
            self._notes.popleft()
        if self._beacon_wanted:
            self._beacon_wanted = False
            beacon = Envelope(Kind.BEACON, self._process, self._counter, payload=self._beat())
            await link.send(None, beacon.encode())

    async def _send_list(self, link: Link) -> None:
        # The list takes the place of every single change before it.
        self._changes.clear()
        payload = encode_holdings(self._held(), wants_answer=self._wants_answer)
        self._list_wanted = False
        try:
            await link.send(None, Envelope(Kind.HOLDINGS, self._process, self._counter, payload=payload).encode())
        except LinkDown:
            self._list_wanted = True
            raise
        self._wants_answer = False
        self._beacon_wanted = True
