"""What somebody may do in a room. Each role may do everything that the ones after it may."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """Owner above editor above commenter above viewer."""

    OWNER = "owner", _("Owner")
    EDITOR = "editor", _("Editor")
    COMMENTER = "commenter", _("Commenter")
    VIEWER = "viewer", _("Viewer")

    def covers(self, other: Role) -> bool:
        """Whether this role may do everything that the other may."""
        return _ORDER[self] <= _ORDER[other]


_ORDER = {role: index for index, role in enumerate(Role)}

LINK_ROLES = (Role.EDITOR, Role.COMMENTER, Role.VIEWER)
"""What a share link may grant: nobody becomes an owner by following a link."""
