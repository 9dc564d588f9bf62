"""The fixtures themselves: each part starts, answers, and can be broken and mended as tests need."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import services

pytestmark = pytest.mark.services


def test_redis_can_be_stopped_and_comes_back_empty(new_redis: services.RedisServer) -> None:
    """Tests of a Redis that fails need one that they may break."""
    assert new_redis.command("SET", "key", "value") == "+OK"

    new_redis.kill()
    assert new_redis.command("PING") == ""
    new_redis.start()

    assert new_redis.command("EXISTS", "key") == ":0"


def test_the_shared_redis_answers(redis_server: services.RedisServer) -> None:
    """One for the whole run."""
    assert redis_server.command("PING") == "+PONG"
    assert redis_server.url.startswith("redis://127.0.0.1:")


def test_every_test_can_have_a_postgres_database_of_its_own(
    postgres_server: services.PostgresServer, postgres_url: str
) -> None:
    """Nothing of one test is seen by another."""
    name = postgres_url.rsplit("/", 1)[1]
    postgres_server.execute("CREATE TABLE mine (n int)", database=name)
    postgres_server.execute("INSERT INTO mine VALUES (7)", database=name)

    assert postgres_server.execute("SELECT n FROM mine", database=name) == [(7,)]
    assert not postgres_server.execute("SELECT 1 FROM pg_tables WHERE tablename = 'mine'")


def test_postgres_survives_a_crash_with_what_was_committed(postgres_server: services.PostgresServer) -> None:
    """Tests of a database that fails need its promise to hold."""
    name = "crash"
    postgres_server.create_database(name)
    postgres_server.execute("CREATE TABLE kept AS SELECT 1 AS n", database=name)

    postgres_server.stop(with_signal=signal.SIGQUIT)
    postgres_server.start()

    assert postgres_server.execute("SELECT n FROM kept", database=name) == [(1,)]


def test_node_runs_with_the_packages_of_the_tests(node: services.Node) -> None:
    """Real Yjs is what our own code is measured against."""
    command = [node.path, "-p", "require('yjs').Doc.name"]
    printed = subprocess.run(command, cwd=node.folder, capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "Doc"


def test_chromium_is_found(chromium: Path) -> None:
    """By name, wherever the system keeps it."""
    assert subprocess.run([chromium, "--version"], capture_output=True, check=True).stdout


def test_a_part_that_is_missing_names_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine that is a skip, not a failure."""
    monkeypatch.delenv("COLLAB_REQUIRE_ALL", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "linux")

    with (
        services.temporary_folder("redis") as folder,
        pytest.raises(pytest.skip.Exception, match="sudo apt-get install -y redis-server"),
    ):
        services.RedisServer("redis", folder).start()


def test_a_part_that_is_missing_fails_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """A green run in CI must have run everything."""
    monkeypatch.setenv("COLLAB_REQUIRE_ALL", "1")

    with pytest.raises(pytest.fail.Exception, match="to run this test: brew install it"):
        services.missing("it", "brew install it")


def test_a_service_that_ends_too_early_says_why(tmp_path: Path) -> None:
    """Waiting out a minute for a process that is gone would tell nothing."""
    service = services.Service("broken", tmp_path)
    service.launch([sys.executable, "-c", "raise SystemExit('no such luck')"])

    with pytest.raises(RuntimeError, match=r"(?s)broken ended with 1 before it answered:.*no such luck"):
        service.wait_until(lambda: False, what="it answered")


def test_randomness_is_repeated_by_the_seed_and_differs_between_tests(
    rng: random.Random, request: pytest.FixtureRequest
) -> None:
    """A failure prints the seed; with it the same numbers come again."""
    assert rng.random() == random.Random(f"{request.config.option.seed}:{request.node.nodeid}").random()
    assert rng.random() != random.Random(f"{request.config.option.seed}:another test").random()
