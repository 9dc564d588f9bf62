"""A Redis of the benchmark's own: on a socket in a temporary folder, nothing kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

_READY_WITHIN = 10.0


class NoRedis(Exception):
    """There is no Redis, or it does not start."""


def start_redis(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start one on the cores this process may use; returns it and its URL. Whoever starts it ends it.

    Raises:
        NoRedis: The message says what to do.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise NoRedis("This needs Redis: apt install redis-server")
    place = folder / "redis.sock"
    redis = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(place), "--save", "", "--appendonly", "no", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        env=os.environ,
    )
    deadline = time.monotonic() + _READY_WITHIN
    while not place.exists():
        if redis.poll() is not None or time.monotonic() > deadline:
            redis.kill()
            redis.wait()
            raise NoRedis("redis-server does not start")
        time.sleep(0.02)
    return redis, f"unix://{place}"
