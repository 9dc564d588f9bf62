"""Whose session a socket comes with. What it opens is tried in ``test_refusals``."""

from __future__ import annotations

import pytest
from django.conf import settings

from collab.consumers.origin import session_of

NAME = settings.SESSION_COOKIE_NAME.encode()
KEY = "k" * 32


@pytest.mark.parametrize(
    "header",
    [
        b"%s=%s" % (NAME, KEY.encode()),
        b"theme=dark; %s=%s; csrftoken=x" % (NAME, KEY.encode()),
        b"caf\xe9=\xff; %s=%s" % (NAME, KEY.encode()),
    ],
)
def test_a_session_is_found_among_other_cookies(header: bytes) -> None:
    session = session_of([(b"host", b"testserver"), (b"cookie", header)])

    assert session is not None
    assert session.session_key == KEY


@pytest.mark.parametrize("header", [b"", b"theme=dark", b"%s=" % NAME, b"x%s=%s" % (NAME, KEY.encode())])
def test_without_its_cookie_there_is_no_session(header: bytes) -> None:
    assert session_of([(b"cookie", header)]) is None
    assert session_of([]) is None


def test_looking_at_the_cookie_does_not_read_the_database() -> None:
    """This runs on the event loop; the session is read in a thread, with the access. No test database is asked for."""
    session_of([(b"cookie", b"%s=%s" % (NAME, KEY.encode()))])
