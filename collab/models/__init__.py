"""Rows. Every rule that the database can keep is a named constraint; decisions live elsewhere."""

from collab.models.attachment import Attachment
from collab.models.log import PageSnapshot, PageUpdate
from collab.models.people import Membership, Profile, ShareLink, SignInToken
from collab.models.role import Role
from collab.models.room import Page, PageKind, Room

__all__ = [
    "Attachment",
    "Membership",
    "Page",
    "PageKind",
    "PageSnapshot",
    "PageUpdate",
    "Profile",
    "Role",
    "Room",
    "ShareLink",
    "SignInToken",
]
