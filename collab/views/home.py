"""The start page: the rooms somebody can open, or what this is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Max, Prefetch
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from collab import access
from collab.conf import collab_settings
from collab.models import Page, Room
from collab.rooms import create_room

_RECENT = timedelta(days=7)


@require_safe
@cache_control(private=True, no_cache=True)
def home(request: HttpRequest) -> HttpResponse:
    """Rooms, most recently used first; for somebody who can open none, how to begin."""
    user, session = request.user, request.session
    rooms = _rooms_of(request)
    roles = access.roles_in([room.pk for room in rooms], user=user, session=session)
    now = timezone.now()
    cards = [
        {"room": room, "role": roles[room.pk], "used_at": room.used_at, "is_recent": now - room.used_at < _RECENT}
        for room in rooms
        if room.pk in roles
    ]
    me = access.identify(user=user, session=session) if user.is_authenticated or cards else None
    return render(request, "collab/home.html", {"cards": cards, "me": me})


def _rooms_of(request: HttpRequest) -> list[Any]:
    """Rooms with their pages and ``used_at``, in two queries however many there are."""
    pages = Page.objects.only("id", "room_id", "kind", "title", "position").order_by("position", "id")
    edited = Max("pages__edited_at")
    rooms = (
        Room.objects.filter(access.rooms_of(request.user, request.session))
        .annotate(used_at=Greatest(Coalesce(edited, "updated_at"), "updated_at"))
        .prefetch_related(Prefetch("pages", queryset=pages))
        .order_by("-used_at", "id")
    )
    return list(rooms[: collab_settings().max_rooms_listed])


@require_POST
@login_required
def new_room(request: HttpRequest) -> HttpResponse:
    """Make a room with a board and a document, and open it."""
    try:
        room = create_room(request.user if request.user.is_authenticated else None)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("collab:home")
    return redirect(room)
