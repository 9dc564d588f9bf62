"""What every JSON endpoint does alike: methods, bodies, refusals.

A view behind ``endpoint`` takes the request and returns something JSON can say; it raises, and the answer becomes one
error object ``{"error": <word for programs>, "message": <sentence for people>}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _

from collab.errors import NotAllowed, UnknownPage
from collab.refusals import forbidden, json_error, not_found

MAX_JSON_BYTES = 16 * 1024
View = Callable[..., Any]


class Refused(Exception):
    """A request that is understood, or not even that, and not done."""

    def __init__(self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status


def endpoint(*methods: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """Turn a function into a JSON view for these methods.

    The function returns the answer, or the answer and its status.
    """

    def decorate(view: View) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                refusal = json_error("method", _("This cannot be done here."), HTTPStatus.METHOD_NOT_ALLOWED)
                refusal["Allow"] = ", ".join(methods)
                return refusal
            try:
                result = view(request, *args, **kwargs)
            except UnknownPage:
                return not_found(request)
            except NotAllowed:
                return forbidden(request)
            except Refused as refused:
                return json_error(refused.code, refused.message, refused.status)
            except ValidationError as error:
                return json_error(error.code or "invalid", " ".join(error.messages), HTTPStatus.BAD_REQUEST)
            body, status = result if isinstance(result, tuple) else (result, HTTPStatus.OK)
            return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})

        return answer

    return decorate


def json_body(request: HttpRequest, *, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object of a request, with exactly the expected keys, all of them texts.

    Raises:
        Refused: It is something else.
    """
    if request.content_type != "application/json":
        raise Refused("content-type", _("Send this as application/json."), HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    too_large = Refused("too-large", _("This is too large."), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        raw = request.body
    except RequestDataTooBig:
        raise too_large from None
    except UnreadablePostError:
        raise Refused("malformed", _("The request could not be understood.")) from None
    if len(raw) > MAX_JSON_BYTES:
        raise too_large
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("malformed", _("The request could not be understood.")) from None
    if not isinstance(values, dict) or not set(required) <= set(values) <= {*required, *optional}:
        raise Refused("malformed", _("The request could not be understood."))
    if not all(isinstance(value, str) for value in values.values()):
        raise Refused("malformed", _("The request could not be understood."))
    return values
