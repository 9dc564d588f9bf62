"""Small checkouts in which ``manage.py`` starts from nothing, with packages that stand in for the real ones.

The stand-in for Django prints which Python runs it, so that these tests see what the bootstrap decided without
installing anything from a network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import ROOT

BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)
FILES = [
    "manage.py",
    "collab/__init__.py",
    *(f"collab/management/{n}.py" for n in ("__init__", "bootstrap", "console", "ports")),
]

FAKE_DJANGO = """
import sys
def execute_from_command_line(argv):
    print("arrived", *argv[1:])
    print("prefix", sys.prefix)
"""


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """A wheel that pip installs without building anything."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in contents) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)


@dataclass
class Checkout:
    """A copy of what a fresh clone starts with."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def require(self, *pins: str, file: str = "requirements.txt") -> None:
        (self.root / file).write_text("".join(f"{pin}\n" for pin in pins))

    def command(self, *arguments: str, python: str | Path = BASE_PYTHON) -> list[str]:
        return [str(python), "manage.py", *arguments]

    def start(self, *arguments: str, python: str | Path = BASE_PYTHON) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments, python=python),
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, python: str | Path = BASE_PYTHON) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, python=python)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def python_that(self, name: str, *statements: str) -> Path:
        """A Python that runs these statements before ``manage.py``, to play one this machine does not have."""
        prepare = "; ".join(["import sys, runpy", *statements])
        run = "sys.argv = sys.argv[1:]; sys.path.insert(0, '.'); runpy.run_path(sys.argv[0], run_name='__main__')"
        path = self.root / name
        path.write_text(f'#!/bin/sh\nexec {BASE_PYTHON} -c "{prepare}; {run}" "$@"\n')
        path.chmod(0o755)
        return path


def make_checkout(root: Path, wheels: Path) -> Checkout:
    for name in FILES:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "COLLAB_", "DJANGO_"))}
    env.pop("_COLLAB_IN_VENV", None)
    env.update(
        {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}
    )
    checkout = Checkout(root, env)
    checkout.require("django==1.0")
    checkout.require("django==1.0", "extra==1.0", file="requirements-dev.txt")
    return checkout
