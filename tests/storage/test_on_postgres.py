"""The same log tests on Postgres, where rows are locked instead of the whole database."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.services import ROOT

pytestmark = pytest.mark.services


def test_the_log_keeps_its_promises_on_postgres_too(postgres_url: str) -> None:
    """Several processes on one database is what a deployment is."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/storage/test_log.py",
            "tests/storage/test_fold.py",
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres_url},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
