"""The rooms that somebody in this process is in, and what their connections are told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from collab.errors import CollabError
from collab.live.ports import Bus, Note
from collab.live.roster import Attendance, Roster

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ears:
    """What a connection wants to hear; neither waits.

    Attributes:
        people: Somebody came, went or turned to another page.
        change: Something about the room is to be read again.
    """

    people: Callable[[], None]
    change: Callable[[], None]


class Rooms:
    """``live.ports.Listener`` for rooms."""

    def __init__(self, *, bus: Bus, max_listed: int) -> None:
        self._bus = bus
        self._max_listed = max_listed
        self._rosters: dict[UUID, Roster] = {}
        self._ears: dict[UUID, dict[str, Ears]] = {}

    def enter(self, room_id: UUID, connection_id: str, attendance: Attendance, ears: Ears) -> None:
        """A connection came; it hears of itself like everybody else."""
        roster = self._rosters.get(room_id)
        if roster is None:
            roster = self._rosters[room_id] = Roster(max_listed=self._max_listed)
            self._ears[room_id] = {}
            self._bus.open(room_id, self)
        roster.enter(connection_id, attendance)
        self._ears[room_id][connection_id] = ears
        self._people_changed_here(room_id)

    def look(self, room_id: UUID, connection_id: str, page_id: UUID | None) -> None:
        """A connection turned to a page."""
        roster = self._rosters.get(room_id)
        if roster is not None and roster.look(connection_id, page_id):
            self._people_changed_here(room_id)

    def leave(self, room_id: UUID, connection_id: str) -> None:
        """A connection went."""
        roster = self._rosters.get(room_id)
        if roster is None:
            return
        roster.leave(connection_id)
        self._ears[room_id].pop(connection_id, None)
        if roster:
            self._people_changed_here(room_id)
        else:
            del self._rosters[room_id], self._ears[room_id]
            self._bus.close(room_id)

    def people(self, room_id: UUID) -> dict[str, Any]:
        """Everybody in a room: ``{"people": [...], "count": n}``."""
        roster = self._rosters.get(room_id)
        return {"people": [], "count": 0} if roster is None else roster.people()

    def change(self, room_id: UUID) -> None:
        """Something about a room changed: everybody in it reads it again, in every process."""
        self._bus.tell(room_id, Note.CHANGED)
        self._changed(room_id)

    # From other processes

    def present(self, topic: UUID, process: bytes, payload: bytes, *, complete: bool) -> None:
        """Who is there in another process."""
        roster = self._rosters.get(topic)
        if roster is None:
            return
        try:
            news = roster.receive_from(process, payload)
        except CollabError as error:
            logger.warning("room %s: a list of people from another process was not understood: %s", topic, error)
            return
        if news:
            self._people_changed(topic)

    def departed(self, topic: UUID, process: bytes) -> None:
        """Nobody is there any more."""
        roster = self._rosters.get(topic)
        if roster is not None and roster.forget(process):
            self._people_changed(topic)

    def noted(self, topic: UUID, note: Note) -> None:
        """Another process changed something about the room."""
        self._changed(topic)

    def own_presence(self, topic: UUID, *, complete: bool) -> bytes | None:
        """Everybody here; a list of people is small and always told whole."""
        roster = self._rosters.get(topic)
        return None if roster is None else roster.report()

    def deliver(self, topic: UUID, update: bytes) -> None:
        """Rooms have no updates."""

    def missed(self, topic: UUID) -> None:
        """Who is here is told again every few seconds. A title that changed unheard shows at the next visit."""

    def _people_changed_here(self, room_id: UUID) -> None:
        self._bus.announce(room_id)
        self._people_changed(room_id)

    def _people_changed(self, room_id: UUID) -> None:
        for ears in list(self._ears.get(room_id, {}).values()):
            ears.people()

    def _changed(self, room_id: UUID) -> None:
        for ears in list(self._ears.get(room_id, {}).values()):
            ears.change()
