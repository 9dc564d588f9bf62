"""Rooms and their pages."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

TITLE_MAX_CHARS = 120
ATTENTION_MAX_CHARS = 300


class Room(models.Model):
    """What a link opens: people with roles, and pages."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("title"), max_length=TITLE_MAX_CHARS)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        indexes = [models.Index(fields=["-updated_at"], name="collab_room_recent")]
        constraints = [models.CheckConstraint(condition=~models.Q(title=""), name="collab_room_has_title")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("collab:room", args=[self.pk])


class PageKind(models.TextChoices):
    """What a page is edited with."""

    BOARD = "board", _("Board")
    DOCUMENT = "document", _("Document")


class Page(models.Model):
    """One Yjs document in a room.

    ``last_seq`` is the highest log sequence given out in this epoch; the storage layer raises it under the row's
    lock, which is what keeps the log free of holes. A page that is replaced gets a new ``epoch``. ``attention`` says
    what somebody who runs the product must look at, since ``attention_at``.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="pages", db_index=False, verbose_name=_("room"))
    kind = models.CharField(_("kind"), max_length=16, choices=PageKind.choices)
    title = models.CharField(_("title"), max_length=TITLE_MAX_CHARS)
    position = models.PositiveIntegerField(_("position"), db_default=0, default=0)
    epoch = models.PositiveIntegerField(_("epoch"), db_default=1, default=1)
    last_seq = models.PositiveBigIntegerField(_("last sequence"), db_default=0, default=0)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    edited_at = models.DateTimeField(_("edited at"), null=True, blank=True, editable=False)
    attention = models.CharField(
        _("needs attention"), max_length=ATTENTION_MAX_CHARS, db_default="", default="", blank=True, editable=False
    )
    attention_at = models.DateTimeField(_("needs attention since"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        indexes = [models.Index(fields=["room", "position"], name="collab_page_order")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(title=""), name="collab_page_has_title"),
            models.CheckConstraint(condition=models.Q(kind__in=PageKind.values), name="collab_page_kind_known"),
            models.CheckConstraint(condition=models.Q(epoch__gte=1), name="collab_page_epoch_positive"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"{reverse('collab:room', args=[self.room_id])}?page={self.pk}"
