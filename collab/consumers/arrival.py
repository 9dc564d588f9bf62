"""In front of everything else on a socket: how many connections there may be, before a session is read for one."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from collab import runtime
from collab.addresses import address_of_scope
from collab.consumers.origin import Application
from collab.consumers.refusal import VISIT, Receive, Send, refuse
from collab.errors import CollabError
from collab.live.gate import Visit

logger = logging.getLogger(__name__)


class ArrivalCheck:
    """Lets connections in one by one, or refuses them."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Pass on, perhaps after a pause, or refuse."""
        current = runtime.current()
        now = current.clock.now()
        address = address_of_scope(scope, current.settings.trusted_proxies)
        try:
            visit = current.gate.arrive(address, now)
        except CollabError as error:
            logger.info("a connection was refused: %s", error)
            current.gate.refused(address, now)
            await receive()
            await send({"type": "websocket.accept"})
            await refuse(error, scope=scope, runtime=current, receive=receive, send=send)
            return
        try:
            if visit.pause:
                await asyncio.sleep(visit.pause)
            await self._inner({**scope, VISIT: visit}, receive, send)
        finally:
            visit.leave()


def introduce(scope: dict[str, Any], person: str) -> None:
    """Count a connection for its person.

    Raises:
        TooMany: The person has as many as one may have.
    """
    visit: Visit | None = scope.get(VISIT)
    if visit is not None:
        visit.introduce(person)
