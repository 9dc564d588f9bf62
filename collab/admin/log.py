"""The log of the pages: that something was written, when and how much; never what."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from collab.admin.base import ReadOnlyAdmin, as_size
from collab.models import PageLease, PageSnapshot, PageUpdate, QuarantinedUpdate, Room


class PayloadAdmin(ReadOnlyAdmin):
    """Rows with a payload, which stays in the database: only its length is asked for."""

    list_select_related = ("page__room",)
    search_fields = ("=page__id", "page__title", "page__room__title", "=page__room__id")
    search_help_text = _("Title or id, of the page or its room")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payload").annotate(payload_bytes=Length("payload"))

    @admin.display(description=_("room"), ordering="page__room__title")
    def room(self, row: Any) -> Room:
        room: Room = row.page.room
        return room

    @admin.display(description=_("size"), ordering="payload_bytes")
    def size(self, row: Any) -> str:
        return as_size(row.payload_bytes)


class LogAdmin(PayloadAdmin):
    """What a page is loaded from."""

    list_display = ("id", "page", "room", "epoch", "seq", "size", "created_at")
    list_filter = ("created_at",)
    fields = ("id", "page", "room", "epoch", "seq", "size", "created_at")


@admin.register(PageUpdate)
class PageUpdateAdmin(LogAdmin):
    """Accepted updates that are not folded into a snapshot yet."""


@admin.register(PageSnapshot)
class PageSnapshotAdmin(LogAdmin):
    """Snapshots; their sequence is that of the last row folded in."""


@admin.register(QuarantinedUpdate)
class QuarantinedUpdateAdmin(PayloadAdmin):
    """Rows that cannot be read, or that depend on one: they are left out when the page is opened."""

    list_display = ("id", "page", "room", "epoch", "seq", "reason", "size", "created_at", "quarantined_at")
    list_filter = ("quarantined_at",)
    fields = ("id", "page", "room", "epoch", "seq", "reason", "size", "checksum", "created_at", "quarantined_at")


@admin.register(PageLease)
class PageLeaseAdmin(ReadOnlyAdmin):
    """Which pages are being folded at the moment. A lease of a process that died ends by itself."""

    list_display = ("page", "room", "owner", "until")
    list_filter = ("until",)
    list_select_related = ("page__room",)
    search_fields = ("=page__id", "page__title")
    ordering = ("-until", "page")
    fields = ("page", "room", "owner", "until")

    @admin.display(description=_("room"), ordering="page__room__title")
    def room(self, lease: PageLease) -> Room:
        room: Room = lease.page.room
        return room
