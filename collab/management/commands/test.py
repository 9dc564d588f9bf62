"""``manage.py test``: pytest, with every argument passed through.

pytest gets a process of its own, so that it chooses the settings and measures coverage from the first import on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

ROOT = Path(__file__).resolve().parents[3]


class Command(BaseCommand):
    """Run the tests."""

    help = "Run the tests: everything after the word test goes to pytest, for instance -k wire or tests/web."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        self._run(argv[2:])

    def handle(self, *args: Any, **options: Any) -> None:
        self._run([])

    def _run(self, arguments: list[str]) -> None:
        command = [sys.executable, "-m", "pytest", f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        sys.stdout.flush()
        if os.name == "nt":
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
        os.execve(sys.executable, command, environment)  # noqa: S606 - pytest, in this process' place
