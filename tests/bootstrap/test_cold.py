"""The README's first command on a machine that has nothing yet, with the real packages."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.checkouts import BASE_PYTHON
from tests.services import ROOT, Server, temporary_folder

pytestmark = pytest.mark.full


@pytest.fixture
def clone() -> Iterator[Path]:
    """The files that git has, as they are now, and nothing else."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    with temporary_folder("clone") as folder:
        for name in filter(None, tracked.stdout.split("\0")):
            if not name.startswith("frontend/") and (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        yield folder


def test_the_first_link_comes_within_a_minute_and_then_within_five_seconds(clone: Path, tmp_path: Path) -> None:
    """Longer, and a newcomer wonders whether it hangs."""
    server = Server(tmp_path)
    took: list[float] = []
    for _start in range(2):
        started = time.monotonic()
        server.launch([BASE_PYTHON, clone / "manage.py", "up", "--port", str(server.port)], env=server.env)
        server.wait_until(lambda: server.log.count("Ctrl+C") == len(took) + 1, what="the links were printed", within=60)
        took.append(time.monotonic() - started)
        assert server.stop(with_signal=signal.SIGINT) == 0

    print(f"cold {took[0]:.1f} s, warm {took[1]:.1f} s")
    assert took[1] < 5
