"""Making rooms, pages and share links: the one place that knows what a new room consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.conf import collab_settings
from collab.models import Membership, Page, PageKind, Role, Room, ShareLink
from collab.models.role import LINK_ROLES
from collab.names import clean_title
from collab.tokens import hash_token, new_token


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to be made. Without a title it gets its kind's usual one, in the language of the moment."""

    kind: PageKind
    title: str | None = None


DEFAULT_PAGES: tuple[NewPage, ...] = (NewPage(PageKind.BOARD), NewPage(PageKind.DOCUMENT))
"""What a new room has."""


def create_room(
    owner: AbstractBaseUser | None, title: str | None = None, pages: Sequence[NewPage] = DEFAULT_PAGES
) -> Room:
    """Make a room with its pages, and its owner's membership, in one transaction.

    Args:
        owner: The account that owns it; None for a room that only links lead to.
        title: None for the usual one.
        pages: At least one.

    Raises:
        ValidationError: A title cannot be shown, there are no pages or too many, or the owner has too many rooms.
    """
    limits = collab_settings()
    if not pages or len(pages) > limits.max_pages_per_room:
        raise ValidationError(
            _("A room has between 1 and %(limit)d pages.") % {"limit": limits.max_pages_per_room}, code="pages"
        )
    room = Room(title=valid_title(_("Untitled room") if title is None else title), created_by=_row(owner))
    rows = [
        Page(room=room, kind=page.kind, title=valid_title(page.title or usual_title(page.kind)), position=position)
        for position, page in enumerate(pages)
    ]
    with transaction.atomic():
        if owner is not None:
            owned = Membership.objects.filter(user_id=owner.pk, role=Role.OWNER).count()
            if owned >= limits.max_rooms_per_owner:
                raise ValidationError(
                    _("You have %(limit)d rooms, the most an account can have. Delete one first.")
                    % {"limit": limits.max_rooms_per_owner},
                    code="rooms",
                )
        room.save(force_insert=True)
        Page.objects.bulk_create(rows)
        if owner is not None:
            Membership.objects.create(room=room, user_id=owner.pk, role=Role.OWNER)
    return room


def create_link(
    room: Room,
    role: Role,
    *,
    label: str = "",
    created_by: AbstractBaseUser | None = None,
    expires_at: datetime | None = None,
) -> tuple[ShareLink, str]:
    """Make a share link.

    Returns:
        The row and its token. The token exists nowhere else: only its hash is stored.

    Raises:
        ValidationError: Links cannot grant this role, or the room has too many links.
    """
    check_new_link(room, role)
    token = new_token()
    link = ShareLink.objects.create(
        room=room,
        role=role,
        token_hash=hash_token(token),
        label=label,
        created_by=_row(created_by),
        expires_at=expires_at,
    )
    return link, token


def check_new_link(room: Room, role: str) -> None:
    """Refuse a link that must not be made.

    Raises:
        ValidationError: Links cannot grant this role, or the room has too many links.
    """
    if role not in LINK_ROLES:
        raise ValidationError(_("A link can make somebody an editor, a commenter or a viewer."), code="role")
    limit = collab_settings().max_links_per_room
    in_force = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    if room.links.filter(in_force, revoked_at=None).count() >= limit:
        raise ValidationError(
            _("This room has %(limit)d links, the most a room can have. Revoke one first.") % {"limit": limit},
            code="links",
        )


def usual_title(kind: str) -> str:
    """The title of a page that was given none."""
    return _("Board") if kind == PageKind.BOARD else _("Notes")


def valid_title(raw: object) -> str:
    """A title as it is stored.

    Raises:
        ValidationError: Nothing visible is left of it, or it is too long.
    """
    title = clean_title(raw)
    if title is None:
        raise ValidationError(
            _("A title needs between 1 and %(limit)d visible characters.") % {"limit": _title_limit()}, code="title"
        )
    return title


def _title_limit() -> int:
    return Room._meta.get_field("title").max_length or 0


def _row(user: AbstractBaseUser | None) -> Any:
    return user if user is not None and user.pk is not None else None
