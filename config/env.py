"""The process environment, read in this one place and typed.

Everything else takes values. A variable that cannot be understood stops the start with a sentence that names it; an
empty variable counts as unset, because that is what container files produce. A secret may be given by the path of a
file instead (``<NAME>_FILE``), which is how Docker and systemd hand them over.
"""

from __future__ import annotations

import os
import types
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Environment:
    """Typed access to environment variables.

    Attributes:
        names: Every variable that was asked for, so that documentation and checks can list them.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.names: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """The variable with surrounding space removed, or the default when it is unset or empty."""
        self.names.add(name)
        return self._variables.get(name, "").strip() or default

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or a no.

        Raises:
            ImproperlyConfigured: The value is neither.
        """
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw in _TRUE:
            return True
        if raw in _FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be 1 or 0 (also true/false, yes/no, on/off), not {raw!r}")

    def integer(self, name: str, default: int, *, minimum: int | None = None) -> int:
        """A whole number; underscores may group its digits.

        Raises:
            ImproperlyConfigured: The value is not a whole number, or lies below the minimum.
        """
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}") from None
        if minimum is not None and value < minimum:
            raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {value}")
        return value

    def number(self, name: str, default: float) -> float:
        """A number, for durations in seconds.

        Raises:
            ImproperlyConfigured: The value is not a finite number.
        """
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a number, not {raw!r}") from None
        if value != value or value in (float("inf"), float("-inf")):
            raise ImproperlyConfigured(f"{name} must be a finite number, not {raw!r}")
        return value

    def words(self, name: str, default: list[str]) -> list[str]:
        """A list separated by commas."""
        raw = self.text(name)
        return [word.strip() for word in raw.split(",") if word.strip()] if raw else list(default)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words, whatever its case.

        Raises:
            ImproperlyConfigured: It is none of them.
        """
        value = self.text(name, default).upper()
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    def origins(self, name: str) -> list[str]:
        """Origins such as ``https://board.example.org``, separated by commas.

        Raises:
            ImproperlyConfigured: One of them has no scheme, or more than scheme, host and port.
        """
        origins = [word.rstrip("/") for word in self.words(name, [])]
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
                raise ImproperlyConfigured(f"{name} must list origins like https://board.example.org, not {origin!r}")
        return origins

    def path(self, name: str, default: Path) -> Path:
        """A path, absolute; a relative one is taken from the current directory, ``~`` is the home directory."""
        raw = self.text(name)
        return Path(raw).expanduser().absolute() if raw else default

    def secret(self, name: str) -> str | None:
        """A secret, from the variable itself or from the file that ``<name>_FILE`` points at.

        Raises:
            ImproperlyConfigured: Both are given, or the file cannot be read or is empty.
        """
        value = self.text(name) or None
        file_name = self.text(f"{name}_FILE")
        if not file_name:
            return value
        if value is not None:
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: give one of them")
        try:
            value = Path(file_name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE: {file_name} cannot be read ({error})") from None
        if not value:
            raise ImproperlyConfigured(f"{name}_FILE: {file_name} is empty")
        return value

    def database(self, name: str, default: str) -> dict[str, Any]:
        """A database from its URL, as Django wants it (``postgres://user:password@host/name``).

        The URL may hold a password, so it can come from a file like any secret, and no message repeats it.

        Raises:
            ImproperlyConfigured: The URL is not one of a supported database.
        """
        url = self.secret(name) or default
        try:
            parsed: dict[str, Any] = dict(dj_database_url.parse(url))
        except (ValueError, KeyError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError):
            raise ImproperlyConfigured(
                f"{name} must be a URL like postgres://user:password@host:5432/name or sqlite:////path/db.sqlite3"
            ) from None
        return parsed

    def fields_of(self, settings_class: type, *, prefix: str) -> dict[str, int | float | bool]:
        """Values for those fields of a settings dataclass that have a variable, named ``<prefix><FIELD>``.

        Raises:
            ImproperlyConfigured: A value does not have the field's type.
        """
        hints = get_type_hints(settings_class)
        values: dict[str, int | float | bool] = {}
        for field in fields(settings_class):
            name = f"{prefix}{field.name.upper()}"
            if not self.text(name):
                continue
            kind = hints[field.name]
            if kind is bool:
                values[field.name] = self.flag(name)
            elif kind is int:
                values[field.name] = self.integer(name, 0)
            else:
                values[field.name] = self.number(name, 0.0)
        return values

    def unknown(self, *, prefix: str) -> list[str]:
        """Variables with our prefix that nothing asked for: almost always a spelling mistake."""
        return sorted(name for name in self._variables if name.startswith(prefix) and name not in self.names)


environment = Environment(types.MappingProxyType(os.environ))
