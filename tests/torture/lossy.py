"""A channel layer that loses one message in ten, and the settings of a server that uses it.

``DJANGO_SETTINGS_MODULE=tests.torture.lossy``; ``LOSSY_SEED`` repeats which messages are lost.
"""

from __future__ import annotations

import os
import random
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from config.settings import *  # noqa: F403

LOSES = 0.1


class LossyLayer(RedisPubSubChannelLayer):
    """The real layer, whose messages do not all arrive."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._rng = random.Random(os.environ["LOSSY_SEED"])

    async def receive(self, channel: str) -> Any:
        while True:
            message = await self._get_layer().receive(channel)
            if self._rng.random() >= LOSES:
                return message


CHANNEL_LAYERS["default"]["BACKEND"] = "tests.torture.lossy.LossyLayer"  # noqa: F405
