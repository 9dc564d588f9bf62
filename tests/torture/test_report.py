"""The page that is made of the rows."""

from __future__ import annotations

from pathlib import Path

from tests.torture.figures import UNSAID, Figures, read
from tests.torture.report import newest, render


def test_rows_are_kept_as_they_were_said_and_rendered_in_order(tmp_path: Path) -> None:
    """R10 comes after R2, and a row that failed says so."""
    path = tmp_path / "rows"
    for row_id, full, passed in (("R10", True, True), ("R2", False, True), ("P1", True, False)):
        figures = Figures(f"test {row_id}", seed=7, full=full)
        figures.row(row_id, done="this | that", bar="<= 3", measured="2")
        figures.keep(path, passed=passed)

    page = render(read(path), measured_on="Measured today.")

    lines = [line for line in page.splitlines() if line.startswith(("| P", "| R"))]
    assert lines == [
        "| P1 | this \\| that | <= 3 | 2 | **failed** |",
        "| R2 | this \\| that | <= 3 | 2 | passed, *short* |",
        "| R10 | this \\| that | <= 3 | 2 | passed |",
    ]
    assert "Measured today. Seed: 7." in page


def test_a_test_that_failed_before_it_said_anything_leaves_a_row(tmp_path: Path) -> None:
    """A page without the row would look as if all was well."""
    path = tmp_path / "rows"
    Figures("test of something", seed=7, full=True).keep(path, passed=False)
    Figures("test of the page", seed=7, full=True).keep(path.with_name("none"), passed=True)

    (row,) = read(path)

    assert (row.passed, row.measured) == (False, UNSAID)
    assert read(path.with_name("none")) == []


def test_a_test_that_was_repeated_counts_as_it_ended_the_last_time(tmp_path: Path) -> None:
    """The long forms take an hour together; one that was mended is run again by itself."""
    for name, test, passed in (("one", "a", False), ("one", "b", True), ("two", "a", True)):
        figures = Figures(f"test {test}", seed=7, full=True)
        for row_id in ("R1", "R2"):
            figures.row(row_id, done=name, bar="", measured="")
        figures.keep(tmp_path / name, passed=passed)

    rows = newest([read(tmp_path / "one"), read(tmp_path / "two")])

    assert sorted((row.test, row.id, row.done, row.passed) for row in rows) == [
        ("test a", "R1", "two", True),
        ("test a", "R2", "two", True),
        ("test b", "R1", "one", True),
        ("test b", "R2", "one", True),
    ]
