"""Names that people give: themselves, rooms and pages.

What comes out is one line of visible text: composed (NFC), without control, private or direction-changing characters,
which could make one name look like another or turn the text around it. Markup stays as it is: whoever shows it escapes.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from collab.models.people import NAME_MAX_CHARS
from collab.models.room import TITLE_MAX_CHARS

_MAX_RAW_CHARS = 10_000
_MAX_MARKS = 3
_SPACE = re.compile(r"\s+")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols of Unicode that show nothing: a name made of them looks empty."""
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that writing needs: some scripts, and emoji made of several, are spelt with them."""


def clean_name(raw: object) -> str | None:
    """A person's name fit to be shown, or None when nothing visible is left or it is too long."""
    return _clean(raw, NAME_MAX_CHARS)


def clean_title(raw: object) -> str | None:
    """A title fit to be shown, or None when nothing visible is left or it is too long."""
    return _clean(raw, TITLE_MAX_CHARS)


def _clean(raw: object, max_chars: int) -> str | None:
    if not isinstance(raw, str) or len(raw) > _MAX_RAW_CHARS:
        return None
    composed = unicodedata.normalize("NFC", _SPACE.sub(" ", raw))
    kept: list[str] = []
    marks = 0
    for char in composed:
        category = unicodedata.category(char)
        if (category.startswith("C") and char not in _JOINERS) or category in {"Zl", "Zp"}:
            continue
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    text = _SPACE.sub(" ", "".join(kept)).strip(" \u200c\u200d")
    if not any(_is_visible(char) for char in text):
        return None
    return text if len(text) <= max_chars else None


def _is_visible(char: str) -> bool:
    return char not in _BLANK and unicodedata.category(char)[0] in "LNPS"


def guest_name() -> str:
    """A friendly name for somebody who gave none, in the language of the moment."""
    colours = (
        pgettext("guest name", "Amber"),
        pgettext("guest name", "Azure"),
        pgettext("guest name", "Coral"),
        pgettext("guest name", "Golden"),
        pgettext("guest name", "Indigo"),
        pgettext("guest name", "Ivory"),
        pgettext("guest name", "Jade"),
        pgettext("guest name", "Scarlet"),
        pgettext("guest name", "Silver"),
        pgettext("guest name", "Violet"),
    )
    animals = (
        pgettext("guest name", "Badger"),
        pgettext("guest name", "Crane"),
        pgettext("guest name", "Deer"),
        pgettext("guest name", "Dolphin"),
        pgettext("guest name", "Fox"),
        pgettext("guest name", "Hare"),
        pgettext("guest name", "Heron"),
        pgettext("guest name", "Koala"),
        pgettext("guest name", "Lynx"),
        pgettext("guest name", "Otter"),
        pgettext("guest name", "Owl"),
        pgettext("guest name", "Panda"),
        pgettext("guest name", "Penguin"),
        pgettext("guest name", "Robin"),
        pgettext("guest name", "Swan"),
        pgettext("guest name", "Turtle"),
    )
    return _("%(colour)s %(animal)s") % {"colour": secrets.choice(colours), "animal": secrets.choice(animals)}
