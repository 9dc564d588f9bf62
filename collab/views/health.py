"""Answers for whoever watches over the process."""

from __future__ import annotations

import asyncio
import logging
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


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers requests. Asks nothing else: restarting it would not mend a database."""
    return _say("ok")


@require_safe
async def ready(request: HttpRequest) -> HttpResponse:
    """The process can be sent new people: it is not stopping, and the database and the channel layer answer.

    The layer is asked for a round trip: a Redis that answers PING may still fail every handshake.
    """
    if runtime.is_stopping():
        return _say("stopping", HTTPStatus.SERVICE_UNAVAILABLE)
    for name, answers in (("database", _database_answers), ("channel layer", _channel_layer_answers)):
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await answers()
        except Exception as error:  # noqa: BLE001 - each database and layer raises its own
            logger.warning("not ready: the %s does not answer (%r)", name, error)
            return _say(f"no {name}", HTTPStatus.SERVICE_UNAVAILABLE)
    return _say("ok")


async def _database_answers() -> None:
    await sync_to_async(_ask_database)()


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _channel_layer_answers() -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.send(channel, {"type": "ready"})
    await layer.receive(channel)


def _say(word: str, status: int = HTTPStatus.OK) -> HttpResponse:
    return HttpResponse(f"{word}\n", status=status, content_type="text/plain", headers={"Cache-Control": "no-store"})
