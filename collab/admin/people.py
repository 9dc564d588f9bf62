"""Memberships, share links, profiles and sign-in links."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from collab.admin.base import ReadOnlyAdmin
from collab.announcements import room_changed
from collab.models import Membership, Profile, ShareLink, SignInToken
from collab.names import clean_name
from collab.rooms import check_new_link
from collab.tokens import hash_token, new_token


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who has which role in which room."""

    list_display = ("room", "user", "role", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("room", "user")
    search_fields = ("room__title", "=room__id", "user__username")
    autocomplete_fields = ("room", "user")
    readonly_fields = ("created_at",)
    ordering = ("-id",)
    list_per_page = 50

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        room_changed(obj.room_id)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        room_id = obj.room_id
        super().delete_model(request, obj)
        room_changed(room_id)


class ShareLinkForm(forms.ModelForm):
    """A link is made with a role and cannot grant another one later: who holds it was told what it allows."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.instance._state.adding and not self.errors:
            check_new_link(self.cleaned_data["room"], self.cleaned_data["role"])
        return cleaned


@admin.register(ShareLink)
class ShareLinkAdmin(admin.ModelAdmin):
    """Links into rooms. Their address is shown once, when they are made; only a hash of it is stored."""

    list_display = ("__str__", "room", "role", "state", "created_by", "created_at", "expires_at", "last_used_at")
    list_filter = ("role", "created_at", "expires_at", "revoked_at")
    list_select_related = ("room", "created_by")
    search_fields = ("label", "=id", "room__title", "=room__id")
    autocomplete_fields = ("room",)
    ordering = ("-created_at", "id")
    list_per_page = 50
    actions = ("revoke",)
    form = ShareLinkForm

    def get_fields(self, request: HttpRequest, obj: ShareLink | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("room", "role", "label", "expires_at")
        return ("room", "role", "label", "expires_at", "revoked_at", "created_by", "created_at", "last_used_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ShareLink | None = None) -> tuple[str, ...]:
        return () if obj is None else ("room", "role", "created_by", "created_at", "last_used_at")

    def save_model(self, request: HttpRequest, obj: ShareLink, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["label", "expires_at", "revoked_at"])
            room_changed(obj.room_id)
            return
        token = new_token()
        obj.token_hash, obj.created_by = hash_token(token), request.user  # type: ignore[assignment]
        obj.save()
        url = request.build_absolute_uri(reverse("collab:join", args=[token]))
        text = _("The link, shown only now: {link}")
        messages.warning(request, format_html(str(text), link=format_html("<code>{}</code>", url)))

    @admin.display(description=_("state"))
    def state(self, link: ShareLink) -> str:
        if link.revoked_at is not None:
            return str(_("revoked"))
        if link.expires_at is not None and link.expires_at <= timezone.now():
            return str(_("expired"))
        return str(_("in force"))

    @admin.action(description=_("Revoke the chosen links"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        """End the links now; whoever came by one may open the room no longer."""
        live = queryset.filter(revoked_at=None)
        room_ids = set(live.values_list("room_id", flat=True))
        number = live.update(revoked_at=timezone.now())
        for room_id in room_ids:
            room_changed(room_id)
        text = ngettext("%(number)d link revoked.", "%(number)d links revoked.", number) % {"number": number}
        messages.success(request, text)


class ProfileForm(forms.ModelForm):
    """Names are cleaned as everywhere else."""

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        if name is None:
            raise ValidationError(_("Nothing of this name would be visible."), code="name")
        return name


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    """The names by which accounts are shown."""

    form = ProfileForm
    list_display = ("name", "user")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    autocomplete_fields = ("user",)
    ordering = ("name", "user_id")
    list_per_page = 50


@admin.register(SignInToken)
class SignInTokenAdmin(ReadOnlyAdmin):
    """One-time sign-in links: when they were made, and whether they were used."""

    list_display = ("user", "created_at", "expires_at", "used_at")
    list_filter = ("created_at", "used_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "created_at", "expires_at", "used_at")
    ordering = ("-id",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
