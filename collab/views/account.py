"""Signing in with a password, and signing out."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView

sign_in_form = LoginView.as_view(template_name="account/sign_in.html", redirect_authenticated_user=True)
sign_out = LogoutView.as_view()
