"""Storing an image with a page, once per page however often it is put there."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from collab.conf import CollabSettings
from collab.images import RefusedImage, clean_image
from collab.models import Attachment


def store_image(upload: UploadedFile, *, page_id: Any, user_id: int | None, limits: CollabSettings) -> Attachment:
    """Store an uploaded image, or find it among the page's.

    Args:
        upload: What the browser sent. Its name and type are not looked at.
        page_id: The page; whether this person may edit it has been decided.
        user_id: Who uploads, or None for a guest.

    Raises:
        RefusedImage: It is too large, is no image, or the page has too many.
    """
    if (upload.size or 0) > limits.upload_max_bytes:
        megabytes = limits.upload_max_bytes // (1024 * 1024)
        message = _("This file is too large: %(limit)d MB is the most.") % {"limit": megabytes}
        raise RefusedImage("too-large", message, too_large=True)
    sha256 = _hash(upload)
    known = Attachment.objects.filter(page_id=page_id, sha256=sha256).first()
    if known is not None:
        return known
    if Attachment.objects.filter(page_id=page_id).count() >= limits.max_files_per_page:
        raise RefusedImage(
            "too-many",
            _("This page has %(limit)d images, the most a page can have.") % {"limit": limits.max_files_per_page},
        )
    clean = clean_image(
        upload.open(),
        max_pixels=limits.upload_max_pixels,
        max_frames=limits.upload_max_frames,
        max_bytes=2 * limits.upload_max_bytes,
    )
    attachment = Attachment(
        page_id=page_id,
        uploaded_by_id=user_id,
        content_type=clean.content_type,
        sha256=sha256,
        width=clean.width,
        height=clean.height,
        size_bytes=len(clean.data),
    )
    attachment.file.save("", ContentFile(clean.data), save=False)
    return _insert(attachment)


def _insert(attachment: Attachment) -> Attachment:
    """Insert the row of a stored file. Of two equal uploads at once the first one's row is used by both."""
    try:
        with transaction.atomic():
            attachment.save(force_insert=True)
    except IntegrityError:
        _delete_file(attachment)
        return Attachment.objects.get(page_id=attachment.page_id, sha256=attachment.sha256)
    except BaseException:
        _delete_file(attachment)
        raise
    return attachment


def _hash(upload: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def forget_file(*, instance: Attachment, **kwargs: Any) -> None:
    """Delete the file of a deleted row, once that is committed (connected to ``post_delete`` in ``apps.py``)."""
    transaction.on_commit(lambda: _delete_file(instance))


def _delete_file(attachment: Attachment) -> None:
    if attachment.file.name:
        attachment.file.storage.delete(attachment.file.name)
