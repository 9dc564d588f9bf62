"""Rooms, pages and images."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.db.models.functions import Length
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from collab.admin.base import ReadOnlyAdmin, as_size, count_of, deletion_summary
from collab.announcements import room_changed
from collab.models import Attachment, Membership, Page, PageSnapshot, PageUpdate, QuarantinedUpdate, Room, ShareLink
from collab.rooms import valid_title


class TitleForm(forms.ModelForm):
    """Titles are cleaned as everywhere else."""

    def clean_title(self) -> str:
        return valid_title(self.cleaned_data["title"])


class NeedsAttention(admin.SimpleListFilter):
    """Pages that somebody must look at."""

    title = _("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Page]) -> QuerySet[Page]:
        if self.value() is None:
            return queryset
        return queryset.filter(attention_at__isnull=self.value() == "no")


class PageInline(admin.TabularInline):
    """The pages of a room."""

    model = Page
    view_on_site = False
    fields = ("title", "kind", "position", "epoch", "last_seq", "edited_at")
    readonly_fields = ("kind", "epoch", "last_seq", "edited_at")
    ordering = ("position", "id")
    form = TitleForm
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipInline(admin.TabularInline):
    """Who is a member of a room."""

    model = Membership
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user")


class ShareLinkInline(admin.TabularInline):
    """The links into a room. Making one is a page of its own, because its address is shown only once."""

    model = ShareLink
    fields = ("label", "role", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at")
    readonly_fields = ("label", "role", "created_by", "created_at", "last_used_at")
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShareLink]:
        return super().get_queryset(request).select_related("created_by")


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    """Rooms are made on the start page or by ``create_room``; here they are looked at, renamed, shared and deleted."""

    form = TitleForm
    view_on_site = False  # being staff does not open a room
    list_display = ("title", "created_by", "page_count", "member_count", "link_count", "updated_at")
    list_filter = ("created_at", "updated_at")
    list_select_related = ("created_by",)
    search_fields = ("title", "=id", "created_by__username")
    search_help_text = _("Title, id or the account that made it")
    ordering = ("-updated_at",)
    list_per_page = 50
    fields = ("title", "id", "created_by", "created_at", "updated_at")
    readonly_fields = ("id", "created_by", "created_at", "updated_at")
    inlines = (PageInline, MembershipInline, ShareLinkInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                pages_n=count_of(Page, "room"),
                members_n=count_of(Membership, "room"),
                links_n=count_of(ShareLink, "room", revoked_at=None),
            )
        )

    @admin.display(description=_("pages"), ordering="pages_n")
    def page_count(self, room: Any) -> int:
        number: int = room.pages_n
        return number

    @admin.display(description=_("members"), ordering="members_n")
    def member_count(self, room: Any) -> int:
        number: int = room.members_n
        return number

    @admin.display(description=_("share links"), ordering="links_n")
    def link_count(self, room: Any) -> int:
        number: int = room.links_n
        return number

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        room_changed(form.instance.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        related: dict[Any, str] = {
            Page: "room",
            PageUpdate: "page__room",
            PageSnapshot: "page__room",
            QuarantinedUpdate: "page__room",
            Attachment: "page__room",
            Membership: "room",
            ShareLink: "room",
        }
        return deletion_summary(Room.objects.filter(pk__in=[room.pk for room in objs]), related)


@admin.register(Page)
class PageAdmin(admin.ModelAdmin):
    """Pages: their titles can be changed, the rest is kept by the engine."""

    form = TitleForm
    view_on_site = False
    list_display = (
        "title",
        "room",
        "kind",
        "epoch",
        "last_seq",
        "row_count",
        "image_count",
        "edited_at",
        "attention",
        "attention_at",
    )
    list_filter = (NeedsAttention, "kind", "edited_at", "created_at")
    list_select_related = ("room",)
    search_fields = ("title", "=id", "room__title", "=room__id")
    search_help_text = _("Title or id, of the page or its room")
    ordering = ("-created_at", "id")
    list_per_page = 50
    fields = (
        "title",
        "id",
        "room",
        "kind",
        "position",
        "epoch",
        "last_seq",
        "row_count",
        "log_size",
        "snapshot_size",
        "image_count",
        "attention",
        "attention_at",
        "put_aside",
        "edited_at",
        "created_at",
    )
    readonly_fields = tuple(name for name in fields if name != "title")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Page]:
        return (
            super()
            .get_queryset(request)
            .annotate(rows_n=count_of(PageUpdate, "page"), images_n=count_of(Attachment, "page"))
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Page | None:
        """One page, with the sizes that would cost too much in a list."""
        page: Any = super().get_object(request, object_id, from_field)
        if page is not None:
            page.log_bytes = _payload_bytes(PageUpdate, page.pk)
            page.snapshot_bytes = _payload_bytes(PageSnapshot, page.pk)
            page.put_aside_n = page.quarantine.count()
        return page

    @admin.display(description=_("log rows"), ordering="rows_n")
    def row_count(self, page: Any) -> int:
        number: int = page.rows_n
        return number

    @admin.display(description=_("images"), ordering="images_n")
    def image_count(self, page: Any) -> int:
        number: int = page.images_n
        return number

    @admin.display(description=_("size of the log"))
    def log_size(self, page: Any) -> str:
        return as_size(page.log_bytes)

    @admin.display(description=_("rows put aside"))
    def put_aside(self, page: Any) -> int:
        number: int = page.put_aside_n
        return number

    @admin.display(description=_("size of the snapshots"))
    def snapshot_size(self, page: Any) -> str:
        return as_size(page.snapshot_bytes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Page, form: Any, change: bool) -> None:
        """Store the title alone: the engine may be raising ``last_seq`` at this moment."""
        obj.save(update_fields=["title"])
        room_changed(obj.room_id)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        related: dict[Any, str] = {
            PageUpdate: "page",
            PageSnapshot: "page",
            QuarantinedUpdate: "page",
            Attachment: "page",
        }
        return deletion_summary(Page.objects.filter(pk__in=[page.pk for page in objs]), related)


def _payload_bytes(model: Any, page_id: Any) -> int:
    """How large the payloads of a page are together, measured by the database."""
    rows = model.objects.filter(page_id=page_id).aggregate(total=Sum(Length("payload")))
    total: int = rows["total"] or 0
    return total


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    """Images: their kind and size. What they show is for people who may open the room."""

    view_on_site = False
    list_display = ("id", "page", "room", "content_type", "dimensions", "size", "uploaded_by", "created_at")
    list_filter = ("content_type", "created_at")
    list_select_related = ("page__room", "uploaded_by")
    search_fields = ("=id", "=page__id", "page__title", "page__room__title", "uploaded_by__username")
    ordering = ("-created_at", "id")
    fields = ("id", "page", "uploaded_by", "content_type", "dimensions", "size", "sha256", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    @admin.display(description=_("room"), ordering="page__room__title")
    def room(self, attachment: Attachment) -> Room:
        room: Room = attachment.page.room
        return room

    @admin.display(description=_("pixels"))
    def dimensions(self, attachment: Attachment) -> str:
        return f"{attachment.width} × {attachment.height}"

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, attachment: Attachment) -> str:
        return as_size(attachment.size_bytes)
