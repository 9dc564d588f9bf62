"""``manage.py up``: the whole product, from an empty checkout to two links, in one server process or several.

What has to be installed for it is ``collab.management.bootstrap``'s business, which runs before this.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.urls import reverse

from collab.management import ports
from collab.management.bootstrap import EXIT_BAD_ARGUMENT, EXIT_FAILED, claim, exclusive
from collab.management.console import Console

MAX_WORKERS = 64


class Command(BaseCommand):
    """Start the product and print how to get in."""

    help = "Start the product and print a link to the demo room and a one-time link to the admin."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        ports.add_arguments(parser)
        parser.add_argument(
            "--workers", type=int, default=1, metavar="N", help="server processes (default: 1; more need REDIS_URL)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(colours=not options["no_color"])
        workers: int = options["workers"]
        self._check_workers(workers)
        host: str = options["host"]
        listener = self._listen(host, options["port"])
        with listener:
            port: int = listener.getsockname()[1]
            if options["port"] is None and port != ports.DEFAULT_PORT:
                self._warn(f"Port {ports.DEFAULT_PORT} is taken; using port {port}.")
            base_url = self._open_to(host, port)
            alone = claim(str(settings.DATA_DIR / "server.lock"))
            if alone is None and settings.REDIS_URL is None:
                self._warn(
                    "Another server uses the same data. People on one do not see what people",
                    "on the other do until they reload. Stop one, or set REDIS_URL.",
                )
            with exclusive(str(settings.DATA_DIR / "up.lock")):
                self._prepare_database()
                paths = self._make_links()
            links = [f"{base_url}{path}" for path in paths]
            if workers == 1:
                self._serve(listener, host, port, links)
            else:
                self._serve_with(workers, listener, links)

    def _check_workers(self, workers: int) -> None:
        if not 1 <= workers <= MAX_WORKERS:
            self._fail(f"--workers {workers} is not between 1 and {MAX_WORKERS}.", EXIT_BAD_ARGUMENT)
        if workers > 1 and settings.REDIS_URL is None:
            self._fail(
                "Several processes need Redis to tell each other about edits: set REDIS_URL=redis://host:6379/0,"
                " or leave --workers out.",
                EXIT_BAD_ARGUMENT,
            )
        if workers > 1 and sys.platform == "win32":
            self._fail("--workers does not work on Windows: start several up, each with its --port.", EXIT_BAD_ARGUMENT)

    def _listen(self, host: str, port: int | None) -> socket.socket:
        try:
            return ports.listen(host, port)
        except ports.AddressProblem as problem:
            self._fail(str(problem), EXIT_BAD_ARGUMENT)

    def _fail(self, problem: str, code: int = EXIT_FAILED) -> NoReturn:
        """End with one line that says what is wrong."""
        self.console.problem(problem)
        sys.exit(code)

    def _warn(self, *lines: str) -> None:
        for line in lines:
            self.console.warning(f"  {line}")
        self.console.line()

    def _open_to(self, host: str, port: int) -> str:
        """Let people in under every name the machine has on this address, and return the URL to print."""
        names = ports.own_addresses() if ports.is_any_address(host) else [host]
        settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, *(_in_url(name) for name in names)]
        if not _is_loopback(host):
            self._warn(
                "Everybody in the networks of this machine can reach this server, and what",
                "they type travels unencrypted: docs/running.md says how to put TLS in front.",
            )
        return f"http://{_in_url(names[0])}:{port}"

    def _prepare_database(self) -> None:
        from django.db.migrations.executor import MigrationExecutor

        with self.console.step("database", "preparing the database") as step:
            try:
                self.check(display_num_errors=False)
                executor = MigrationExecutor(connection)
                plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
                if plan:
                    call_command("migrate", interactive=False, verbosity=0)
            except DatabaseError as error:
                self._fail(f"The database cannot be used ({str(error).strip()}): see DATABASE_URL in docs/running.md.")
            step.result = f"{len(plan)} migrations applied" if plan else "up to date"

    def _make_links(self) -> list[str]:
        """The paths of the two links: into the demo room, and into the admin."""
        from collab.management.demo import demo_link
        from collab.signin import create_sign_in, ensure_admin

        with self.console.step("demo room", "looking for the demo room") as step:
            admin = ensure_admin()
            demo = demo_link(Path(settings.DATA_DIR), admin)
            step.result = demo.made
        return [reverse("collab:join", args=[demo.token]), reverse("collab:sign-in", args=[create_sign_in(admin)])]

    def _serve(self, listener: socket.socket, host: str, port: int, links: list[str]) -> None:
        from collab.management.server import build_server

        with contextlib.ExitStack() as starting:
            step = starting.enter_context(self.console.step("server", "starting"))

            def say_ready() -> None:
                step.result = f"answers on {links[0].split('/')[2]}"
                starting.close()
                self._print_links(*links)

            from collab.runtime import drain
            from collab.stopping import leave_signals_to_server
            from config.asgi import application

            connection.close()
            leave_signals_to_server()
            server = build_server(application, on_ready=say_ready, drain=drain, host=host, port=port)
            try:
                server.run(sockets=[listener])
            except SystemExit:
                self._fail("The server did not start; the lines above say why.")
            step.result = "stopped"
        self._say_goodbye(server.problem, saved=server.saved)

    def _serve_with(self, count: int, listener: socket.socket, links: list[str]) -> None:
        """Serve in processes of their own, which this one watches over."""
        from collab.management.workers import NotStarted, Workers, worker_command

        problem: Exception | None = None
        saved = False
        with contextlib.ExitStack() as starting:
            step = starting.enter_context(self.console.step("server", "starting"))

            def say_ready() -> None:
                step.result = f"{count} processes answer on {links[0].split('/')[2]}"
                starting.close()
                self._print_links(*links)

            connection.close()
            env = {**os.environ, "COLLAB_ALLOWED_HOSTS": ",".join(settings.ALLOWED_HOSTS)}
            try:
                listeners = ports.split(listener, count)
                workers = Workers(listeners, command=worker_command(), env=env, report=self.console.problem)
                saved = workers.run(say_ready)
            except (ports.AddressProblem, NotStarted) as error:
                problem = error
            step.result = "stopped"
        self._say_goodbye(problem, saved=saved)

    def _print_links(self, demo: str, admin: str) -> None:
        console = self.console
        console.line()
        console.heading("  The demo room. Open it in two browsers; it needs no account:")
        console.link(demo)
        console.line()
        console.heading("  The admin. This link signs you in once, within 30 minutes:")
        console.link(admin)
        console.line()
        console.line(f"  Everything is kept in {settings.DATA_DIR}")
        console.line("  Stop with Ctrl+C.")
        console.line()

    def _say_goodbye(self, problem: Exception | None, *, saved: bool) -> None:
        self.console.fresh_line()
        if problem is not None:
            self._fail(f"Stopped: {problem}")
        if not saved:
            self._fail("Stopped, but the last edits could not be saved; browsers that are open still have them.")
        self.console.line("Stopped. Everything is saved.")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
