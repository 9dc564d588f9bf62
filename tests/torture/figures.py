"""Rows of docs/reliability.md: what a run did and measured, printed and, where a file is named, kept as JSON lines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

UNSAID = "the test ended before it could say what it measured"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        id: As in the table, for instance ``R1``.
        done: What the test did.
        bar: What had to be true.
        measured: What was.
        form: ``short`` or ``full``.
        passed: Whether the test passed as a whole.
    """

    id: str
    done: str
    bar: str
    measured: str
    test: str
    form: str
    seed: int
    passed: bool


class Figures:
    """Collects the rows of one test."""

    def __init__(self, test: str, *, seed: int, full: bool) -> None:
        self._test = test
        self._seed = seed
        self._form = "full" if full else "short"
        self._said: list[tuple[str, str, str, str]] = []

    def row(self, row_id: str, *, done: str, bar: str, measured: str) -> None:
        """Say what was done and measured; call it before the assertions that may end the test."""
        self._said.append((row_id, done, bar, measured))
        print(f"{row_id} ({self._form}, seed {self._seed}): {done}; bar: {bar}; measured: {measured}")

    def rows(self, *, passed: bool) -> list[Row]:
        """What was said, with how the test ended."""
        said = self._said if self._said or passed else [("?", self._test, "", UNSAID)]
        return [
            Row(row_id, done, bar, measured, self._test, self._form, self._seed, passed)
            for row_id, done, bar, measured in said
        ]

    def keep(self, path: Path, *, passed: bool) -> None:
        """Append the rows to a file."""
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in self.rows(passed=passed))


def read(path: Path) -> list[Row]:
    """The rows of a file."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
