"""Rows and files for tests, as plain functions.

The cast: Alice (owner), Bob (editor), Carol (viewer), Mallory (no access).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

from collab.models import Membership, Page, PageKind, Role, Room
from collab.rooms import create_link, create_room


def account(name: str, **fields: Any) -> User:
    """An account, made or found."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(name, **fields)


def staff(name: str = "sam") -> User:
    """A superuser without any membership."""
    return account(name, is_staff=True, is_superuser=True)


@dataclass(frozen=True)
class Cast:
    """A room with everybody in their role; Mallory has an account and nothing else."""

    room: Room
    alice: User
    bob: User
    carol: User
    mallory: User

    @property
    def board(self) -> Page:
        return self.room.pages.get(kind=PageKind.BOARD)

    @property
    def document(self) -> Page:
        return self.room.pages.get(kind=PageKind.DOCUMENT)


def cast(title: str = "Sprint planning") -> Cast:
    """Alice's room, with Bob and Carol in it."""
    alice, bob, carol, mallory = (account(name) for name in ("alice", "bob", "carol", "mallory"))
    room = create_room(alice, title)
    member(room, bob, Role.EDITOR)
    member(room, carol, Role.VIEWER)
    return Cast(room, alice, bob, carol, mallory)


def member(room: Room, user: User, role: Role) -> Membership:
    """A membership."""
    return Membership.objects.create(room=room, user=user, role=role)


def link_token(room: Room, role: Role = Role.EDITOR, **fields: Any) -> str:
    """The token of a new share link."""
    return create_link(room, role, **fields)[1]


def browser(user: User | None = None, **options: Any) -> Client:
    """A browser, signed in as somebody or as nobody."""
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def guest(room: Room, role: Role = Role.EDITOR, **options: Any) -> Client:
    """A browser without an account that followed a share link."""
    client = browser(**options)
    client.get(f"/join/{link_token(room, role)}/")
    return client


def picture(encoding: str = "PNG", size: tuple[int, int] = (40, 30), colour: str = "teal", **options: Any) -> bytes:
    """The bytes of an image."""
    buffer = io.BytesIO()
    Image.new(options.pop("mode", "RGB"), size, colour).save(buffer, encoding, **options)
    return buffer.getvalue()


def animation(encoding: str = "GIF", frames: int = 3, size: tuple[int, int] = (20, 20)) -> bytes:
    """The bytes of an animation whose frames differ."""
    buffer = io.BytesIO()
    images = [Image.new("RGB", size, (index * 40 % 256, 80, 255 - index * 40 % 256)) for index in range(frames)]
    images[0].save(buffer, encoding, save_all=True, append_images=images[1:], duration=80, loop=0)
    return buffer.getvalue()
