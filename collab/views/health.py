"""Answers for whoever watches over the process."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers requests. Asks nothing else: restarting it would not mend a database."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})
