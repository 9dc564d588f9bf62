"""The log of a page: accepted updates and the snapshots they are folded into.

Rows are only ever inserted and deleted, by ``collab.storage``. Payloads may be megabytes: every query that lists
rows defers them.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from collab.models.room import Page


class PageUpdate(models.Model):
    """One accepted Yjs update, or several that waited together, merged. Its commit is what makes an edit "saved"."""

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(Page, models.CASCADE, related_name="updates", db_index=False, verbose_name=_("page"))
    epoch = models.PositiveIntegerField(_("epoch"), db_default=1, default=1)
    seq = models.PositiveBigIntegerField(_("sequence"))
    payload = models.BinaryField(_("payload"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("update")
        verbose_name_plural = _("updates")
        constraints = [
            models.UniqueConstraint(fields=["page", "epoch", "seq"], name="collab_update_sequence"),
            models.CheckConstraint(condition=models.Q(seq__gte=1), name="collab_update_seq_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.page_id} {self.epoch}:{self.seq}"


class PageSnapshot(models.Model):
    """One update equal to the run of log rows up to and including ``seq``."""

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(Page, models.CASCADE, related_name="snapshots", db_index=False, verbose_name=_("page"))
    epoch = models.PositiveIntegerField(_("epoch"), db_default=1, default=1)
    seq = models.PositiveBigIntegerField(_("sequence"))
    payload = models.BinaryField(_("payload"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [models.UniqueConstraint(fields=["page", "epoch", "seq"], name="collab_snapshot_sequence")]

    def __str__(self) -> str:
        return f"{self.page_id} {self.epoch}:{self.seq}"
