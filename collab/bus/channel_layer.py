"""The bus on a Django Channels layer, in practice ``channels_redis.pubsub``.

The layer promises little: its queues have no bound, it loses what is sent while it reconnects, and says nothing of it.
So there is one channel and one loop that empties it at once; ``Fanout`` numbers the messages and listens for its own.
The layer is this bus's own instance, because a link that stays deaf is made anew with ``flush``, which forgets every
subscription. Nothing waits longer than ``PATIENCE`` for Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import InMemoryChannelLayer, channel_layers

from collab.bus.envelope import NOBODY, Envelope, Kind
from collab.bus.fanout import Fanout
from collab.bus.link import Address, LinkDown
from collab.bus.memory import MemoryBus
from collab.live.limits import Limits
from collab.live.ports import Bus, Clock, Note

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Longest wait for one answer of Redis; reconnecting within it is the client library's business."""

FLUSH_ATTEMPTS = 3

_EVERYBODY = "bus.processes"
_MESSAGE = "bus.message"


class ChannelLayerLink:
    """``collab.bus.link.Link`` on a channel layer."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._channel: str | None = None
        self._listening: asyncio.Task[None] | None = None

    async def connect(self, receive: Callable[[bytes], None]) -> None:
        """Open the channel of this process and listen to all processes."""
        self._channel = await _within_patience(self._layer.new_channel("bus."))
        await _within_patience(self._layer.group_add(_EVERYBODY, self._channel))
        self._listening = asyncio.get_running_loop().create_task(self._listen(self._channel, receive))

    async def join(self, address: UUID | bytes) -> None:
        """Be in the group of a topic, or of a process."""
        await _within_patience(self._layer.group_add(_group(address), self._channel))

    async def leave(self, topic: UUID) -> None:
        """Leave it, also if an attempt to do so failed half way."""
        await _within_patience(self._layer.group_add(_group(topic), self._channel))
        await _within_patience(self._layer.group_discard(_group(topic), self._channel))

    async def send(self, address: Address, message: bytes) -> None:
        """Send to everybody there."""
        await _within_patience(self._layer.group_send(_group(address), {"type": _MESSAGE, "data": message}))

    async def close(self) -> None:
        """Give up every connection and group."""
        if self._listening is not None:
            self._listening.cancel()
            # Cancelled, the layer unsubscribes, which takes as long as Redis does.
            await asyncio.wait([self._listening], timeout=PATIENCE)
            self._listening = None
        if self._channel is None:
            return
        self._channel = None
        for _ in range(FLUSH_ATTEMPTS):
            # The layer cancels its own task and waits for it; the Redis client sometimes swallows a cancellation.
            with contextlib.suppress(LinkDown):
                await _within_patience(self._layer.flush())
                return
        logger.warning("a connection to Redis could not be closed")

    async def _listen(self, channel: str, receive: Callable[[bytes], None]) -> None:
        while True:
            # No timeout around this: cancelled, the layer drops the queue and what is in it.
            try:
                message = await self._layer.receive(channel)
            except Exception as error:  # noqa: BLE001 - each layer raises its own
                logger.debug("receiving failed: %r", error)
                await asyncio.sleep(PATIENCE)
                continue
            data = message.get("data") if isinstance(message, dict) else None
            if isinstance(data, bytes):
                receive(data)


class ChannelLayerBus(Fanout):
    """The bus between processes that share a channel layer."""

    def __init__(self, layer: Any, *, clock: Clock, limits: Limits) -> None:
        super().__init__(ChannelLayerLink(layer), clock=clock, limits=limits)


def make_bus(*, clock: Clock, limits: Limits) -> Bus:
    """The bus that the settings ask for: none to speak of, unless the channel layer reaches other processes."""
    if not reaches_other_processes():
        return MemoryBus()
    return ChannelLayerBus(channel_layers.make_backend(DEFAULT_CHANNEL_LAYER), clock=clock, limits=limits)


def tell_once(topic: UUID, note: Note) -> None:
    """Tell every process, from one that serves nobody itself, such as a management command; never raises."""
    if not reaches_other_processes():
        return
    message = Envelope(Kind.NOTE, NOBODY, 0, topic, bytes((note.value,))).encode()
    try:
        async_to_sync(_tell_once)(message)
    except Exception:
        # What it is about is committed. Servers find a page that is gone by themselves; titles show at the next visit.
        logger.warning("other processes could not be told of a change", exc_info=True)


async def _tell_once(message: bytes) -> None:
    layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    try:
        await _within_patience(layer.group_send(_EVERYBODY, {"type": _MESSAGE, "data": message}))
    finally:
        await _within_patience(layer.flush())


def reaches_other_processes() -> bool:
    """Whether the channel layer of the settings is more than a queue in this process."""
    if DEFAULT_CHANNEL_LAYER not in channel_layers.configs:
        return False
    return not isinstance(channel_layers[DEFAULT_CHANNEL_LAYER], InMemoryChannelLayer)


def _group(address: Address) -> str:
    if address is None:
        return _EVERYBODY
    return f"bus.{address.hex}" if isinstance(address, UUID) else f"bus.to.{address.hex()}"


async def _within_patience(answer: Awaitable[Any]) -> Any:
    """Wait for Redis, but not for ever.

    Raises:
        LinkDown: It did not answer, or not well.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await answer
    except TimeoutError as error:
        raise LinkDown(f"no answer within {PATIENCE:g} s") from error
    except Exception as error:
        # redis-py, its parsers and the operating system each raise their own.
        raise LinkDown(str(error) or type(error).__name__) from error
