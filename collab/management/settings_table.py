"""Every setting of ``COLLAB``, read from where it is declared: name, default, unit, meaning, variable."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from collab.conf import CollabSettings

PREFIX = "COLLAB_"
MIB = 1024 * 1024
TITLE = "# Settings"
INTRODUCTION = """\
Limits and timings, each with a default that works. Change one with its environment variable, or with
`COLLAB = {"name": value}` in a settings module of your own. A name that does not exist and a value that makes no sense
are reported by `manage.py check` and stop the start. Everything that is not a limit is in [running.md](running.md).

This page is made by `python manage.py collab_settings --markdown`; without `--markdown` that command shows what is in
force."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, described.

    Attributes:
        default: As one would write it in an environment variable.
        unit: Bytes, seconds, per second, or nothing for a plain number.
        meaning: What its declaration says.
    """

    name: str
    default: str
    unit: str
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.name.upper()}"


def all_settings() -> Iterator[Setting]:
    """Every setting, in the order of its declaration."""
    hints = get_type_hints(CollabSettings)
    meanings = {name: text for one in reversed(CollabSettings.__mro__) for name, text in _meanings(one).items()}
    for field in fields(CollabSettings):
        yield Setting(
            name=field.name,
            default=shown(field.default),
            unit=_unit(field.name, hints[field.name]),
            meaning=meanings[field.name],
        )


def as_markdown() -> str:
    """The page of the documentation."""
    rows = ["| Name | Default | Unit | Meaning | Variable |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{one.name}` | {one.default} | {one.unit} | {one.meaning} | `{one.variable}` |" for one in all_settings()
    ]
    return "\n\n".join([TITLE, INTRODUCTION, "\n".join(rows)]) + "\n"


def shown(value: Any) -> str:
    """A value as people read it and the environment takes it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:_}" if isinstance(value, int) else str(value)


def _unit(name: str, kind: type) -> str:
    if "bytes_per_second" in name:
        return "bytes per second"
    if name.endswith("_per_second"):
        return "per second"
    if "bytes" in name:
        return "bytes"
    return "seconds" if kind is float else ""


def _meanings(settings_class: type) -> dict[str, str]:
    """The strings below the fields of a class, in one line each."""
    if settings_class is object:
        return {}
    (declared,) = ast.parse(inspect.getsource(settings_class)).body
    if not isinstance(declared, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for field, text in zip(declared.body, declared.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
            found[field.target.id] = re.sub(r"\s+", " ", text.value.value.replace("``", "`")).strip()
    return found
