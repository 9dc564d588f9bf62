"""What watchers over the process are told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer

from collab.views import health
from tests import factories
from tests.services import RedisServer


def test_being_alive_asks_neither_session_nor_database() -> None:
    """No database is allowed in this test."""
    response = factories.browser().get("/healthz/live")

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_being_ready_asks_the_database_and_the_channel_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends people here must hear that they could not get in."""
    browser = factories.browser()
    monkeypatch.setattr(health, "ASK_EVERY", 0.0)

    def ask() -> tuple[int, bytes]:
        response = browser.get("/healthz/ready")
        return response.status_code, response.content

    assert ask() == (200, b"ok\n")
    with monkeypatch.context() as patched:
        patched.setattr(health, "_ask_database", lambda: 1 / 0)
        assert ask() == (503, b"no database\n")
    with monkeypatch.context() as patched:
        patched.setattr(health, "get_channel_layer", lambda: None)
        assert ask() == (503, b"no channel layer\n")
    with monkeypatch.context() as patched:
        patched.setattr(health.runtime, "is_stopping", lambda: True)
        assert ask() == (503, b"stopping\n")
    assert ask() == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_asking_often_whether_it_is_ready_asks_the_database_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ask, without an account."""
    asked: list[int] = []
    monkeypatch.setattr(health, "ASK_EVERY", 60.0)
    monkeypatch.setattr(health, "_answer", None)
    monkeypatch.setattr(health, "_ask_database", lambda: asked.append(1))
    browser = factories.browser()

    assert [browser.get("/healthz/ready").status_code for _ in range(5)] == [200] * 5
    assert len(asked) == 1


@pytest.mark.services
def test_being_ready_leaves_no_channel_behind(redis_server: RedisServer, settings: Any) -> None:
    """A channel of the pub/sub layer is a subscription that stays until somebody who waits on it is cancelled."""
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [redis_server.url]}}}
    channel_layers.backends.clear()

    async def ask_often() -> int:
        for _ in range(3):
            await health._channel_layer_answers()
        return len(get_channel_layer()._get_layer().channels)

    assert asyncio.run(ask_often()) == 0
    channel_layers.backends.clear()
