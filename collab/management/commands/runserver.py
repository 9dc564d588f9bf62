"""``manage.py runserver``: daphne's, with room for our largest frame and an exit code when the port is taken."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand

from collab.management import ports
from collab.management.bootstrap import EXIT_BAD_ARGUMENT
from collab.management.server import WS_MAX_BYTES


class Command(DaphneCommand):
    """Serve for development, reloading on changes."""

    help = "Start daphne's development server, which reloads when a file changes. Use up to just run the product."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(
            websocket_max_message_size=WS_MAX_BYTES,
            websocket_max_frame_size=WS_MAX_BYTES,
        )

    def inner_run(self, *args: Any, **options: Any) -> None:
        try:
            ports.listen(self.addr, int(self.port)).close()
        except ports.AddressProblem as problem:
            self.stderr.write(str(problem).replace("--port ", "manage.py runserver "))
            sys.exit(EXIT_BAD_ARGUMENT)
        super().inner_run(*args, **options)
