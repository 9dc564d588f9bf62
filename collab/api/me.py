"""``/api/me``: how somebody is shown to others."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from collab import access
from collab.api.endpoint import Refused, endpoint, json_body
from collab.errors import NotAllowed
from collab.models.people import NAME_MAX_CHARS


@endpoint("POST")
def me(request: HttpRequest) -> dict[str, Any]:
    """Choose a name: ``{"name"}`` to ``{"id", "name", "color", "guest"}``."""
    if not request.user.is_authenticated and not access.link_ids(request.session):
        raise NotAllowed("only people who can open a room have a name")
    try:
        access.remember_name(request.session, request.user, json_body(request, required=["name"])["name"])
    except ValueError:
        message = _("A name needs between 1 and %(limit)d visible characters.") % {"limit": NAME_MAX_CHARS}
        raise Refused("name", message) from None
    return access.identify(user=request.user, session=request.session).as_json()
