"""Signing in with a password, and signing out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse

from collab.attempts import SignInForm


class _SignIn(LoginView):
    """Names and passwords, so many wrong ones."""

    template_name = "account/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, with what was wrong."""
        response = super().form_invalid(form)
        if form.has_error("__all__", "too_many"):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        return response


sign_in_form = _SignIn.as_view()
sign_out = LogoutView.as_view()
