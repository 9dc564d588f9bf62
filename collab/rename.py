"""Giving rooms and pages another title."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from collab.announcements import room_changed
from collab.models import Page, Room
from collab.rooms import valid_title


def rename_room(room_id: UUID, title: Any) -> str:
    """Give a room a title and tell everybody in it.

    Returns:
        The title as it is stored.

    Raises:
        ValidationError: Nothing visible is left of the title, or it is too long.
    """
    stored = valid_title(title)
    with transaction.atomic():
        Room.objects.filter(pk=room_id).update(title=stored, updated_at=Now())
        room_changed(room_id)
    return stored


def rename_page(page_id: UUID, room_id: UUID, title: Any) -> str:
    """Give a page a title and tell everybody in its room.

    Returns:
        The title as it is stored.

    Raises:
        ValidationError: Nothing visible is left of the title, or it is too long.
    """
    stored = valid_title(title)
    with transaction.atomic():
        Page.objects.filter(pk=page_id, room_id=room_id).update(title=stored)
        Room.objects.filter(pk=room_id).update(updated_at=Now())
        room_changed(room_id)
    return stored
