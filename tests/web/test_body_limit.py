"""The bound on request bodies in front of Django."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collab.body_limit import LimitBody


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body, as Django does, and answers with its length."""
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


async def ask(chunks: Iterable[bytes], *, announced: bytes | None = None, kind: str = "http") -> tuple[int, bytes, int]:
    """Send a body; returns status, answer, and how many chunks were read."""
    waiting = list(chunks)
    sent: list[dict[str, Any]] = []
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if announced is None else [(b"content-length", announced)]
    await LimitBody(application, max_body_bytes=100)({"type": kind, "headers": headers}, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"], read


async def test_a_body_up_to_the_bound_passes() -> None:
    assert await ask([b"x" * 60, b"x" * 40], announced=b"100") == (200, b"100", 2)


async def test_a_body_that_is_announced_too_long_is_not_read() -> None:
    status, _answer, read = await ask([b"x"], announced=b"101")

    assert (status, read) == (413, 0)


async def test_a_body_that_grows_too_long_is_read_no_further() -> None:
    """A chunked request announces no length; Django would write it to disk to its end, if it has one."""
    status, answer, read = await ask([b"x" * 60] * 50)

    assert (status, read) == (413, 2)
    assert b"too-large" in answer


async def test_a_length_that_is_none_is_not_believed() -> None:
    assert (await ask([b"x" * 60] * 3, announced=b"-5"))[0] == 413
    assert (await ask([b"x"], announced=b"9" * 400))[0] in {200, 413}


async def test_other_protocols_pass_untouched() -> None:
    assert await ask([b"x" * 500], kind="other") == (200, b"500", 1)
