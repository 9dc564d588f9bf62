"""Names and titles as they are shown to others."""

from __future__ import annotations

import pytest
from django.utils import translation

from collab.names import clean_name, clean_title, guest_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada \t\n Lovelace ", "Ada Lovelace"),
        ("李雷", "李雷"),
        ("Zoe\u0308", "Zoë"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("admin\u202egnp.exe", "admingnp.exe"),
        ("x\u2066y\u2069", "xy"),
        ("Z\u0301\u0301\u0301\u0301\u0301\u0301algo", "Ź\u0301\u0301\u0301algo"),
    ],
)
def test_a_name_becomes_one_line_of_visible_text(given: str, shown: str) -> None:
    """Direction marks can make a name read as another; stacked accents cover the names around it."""
    assert clean_name(given) == shown


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "\u200b\u200d",
        "\u3164",
        "\u2800\u2800",
        "\u202e",
        "\ud800",
        "x" * 61,
        "x" * 20_000,
        None,
        7,
        ["x"],
        b"x",
    ],
)
def test_what_shows_nothing_or_too_much_is_no_name(given: object) -> None:
    assert clean_name(given) is None


def test_titles_may_be_longer_than_names() -> None:
    assert clean_title("x" * 120) == "x" * 120
    assert clean_title("x" * 121) is None


def test_guests_get_names_in_the_language_of_the_moment() -> None:
    with translation.override("en"):
        english = guest_name()
    with translation.override("zh-hans"):
        chinese = guest_name()

    assert english.isascii()
    assert len(english.split()) == 2
    assert not chinese.isascii()
    assert clean_name(chinese) == chinese
