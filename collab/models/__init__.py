"""Rows. Every rule that the database can keep is a named constraint; decisions live elsewhere."""

from collab.models.attachment import Attachment
from collab.models.log import PageLease, PageSnapshot, PageUpdate, QuarantinedUpdate
from collab.models.people import Membership, Profile, ShareLink, SignInToken
from collab.models.role import Role
from collab.models.room import Page, PageKind, Room

__all__ = [
    "Attachment",
    "Membership",
    "Page",
    "PageKind",
    "PageLease",
    "PageSnapshot",
    "PageUpdate",
    "Profile",
    "QuarantinedUpdate",
    "Role",
    "Room",
    "ShareLink",
    "SignInToken",
]
