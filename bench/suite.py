"""The measurements, and how they are taken: both servers in turn, in the same minutes, under the same load."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench import processes
from bench.figures import Figures, figures
from bench.generator import Generator, LostConnection, Outcome
from bench.large import Large
from bench.large import measure as measure_large
from bench.plan import Load, make_plan
from bench.search import RateSearch
from bench.servers import MeasuredServer

Say = Callable[[str], None]
ServerClass = type[MeasuredServer]


BOTH = ("ours", "theirs")
ALL = (*BOTH, "tutorial")


@dataclass(frozen=True, slots=True)
class Paced:
    """A load that both servers can carry: what it costs them and how quick they are."""

    key: str
    title: str
    load: Load
    rounds: int = 2
    servers: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class Saturated:
    """The highest rate at which nothing is missing and the 99th percentile stays below ``figures.MAX_P99``."""

    key: str
    title: str
    load: Load
    """Where the search starts."""
    servers: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that have joined a page and do nothing."""

    key: str
    title: str
    connections: int
    on_each_page: int = 20
    first: int = 200
    """How many are there before anything is counted, so that what a server sets up once is not."""
    servers: tuple[str, ...] = BOTH


Measurement = Paced | Saturated | Idle | Large

_PACED_SECONDS, _SEARCH_SECONDS, _SEARCH_WARM_UP = 6.0, 2.5, 0.7
_SEARCH_PATIENCE = 60.0
"""A search begins no further step after so many seconds; what it has found by then counts."""
MAX_ATTEMPTS = 4
"""How often a rate is tried that is not reached."""

_QUIET_WITHIN = 60.0
"""Folding a page after a storm of edits takes seconds, and a tenth of the core is all it gets beside another server."""
_HOLD_SECONDS = 4.0


def measurements(*, idle: int = 10_000) -> list[Measurement]:
    """Everything that a full run measures."""
    one = Load(pages=1, clients=50, edits=100, measured=_PACED_SECONDS)
    hundred = Load(pages=100, clients=5, edits=1000, measured=_PACED_SECONDS)
    quiet = Load(pages=1, clients=2, edits=10, measured=_PACED_SECONDS)
    ten = replace(quiet, clients=10)
    twenty = replace(one, clients=20)
    groups = Load(pages=25, clients=4, edits=500, measured=_PACED_SECONDS)
    return [
        Paced("quiet", "1 page x 2 clients, 10 edits/s", quiet),
        Paced("1x50", "1 page x 50 clients, each 2 edits/s", one),
        Paced("1x50-presence", "the same, and each 1 cursor movement/s", replace(one, presence=1.0)),
        Paced("10", "1 page x 10 clients, 10 edits/s", ten),
        Paced("10-two", "the same, two processes with Redis", ten, servers=("two",)),
        Paced("100x5", "100 pages x 5 clients, 10 edits/s a page", hundred),
        Saturated("1x20-most", "1 page x 20 clients, as fast as it goes", _searched(twenty, 400.0), ALL),
        Saturated("1x50-most", "1 page x 50 clients, as fast as it goes", _searched(one, 200.0), ALL),
        Saturated("25x4-most", "25 pages x 4 clients, as fast as it goes", _searched(groups, 1000.0)),
        Saturated("25x4-two", "the same, two processes with Redis", _searched(groups, 1000.0), ("two", "theirs")),
        Saturated("100x5-most", "100 pages x 5 clients, as fast as it goes", _searched(hundred, 1000.0)),
        Large("large", "a page of 260,000 operations", 260_000),
        Idle("idle", f"{idle:,} idle connections, 20 on each page", idle),
    ]


def _searched(load: Load, start: float) -> Load:
    """A load to begin a search with."""
    return replace(load, edits=start, measured=_SEARCH_SECONDS, warm_up=_SEARCH_WARM_UP)


@dataclass(frozen=True, slots=True)
class Cores:
    """Where things run; ``None`` leaves it to the system."""

    server: int | None
    generator: int | None

    @property
    def both(self) -> list[int]:
        return [core for core in (self.server, self.generator) if core is not None]


class Suite:
    """Takes measurements of some servers.

    Args:
        server_classes: By the name they have in the results.
        seed: Of everything random.
        say: Told about progress.
    """

    def __init__(self, server_classes: dict[str, ServerClass], cores: Cores, seed: int, say: Say) -> None:
        self._classes = server_classes
        self._cores = cores
        self._seed = seed
        self._say = say
        self._running: list[MeasuredServer] = []

    def run(self, wanted: Sequence[Measurement]) -> list[dict[str, Any]]:
        """Take measurements one after the other; returns what goes into the result file."""
        results = []
        busy = [one for one in wanted if isinstance(one, Paced | Saturated)]
        with self._started() as servers:
            if busy:
                for server in servers.values():
                    self._say(f"{server.name}: warming up")
                    self._measure(server, replace(busy[0].load, warm_up=0.5, measured=1.5), "warm-up")
            for turn, measurement in enumerate(busy):
                order = [(name, server) for name, server in servers.items() if name in measurement.servers]
                if turn % 2:
                    order.reverse()
                self._say(f"== {measurement.title}")
                by_server = (
                    self._paced(measurement, order)
                    if isinstance(measurement, Paced)
                    else {name: self._saturated(measurement, server) for name, server in order}
                )
                results.append(_result(measurement, by_server))
        for alone in wanted:
            if isinstance(alone, Idle | Large):
                self._say(f"== {alone.title}")
                by_server = {}
                for name in [name for name in self._classes if name in alone.servers]:
                    with self._started(name) as servers:
                        take = self._idle if isinstance(alone, Idle) else self._large
                        by_server[name] = take(alone, servers[name])  # type: ignore[arg-type]
                results.append(_result(alone, by_server))
        return results

    @contextlib.contextmanager
    def _started(self, *names: str) -> Iterator[dict[str, MeasuredServer]]:
        """Start these servers, or all, and stop them in the end."""
        with contextlib.ExitStack() as stack:
            servers = {}
            for name in names or self._classes:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="collab-bench-")))
                servers[name] = self._classes[name](folder, self._cores.server)
                stack.callback(servers[name].stop)
                servers[name].start()
            self._running = list(servers.values())
            yield servers

    def _measure(self, server: MeasuredServer, load: Load, what: str) -> Outcome:
        """Run one load on pages and connections of its own."""
        rng = random.Random(f"{self._seed}:{what}")
        places = server.make_places(load.pages)
        self._become_quiet()
        with self._generator(server, rng) as generator:
            generator.join(places, load.clients)
            outcome = generator.run(load, make_plan(load, places, server.dialect, rng))
        self._become_quiet()
        return outcome

    def _become_quiet(self) -> None:
        """Wait until all servers have finished what the last measurement left them with: they share a core."""
        deadline = time.monotonic() + _QUIET_WITHIN
        used = self._cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.25)
            used, before = self._cpu_seconds(), used
            if used - before <= 0.02 * len(self._running):
                return

    def _cpu_seconds(self) -> float:
        return sum(server.cpu_seconds() for server in self._running)

    def _generator(self, server: MeasuredServer, rng: random.Random) -> Generator:
        return Generator(
            server.dialect,
            server.port,
            rng,
            server_cpu=server.cpu_seconds,
            busy=lambda: processes.core_busy_seconds(self._cores.both),
        )

    def _paced(self, measurement: Paced, order: Sequence[tuple[str, MeasuredServer]]) -> dict[str, dict[str, Any]]:
        outcomes: dict[str, list[Outcome]] = {name: [] for name, _ in order}
        for number in range(measurement.rounds):
            # First one, then the other, then the other way round, so that neither always comes first.
            for name, server in order if number % 2 == 0 else reversed(order):
                outcomes[name].append(self._measure(server, measurement.load, f"{measurement.key}:{number}"))
                self._say(f"{server.name}: {_in_words(figures(outcomes[name][-1:]))}")
        return {name: figures(taken).as_json() for name, taken in outcomes.items()}

    def _saturated(self, measurement: Saturated, server: MeasuredServer) -> dict[str, Any] | None:
        search = RateSearch(measurement.load.edits)
        best: Figures | None = None
        deadline = time.monotonic() + _SEARCH_PATIENCE
        while (rate := search.next_rate()) is not None and time.monotonic() < deadline:
            load = replace(measurement.load, edits=rate)
            reached = self._reached(server, load, f"{measurement.key}:{rate:.3f}")
            search.record(rate, passed=reached is not None)
            best = reached or best
        return None if best is None else best.as_json()

    def _reached(self, server: MeasuredServer, load: Load, what: str) -> Figures | None:
        """The figures at a rate the server keeps up with. It may try twice, and again where others disturbed it."""
        for attempt in range(MAX_ATTEMPTS):
            try:
                reached = figures([self._measure(server, load, what)])
            except LostConnection as error:
                self._say(f"{server.name}: {load.edits:.0f} edits/s: {error}")
                continue
            keeps_up = reached.keeps_up
            self._say(f"{server.name}: {_in_words(reached)}: {'keeps up' if keeps_up else 'does not keep up'}")
            if keeps_up:
                return reached
            if attempt and not reached.was_disturbed:
                return None
        return None

    def _large(self, measurement: Large, server: MeasuredServer) -> dict[str, Any]:
        seed = f"{self._seed}:{measurement.key}"
        taken = measure_large(measurement, server, lambda one: self._generator(one, random.Random(seed)), seed)
        self._say(
            f"{server.name}: cold {taken['cold'] * 1e3:.0f} ms, {measurement.readers} at once "
            f"{taken['together'] * 1e3:.0f} ms, longest wait elsewhere {taken['stall'] * 1e3:.1f} ms"
        )
        return taken

    def _idle(self, measurement: Idle, server: MeasuredServer) -> dict[str, Any]:
        rng = random.Random(f"{self._seed}:{measurement.key}")
        on_each = measurement.on_each_page
        first, pages = measurement.first // on_each, measurement.connections // on_each
        places = server.make_places(first + pages)
        with self._generator(server, rng) as before, self._generator(server, rng) as counted:
            before.join(places[:first], on_each)
            empty = _settled_bytes(server, before)
            used, busy, own = server.cpu_seconds(), processes.core_busy_seconds(self._cores.both), time.process_time()
            seconds = counted.join(places[first:], on_each)
            used = server.cpu_seconds() - used
            busy = processes.core_busy_seconds(self._cores.both) - busy
            own = time.process_time() - own
            full = _settled_bytes(server, counted)
        connections = pages * on_each
        taken = {
            "connections": connections,
            "bytes_per_connection": (full - empty) / connections,
            "joined_per_second": connections / seconds,
            "cpu_per_join": used / connections,
            "others_share": max(0.0, busy - used - own) / seconds,
            "generator_share": own / seconds,
            "empty_bytes": empty,
        }
        self._say(
            f"{server.name}: {taken['bytes_per_connection'] / 1024:.1f} KiB a connection, "
            f"{taken['joined_per_second']:.0f} joined/s"
        )
        return taken


def _settled_bytes(server: MeasuredServer, generator: Generator) -> int:
    """The least memory the server gets along with while nothing happens."""
    least = []
    for _ in range(8):
        generator.hold(_HOLD_SECONDS / 8)
        least.append(server.resident_bytes())
    return min(least)


def _result(measurement: Measurement, by_server: dict[str, Any]) -> dict[str, Any]:
    # Two processes are this project as well, and have a measurement of their own to be compared in.
    by_server = {"ours" if name == "two" else name: taken for name, taken in by_server.items()}
    return {
        "kind": type(measurement).__name__.lower(),
        **{name: value for name, value in asdict(measurement).items() if value is not None},
        "servers": by_server,
    }


def _in_words(taken: Figures) -> str:
    return (
        f"{taken.edits_per_second:.0f} edits/s, {taken.deliveries_per_second:.0f} deliveries/s, "
        f"{taken.cpu_per_delivery * 1e6:.1f} us CPU each, p50 {taken.p50 * 1e3:.1f} ms, p99 {taken.p99 * 1e3:.1f} ms, "
        f"missing {taken.missing}, server {taken.server_share:.0%}, generator {taken.generator_share:.0%}, "
        f"others {taken.others_share:.0%}"
    )
