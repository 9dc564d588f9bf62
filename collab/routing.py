"""WebSocket URLs, with everything around them: allowed origins, sessions, users."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path, re_path

from collab.consumers.origin import OriginCheck
from collab.consumers.page import PageConsumer
from collab.consumers.room import RoomConsumer
from collab.consumers.unknown import UnknownConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/pages/<uuid:page_id>", PageConsumer.as_asgi()),
    path("ws/rooms/<uuid:room_id>", RoomConsumer.as_asgi()),
    re_path("", UnknownConsumer.as_asgi()),
]

websocket_application = OriginCheck(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
