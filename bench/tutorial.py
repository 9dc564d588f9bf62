"""The design that Channels' tutorial leads to, for comparison: a consumer per client, one ``group_send`` per edit.

It relays and does nothing else: no log, no check, no merging, no access. Its channel layer is the tutorial's, Redis, on
the same core as the server; it runs under this project's own server command. ``python -m bench.tutorial 8000``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from bench.redis import start_redis

_EMPTY_PAGE = b"\x00\x01\x02\x00\x00"
"""Sync step 2 with nothing in it: whoever joins waits for one."""


class Relay(AsyncWebsocketConsumer):
    """One client."""

    async def connect(self) -> None:
        """Join the group of the page."""
        self.group = self.scope["path"].strip("/").replace("/", ".")
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send(bytes_data=_EMPTY_PAGE)

    async def disconnect(self, code: int) -> None:
        """Leave it."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pass an edit on to everybody."""
        await self.channel_layer.group_send(self.group, {"type": "edit", "update": bytes_data})

    async def edit(self, event: dict[str, Any]) -> None:
        """Somebody edited."""
        await self.send(bytes_data=event["update"])


def main(port: int) -> None:
    """Serve until told to stop."""
    with tempfile.TemporaryDirectory(prefix="collab-bench-redis-") as folder:
        redis, url = start_redis(Path(folder))
        try:
            os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
            os.environ["COLLAB_DATA_DIR"] = folder
            django.setup()
            settings.CHANNEL_LAYERS = {
                "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [url]}}
            }
            from collab.management.server import build_server

            server = build_server(
                _application, on_ready=lambda: print("ready", flush=True), drain=_drain, host="127.0.0.1", port=port
            )
            with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
                server.run(sockets=[listener])
        finally:
            redis.terminate()
            redis.wait()


async def _application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await Relay.as_asgi()(scope, receive, send)
    elif scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    else:
        # The server asks itself whether it answers.
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _drain() -> bool:
    await asyncio.sleep(0)
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]))
