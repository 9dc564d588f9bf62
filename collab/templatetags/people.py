"""Template filters about people."""

from __future__ import annotations

import unicodedata

from django import template

register = template.Library()

EAST_ASIAN = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "HANGUL")
"""Beginnings of the Unicode names of letters of which one is enough."""


@register.filter
def initials(name: str) -> str:
    """Up to two letters that stand for a name, as ``initials`` in frontend/src/room/people-view.ts makes them."""
    words = name.split()
    if not words:
        return "?"
    first = words[0]
    if unicodedata.name(first[0], "").startswith(EAST_ASIAN):
        return first[-1]
    last = words[-1][0] if len(words) > 1 else ""
    return (first[0] + last).upper()
