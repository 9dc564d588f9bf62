"""Checkouts to start things in: one that is fresh, and one that was started before."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.checkouts import FAKE_DJANGO, Checkout, make_checkout, write_wheel
from tests.services import temporary_folder


@pytest.fixture(scope="session")
def wheels() -> Iterator[Path]:
    with temporary_folder("wheels") as folder:
        fake_django = {
            "django/__init__.py": "",
            "django/core/__init__.py": "",
            "django/core/management.py": FAKE_DJANGO,
        }
        write_wheel(folder, "django", "1.0", fake_django)
        write_wheel(folder, "django", "1.1", fake_django)
        write_wheel(folder, "extra", "1.0", {"extra.py": ""})
        yield folder


@pytest.fixture
def fresh(tmp_path: Path, wheels: Path) -> Checkout:
    """A checkout in which nothing was ever started."""
    return make_checkout(tmp_path, wheels)


@pytest.fixture(scope="session")
def _started(wheels: Path) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
    with temporary_folder("checkout") as folder:
        checkout = make_checkout(folder, wheels)
        yield folder, checkout.run("up", "--port", "0")


@pytest.fixture
def first_start(_started: tuple[Path, subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """How the very first ``up`` of a checkout went."""
    return _started[1]


@pytest.fixture
def started(tmp_path: Path, wheels: Path, _started: tuple[Path, subprocess.CompletedProcess[str]]) -> Checkout:
    """A checkout in which ``up`` was started once, so that it has a ``.venv``."""
    shutil.copytree(_started[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return make_checkout(tmp_path, wheels)
