"""The demo room: made once, found again on every start, reachable by one link that stays the same.

Only the hash of a share link's token is in the database, so the token itself is kept in the data directory, readable
by its owner alone. Losing that file costs nothing but the old link's being printed: the room gets a new one.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from collab.management.demo_content import seed_demo
from collab.models import Role, ShareLink
from collab.rooms import create_link, create_room
from collab.tokens import hash_token

TITLE = "Demo room"
LABEL = "Demo link of manage.py up"
_FILE_NAME = "demo_link"


@dataclass(frozen=True, slots=True)
class DemoLink:
    """How to get into the demo room, and what had to be made for it."""

    token: str
    made: str


def demo_link(data_dir: Path, owner: AbstractBaseUser) -> DemoLink:
    """The link into the demo room, made on the first start.

    Args:
        data_dir: Where the token is kept.
        owner: The account that owns the room if it has to be made.
    """
    token = _read(data_dir)
    now = timezone.now()
    links = ShareLink.objects.filter(label=LABEL).select_related("room")
    usable = links.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, role=Role.EDITOR)
    if token and usable.filter(token_hash=hash_token(token)).exists():
        return DemoLink(token, "found")
    latest = links.order_by("-created_at").first()
    if latest is None:
        with transaction.atomic():
            room = create_room(owner, TITLE)
            seed_demo(room)
    else:
        room = latest.room
    _link, token = create_link(room, Role.EDITOR, label=LABEL, created_by=owner)
    _write(data_dir, token)
    return DemoLink(token, "made" if latest is None else "found, with a new link")


def _read(data_dir: Path) -> str:
    try:
        return (data_dir / _FILE_NAME).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _write(data_dir: Path, token: str) -> None:
    draft = data_dir / f".{_FILE_NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    draft.replace(data_dir / _FILE_NAME)
