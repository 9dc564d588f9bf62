"""Names that people give: themselves, rooms and pages.

What comes out is one line of visible text: composed (NFC), without control, private or direction-changing characters,
which could make one name look like another or turn the text around it. Markup stays as it is: whoever shows it escapes.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from collab.models.people import NAME_MAX_CHARS
from collab.models.room import TITLE_MAX_CHARS

_MAX_RAW_CHARS = 10_000
_MAX_MARKS = 3
_SPACE = re.compile(r"\s+")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols of Unicode that show nothing: a name made of them looks empty."""
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that writing needs: some scripts, and emoji made of several, are spelt with them."""

_GUEST_COLOURS = (
    pgettext_lazy("guest name", "Amber"),
    pgettext_lazy("guest name", "Azure"),
    pgettext_lazy("guest name", "Coral"),
    pgettext_lazy("guest name", "Golden"),
    pgettext_lazy("guest name", "Indigo"),
    pgettext_lazy("guest name", "Ivory"),
    pgettext_lazy("guest name", "Jade"),
    pgettext_lazy("guest name", "Scarlet"),
    pgettext_lazy("guest name", "Silver"),
    pgettext_lazy("guest name", "Violet"),
)
_GUEST_ANIMALS = (
    pgettext_lazy("guest name", "Badger"),
    pgettext_lazy("guest name", "Crane"),
    pgettext_lazy("guest name", "Deer"),
    pgettext_lazy("guest name", "Dolphin"),
    pgettext_lazy("guest name", "Fox"),
    pgettext_lazy("guest name", "Hare"),
    pgettext_lazy("guest name", "Heron"),
    pgettext_lazy("guest name", "Koala"),
    pgettext_lazy("guest name", "Lynx"),
    pgettext_lazy("guest name", "Otter"),
    pgettext_lazy("guest name", "Owl"),
    pgettext_lazy("guest name", "Panda"),
    pgettext_lazy("guest name", "Penguin"),
    pgettext_lazy("guest name", "Robin"),
    pgettext_lazy("guest name", "Swan"),
    pgettext_lazy("guest name", "Turtle"),
)


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
    return _("%(colour)s %(animal)s") % {
        "colour": secrets.choice(_GUEST_COLOURS),
        "animal": secrets.choice(_GUEST_ANIMALS),
    }
