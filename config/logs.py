"""Logging that never repeats a secret link.

A share link and a sign-in link are passwords in the form of a URL, so no record may carry one: not ours, not
Django's, not a server's access log. Records are rewritten where they are made (``logging.setLogRecordFactory``),
because servers bring handlers of their own; text that a formatter adds afterwards, a traceback above all, passes
through ``RedactingFormatter``; daphne writes its access log without ``logging`` and is taught the same rule.
"""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(r"""(?P<before>(?:[?&;]|\b)token=|/(?:join|sign-in)/)[^/\s?&#"'<>\\]+""", re.IGNORECASE)


def redact(text: str) -> str:
    """The text without the tokens of share links, sign-in links and ``?token=`` parameters."""
    return _SECRET.sub(r"\g<before>[redacted]", text)


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "backslashreplace")).encode() if _looks_secret(value) else value
    if isinstance(value, Mapping):
        return {key: _redact_value(item) for key, item in value.items()}
    if type(value) is tuple or type(value) is list:
        return type(value)(_redact_value(item) for item in value)
    return value


def _looks_secret(value: bytes) -> bool:
    return b"token=" in value or b"/join/" in value or b"/sign-in/" in value


class RedactingFormatter(logging.Formatter):
    """Formats a record and removes tokens from the whole of it, traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _install_record_factory() -> None:
    make_record = logging.getLogRecordFactory()
    if getattr(make_record, "redacts", False):
        return

    def make_redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        record.msg = _redact_value(record.msg)
        if record.args:
            record.args = _redact_value(record.args)
        return record

    make_redacted_record.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted_record)


def _teach_daphne() -> None:
    from daphne.access import AccessLogGenerator

    write_entry = AccessLogGenerator.write_entry
    if getattr(write_entry, "redacts", False):
        return

    def write_redacted_entry(
        self: AccessLogGenerator, host: str, date: Any, request: str, *args: Any, **kw: Any
    ) -> None:
        write_entry(self, host, date, redact(request), *args, **kw)

    write_redacted_entry.redacts = True  # type: ignore[attr-defined]
    AccessLogGenerator.write_entry = write_redacted_entry


def configure(config: dict[str, Any]) -> None:
    """Set up logging from ``settings.LOGGING`` (Django calls this, being named in ``LOGGING_CONFIG``)."""
    _install_record_factory()
    _teach_daphne()
    logging.config.dictConfig(config)
