"""Answers for whoever watches over the process."""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from collab import runtime

logger = logging.getLogger(__name__)

ANSWER_WITHIN = 2.0
"""How long, in seconds, each part that others run may take to answer."""
ASK_EVERY = 1.0
"""How long, in seconds, an answer is given again: anybody may ask, and the database shall not pay for each time."""

_answer: tuple[float, str] | None = None
"""When the parts were last asked, and what the answer was; empty when all was well."""


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers requests. Asks nothing else: restarting it would not mend a database."""
    return _say("")


@require_safe
async def ready(request: HttpRequest) -> HttpResponse:
    """The process can be sent new people: it is not stopping, and the database and the channel layer answer."""
    global _answer  # noqa: PLW0603 - one per process is the point
    if runtime.is_stopping():
        return _say("stopping")
    now = time.monotonic()
    if _answer is None or now - _answer[0] >= ASK_EVERY:
        _answer = (now, await _what_is_missing())
    return _say(_answer[1])


async def _what_is_missing() -> str:
    for name, answers in (("database", _database_answers), ("channel layer", _channel_layer_answers)):
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await answers()
        except Exception as error:  # noqa: BLE001 - each database and layer raises its own
            logger.warning("not ready: the %s does not answer (%r)", name, error)
            return f"no {name}"
    return ""


async def _database_answers() -> None:
    await sync_to_async(_ask_database)()


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _channel_layer_answers() -> None:
    """Make a round trip: a Redis that answers PING may still fail every handshake."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    try:
        await layer.send(channel, {"type": "ready"})
        await layer.receive(channel)
    finally:
        # A channel is given back by waiting on it and being cancelled; there is no other way.
        waiting = asyncio.ensure_future(layer.receive(channel))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def _say(problem: str) -> HttpResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{problem or 'ok'}\n", status=status, content_type="text/plain", headers=headers)
