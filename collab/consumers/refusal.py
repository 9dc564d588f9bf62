"""How a connection is refused: accepted first, held for a moment, then closed with a code that says why.

A refusal before the handshake is a bare 403, on which stock clients retry for ever; older ones retry after any close,
at once. Holding the refused socket for a few seconds makes both harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from collab.errors import CollabError
from collab.live.gate import Visit
from collab.runtime import Runtime

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


CLOSE_PATIENCE = 5.0
"""How long a client that does not read may hold up its own closing."""

VISIT = "collab.visit"
"""Key of the scope under which ``arrival`` hands on the visit of a connection."""

Refused = CollabError | type[CollabError]


async def refuse(
    error: Refused,
    *,
    scope: dict[str, Any],
    runtime: Runtime,
    receive: Receive,
    send: Send,
    heeds_codes: bool = False,
) -> None:
    """Hold an accepted connection, ignoring what it says, then close it.

    Args:
        heeds_codes: The client knows which close codes are final, so it need not be held.
    """
    settings = runtime.settings
    note_refusal(error, scope, runtime)
    if error.close_code.is_final and not heeds_codes and runtime.held_refusals < settings.max_refused_held:
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
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_PATIENCE):
            await send(close_message(error))


def note_refusal(error: Refused, scope: dict[str, Any], runtime: Runtime) -> None:
    """Let whoever is refused again and again wait longer each time."""
    visit: Visit | None = scope.get(VISIT)
    if visit is not None and error.close_code.is_final:
        visit.refused(runtime.clock.now())


def close_message(error: Refused) -> dict[str, Any]:
    """The ASGI message that ends a connection for this reason."""
    return {"type": "websocket.close", "code": int(error.close_code), "reason": error.reason}
