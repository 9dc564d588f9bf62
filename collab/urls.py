"""URLs of the product."""

from __future__ import annotations

from django.urls import path

from collab.api import me as api_me
from collab.api import pages as api_pages
from collab.api import rooms as api_rooms
from collab.views import account, files, health, home, links, room

app_name = "collab"

urlpatterns = [
    path("", home.home, name="home"),
    path("rooms/", home.new_room, name="new-room"),
    path("rooms/<uuid:room_id>/", room.room, name="room"),
    path("join/<str:token>/", links.join, name="join"),
    path("sign-in/", account.sign_in_form, name="sign-in-form"),
    path("sign-in/<str:token>/", links.sign_in, name="sign-in"),
    path("sign-out/", account.sign_out, name="sign-out"),
    path("files/<uuid:file_id>", files.file, name="file"),
    path("api/rooms/<uuid:room_id>", api_rooms.room, name="api-room"),
    path("api/rooms/<uuid:room_id>/links", api_rooms.links, name="api-room-links"),
    path("api/pages/", api_pages.pages, name="api-pages"),
    path("api/pages/<uuid:page_id>", api_pages.page, name="api-page"),
    path("api/pages/<uuid:page_id>/files", api_pages.files, name="api-page-files"),
    path("api/me", api_me.me, name="api-me"),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
]
