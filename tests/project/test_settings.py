"""The settings: they need nothing, and refuse what cannot work."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from collab.conf import CollabSettings, build, collab_settings

ROOT = Path(__file__).resolve().parents[2]


def start(data_dir: Path, code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a Python process with the settings and nothing in its environment but these variables."""
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    program = f"import django; django.setup()\nfrom django.conf import settings\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment | {"COLLAB_DATA_DIR": str(data_dir)} | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_fresh_start_makes_a_private_data_directory_and_a_secret_key_that_lasts(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "var"
    runs = [start(directory, "print(settings.SECRET_KEY)") for _ in range(2)]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    assert stat.S_IMODE((directory / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not [name for name in os.listdir(directory) if name.startswith(".secret")]


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    """Workers of one server start at once; with keys of their own they would not accept each other's sessions."""
    code = "import django; django.setup(); from django.conf import settings; print(settings.SECRET_KEY)"
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment["COLLAB_DATA_DIR"] = str(tmp_path / "var")
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


def test_debug_is_off_and_only_this_machine_is_let_in_unless_told_otherwise(tmp_path: Path) -> None:
    code = "import json; print(json.dumps([settings.DEBUG, settings.ALLOWED_HOSTS, settings.SESSION_COOKIE_SECURE]))"

    assert json.loads(start(tmp_path, code).stdout) == [False, ["localhost", "127.0.0.1", "[::1]"], False]


def test_a_committed_transaction_is_on_disk_even_if_the_power_fails(tmp_path: Path) -> None:
    """``saved`` is said after the commit: WAL alone would survive a killed process, but not a power cut."""
    code = (
        "from django.db import connection\nwith connection.cursor() as cursor:\n"
        "  print(*[cursor.execute(f'PRAGMA {name}').fetchone()[0] for name in ('journal_mode', 'synchronous')])"
    )

    assert start(tmp_path, code).stdout.split() == ["wal", "2"]


def test_behind_tls_cookies_are_secure_and_plain_requests_are_sent_on(tmp_path: Path) -> None:
    code = (
        "print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_SSL_REDIRECT, "
        "settings.SECURE_HSTS_SECONDS > 0)"
    )

    assert start(tmp_path, code, COLLAB_HTTPS="1").stdout.split() == ["True"] * 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLAB_DEBUG", "maybe"),
        ("COLLAB_FLUSH_INTERVAL", "fast"),
        ("COLLAB_DATA_DIR", "/proc/nowhere"),
        ("COLLAB_LOG_LEVEL", "LOUD"),
        ("COLLAB_SECRET_KEY_FILE", "/nowhere"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "localhost"),
    ],
)
def test_a_wrong_variable_stops_the_start_with_its_name(tmp_path: Path, name: str, value: str) -> None:
    run = start(tmp_path, **{name: value})

    assert run.returncode != 0
    assert run.stderr.strip().splitlines()[-1].startswith(f"django.core.exceptions.ImproperlyConfigured: {name}")


def test_a_damaged_secret_key_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")

    assert "secret_key is damaged" in start(tmp_path).stderr


def test_redis_is_used_when_it_is_named(tmp_path: Path) -> None:
    code = "print(settings.CHANNEL_LAYERS['default']['BACKEND'])"

    assert start(tmp_path, code).stdout.strip().endswith("InMemoryChannelLayer")
    redis = start(tmp_path, code, REDIS_URL="redis://localhost:6379/0").stdout.strip()
    assert redis == "channels_redis.pubsub.RedisPubSubChannelLayer"


def test_the_system_check_is_clean() -> None:
    assert checks.run_checks() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"flush_intervall": 1},
        {"flush_interval": 0},
        {"flush_interval": "1"},
        {"max_depth": 1.5},
        {"max_depth": True},
        {"keep_alive_interval": 31},
        {"awareness_timeout": 1.0, "keep_alive_interval": 12.0},
        {"upload_max_bytes": -1},
        {"trusted_proxies": -1},
        {"trusted_proxies": 1.5},
        {"bytes_per_second": 1000.0},
        {"frames_per_second": 0.5},
        {"awareness_per_second": 0.01},
        {"max_sockets_per_address": 30_000},
        {"max_update_bytes": 5 * 1024 * 1024},
        {"commit_retry": 10.0},
        {"rate_burst": float("inf")},
        {"rate_burst": float("nan")},
    ],
)
def test_a_limit_that_makes_no_sense_is_a_system_check_error_and_stops_a_process(wrong: dict[str, Any]) -> None:
    with override_settings(COLLAB=wrong):
        found = [message.id for message in checks.run_checks() if str(message.id).startswith("collab.E")]
        with pytest.raises(ImproperlyConfigured, match=next(iter(wrong))):
            collab_settings()

    assert found


def test_a_variable_that_nothing_reads_is_a_warning() -> None:
    with override_settings(COLLAB_UNKNOWN_VARIABLES=["COLLAB_DEPUG"]):
        found = [message for message in checks.run_checks() if message.id == "collab.W001"]

    assert "COLLAB_DEPUG" in found[0].msg


def test_overridden_limits_are_seen_and_forgotten_again() -> None:
    with override_settings(COLLAB={"upload_max_bytes": 5}):
        assert collab_settings().upload_max_bytes == 5

    assert collab_settings() == CollabSettings()


def test_whole_numbers_are_welcome_where_seconds_are_meant() -> None:
    assert build({"drain_timeout": 3}).drain_timeout == 3.0


def test_no_limit_shares_its_variable_with_a_setting() -> None:
    """COLLAB_<FIELD> and the other COLLAB_ variables are one namespace."""
    others = {"debug", "data_dir", "https", "allowed_hosts", "trusted_origins", "secret_key", "log_level"}

    assert not others & set(CollabSettings.__dataclass_fields__)
