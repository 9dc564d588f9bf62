"""The same log tests on Postgres, where rows are locked instead of the whole database."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.services import ROOT

pytestmark = pytest.mark.services


def passes_on(url: str, *tests: str, within: float = 200.0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=within,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_log_keeps_its_promises_on_postgres_too(postgres_url: str) -> None:
    """Several processes on one database is what a deployment is."""
    passes_on(postgres_url, "tests/storage/test_log.py", "tests/storage/test_fold.py")


@pytest.mark.full
def test_folds_survive_being_killed_on_postgres_too(postgres_url: str) -> None:
    """There a killed process leaves its transaction to the server."""
    passes_on(postgres_url, "tests/storage/test_verify.py", "tests/torture/test_fold.py")


def test_doors_open_to_the_same_people_on_postgres_too(postgres_url: str) -> None:
    """The queries of those who join are kept as text, which each database reads in its own way."""
    passes_on(postgres_url, "tests/access/test_access.py", "tests/access/test_prepared.py")
