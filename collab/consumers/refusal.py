"""How a connection is refused: accepted first, held for a moment, then closed with a code that says why.

A refusal before the handshake is a bare 403, on which stock clients retry for ever; older ones retry after any close,
at once. Holding the refused socket for a few seconds makes both harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from collab.errors import CollabError
from collab.runtime import Runtime

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def refuse(error: CollabError, *, runtime: Runtime, receive: Receive, send: Send) -> None:
    """Hold an accepted connection, ignoring what it says, then close it."""
    settings = runtime.settings
    if error.close_code.is_final and runtime.held_refusals < settings.max_refused_held:
        runtime.held_refusals += 1
        try:
            async with asyncio.timeout(settings.refused_hold):
                while (await receive())["type"] != "websocket.disconnect":
                    pass
            return
        except TimeoutError:
            pass
        finally:
            runtime.held_refusals -= 1
    await send(close_message(error))


def close_message(error: CollabError) -> dict[str, Any]:
    """The ASGI message that ends a connection for this reason."""
    return {"type": "websocket.close", "code": int(error.close_code), "reason": error.reason}
