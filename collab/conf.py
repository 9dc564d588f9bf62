"""Limits and timings of the product: declared once, typed, with defaults that work.

``settings.COLLAB`` holds what a deployment changes (a plain dict; ``config.env`` fills it from ``COLLAB_<FIELD>``
variables). A key that does not exist or a value that makes no sense is a system check error, and stops a process
that runs no checks at the first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, get_type_hints

from django.core.exceptions import ImproperlyConfigured

from collab.live.limits import BadLimit, Limits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CollabSettings(Limits):
    """The engine's limits and those of everything around it. Seconds and bytes, unless a name says otherwise."""

    trusted_proxies: int = field(default=0, metadata={"least": 0})
    """How many proxies of your own are in front and add to ``X-Forwarded-For``: whose word on addresses counts."""

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

    sign_in_attempts: int = 10
    """Wrong passwords in a row for one account from one network address; after them one a minute."""

    sign_in_attempts_per_address: int = 100
    """Wrong passwords in a row from one network address, whatever the account; after them ten a minute."""

    drain_timeout: float = 6.0
    """How long a stopping process tries to save what it holds. The process ends at most 3.5 s later, whatever hangs."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ImproperlyConfigured: A value makes no sense; the message names it.
        """
        try:
            # Not super(): a dataclass with slots is a new class, which super() without arguments does not find.
            Limits.__post_init__(self)
        except BadLimit as error:
            raise ImproperlyConfigured(f"COLLAB[{error.field!r}] {error.problem}") from error


def unknown_keys(values: Mapping[str, Any]) -> list[str]:
    """Keys that are not settings, in order."""
    return sorted(set(values) - {one.name for one in fields(CollabSettings)})


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
