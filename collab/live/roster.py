"""Who is in which room: the connections of this process and the page each is looking at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Attendance:
    """One connection to a room.

    Attributes:
        person: ``id``, ``name``, ``color``, ``role`` as others see them.
        page_id: The page it looks at, if it said so.
        since: ISO 8601 time of its arrival.
    """

    person: Mapping[str, Any]
    since: str
    page_id: UUID | None = None


class Roster:
    """The people of every room, connections of one person taken together."""

    def __init__(self, *, max_listed: int) -> None:
        self._rooms: dict[UUID, dict[str, Attendance]] = {}
        self._max_listed = max_listed

    def enter(self, room_id: UUID, connection_id: str, attendance: Attendance) -> None:
        """A connection came."""
        self._rooms.setdefault(room_id, {})[connection_id] = attendance

    def look(self, room_id: UUID, connection_id: str, page_id: UUID | None) -> bool:
        """A connection turned to a page; returns whether that is news."""
        attendance = self._rooms.get(room_id, {}).get(connection_id)
        if attendance is None or attendance.page_id == page_id:
            return False
        attendance.page_id = page_id
        return True

    def leave(self, room_id: UUID, connection_id: str) -> None:
        """A connection went."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        room.pop(connection_id, None)
        if not room:
            del self._rooms[room_id]

    def people(self, room_id: UUID) -> dict[str, Any]:
        """Everybody in a room, each person once, who came first first: ``{"people": [...], "count": n}``."""
        people: dict[str, dict[str, Any]] = {}
        for attendance in self._rooms.get(room_id, {}).values():
            key = str(attendance.person["id"])
            entry = people.setdefault(key, {**attendance.person, "pages": [], "since": attendance.since})
            if attendance.page_id is not None and str(attendance.page_id) not in entry["pages"]:
                entry["pages"].append(str(attendance.page_id))
        return {"people": list(people.values())[: self._max_listed], "count": len(people)}
