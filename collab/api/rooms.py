"""``/api/rooms/``: titles and share links."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from collab import access
from collab.api.endpoint import Refused, endpoint, json_body
from collab.models import Role, Room
from collab.models.role import LINK_ROLES
from collab.rename import rename_room
from collab.rooms import create_link


@endpoint("PATCH")
def room(request: HttpRequest, room_id: UUID) -> dict[str, Any]:
    """Rename a room: ``{"title"}`` to ``{"id", "title"}``."""
    grant = access.admit_to_room(user=request.user, session=request.session, room_id=room_id)
    grant.require(grant.can_rename)
    return {"id": str(room_id), "title": rename_room(room_id, json_body(request, required=["title"])["title"])}


@endpoint("POST")
def links(request: HttpRequest, room_id: UUID) -> tuple[dict[str, Any], int]:
    """Make a share link: ``{"role"}`` to ``{"id", "role", "url"}``. The URL is told here and never again."""
    grant = access.admit_to_room(user=request.user, session=request.session, room_id=room_id)
    grant.require(grant.can_share)
    wanted = json_body(request, required=["role"])["role"]
    if wanted not in LINK_ROLES:
        raise Refused("role", _("A link can make somebody an editor, a commenter or a viewer."))
    owner = request.user if request.user.is_authenticated else None
    link, token = create_link(Room.objects.get(pk=room_id), Role(wanted), created_by=owner)
    url = request.build_absolute_uri(reverse("collab:join", args=[token]))
    return {"id": str(link.pk), "role": link.role, "url": url}, HTTPStatus.CREATED
