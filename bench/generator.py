"""The load generator: many clients in one thread, the same for every server.

While the clock runs it sends what was prepared and keeps what it reads, with the time; what arrived in it is found out
afterwards. So the server is the limit and not this. Every run reports what share of its core it used and how late it
sent.
"""

from __future__ import annotations

import errno
import gc
import random
import select
import socket
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.dialects import Dialect, Place
from bench.edits import TOKEN
from bench.plan import Load, Plan
from bench.timer import Timer
from bench.websocket import BINARY, CLOSE, PING, PONG, client_frame, frame_bounds, upgrade_request

_EVENTS_AT_ONCE = 64
_SENDS_AT_ONCE = 64
_READ_BYTES = 256 * 1024
_QUIET_SECONDS = 0.2
"""After the last edit, what has arrived is looked at only when nothing has come for so long, not to delay the rest."""
_WHOLE_BINARY, _SHORT = 0x80 | BINARY, 126

clock = time.perf_counter


class LostConnection(Exception):
    """A server ended a connection, or refused it, in the middle of a measurement."""


class Client:
    """One connection."""

    __slots__ = (
        "acknowledged",
        "base",
        "fd",
        "is_open",
        "joined",
        "log",
        "page",
        "place",
        "prefix_bytes",
        "rest",
        "seen",
        "sent",
        "socket",
        "waiting",
    )

    def __init__(self, page: int, place: Place, prefix_bytes: int, base: int) -> None:
        self.page = page
        self.place = place
        self.prefix_bytes = prefix_bytes
        self.base = base
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self.socket.fileno()
        self.is_open = False
        self.joined = False
        self.rest = b""
        self.waiting = bytearray()
        self.log: list[tuple[float, bytes]] = []
        self.seen = bytearray()
        self.sent: array[float] = array("d")
        self.acknowledged = 0


@dataclass(slots=True)
class Outcome:
    """What a run measured. Seconds.

    Attributes:
        latencies: From sending to arrival, of every delivery of a measured edit.
        acknowledgements: From sending to acknowledgement, of every measured edit that was.
        lateness: How much after its moment each edit was sent.
        missing: Deliveries that did not happen.
        window: How long the measured part was.
        delivered: Deliveries within it.
        edits: Edits sent within it.
        frames: Frames received within it.
        server_cpu: What the server used within it.
        generator_cpu: What this process used within it.
        busy: What everybody used of the cores of the benchmark within it.
    """

    latencies: array[float] = field(default_factory=lambda: array("d"))
    acknowledgements: array[float] = field(default_factory=lambda: array("d"))
    lateness: array[float] = field(default_factory=lambda: array("d"))
    missing: int = 0
    window: float = 0.0
    delivered: int = 0
    edits: int = 0
    frames: int = 0
    server_cpu: float = 0.0
    generator_cpu: float = 0.0
    busy: float = 0.0


class Generator:
    """Clients of one server.

    Args:
        server_cpu: CPU seconds the server has used so far.
        busy: Seconds that the cores of the benchmark have been busy so far.
    """

    def __init__(
        self,
        dialect: Dialect,
        port: int,
        rng: random.Random,
        *,
        server_cpu: Callable[[], float] = lambda: 0.0,
        busy: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.clients: list[Client] = []
        self._dialect = dialect
        self._port = port
        self._rng = rng
        self._server_cpu = server_cpu
        self._busy = busy
        self._epoll = select.epoll()
        self._by_fd: dict[int, Client] = {}
        self._buffer = bytearray(_READ_BYTES)
        self._view = memoryview(self._buffer)
        self._sent_at: list[array[float]] = []
        self._measured_from = 0.0
        self._outcome = Outcome()
        self._frames = 0
        self._deliveries = 0
        self._last_arrival = 0.0
        self._at_least = 0

    # Connecting

    def join(
        self, places: Sequence[Place], clients: int, *, at_once: int = 64, within: float = 60.0, at_least: int = 0
    ) -> float:
        """Let ``clients`` clients join each place; returns how long it took until all had the page's content.

        Args:
            at_least: How many bytes that content must have.

        Raises:
            LostConnection: One of them was not let in, or not in time.
        """
        wanted = [(number, place) for number, place in enumerate(places) for _ in range(clients)]
        wanted.reverse()
        self._at_least = at_least
        joining: set[Client] = set()
        started = clock()
        while wanted or joining:
            while wanted and len(joining) < at_once:
                joining.add(self._connect(*wanted.pop()))
            for fd, events in self._epoll.poll(1.0, _EVENTS_AT_ONCE):
                client = self._by_fd[fd]
                if not client.is_open and events & select.EPOLLOUT:
                    self._send_upgrade(client)
                if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                    self._read_joining(client)
                if client.joined:
                    joining.discard(client)
            if clock() - started > within:
                raise LostConnection(f"{len(wanted) + len(joining)} clients had not joined after {within:g} s")
        return clock() - started

    def _connect(self, page: int, place: Place) -> Client:
        dialect = self._dialect
        client = Client(page, place, len(dialect.prefix(place)), dialect.acknowledged_before_edits)
        self.clients.append(client)
        self._by_fd[client.fd] = client
        problem = client.socket.connect_ex(("127.0.0.1", self._port))
        if problem not in (0, errno.EINPROGRESS):
            raise LostConnection(errno.errorcode.get(problem, str(problem)))
        self._epoll.register(client.fd, select.EPOLLIN | select.EPOLLOUT)
        return client

    def _send_upgrade(self, client: Client) -> None:
        dialect = self._dialect
        self._send(
            client,
            upgrade_request(
                host=f"127.0.0.1:{self._port}",
                path=dialect.path(client.place),
                key=self._rng.randbytes(16),
                subprotocol=dialect.subprotocol,
            ),
        )
        client.is_open = True
        self._epoll.modify(client.fd, select.EPOLLIN)

    def _read_joining(self, client: Client) -> None:
        data = client.rest + self._received(client)
        if b"\r\n\r\n" in data and data.startswith(b"HTTP/1.1"):
            head, _, data = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101"):
                raise LostConnection(head.split(b"\r\n")[0].decode("latin-1"))
            for payload in self._dialect.greeting(client.place):
                self._send_message(client, payload)
        elif data.startswith(b"HTTP"):
            client.rest = data
            return
        offset = 0
        while (bounds := frame_bounds(data, offset)) is not None:
            opcode, payload = data[offset] & 0x0F, data[bounds[0] : bounds[1]]
            offset = bounds[1]
            if opcode != BINARY:
                self._control(client, opcode, payload)
            else:
                self._take(client, clock(), payload, client.prefix_bytes)
                if not client.joined:
                    answers, client.joined = self._dialect.reply(client.place, payload)
                    if client.joined and len(payload) < self._at_least:
                        raise LostConnection(f"a page of {len(payload)} bytes, not {self._at_least}")
                    for answer in answers:
                        self._send_message(client, answer)
        client.rest = data[offset:]

    # Talking

    def _send_message(self, client: Client, payload: bytes) -> None:
        self._send(client, client_frame(payload, self._rng.randbytes(4)))

    def _send(self, client: Client, data: bytes) -> None:
        """Send, or queue what the connection does not take."""
        if client.waiting:
            client.waiting += data
            return
        try:
            sent = client.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise LostConnection(str(error)) from error
        if sent < len(data):
            client.waiting += data[sent:]
            self._epoll.modify(client.fd, select.EPOLLIN | select.EPOLLOUT)

    def _send_waiting(self, client: Client) -> None:
        try:
            sent = client.socket.send(client.waiting)
        except BlockingIOError:
            return
        del client.waiting[:sent]
        if not client.waiting:
            self._epoll.modify(client.fd, select.EPOLLIN)

    def _received(self, client: Client) -> bytes:
        try:
            count = client.socket.recv_into(self._buffer)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LostConnection(str(error)) from error
        if not count:
            raise LostConnection("the server ended a connection")
        return bytes(self._view[:count])

    def _control(self, client: Client, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(client, client_frame(payload, self._rng.randbytes(4), PONG))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            raise LostConnection(f"closed with {code} {payload[2:].decode(errors='replace')}")
        elif opcode != PONG:
            raise LostConnection(f"a frame of type {opcode}")

    def _take(self, client: Client, now: float, data: bytes, offset: int) -> None:
        """Note the message at ``offset`` if it is an acknowledgement."""
        if data[offset] != self._dialect.acknowledgement:
            return
        if self._dialect.acknowledges_total:
            total = _read_var_uint(data, offset + 1) - client.base
        elif client.base:
            client.base -= 1
            return
        else:
            total = client.acknowledged + 1
        for index in range(client.acknowledged, min(total, len(client.sent))):
            if client.sent[index] >= self._measured_from:
                self._outcome.acknowledgements.append(now - client.sent[index])
        client.acknowledged = max(total, client.acknowledged)

    # Measuring

    def run(self, load: Load, plan: Plan, *, patience: float = 3.0) -> Outcome:
        """Send a plan and measure what arrives.

        Args:
            load: What the plan was made of.
            plan: For the clients that have joined.
            patience: How long to wait for what is missing once everything is sent, in seconds.

        Raises:
            LostConnection: A server ended a connection.
        """
        outcome = self._outcome = Outcome()
        self._prepare(plan)
        expected = sum(plan.edits_of_page) * load.readers
        gc.collect()
        gc.disable()
        try:
            opens, closes = self._send_all_on_time(load, plan)
            deadline = clock() + patience
            self._receive_until_quiet(_QUIET_SECONDS, deadline)
            self._read_logs(opens, closes)
            while self._deliveries < expected and clock() < deadline:
                self._receive_until_quiet(0.0, deadline)
                self._read_logs(opens, closes)
        finally:
            gc.enable()
        outcome.missing = expected - self._deliveries
        return outcome

    def _prepare(self, plan: Plan) -> None:
        self._deliveries = self._frames = 0
        self._sent_at = [array("d", bytes(8 * count)) for count in plan.edits_of_page]
        for client in self.clients:
            client.log.clear()
            client.seen = bytearray(plan.edits_of_page[client.page])
            client.sent = array("d")
            client.acknowledged = 0
        for page, authors in enumerate(plan.authors):
            for edit, author in enumerate(authors):
                # What a server echoes to its author is no delivery.
                self.clients[author].seen[edit] = 1
            assert len(authors) == plan.edits_of_page[page]

    def _send_all_on_time(self, load: Load, plan: Plan) -> tuple[float, float]:
        """``_send_all`` with a timer that is gone before anything else waits: it may go off once more at the end."""
        timer = Timer()
        self._epoll.register(timer.fd, select.EPOLLIN)
        try:
            return self._send_all(load, plan, timer)
        finally:
            self._epoll.unregister(timer.fd)
            timer.close()

    def _send_all(self, load: Load, plan: Plan, timer: Timer) -> tuple[float, float]:
        """Send everything at its time; returns when the measured part began and ended."""
        outcome = self._outcome
        total = len(plan.due)
        start = clock() + 0.05
        self._measured_from = opens = start + load.warm_up
        closes = opens + load.measured
        before: tuple[float, float, float, float, int] | None = None
        position = 0
        while True:
            now = clock()
            if before is None and now >= opens:
                before = self._reading()
            if now >= closes and position == total:
                break
            last = min(position + _SENDS_AT_ONCE, total)
            while position < last and start + plan.due[position] <= now:
                self._send_planned(plan, position, start)
                position += 1
                now = clock()
            next_moment = start + plan.due[position] if position < total else closes
            if before is None:
                next_moment = min(next_moment, opens)
            if next_moment > now:
                timer.wake_at(next_moment)
                self._receive_some(timer, 0.1)
            else:
                self._receive_some(timer, 0.0)
        if before is None:
            raise ValueError("the measured part has no length")
        after = self._reading()
        outcome.window = after[0] - before[0]
        outcome.server_cpu = after[1] - before[1]
        outcome.generator_cpu = after[2] - before[2]
        outcome.busy = after[3] - before[3]
        outcome.frames = after[4] - before[4]
        return before[0], after[0]

    def _reading(self) -> tuple[float, float, float, float, int]:
        return clock(), self._server_cpu(), time.process_time(), self._busy(), self._frames

    def _send_planned(self, plan: Plan, position: int, start: float) -> None:
        client = self.clients[plan.client[position]]
        edit = plan.edit[position]
        if edit >= 0:
            now = clock()
            self._sent_at[client.page][edit] = now
            client.sent.append(now)
            if now >= self._measured_from:
                self._outcome.edits += 1
                self._outcome.lateness.append(now - start - plan.due[position])
        self._send(client, plan.frames[position])

    def _receive_until_quiet(self, silence: float, deadline: float) -> None:
        """Receive until nothing has arrived for some time."""
        self._receive_some(None, 0.05)
        self._last_arrival = clock()
        while clock() < min(deadline, self._last_arrival + silence):
            self._receive_some(None, 0.05)

    def send(self, message: bytes) -> None:
        """Let every client send a message, which is given without the dialect's prefix."""
        for client in self.clients:
            self._send_message(client, self._dialect.prefix(client.place) + message)

    def hold(self, seconds: float) -> None:
        """Keep the connections for a while, doing nothing but to answer."""
        until = clock() + seconds
        while (left := until - clock()) > 0:
            self._receive_some(None, min(left, 0.1))

    def _receive_some(self, timer: Timer | None, wait: float) -> None:
        by_fd = self._by_fd
        for fd, events in self._epoll.poll(wait, _EVENTS_AT_ONCE):
            if timer is not None and fd == timer.fd:
                timer.drain()
                continue
            client = by_fd[fd]
            if events & select.EPOLLOUT:
                self._send_waiting(client)
            if events & ~select.EPOLLOUT:
                self._receive(client)

    def _receive(self, client: Client) -> None:
        """Read what a connection has and note when. This is where the time of the generator goes."""
        try:
            count = client.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            raise LostConnection(str(error)) from error
        if not count:
            raise LostConnection("the server ended a connection")
        now = clock()
        if not client.rest and self._buffer[0] == _WHOLE_BINARY and self._buffer[1] == count - 2 < _SHORT:
            # One short frame and nothing else: what most reads bring.
            client.log.append((now, bytes(self._view[:count])))
            self._frames += 1
            self._last_arrival = now
            return
        data = client.rest + self._view[:count] if client.rest else bytes(self._view[:count])
        offset, size, frames = 0, len(data), 0
        while offset < size:
            bounds = frame_bounds(data, offset)
            if bounds is None:
                break
            if data[offset] & 0x0F != BINARY:
                self._control(client, data[offset] & 0x0F, data[bounds[0] : bounds[1]])
            frames += 1
            offset = bounds[1]
        if offset == size:
            client.rest = b""
        else:
            client.rest, data = data[offset:], data[:offset]
        if offset:
            client.log.append((now, data))
            self._frames += frames
            self._last_arrival = now

    # Afterwards

    def _read_logs(self, opens: float, closes: float) -> None:
        """Find every delivery and acknowledgement in what was received.

        What a server broadcasts is the same for many clients, so what was found in it is remembered.
        """
        outcome = self._outcome
        found: dict[bytes, list[int]] = {}
        page = 0
        for client in self.clients:
            seen, sent_at = client.seen, self._sent_at[client.page]
            if client.page != page:
                page = client.page
                found.clear()
            for now, data in client.log:
                edits = found.get(data)
                if edits is None:
                    edits = found[data] = [int(token, 16) for token in TOKEN.findall(data)]
                self._read_acknowledgements(client, now, data)
                for edit in edits:
                    if edit >= len(seen) or seen[edit]:
                        continue
                    seen[edit] = 1
                    self._deliveries += 1
                    if opens <= now < closes:
                        outcome.delivered += 1
                    if sent_at[edit] >= opens:
                        outcome.latencies.append(now - sent_at[edit])
            client.log.clear()

    def _read_acknowledgements(self, client: Client, now: float, data: bytes) -> None:
        offset = 0
        while (bounds := frame_bounds(data, offset)) is not None:
            if data[offset] & 0x0F == BINARY:
                self._take(client, now, data, bounds[0] + client.prefix_bytes)
            offset = bounds[1]

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self._epoll.close()
        for client in self.clients:
            client.socket.close()


def _read_var_uint(data: bytes, offset: int) -> int:
    number = shift = 0
    while True:
        byte = data[offset]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7
        offset += 1
