"""Environment variables: understood, or a sentence that names the one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from collab.conf import CollabSettings
from config.env import Environment


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("flag", "perhaps"),
        ("integer", "ten"),
        ("integer", "1.5"),
        ("number", "soon"),
        ("number", "nan"),
        ("number", "inf"),
        ("origins", "board.example.org"),
        ("origins", "https://board.example.org/path"),
        ("database", "nonsense"),
        ("database", "mongodb://x/y"),
    ],
)
def test_a_value_that_cannot_be_understood_stops_the_start_and_is_named(method: str, value: str) -> None:
    environment = Environment({"NAME": value})
    more = {"integer": [1], "number": [1.0], "database": ["sqlite:///x"]}.get(method, [])

    with pytest.raises(ImproperlyConfigured, match=r"^NAME "):
        getattr(environment, method)("NAME", *more)


def test_an_empty_variable_counts_as_unset() -> None:
    """Container files write NAME= for what they leave open."""
    environment = Environment({"NAME": " "})

    assert environment.flag("NAME", True) is True
    assert environment.integer("NAME", 7) == 7
    assert environment.words("NAME", ["x"]) == ["x"]
    assert environment.secret("NAME") is None


def test_flags_numbers_and_lists_are_typed() -> None:
    environment = Environment({"A": "Yes", "B": "0", "C": "1_000", "D": "0.5", "E": " a, b ,,c"})

    assert environment.flag("A") is True
    assert environment.flag("B", True) is False
    assert environment.integer("C", 0) == 1000
    assert environment.number("D", 0.0) == 0.5
    assert environment.words("E", []) == ["a", "b", "c"]


def test_a_number_below_its_minimum_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="NAME must be at least 0"):
        Environment({"NAME": "-1"}).integer("NAME", 0, minimum=0)


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")

    assert Environment({"NAME_FILE": str(file)}).secret("NAME") == "s3cret"


@pytest.mark.parametrize("content", [None, ""])
def test_a_secret_file_that_gives_nothing_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ImproperlyConfigured, match="NAME_FILE"):
        Environment({"NAME_FILE": str(file)}).secret("NAME")


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="NAME and NAME_FILE"):
        Environment({"NAME": "a", "NAME_FILE": "b"}).secret("NAME")


def test_a_database_url_is_never_repeated_in_a_message() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Environment({"DATABASE_URL": "postgers://user:hunter2@host/name"}).database("DATABASE_URL", "")

    assert "hunter2" not in str(caught.value)


def test_limits_come_from_variables_named_after_them() -> None:
    environment = Environment({"COLLAB_FLUSH_INTERVAL": "0.2", "COLLAB_MAX_DEPTH": "32"})

    assert environment.fields_of(CollabSettings, prefix="COLLAB_") == {"flush_interval": 0.2, "max_depth": 32}


def test_a_limit_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="COLLAB_MAX_DEPTH must be a whole number"):
        Environment({"COLLAB_MAX_DEPTH": "deep"}).fields_of(CollabSettings, prefix="COLLAB_")


def test_a_misspelt_variable_is_noticed() -> None:
    environment = Environment({"COLLAB_FLUSH_INTREVAL": "1", "COLLAB_DEBUG": "1", "HOME": "/"})
    environment.flag("COLLAB_DEBUG")
    environment.fields_of(CollabSettings, prefix="COLLAB_")

    assert environment.unknown(prefix="COLLAB_") == ["COLLAB_FLUSH_INTREVAL"]
