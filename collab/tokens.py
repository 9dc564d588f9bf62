"""Random tokens for links, and the only form in which they are stored."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 24
_MAX_TOKEN_CHARS = 200


def new_token() -> str:
    """192 random bits, safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """The SHA-256 by which a token is looked up. Whatever is too long to be one of ours hashes like a wrong one."""
    return hashlib.sha256(token[:_MAX_TOKEN_CHARS].encode("utf-8", "backslashreplace")).hexdigest()
