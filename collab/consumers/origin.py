"""Which web sites may open our sockets in somebody's browser.

Browsers attach cookies to a WebSocket that any site opens, and always say which site that was. So a session counts only
when the connection comes from our own origin or one that the deployment trusts. Clients outside a browser send no
Origin: they are let through without cookies and stand on their token alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from collab import runtime
from collab.consumers.refusal import Receive, Send, refuse
from collab.errors import NotAllowed

Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class OriginCheck:
    """Refuses foreign sites; to what comes from our own it adds the session of the browser, which is not read yet."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Pass on, pass on without cookies, or refuse."""
        headers = scope.get("headers", [])
        origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
        session = None
        if not origins:
            headers = [header for header in headers if header[0] != b"cookie"]
        elif len(origins) > 1 or not is_allowed(origins[0], host=_host(headers), secure=scope.get("scheme") == "wss"):
            await receive()
            await send({"type": "websocket.accept"})
            error = NotAllowed("foreign origin")
            await refuse(error, scope=scope, runtime=runtime.current(), receive=receive, send=send)
            return
        else:
            session = session_of(headers)
        await self._inner({**scope, "headers": headers, "session": session}, receive, send)


def is_allowed(origin: str, *, host: str, secure: bool) -> bool:
    """Whether a page at ``origin`` may open sockets at ``host``.

    Args:
        origin: The Origin header.
        host: The Host header, with its port if it has one.
        secure: Whether the connection itself is TLS; behind a proxy that ends TLS, ``COLLAB_HTTPS`` says so.
    """
    scheme = "https" if secure or settings.SESSION_COOKIE_SECURE else "http"
    domain, _ = split_domain_port(host)
    if domain and validate_host(domain, settings.ALLOWED_HOSTS) and origin.lower() == f"{scheme}://{host.lower()}":
        return True
    return any(_matches(origin.lower(), trusted.lower()) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def session_of(headers: list[tuple[bytes, bytes]]) -> SessionBase | None:
    """The session that a cookie names, which reads the database when it is first asked for something.

    Django's, without the middleware that Channels has for it: no message of a WebSocket can carry a cookie back, so
    there is nothing to save, and that middleware looks for a change in every frame on its way out.
    """
    cookies = next((parse_cookie(value.decode("latin-1")) for name, value in headers if name == b"cookie"), {})
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    session: SessionBase | None = import_module(settings.SESSION_ENGINE).SessionStore(key) if key else None
    return session


def _matches(origin: str, trusted: str) -> bool:
    if "*" not in trusted:
        return origin == trusted
    scheme, _, pattern = trusted.partition("://")
    origin_scheme, _, origin_host = origin.partition("://")
    return scheme == origin_scheme and is_same_domain(origin_host, pattern.removeprefix("*"))


def _host(headers: list[tuple[bytes, bytes]]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
