"""``/api/pages/``: titles and images."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _

from collab import access
from collab.api.endpoint import Refused, endpoint, json_body
from collab.conf import collab_settings
from collab.images import RefusedImage
from collab.models import Attachment
from collab.refusals import not_found
from collab.rename import rename_page
from collab.uploads import store_image

ENVELOPE_BYTES = 64 * 1024
"""Room for what multipart adds to a file."""


def pages(request: HttpRequest) -> HttpResponse:
    """The prefix that page addresses begin with; there is nothing at it."""
    return not_found(request)


@endpoint("PATCH")
def page(request: HttpRequest, page_id: UUID) -> dict[str, Any]:
    """Rename a page: ``{"title"}`` to ``{"id", "title"}``."""
    grant = access.admit_to_page(user=request.user, session=request.session, page_id=page_id)
    grant.require(grant.can_rename)
    title = rename_page(page_id, grant.room_id, json_body(request, required=["title"])["title"])
    return {"id": str(page_id), "title": title}


@endpoint("POST")
def files(request: HttpRequest, page_id: UUID) -> tuple[dict[str, Any], int]:
    """Store an image: multipart with one ``file`` to ``{"id", "url", "type", "width", "height", "bytes"}``."""
    grant = access.admit_to_page(user=request.user, session=request.session, page_id=page_id)
    grant.require(grant.can_edit)
    limits = collab_settings()
    if _content_length(request) > limits.upload_max_bytes + ENVELOPE_BYTES:
        megabytes = limits.upload_max_bytes // (1024 * 1024)
        message = _("This file is too large: %(limit)d MB is the most.") % {"limit": megabytes}
        raise Refused("too-large", message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        uploads = request.FILES.getlist("file")
    except (MultiPartParserError, UnreadablePostError, RequestDataTooBig, TooManyFilesSent):
        uploads = []
    if len(uploads) != 1:
        raise Refused("malformed", _("Send one image as the form field “file”."))
    try:
        attachment = store_image(uploads[0], page_id=page_id, user_id=grant.identity.user_id, limits=limits)
    except RefusedImage as refused:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if refused.too_large else HTTPStatus.BAD_REQUEST
        raise Refused(refused.code, refused.message, status) from None
    return file_json(attachment), HTTPStatus.CREATED


def file_json(attachment: Attachment) -> dict[str, Any]:
    """An image as browsers are told about it."""
    return {
        "id": str(attachment.pk),
        "url": attachment.get_absolute_url(),
        "type": attachment.content_type,
        "width": attachment.width,
        "height": attachment.height,
        "bytes": attachment.size_bytes,
    }


def _content_length(request: HttpRequest) -> int:
    raw = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(raw) if raw.isdigit() and len(raw) < 20 else 0
