"""The link on a channel layer that raises, hangs, or is not there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import InMemoryChannelLayer
from django.core.checks import run_checks

from collab.bus import channel_layer
from collab.bus.channel_layer import ChannelLayerBus, ChannelLayerLink, make_bus, tell_once
from collab.bus.link import LinkDown
from collab.bus.memory import MemoryBus
from collab.live.limits import Limits
from collab.live.ports import Note
from tests.fakes import FakeClock
from tests.services import free_port

REDIS_LAYER = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [f"redis://127.0.0.1:{free_port()}/0"]},
    }
}


class BrokenLayer(InMemoryChannelLayer):
    """A layer that works until it is told otherwise."""

    trouble: BaseException | None = None
    hangs = False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._trouble()
        await super().group_send(group, message)

    async def flush(self) -> None:
        await self._trouble()
        await super().flush()

    async def _trouble(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_layer, "PATIENCE", 0.05)


async def test_what_is_sent_to_a_group_reaches_whoever_joined_it() -> None:
    layer, topic = InMemoryChannelLayer(), uuid4()
    heard: list[list[bytes]] = [[], []]
    links = [ChannelLayerLink(layer), ChannelLayerLink(layer)]
    for link, messages in zip(links, heard, strict=True):
        await link.connect(messages.append)
    await links[0].join(topic)

    await links[1].send(topic, b"to one")
    await links[1].send(None, b"to all")
    await links[0].leave(topic)
    await links[1].send(topic, b"to nobody")
    await asyncio.sleep(0.01)
    for link in links:
        await link.close()

    assert heard == [[b"to one", b"to all"], [b"to all"]]


@pytest.mark.parametrize("trouble", [ConnectionError("gone"), OSError(5, "input/output"), ValueError("protocol")])
async def test_whatever_a_layer_raises_is_one_error(trouble: Exception) -> None:
    """redis-py, its parsers and the operating system each have their own."""
    layer = BrokenLayer()
    link = ChannelLayerLink(layer)
    await link.connect(lambda _: None)
    layer.trouble = trouble

    with pytest.raises(LinkDown):
        await link.send(None, b"message")
    await link.close()


async def test_a_layer_that_hangs_is_waited_for_a_short_time_only() -> None:
    """A Redis behind a cable that was pulled answers nothing at all."""
    layer = BrokenLayer()
    link = ChannelLayerLink(layer)
    await link.connect(lambda _: None)
    layer.hangs = True

    with pytest.raises(LinkDown):
        await link.send(None, b"message")
    async with asyncio.timeout(5):
        await link.close()


async def test_no_exception_of_a_layer_comes_out_of_the_bus(caplog: pytest.LogCaptureFixture) -> None:
    """It would end the connection of whoever edits; and the log says it once."""
    layer, clock = BrokenLayer(), FakeClock()
    layer.trouble = ConnectionError("gone")
    bus = ChannelLayerBus(layer, clock=clock, limits=Limits())
    bus.start()
    topic = uuid4()
    bus.open(topic, None)  # type: ignore[arg-type]

    for _ in range(20):
        bus.publish(topic, b"\x00\x00")
        bus.announce(topic)
        bus.tell(topic, Note.CHANGED)
        await clock.advance(0.5)
    await bus.stop()

    assert bus.unsure
    assert sum("Redis cannot be reached" in record.getMessage() for record in caplog.records) == 1


async def test_without_redis_there_is_nobody_to_tell(settings: Any) -> None:
    assert isinstance(make_bus(clock=FakeClock(), limits=Limits()), MemoryBus)
    settings.CHANNEL_LAYERS = REDIS_LAYER
    assert isinstance(make_bus(clock=FakeClock(), limits=Limits()), ChannelLayerBus)


def test_a_management_command_does_not_fail_because_redis_is_away(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What it changed is committed."""
    settings.CHANNEL_LAYERS = REDIS_LAYER
    with caplog.at_level(logging.WARNING):
        tell_once(uuid4(), Note.CHANGED)

    assert "could not be told" in caplog.text


@pytest.mark.parametrize(("processes", "redis", "found"), [(1, False, []), (4, False, ["collab.E003"]), (4, True, [])])
def test_several_processes_without_redis_are_a_system_check_error(
    settings: Any, processes: int, redis: bool, found: list[str]
) -> None:
    """They would look as if edits got lost."""
    settings.COLLAB_PROCESSES = processes
    if redis:
        settings.CHANNEL_LAYERS = REDIS_LAYER

    assert [message.id for message in run_checks() if message.id == "collab.E003"] == found
