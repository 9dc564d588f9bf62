"""Images that were put into a page."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.models.room import Page


def storage_name(attachment: Attachment, filename: str) -> str:
    """Where the file lies: made of our own ids only, never of a name that came from outside."""
    return f"pages/{attachment.page_id}/{attachment.pk}"


class Attachment(models.Model):
    """One image, re-encoded by us when it arrived. The same bytes are stored once per page."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    page = models.ForeignKey(Page, models.CASCADE, related_name="attachments", db_index=False, verbose_name=_("page"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("uploaded by"),
    )
    file = models.FileField(_("file"), upload_to=storage_name, max_length=200)
    content_type = models.CharField(_("type"), max_length=32)
    sha256 = models.CharField(_("SHA-256 of the upload"), max_length=64)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        constraints = [models.UniqueConstraint(fields=["page", "sha256"], name="collab_attachment_once")]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return reverse("collab:file", args=[self.pk])
