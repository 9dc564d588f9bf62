"""Opens a page with a long history: when nobody has it open, and then for many people at once."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.dialects import Dialect, Place, edit_message
from bench.generator import Generator
from bench.history import long_history
from bench.servers import MeasuredServer
from bench.websocket import BINARY, client_frame, frame_bounds, upgrade_request

_STORED_WITHIN = 15.0
"""How long a server gets to store the page before it is stopped; Hocuspocus waits up to ten seconds by itself."""
_SETTLE_SECONDS = 0.5
_PING_INTERVAL = 0.001


@dataclass(frozen=True, slots=True)
class Large:
    """A page with a long history: how long it takes to open it when nobody has it open, and then for many at once."""

    key: str
    title: str
    operations: int
    readers: int = 30
    servers: tuple[str, ...] = ("ours", "theirs")


def measure(
    large: Large, server: MeasuredServer, generator: Callable[[MeasuredServer], Generator], seed: str
) -> dict[str, Any]:
    """Store the page, start the server anew, and open it. Seconds.

    Returns:
        ``update_bytes``, ``cold`` (one client, page not open), ``stall`` (the longest that a client on another page
        waited for an answer meanwhile), ``usual`` (how long it otherwise waits at most), ``together`` (until all of
        many clients have it).
    """
    history = long_history(large.operations, random.Random(seed))
    place, elsewhere = server.make_places(2)
    with generator(server) as author:
        author.join([place], 1)
        author.send(edit_message(history))
        author.hold(_STORED_WITHIN)
    server.stop()
    server.start()
    with Asker(server.dialect, server.port, elsewhere) as asker, generator(server) as first:
        time.sleep(_SETTLE_SECONDS)
        usual = asker.longest_wait()
        cold = first.join([place], 1, at_least=len(history) // 2)
        stall = asker.longest_wait()
        with generator(server) as others:
            together = others.join([place], large.readers, at_least=len(history) // 2)
    return {"update_bytes": len(history), "cold": cold, "stall": stall, "usual": usual, "together": together}


class Asker:
    """A client on another page that asks a small question a thousand times a second and notes how long it waits."""

    def __init__(self, dialect: Dialect, port: int, place: Place) -> None:
        self._question = client_frame(dialect.prefix(place) + b"\x00\x00\x01\x00", b"\x00" * 4)
        self._dialect, self._place = dialect, place
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._longest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Asker:
        host, port = self._socket.getpeername()[:2]
        self._socket.sendall(
            upgrade_request(
                host=f"{host}:{port}",
                path=self._dialect.path(self._place),
                key=bytes(16),
                subprotocol=self._dialect.subprotocol,
            )
        )
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._socket.recv(65536)
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        for message in self._dialect.greeting(self._place):
            self._socket.sendall(client_frame(message, bytes(4)))
        joined = False
        while not joined:
            payload = self._message()
            answers, joined = self._dialect.reply(self._place, payload)
            for answer in answers:
                self._socket.sendall(client_frame(answer, bytes(4)))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def longest_wait(self) -> float:
        """The longest wait since this was last asked, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest

    def _ask(self) -> None:
        while not self._ended.wait(_PING_INTERVAL):
            asked = time.perf_counter()
            self._socket.sendall(self._question)
            while not self._dialect.reply(self._place, self._message())[1]:
                pass
            self._longest = max(self._longest, time.perf_counter() - asked)

    def _message(self) -> bytes:
        while True:
            bounds = frame_bounds(self._rest, 0)
            if bounds is None:
                self._rest += self._socket.recv(65536)
                continue
            opcode, payload = self._rest[0] & 0x0F, self._rest[bounds[0] : bounds[1]]
            self._rest = self._rest[bounds[1] :]
            if opcode == BINARY:
                return payload
