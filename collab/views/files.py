"""Images, for people who may see the page they belong to."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from collab import access
from collab.errors import UnknownPage
from collab.images import EXTENSIONS
from collab.models import Attachment
from collab.refusals import not_found


@require_safe
def file(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """One image. Its bytes never change, so browsers may keep it; shared caches may not."""
    attachment = Attachment.objects.filter(pk=file_id).first()
    page_id = attachment.page_id if attachment else file_id
    try:
        access.admit_to_page(user=request.user, session=request.session, page_id=page_id)
        if attachment is None:
            return not_found(request)
        with attachment.file.open("rb") as stored:
            data = stored.read()
    except (UnknownPage, FileNotFoundError):
        return not_found(request)
    extension = EXTENSIONS[attachment.content_type]
    return HttpResponse(
        data,
        content_type=attachment.content_type,
        headers={
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Disposition": f'inline; filename="{attachment.pk}.{extension}"',
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
    )
