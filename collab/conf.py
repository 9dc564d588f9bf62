"""Limits and timings of the product: declared once, typed, with defaults that work.

``settings.COLLAB`` holds what a deployment changes (a plain dict; ``config.env`` fills it from ``COLLAB_<FIELD>``
variables). A key that does not exist or a value that makes no sense is a system check error, and stops a process
that runs no checks at the first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from django.core.exceptions import ImproperlyConfigured

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class CollabSettings:
    """Limits and timings. Seconds and bytes, unless a name says otherwise."""

    max_frame_bytes: int = 4 * MIB
    """Largest WebSocket frame of a client, below every server's own limit. Above it: closed with 4413."""

    max_update_bytes: int = 4 * MIB
    """Largest single Yjs update that is accepted."""

    max_page_bytes: int = 64 * MIB
    """Largest page as one merged update. A page at the bound refuses edits that make it larger."""

    max_depth: int = 64
    """How deep shared types may nest inside one update, in levels. Yjs clients fail at about 5,000."""

    max_types: int = 200_000
    """How many shared types (maps, arrays, XML nodes) one page may hold."""

    max_structs: int = 2_000_000
    """How many structs (runs of inserted content) one page may hold."""

    worker_parse_bytes: int = 64 * KIB
    """Above this size an update is checked in the worker process instead of on the event loop."""

    broadcast_interval: float = 0.01
    """Longest time an edit on a busy page waits to be sent to the others. On a quiet page it goes at once."""

    flush_interval: float = 0.05
    """Longest time an accepted edit waits before it is written to the database."""

    max_batch_rows: int = 100
    """How many log rows one transaction writes at most."""

    max_row_bytes: int = 1 * MIB
    """Up to this size, edits that waited together are merged into one log row."""

    max_unsaved_bytes: int = 16 * MIB
    """How much a page keeps in memory while the database does not answer. At the bound it takes no more edits."""

    outbox_max_bytes: int = 4 * MIB
    """How much may wait for one client that reads slowly, before its queue is dropped and it is resynchronised."""

    outbox_max_age: float = 10.0
    """How long a client may read nothing before the connection is closed with 4508."""

    awareness_max_state_bytes: int = 16 * KIB
    """Largest presence state (cursor, selection, stroke being drawn) of one client."""

    awareness_max_entries: int = 500
    """How many presence states one page holds at most."""

    awareness_timeout: float = 30.0
    """After this silence a presence state is removed (power loss, dead process)."""

    keep_alive_interval: float = 12.0
    """Something is sent to every client at least this often: stock clients reconnect after 30 seconds of silence."""

    page_idle_grace: float = 30.0
    """How long a page stays open after the last person left it."""

    max_open_pages: int = 2_000
    """How many pages one process keeps open. At the bound further pages are refused with 4500."""

    refused_hold: float = 5.0
    """How long a refused connection is held before it is closed: older clients retry at once otherwise."""

    max_refused_held: int = 200
    """How many refused connections are held at the same time. Above it they are closed at once."""

    upload_max_bytes: int = 10 * MIB
    """Largest image file that may be uploaded."""

    upload_max_pixels: int = 40_000_000
    """Largest image, in pixels over all frames of an animation."""

    upload_max_frames: int = 300
    """How many frames an animation may have."""

    max_files_per_page: int = 1_000
    """How many images may be stored with one page."""

    max_links_per_room: int = 100
    """How many share links of a room may be in force at once."""

    max_pages_per_room: int = 50
    """How many pages a room may have."""

    max_rooms_per_owner: int = 5_000
    """How many rooms one account may own."""

    max_rooms_listed: int = 200
    """How many rooms the home page shows, most recently used first."""

    max_people_listed: int = 200
    """How many people the list of a room names. Beyond it only their number is told."""

    drain_timeout: float = 8.0
    """How long a stopping process may take to save what it holds and to say goodbye."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise ImproperlyConfigured(f"COLLAB[{field.name!r}] must be a number, not {value!r}")
            if field.type == "int" and not isinstance(value, int):
                raise ImproperlyConfigured(f"COLLAB[{field.name!r}] must be a whole number, not {value!r}")
            if not 0 < value < float("inf"):
                raise ImproperlyConfigured(f"COLLAB[{field.name!r}] must be above 0, not {value!r}")
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Refuse bounds that contradict each other."""
        if self.max_update_bytes > self.max_frame_bytes:
            raise ImproperlyConfigured("COLLAB['max_update_bytes'] cannot be above COLLAB['max_frame_bytes']")
        if self.max_page_bytes < self.max_update_bytes:
            raise ImproperlyConfigured("COLLAB['max_page_bytes'] cannot be below COLLAB['max_update_bytes']")
        if self.max_unsaved_bytes < self.max_update_bytes:
            raise ImproperlyConfigured("COLLAB['max_unsaved_bytes'] cannot be below COLLAB['max_update_bytes']")
        if self.keep_alive_interval >= 30:
            raise ImproperlyConfigured(
                "COLLAB['keep_alive_interval'] must be below 30: Yjs clients reconnect after 30 seconds of silence"
            )
        if self.awareness_timeout <= self.keep_alive_interval:
            raise ImproperlyConfigured("COLLAB['awareness_timeout'] must be above COLLAB['keep_alive_interval']")


def unknown_keys(values: Mapping[str, Any]) -> list[str]:
    """Keys that are not settings, in order."""
    return sorted(set(values) - {field.name for field in fields(CollabSettings)})


def build(values: Mapping[str, Any]) -> CollabSettings:
    """Settings with these values changed.

    Raises:
        ImproperlyConfigured: A key is unknown or a value makes no sense; the message names it.
    """
    unknown = unknown_keys(values)
    if unknown:
        raise ImproperlyConfigured(f"COLLAB has no setting {', '.join(map(repr, unknown))}")
    hints = get_type_hints(CollabSettings)
    changed: dict[str, Any] = {
        name: float(value) if hints[name] is float and type(value) is int else value for name, value in values.items()
    }
    return CollabSettings(**changed)


@cache
def collab_settings() -> CollabSettings:
    """The settings of this process. Tests that override ``COLLAB`` get the new ones (``apps.py`` listens)."""
    from django.conf import settings

    return build(getattr(settings, "COLLAB", {}))
