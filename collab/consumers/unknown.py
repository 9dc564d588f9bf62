"""Any other WebSocket address: refused like a page that does not exist."""

from __future__ import annotations

from typing import Any

from channels.consumer import AsyncConsumer

from collab import runtime
from collab.consumers.refusal import Receive, Send, refuse
from collab.errors import UnknownPage


class UnknownConsumer(AsyncConsumer):
    """Refuses."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Accept, hold, close."""
        await receive()
        await send({"type": "websocket.accept"})
        error = UnknownPage("no such address")
        await refuse(error, scope=scope, runtime=runtime.current(), receive=receive, send=send)
