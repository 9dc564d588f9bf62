"""``manage.py runserver``: daphne's, with room for our largest frame, an exit code when the port is taken, and an end.

The reloader runs the server in a thread of a child process, where no signal reaches it. Django's own kills that child;
here it is asked to stop, and drains, also when a file has changed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from django.utils import autoreload

from collab.management import ports
from collab.management.bootstrap import EXIT_BAD_ARGUMENT
from collab.management.server import WS_MAX_BYTES
from collab.stopping import drain_from_thread

RELOAD = 3
"""Exit code of a child that wants to be started again, because a file has changed."""


class Command(DaphneCommand):
    """Serve for development, reloading on changes."""

    help = "Start daphne's development server, which reloads when a file changes. Use up to just run the product."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(
            websocket_max_message_size=WS_MAX_BYTES,
            websocket_max_frame_size=WS_MAX_BYTES,
        )

    def run(self, **options: Any) -> None:
        if not options["use_reloader"]:
            super().run(**options)
        elif os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) == "true":
            try:
                super().run(**options)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                drain_from_thread()
        else:
            sys.exit(_supervise(autoreload.get_child_arguments()))

    def inner_run(self, *args: Any, **options: Any) -> None:
        try:
            ports.listen(self.addr, int(self.port)).close()
        except ports.AddressProblem as problem:
            self.stderr.write(str(problem).replace("--port ", "manage.py runserver "))
            sys.exit(EXIT_BAD_ARGUMENT)
        super().inner_run(*args, **options)


def _supervise(command: Sequence[str]) -> int:
    """Run the child, again whenever it wants to reload; a request to stop is passed on and waited for."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        child.terminate()

    environment = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    code = RELOAD
    while code == RELOAD and not stopping:
        child = subprocess.Popen(command, env=environment, close_fds=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, stop)
        if stopping:
            child.terminate()
        code = child.wait()
    return 0 if stopping else code
