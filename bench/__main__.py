"""``python -m bench``: measures, writes the result as JSON and as a table. ``bench/README.md`` has the commands."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import hocuspocus, processes, report
from bench.plan import Load
from bench.redis import NoRedis
from bench.servers import ROOT, HocuspocusServer, OurServer, OurServers, ServerFailed, TutorialServer, allow_many_files
from bench.suite import Cores, Measurement, Paced, ServerClass, Suite, measurements

PUBLISHED = ROOT / "bench" / "results.json"
SERVERS: dict[str, ServerClass] = {
    "ours": OurServer,
    "theirs": HocuspocusServer,
    "tutorial": TutorialServer,
    "two": OurServers,
}
DOCUMENT = ROOT / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        command: int = options.command(options)
    except (hocuspocus.CannotInstall, NoRedis, ServerFailed) as problem:
        print(problem, file=sys.stderr)
        return 1
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="measure all servers (about 20 minutes)")
    run.add_argument("--only", nargs="+", metavar="NAME", help="some measurements: see `list`")
    run.add_argument("--server", choices=list(SERVERS), help="one server only: no ratios")
    run.add_argument("--idle", type=int, default=10_000, metavar="N", help="how many idle connections (default 10000)")
    run.add_argument("--seed", type=int, help="repeat a run; the table names its seed")
    run.add_argument("--output", type=Path, help="where the result goes (default var/bench/<time>.json)")
    run.add_argument("--publish", action="store_true", help="write bench/results.json and docs/performance.md as well")
    run.set_defaults(command=_run)
    smoke = commands.add_parser("smoke", help="two clients for a second: shows that the benchmark works")
    smoke.add_argument("--output", type=Path)
    smoke.set_defaults(command=_smoke)
    table = commands.add_parser("table", help="print the table of a result file")
    table.add_argument("result", type=Path, nargs="?", default=PUBLISHED)
    table.set_defaults(command=_table)
    publish = commands.add_parser("publish", help="put the result of a whole run into the repository")
    publish.add_argument("result", type=Path)
    publish.set_defaults(command=_publish_file)
    listing = commands.add_parser("list", help="name the measurements")
    listing.set_defaults(command=_list)
    install = commands.add_parser("install", help="install Hocuspocus and its Node (`run` does it too)")
    install.set_defaults(command=_install)
    return parser


def _run(options: argparse.Namespace) -> int:
    wanted = measurements(idle=options.idle)
    if options.only:
        unknown = set(options.only) - {measurement.key for measurement in wanted}
        if unknown:
            print(f"There is no measurement {', '.join(sorted(unknown))}; `python -m bench list` names them.")
            return 2
        wanted = [measurement for measurement in wanted if measurement.key in options.only]
    if options.publish and (options.only or options.server):
        print("Only a whole run can be published.")
        return 2
    classes = {options.server: SERVERS[options.server]} if options.server else SERVERS
    if "theirs" in classes:
        _say("installing Hocuspocus from npm, unless it is there")
        hocuspocus.install()
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        print("The server and the load generator need a core each; this machine lends us one.")
        return 1
    if allow_many_files() < options.idle + 500:
        print(f"Too few files may be open for {options.idle} connections: raise `ulimit -n`, or lower --idle.")
        return 1
    cores = Cores(server=available[0], generator=available[1])
    os.sched_setaffinity(0, {available[1]})
    result = _measure(wanted, classes, cores, options.seed)
    output = options.output or _default_output(result)
    _write(output, result)
    _say(f"written to {output}")
    if options.publish:
        _publish(result)
    print(report.table(result))
    return 0


def _publish(result: dict[str, Any]) -> None:
    """Put a result, and the table made of it, into the repository."""
    _write(PUBLISHED, result)
    DOCUMENT.write_text(report.insert(DOCUMENT.read_text(encoding="utf-8"), report.table(result)), encoding="utf-8")
    _say(f"written to {PUBLISHED.relative_to(ROOT)} and {DOCUMENT.relative_to(ROOT)}")


def _publish_file(options: argparse.Namespace) -> int:
    result = json.loads(options.result.read_text(encoding="utf-8"))
    if [measurement["key"] for measurement in result["measurements"]] != [one.key for one in measurements()]:
        print("Only a whole run can be published.")
        return 2
    _publish(result)
    return 0


def _smoke(options: argparse.Namespace) -> int:
    load = Load(pages=1, clients=2, edits=20, presence=2, warm_up=0.2, measured=0.8)
    wanted = [Paced("smoke", "1 page x 2 clients for a second", load, rounds=1)]
    result = _measure(wanted, {"ours": OurServer}, Cores(server=None, generator=None), seed=1)
    if options.output:
        _write(options.output, result)
    print(report.table(result))
    return 0


def _table(options: argparse.Namespace) -> int:
    print(report.table(json.loads(options.result.read_text(encoding="utf-8"))))
    return 0


def _list(_: argparse.Namespace) -> int:
    for measurement in measurements():
        print(f"{measurement.key:<16}{measurement.title}")
    return 0


def _install(_: argparse.Namespace) -> int:
    hocuspocus.install()
    return 0


def _measure(
    wanted: Sequence[Measurement], classes: dict[str, ServerClass], cores: Cores, seed: int | None
) -> dict[str, Any]:
    seed = secrets.randbelow(2**31) if seed is None else seed
    taken_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    taken = Suite(classes, cores, seed, _say).run(wanted)
    packages = ("uvicorn", "websockets", "uvloop", "pycrdt", "channels", "Django")
    versions = {"Python": platform.python_version(), **{package: version(package) for package in packages}}
    if "theirs" in classes:
        versions |= hocuspocus.versions()
    return {
        "taken_at": taken_at,
        "commit": _commit(),
        "seed": seed,
        "machine": {
            "processor": processes.cpu_model(),
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "server_core": cores.server,
            "generator_core": cores.generator,
        },
        "versions": versions,
        "measurements": taken,
    }


def _commit() -> str:
    """What is measured, as far as git knows."""
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _default_output(result: dict[str, Any]) -> Path:
    moment = result["taken_at"].replace(" ", "-").replace(":", "")
    return ROOT / "var" / "bench" / f"{moment}.json"


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
