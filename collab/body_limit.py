"""A bound on HTTP request bodies, in front of Django.

Django's ASGI handler writes a whole body to disk before any view or middleware runs, however long it is. This wrapper
answers 413 as soon as the announced or the received length is above the bound. Pure ASGI: knows no Django.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

_ANSWER = b'{"error": "too-large", "message": "This is too large."}'


class _TooLarge(Exception):
    """More came than is allowed."""


class LimitBody:
    """Refuses HTTP requests whose body is above a bound.

    Args:
        application: What is protected.
        max_body_bytes: The bound, for every path. Say the largest upload plus room for its envelope.
    """

    def __init__(self, application: Application, *, max_body_bytes: int) -> None:
        self.application = application
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too long."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        if _announced(scope) > self.max_body_bytes:
            await _refuse(send)
            return
        received = 0
        answered = False

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self.max_body_bytes:
                    raise _TooLarge
            return message

        async def noted_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.application(scope, counted_receive, noted_send)
        except _TooLarge:
            if not answered:
                await _refuse(send)


def _announced(scope: Any) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_ANSWER)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})
