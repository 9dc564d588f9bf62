"""``python -m tests.torture.report``: run the long forms and write docs/reliability.md from what they measured.

Arguments go to pytest, for instance ``-k kill``; with ``--rows FILE [FILE ...]`` nothing is run and the rows of earlier
``pytest tests/torture --full --figures FILE`` are used; of a test that is in several files, those of the last.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.torture.figures import Row, read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
PARTS = ("Django", "channels", "channels-redis", "daphne", "uvicorn", "pycrdt", "psycopg", "websockets")

HEAD = """\
# What happens when things fail

Every row is a test in [tests/torture](../tests/torture/README.md) with the product's real processes: the servers,
databases and connections are started, cut and killed by the test. The page is written by
`python -m tests.torture.report` out of what a run measured; nothing in the table is typed in.

The ends of these tests are alike: every author writes tokens that exist once in the world and notes which of them the
server acknowledged. At the end all replicas, a newcomer, and a replay of nothing but the log have equal state vectors
and equal content, and every token is there exactly once.
"""


def render(rows: Sequence[Row], *, measured_on: str) -> str:
    """The page."""
    lines = [
        "| | What was done | What must be true | Measured | |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {_cell(row.id)} | {_cell(row.done)} | {_cell(row.bar)} | {_cell(row.measured)} | {_outcome(row)} |"
            for row in sorted(rows, key=_order)
        ),
    ]
    forms = {row.form for row in rows}
    short = "\nRows marked *short* ran for seconds, as they do in every run of the tests.\n" if "short" in forms else ""
    seeds = ", ".join(str(seed) for seed in sorted({row.seed for row in rows}))
    return f"{HEAD}\n{chr(10).join(lines)}\n{short}\n{measured_on} Seed: {seeds}.\n"


def newest(runs: Iterable[Sequence[Row]]) -> list[Row]:
    """Of every test the rows of the last run it was in."""
    by_test: dict[str, list[Row]] = {}
    for rows in runs:
        by_test.update({test: [row for row in rows if row.test == test] for test in {row.test for row in rows}})
    return [row for rows in by_test.values() for row in rows]


def _outcome(row: Row) -> str:
    return ("passed" if row.passed else "**failed**") + (", *short*" if row.form == "short" else "")


def _order(row: Row) -> tuple[str, int, str]:
    found = re.fullmatch(r"([A-Z])(\d+)", row.id)
    return (found[1], int(found[2]), row.test) if found else ("~", 0, row.test)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def here() -> str:
    """Which machine and which versions."""
    parts = ", ".join(f"{name} {version(name)}" for name in PARTS)
    today = dt.datetime.now(tz=dt.UTC).date()
    return (
        f"Measured {today} on {platform.system()} with {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, {parts}."
    )


def main() -> int:
    """Run, render, and give back pytest's exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=Path, nargs="+", help="use the rows of earlier runs instead of running")
    parser.add_argument("--output", type=Path, default=PAGE)
    options, arguments = parser.parse_known_args()
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        files = options.rows
        if files is None:
            files = [Path(folder) / "rows.jsonl"]
            command = [sys.executable, "-m", "pytest", "tests/torture", "--full", f"--figures={files[0]}", *arguments]
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if not all(file.exists() for file in files):
            print("no test said anything; the page stays as it is", file=sys.stderr)
            return code or 1
        options.output.write_text(render(newest(map(read, files)), measured_on=here()), encoding="utf-8")
    print(f"wrote {options.output}")
    return code


if __name__ == "__main__":
    sys.exit(main())
