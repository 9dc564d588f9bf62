"""Who is in a room: the connections of this process, each with the page it looks at, and what other processes say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from collab.errors import MalformedFrame
from collab.wire.json_text import check_json

MAX_DEPTH = 8


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
    """The people of one room, connections of one person taken together.

    A list names at most ``max_listed`` people; beyond it only their number is told.
    """

    def __init__(self, *, max_listed: int) -> None:
        self._connections: dict[str, Attendance] = {}
        self._elsewhere: dict[bytes, dict[str, Any]] = {}
        self._max_listed = max_listed

    def __bool__(self) -> bool:
        return bool(self._connections)

    def enter(self, connection_id: str, attendance: Attendance) -> None:
        """A connection came."""
        self._connections[connection_id] = attendance

    def look(self, connection_id: str, page_id: UUID | None) -> bool:
        """A connection turned to a page; returns whether that is news."""
        attendance = self._connections.get(connection_id)
        if attendance is None or attendance.page_id == page_id:
            return False
        attendance.page_id = page_id
        return True

    def leave(self, connection_id: str) -> None:
        """A connection went."""
        self._connections.pop(connection_id, None)

    def people(self) -> dict[str, Any]:
        """Everybody, each person once, who came first first: ``{"people": [...], "count": n}``."""
        here = self._people_here()
        people = _joined([here, *(one["people"] for one in self._elsewhere.values())])
        people.sort(key=lambda person: str(person["since"]))
        unlisted = sum(one["count"] - len(one["people"]) for one in self._elsewhere.values())
        return {"people": people[: self._max_listed], "count": len(people) + unlisted}

    # Other processes

    def report(self) -> bytes:
        """Everybody here, for other processes."""
        here = self._people_here()
        listed = {"people": here[: self._max_listed], "count": len(here)}
        return json.dumps(listed, separators=(",", ":")).encode()

    def receive_from(self, process: bytes, report: bytes) -> bool:
        """Take what another process says; returns whether it is news.

        Raises:
            MalformedFrame: It is no report.
        """
        check_json(report, offset=0, max_depth=MAX_DEPTH)
        said = json.loads(report)
        if not _is_report(said) or len(said["people"]) > self._max_listed:
            raise MalformedFrame("not a list of people", offset=0)
        if self._elsewhere.get(process) == said:
            return False
        self._elsewhere[process] = said
        return True

    def forget(self, process: bytes) -> bool:
        """Another process has nobody in the room any more; returns whether that is news."""
        return self._elsewhere.pop(process, None) is not None

    def _people_here(self) -> list[dict[str, Any]]:
        return _joined(
            [
                {
                    **attendance.person,
                    "pages": [] if attendance.page_id is None else [str(attendance.page_id)],
                    "since": attendance.since,
                }
            ]
            for attendance in self._connections.values()
        )


def _joined(lists: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Lists of people as one, each person once."""
    people: dict[str, dict[str, Any]] = {}
    for entries in lists:
        for entry in entries:
            known = people.setdefault(str(entry["id"]), {**entry, "pages": []})
            known["since"] = min(known["since"], entry["since"])
            known["pages"] += [page for page in entry["pages"] if page not in known["pages"]]
    return list(people.values())


def _is_report(said: object) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("people"), list) or not isinstance(said.get("count"), int):
        return False
    return all(
        isinstance(person, dict)
        and "id" in person
        and isinstance(person.get("since"), str)
        and isinstance(person.get("pages"), list)
        for person in said["people"]
    )
