"""``manage.py serve``: one of the server processes that ``up --workers`` starts. Not for people."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import Any

from django.core.management.base import BaseCommand

from collab.management.bootstrap import EXIT_FAILED


class Command(BaseCommand):
    """Serve on a socket that somebody else listens on."""

    help = "One server process of up --workers, which starts it."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--fd", type=int, required=True, help="the listening socket")
        parser.add_argument("--ready-fd", type=int, required=True, help="a pipe to write a byte to, once it serves")
        parser.add_argument("--lifeline-fd", type=int, required=True, help="a pipe that ends when the parent does")

    def handle(self, *args: Any, **options: Any) -> None:
        from collab.management.server import build_server
        from collab.management.workers import stop_with_parent
        from collab.runtime import drain
        from config.asgi import application

        def say_ready() -> None:
            os.write(options["ready_fd"], b"!")
            os.close(options["ready_fd"])

        stop_with_parent(options["lifeline_fd"])
        with socket.socket(fileno=options["fd"]) as listener:
            host, port = listener.getsockname()[:2]
            server = build_server(application, on_ready=say_ready, drain=drain, host=host, port=port)
            server.run(sockets=[listener])
        if server.problem is not None:
            self.stderr.write(f"A server process stopped: {server.problem}")
        if server.problem is not None or not server.saved:
            sys.exit(EXIT_FAILED)
