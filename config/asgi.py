"""The ASGI application: Django for HTTP, Channels for WebSockets, and the start and end of the process."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http_application = get_asgi_application()

from collab import runtime  # noqa: E402 - models need Django set up first
from collab.body_limit import LimitBody  # noqa: E402
from collab.conf import collab_settings  # noqa: E402
from collab.routing import websocket_application  # noqa: E402
from collab.stopping import Door, drain_on_signals  # noqa: E402

ENVELOPE_BYTES = 1024 * 1024
"""Room for what surrounds an upload in a request."""


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Start with the server, and drain before it ends if that has not been done."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            runtime.current().warm_up()
            drain_on_signals()
            await send({"type": "lifespan.startup.complete"})
        else:
            await runtime.drain()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter(
    {
        "http": LimitBody(http_application, max_body_bytes=collab_settings().upload_max_bytes + ENVELOPE_BYTES),
        "websocket": Door(websocket_application),
        "lifespan": lifespan,
    }
)
