"""Fixtures that every test may ask for. What starts and stops things lives in ``services.py`` and ``people.py``."""

from __future__ import annotations

import os
import random
import re
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import services

_REQUIRE_ALL = os.environ.get("COLLAB_REQUIRE_ALL") == "1"
_skipped = pytest.StashKey[list[str]]()
_outcome = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("collab")
    group.addoption("--full", action="store_true", help="run the long versions of the tests too")
    group.addoption("--seed", type=int, default=None, help="seed of the random tests; a failing run prints its own")
    group.addoption("--figures", default=None, help="append what the torture suite measures to this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_skipped] = []
    if config.option.seed is None:
        config.option.seed = secrets.randbelow(2**31)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (repeat with --seed {config.option.seed})"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long versions unless they were asked for: left out is not skipped."""
    if config.option.full:
        return
    long = [item for item in items if item.get_closest_marker("full")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        item.config.stash[_skipped].append(item.nodeid)
    if report.failed:
        item.stash[_outcome] = False
        report.sections.append(("seed", f"repeat with --seed {item.config.option.seed}"))
    return report


def has_passed(node: pytest.Item | pytest.Collector) -> bool:
    """Whether a test has not failed so far; for fixtures that end after it."""
    return node.stash.get(_outcome, True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is required, a skipped test is a failure: it would hide what was not looked at."""
    if _REQUIRE_ALL and session.config.stash[_skipped] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _REQUIRE_ALL and config.stash[_skipped]:
        names = "\n".join(config.stash[_skipped])
        terminalreporter.write_line(f"COLLAB_REQUIRE_ALL=1, but these were skipped:\n{names}", red=True)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Randomness that ``--seed`` repeats, different for each test."""
    return random.Random(f"{request.config.option.seed}:{request.node.nodeid}")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.RedisServer]:
    """A Redis for the whole run; a test that breaks it starts it again. ``new_redis`` gives one of your own."""
    with services.temporary_folder("redis") as folder:
        server = services.RedisServer("redis", folder)
        server.start()
        yield server
        server.kill()


@pytest.fixture
def new_redis() -> Iterator[services.RedisServer]:
    """A Redis of the test's own, to be stopped and killed at will."""
    with services.temporary_folder("redis") as folder:
        server = services.RedisServer("redis", folder)
        server.start()
        yield server
        server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.PostgresServer]:
    """A Postgres for the whole run; ask it for a database of your own with ``create_database``."""
    with services.temporary_folder("postgres") as folder:
        server = services.PostgresServer("postgres", folder)
        server.start()
        yield server
        server.stop(with_signal=signal.SIGQUIT)


@pytest.fixture
def postgres_url(postgres_server: services.PostgresServer) -> str:
    """The URL of an empty Postgres database that only this test uses."""
    return postgres_server.create_database(f"test_{secrets.token_hex(6)}")


@pytest.fixture(scope="session")
def node() -> services.Node:
    """Node, with the npm packages of ``tests/node``."""
    return services.find_node()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    return services.find_chromium()


StartServer = Callable[..., services.Server]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """Start the product: ``server()``, ``server(env={...}, arguments=[...])``; it is stopped when the test ends.

    A traceback in a server's log fails the test, unless it set ``allow_tracebacks``.
    """
    with services.temporary_folder("server") as folder:
        started: list[services.Server] = []

        def start(*, env: dict[str, str] | None = None, arguments: list[str] | None = None) -> services.Server:
            own_folder = folder / str(len(started))
            own_folder.mkdir()
            started.append(services.Server(own_folder, env=env, arguments=arguments or []))
            return started[-1].start()

        yield start
        _stop_and_check(request.node, started)


@pytest.fixture(scope="module")
def module_server(request: pytest.FixtureRequest) -> Iterator[services.Server]:
    """One running product for all tests of a module."""
    with services.temporary_folder("server") as folder:
        server = services.Server(folder).start()
        yield server
        _stop_and_check(request.node, [server])


def _stop_and_check(node: pytest.Item | pytest.Collector, servers: list[services.Server]) -> None:
    for one in servers:
        if one.is_running:
            one.stop()
    logs = [one.log for one in servers]
    if not has_passed(node):
        for log in logs:
            print(f"--- server log\n{log[-8000:]}")
    for one, log in zip(servers, logs, strict=True):
        assert one.allow_tracebacks or "Traceback (most recent call last)" not in log, log[-8000:]


try:
    from playwright.sync_api import Browser, sync_playwright

    from tests import people
except ImportError:  # pragma: no cover - running needs no browser; only tests that ask for one end here

    @pytest.fixture
    def browser() -> None:
        services.missing("playwright", "python3 manage.py test")
else:

    @pytest.fixture(scope="module")
    def chromium_process(chromium: Path) -> Iterator[Browser]:
        """A running chromium.

        Per module, not per session: Playwright keeps an event loop in this thread, and tests with ``async def``
        need that thread for their own.
        """
        with sync_playwright() as playwright:
            process = playwright.chromium.launch(
                executable_path=chromium, args=people.CHROMIUM_FLAGS, headless=True, chromium_sandbox=False
            )
            yield process
            process.close()

    @pytest.fixture
    def browser(
        request: pytest.FixtureRequest, chromium_process: Browser, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[people.Browsers]:
        """Browsers for people: ``browser.person("Alice").open(url)``. Troubles nobody expected fail the test."""
        browsers = people.Browsers(chromium_process, tmp_path_factory.getbasetemp() / "pictures")
        yield browsers
        if not has_passed(request.node):
            taken = browsers.photograph(re.sub(r"\W+", "-", request.node.name))
            print("pictures:", *taken)
        troubles = browsers.close()
        assert not troubles, "\n".join(troubles)
