"""Telling everybody in a room that something about it changed.

The message says only *that* it changed: whoever gets it reads the database again, so a message that is lost, late or
sent twice does no harm, and none can carry what its reader may not see.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction

from collab import runtime

logger = logging.getLogger(__name__)


def room_changed(room_id: UUID) -> None:
    """Announce a change of titles, pages or rights once the current transaction is committed."""
    transaction.on_commit(lambda: _tell(room_id))


def _tell(room_id: UUID) -> None:
    try:
        runtime.change_room(room_id)
    except Exception:
        # The change is committed. People see it when they reload; trouble with telling them must not undo it.
        logger.warning("could not announce a change of room %s", room_id, exc_info=True)
