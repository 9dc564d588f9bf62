"""Links that are secrets: share links and one-time sign-in links.

Their URLs must not travel further: answers are never cached and tell browsers to name no more than the host in a
Referer. A link that never existed, has expired, was used or was revoked gets one and the same answer.
"""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from collab import access, signin
from collab.errors import UnknownPage
from collab.refusals import error_page


@require_safe
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Keep a share link in the session and open its room."""
    try:
        response: HttpResponse = redirect(access.redeem_link(request.session, token))
    except UnknownPage:
        response = error_page(
            request,
            status=HTTPStatus.NOT_FOUND,
            title=_("This link does not work any more"),
            explanation=_("It has expired, was withdrawn, or is not complete."),
            advice=_("Ask whoever sent it to you for a new one."),
        )
    return _discreet(response)


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Show one button; pressing it uses the link up and signs in.

    Looking changes nothing, because mail scanners and chat previews look at links too.
    """
    if request.method == "POST":
        try:
            user = signin.use(token)
        except UnknownPage:
            return _discreet(_used_up(request))
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return _discreet(redirect("admin:index" if getattr(user, "is_staff", False) else "collab:home"))
    if not signin.is_good(token):
        return _discreet(_used_up(request))
    return _discreet(render(request, "account/sign_in_link.html"))


def _used_up(request: HttpRequest) -> HttpResponse:
    return error_page(
        request,
        status=HTTPStatus.NOT_FOUND,
        title=_("This sign-in link does not work any more"),
        explanation=_("Each one works once, and only for 30 minutes."),
        advice=_("Start the product again to get a new one, or sign in with your password."),
    )


def _discreet(response: HttpResponse) -> HttpResponse:
    response["Referrer-Policy"] = "strict-origin"
    response["Cache-Control"] = "no-store"
    return response
