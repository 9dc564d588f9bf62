"""The log of a page: accepted updates and the snapshots they are folded into.

Rows are only ever inserted, deleted and put into quarantine, by ``collab.storage``. Payloads may be megabytes: every
query that lists rows defers them. ``checksum`` is that of ``collab.storage.checksums``; rows from before it have none.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from collab.models.room import ATTENTION_MAX_CHARS, Page


class PageUpdate(models.Model):
    """One accepted Yjs update, or several that waited together, merged. Its commit is what makes an edit "saved"."""

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(Page, models.CASCADE, related_name="updates", db_index=False, verbose_name=_("page"))
    epoch = models.PositiveIntegerField(_("epoch"), db_default=1, default=1)
    seq = models.PositiveBigIntegerField(_("sequence"))
    payload = models.BinaryField(_("payload"))
    checksum = models.BigIntegerField(_("checksum"), null=True, editable=False)
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
    checksum = models.BigIntegerField(_("checksum"), null=True, editable=False)
    state_vector = models.BinaryField(_("state vector"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [models.UniqueConstraint(fields=["page", "epoch", "seq"], name="collab_snapshot_sequence")]

    def __str__(self) -> str:
        return f"{self.page_id} {self.epoch}:{self.seq}"


class QuarantinedUpdate(models.Model):
    """A row of the log that cannot be read, or depends on one: kept as it was, and left out when the page is opened."""

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(Page, models.CASCADE, related_name="quarantine", db_index=False, verbose_name=_("page"))
    epoch = models.PositiveIntegerField(_("epoch"))
    seq = models.PositiveBigIntegerField(_("sequence"))
    payload = models.BinaryField(_("payload"))
    checksum = models.BigIntegerField(_("checksum"), null=True, editable=False)
    reason = models.CharField(_("reason"), max_length=ATTENTION_MAX_CHARS)
    created_at = models.DateTimeField(_("created at"), editable=False)
    quarantined_at = models.DateTimeField(_("put aside at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("quarantined update")
        verbose_name_plural = _("quarantined updates")
        constraints = [models.UniqueConstraint(fields=["page", "epoch", "seq"], name="collab_quarantine_sequence")]

    def __str__(self) -> str:
        return f"{self.page_id} {self.epoch}:{self.seq}"


class PageLease(models.Model):
    """Who folds a page at the moment. A lease that was not given back ends by itself."""

    page = models.OneToOneField(Page, models.CASCADE, primary_key=True, related_name="lease", verbose_name=_("page"))
    owner = models.UUIDField(_("owner"), null=True, editable=False)
    until = models.DateTimeField(_("until"), null=True, editable=False)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return f"{self.page_id} {self.owner or '-'}"
