"""WebSocket URLs, with everything around them: how many may come, allowed origins, sessions.

Channels' middleware for sessions and users is left out: it reads the user on the one thread that all of Django's
synchronous code shares, one connection after the other. ``collab.access`` asks Django for the user of the session in
the same step, and on the same thread, as for the role.
"""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from collab.consumers.arrival import ArrivalCheck
from collab.consumers.origin import OriginCheck
from collab.consumers.page import PageConsumer
from collab.consumers.room import RoomConsumer
from collab.consumers.unknown import UnknownConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/pages/<uuid:page_id>", PageConsumer.as_asgi()),
    path("ws/rooms/<uuid:room_id>", RoomConsumer.as_asgi()),
    re_path("", UnknownConsumer.as_asgi()),
]

websocket_application = ArrivalCheck(OriginCheck(URLRouter(websocket_urlpatterns)))
