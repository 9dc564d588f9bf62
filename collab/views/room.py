"""The page of a room: its frame, drawn by the server, and what the browser code needs to fill it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from collab import access
from collab.access import Grant
from collab.conf import collab_settings
from collab.errors import UnknownPage
from collab.models import Page, Room
from collab.refusals import error_page, not_found

_BROWSER_LANGUAGES = {"zh-hans": "zh-CN"}


@require_safe
@cache_control(private=True, no_cache=True)
def room(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """A room, opened on the page named by ``?page=`` or on its first one."""
    try:
        grant = access.admit_to_room(user=request.user, session=request.session, room_id=room_id)
        row = Room.objects.get(pk=room_id)
    except (UnknownPage, Room.DoesNotExist):
        return not_found(request)
    pages = [page_json(page) for page in row.pages.order_by("position", "id")]
    if not pages:
        return error_page(
            request,
            status=HTTPStatus.NOT_FOUND,
            title=_("This room has no pages"),
            explanation=_("The last one was deleted."),
            advice=_("Ask an owner of the room, or make a new one on the start page."),
        )
    wanted = request.GET.get("page")
    context = {
        "room": row,
        "pages": pages,
        "current_page": next((page for page in pages if page["id"] == wanted), pages[0]),
        "people": [],
        "me": grant.identity.as_json(),
        "role": grant.role,
        "room_data": _room_data(request, row, pages, grant),
    }
    return render(request, "collab/room.html", context)


def page_json(page: Page) -> dict[str, Any]:
    """A page as browsers are told about it."""
    return {
        "id": str(page.pk),
        "kind": page.kind,
        "title": page.title,
        "epoch": page.epoch,
        "socket": f"/ws/pages/{page.pk}",
        "files": reverse("collab:api-page-files", args=[page.pk]),
    }


def _room_data(request: HttpRequest, row: Room, pages: list[dict[str, Any]], grant: Grant) -> dict[str, Any]:
    limits = collab_settings()
    return {
        "room": {
            "id": str(row.pk),
            "title": row.title,
            "role": grant.role.value,
            "can": {"edit": grant.can_edit, "rename": grant.can_rename, "share": grant.can_share},
            "socket": f"/ws/rooms/{row.pk}",
        },
        "pages": pages,
        "me": grant.identity.as_json(),
        "urls": _urls(row, grant),
        "limits": {"upload_bytes": limits.upload_max_bytes, "frame_bytes": limits.max_frame_bytes},
        "language": _BROWSER_LANGUAGES.get(get_language() or "en", "en"),
        "csrf": get_token(request),
    }


def _urls(row: Room, grant: Grant) -> dict[str, str]:
    urls = {
        "room": reverse("collab:api-room", args=[row.pk]),
        "page": reverse("collab:api-pages"),
        "me": reverse("collab:api-me"),
        "home": reverse("collab:home"),
        "language": reverse("set_language"),
    }
    if grant.can_share:
        urls["links"] = reverse("collab:api-room-links", args=[row.pk])
    if grant.identity.is_guest:
        urls["sign_in"] = reverse("collab:sign-in-form")
    return urls
