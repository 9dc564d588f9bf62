"""Who may do what: memberships, share links, names, one-time sign-in links.

Tokens are kept as SHA-256 only: they are random and long, so a plain hash cannot be searched, and a stolen
database opens nothing.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from collab.models.role import LINK_ROLES, Role
from collab.models.room import Room

NAME_MAX_CHARS = 60


class Profile(models.Model):
    """The name by which an account is shown to others, when its owner chose one."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="profile", verbose_name=_("account")
    )
    name = models.CharField(_("name"), max_length=NAME_MAX_CHARS)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="collab_profile_has_name")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """An account's role in a room."""

    id = models.BigAutoField(primary_key=True)
    room = models.ForeignKey(Room, models.CASCADE, related_name="memberships", db_index=False, verbose_name=_("room"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("account")
    )
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="collab_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="collab_membership_role_known"),
        ]

    def __str__(self) -> str:
        return str(self.get_role_display())


class ShareLink(models.Model):
    """A link that lets whoever holds it into a room with a role, until it expires or is revoked."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="links", verbose_name=_("room"))
    role = models.CharField(_("role"), max_length=16, choices=[(role.value, role.label) for role in LINK_ROLES])
    token_hash = models.CharField(max_length=64, editable=False)
    label = models.CharField(_("label"), max_length=120, blank=True, default="", db_default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("share link")
        verbose_name_plural = _("share links")
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="collab_link_token_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in LINK_ROLES]), name="collab_link_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.pk)


class SignInToken(models.Model):
    """A link that signs one account in, once."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_in_tokens", verbose_name=_("account")
    )
    token_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("one-time sign-in link")
        verbose_name_plural = _("one-time sign-in links")
        constraints = [models.UniqueConstraint(fields=["token_hash"], name="collab_signin_token_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.created_at}"
