"""What people and scripts are answered when something is refused or broken: a sentence, and a way on.

An unknown room and one that may not be seen answer with the same bytes. The 500 page is a plain string that needs no
template, database or session, because any of them may be what broke.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asked, so that the answer is JSON."""
    return request.path_info.startswith("/api/")


def json_error(code: str, message: Any, status: int) -> JsonResponse:
    """An error for scripts: a word for the program and a sentence for people."""
    return JsonResponse({"error": code, "message": str(message)}, status=status, headers={"Cache-Control": "no-store"})


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Whatever is not there, or must not be admitted to be there."""
    if wants_json(request):
        return json_error("unknown", _("This does not exist, or you have no access to it."), HTTPStatus.NOT_FOUND)
    return error_page(
        request,
        status=HTTPStatus.NOT_FOUND,
        title=_("This page is not here, or not for you"),
        explanation=_(
            "It may have been deleted, its link may have expired or been withdrawn, or it was never shared with you."
        ),
        advice=_("Ask whoever sent you here for a new link. If you have an account, sign in first."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if wants_json(request):
        return json_error("not-allowed", _("Your role does not permit this."), HTTPStatus.FORBIDDEN)
    return error_page(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=_("You may not do this"),
        explanation=_("Your role does not permit this."),
        advice=_("Ask an owner of the room for another role."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form or script whose proof that it came from our own page is missing or too old."""
    if wants_json(request):
        return json_error(
            "csrf", _("This page is too old to be trusted. Reload it and try again."), HTTPStatus.FORBIDDEN
        )
    return error_page(
        request,
        status=HTTPStatus.FORBIDDEN,
        title=_("This form is too old"),
        explanation=_("We could not make sure that it was you who sent it, so nothing was done."),
        advice=_("Go back, reload the page and try again. Cookies must be allowed for this site."),
    )


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if wants_json(request):
        return json_error("malformed", _("The request could not be understood."), HTTPStatus.BAD_REQUEST)
    return _plain_page(
        HTTPStatus.BAD_REQUEST,
        gettext("This request could not be understood"),
        gettext("Check the address and try again."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        return json_error(
            "trouble", _("Something on our side failed. Try again in a moment."), HTTPStatus.INTERNAL_SERVER_ERROR
        )
    return _plain_page(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        gettext("Something on our side failed"),
        gettext("What was shown as saved is saved. Try again in a moment; the failure has been written to the log."),
    )


def error_page(request: HttpRequest, *, status: int, title: Any, explanation: Any, advice: Any) -> HttpResponse:
    """A refusal in the product's look."""
    context = {"title": title, "explanation": explanation, "advice": advice}
    response = render(request, "collab/error.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _plain_page(status: int, title: str, sentence: str) -> HttpResponse:
    """A page that depends on nothing but this function."""
    return HttpResponse(
        f'<!doctype html><html lang="{get_language() or "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head>"
        '<body style="font: 15px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 20vh auto 0; padding: 0 1.25rem">'
        f'<h1 style="font-size: 1.5rem; line-height: 1.25">{escape(title)}</h1><p>{escape(sentence)}</p>'
        f'<p><a href="/">{escape(gettext("Go to the start page"))}</a></p></body></html>',
        status=status,
        headers={"Cache-Control": "no-store"},
    )
