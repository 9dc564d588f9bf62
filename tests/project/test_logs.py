"""No log repeats a secret link."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from daphne.access import AccessLogGenerator

from config.logs import RedactingFormatter, redact

TOKEN = "kP7x-3_vQ9hJm2TzW8sYbN4cR6dL1fGa"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /join/{TOKEN}/ HTTP/1.1",
        f'"POST /sign-in/{TOKEN}/" 302',
        f"/ws/pages/x?token={TOKEN}",
        f"/ws/pages/x?name=Bob&token={TOKEN}&v=1",
        f"https://board.example.org/join/{TOKEN}",
        f"b'/join/{TOKEN}/'",
        f"Referer: https://board.example.org/join/{TOKEN}/?x",
        f"TOKEN={TOKEN}",
    ],
)
def test_tokens_are_removed_and_the_rest_stays(text: str) -> None:
    assert TOKEN not in redact(text)
    assert redact(text).replace("[redacted]", TOKEN) == text


def test_text_without_a_token_is_left_alone() -> None:
    text = "GET /sign-in/?next=/ and /join/ and page 7 token"

    assert redact(text) == text


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("GET %s", (f"/join/{TOKEN}/",)),
        (f"GET /join/{TOKEN}/", ()),
        ('%s - "%s %s HTTP/%s" %d', ("127.0.0.1", "GET", f"/ws/pages/x?token={TOKEN}", "1.1", 200)),
        ("HTTP %(method)s %(path)s", ({"method": "GET", "path": f"/sign-in/{TOKEN}/"},)),
        ("%s", (f"/join/{TOKEN}/".encode(),)),
        ("%s", ([f"/join/{TOKEN}/"],)),
    ],
)
def test_records_of_any_logger_are_redacted_where_they_are_made(
    message: str, args: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Servers bring handlers and formatters of their own; the record itself must be harmless."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("uvicorn.access.of.a.test").info(message, *args)

    assert TOKEN not in caplog.records[0].getMessage()
    assert "[redacted]" in caplog.records[0].getMessage()


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise RuntimeError(f"no route for /join/{TOKEN}/")
    except RuntimeError as error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), (type(error), error, None))

    assert TOKEN not in RedactingFormatter("%(message)s").format(record)


def test_the_access_log_of_daphne_is_redacted() -> None:
    """It is written to a stream, without logging."""
    stream = io.StringIO()
    AccessLogGenerator(stream).write_entry("1.2.3.4", datetime.now(UTC), f"WSCONNECT /ws/pages/x?token={TOKEN}")

    assert TOKEN not in stream.getvalue()
    assert "WSCONNECT /ws/pages/x?token=[redacted]" in stream.getvalue()
