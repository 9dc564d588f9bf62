"""Every string of the server has its Chinese, and the compiled file is that of the text file.

No gettext tools are needed: strings are found by reading the Python sources and letting Django read its templates.
"""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
UPDATE = (
    "python -m django makemessages -l zh_Hans --no-wrap --no-location -i '.venv/*' -i 'frontend/*' -i 'tests/*'; "
    "translate; python -m django compilemessages"
)
Key = tuple[str | None, str]

_PLAIN = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_CONTEXT = {"pgettext", "pgettext_lazy"}


def strings_in_python(source: str) -> Iterator[Key]:
    """What a Python source asks to be translated: context and text."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if name in _PLAIN | _PLURAL and texts:
            yield None, texts[0]
        elif name in _CONTEXT and len(texts) >= 2:
            yield texts[0], texts[1]


def strings_in_template(source: str) -> Iterator[Key]:
    """What a template asks to be translated."""
    for name, arguments in re.findall(r"\b(n?p?gettext)\((.*?)\) ", templatize(source)):
        texts = [
            ast.literal_eval(text) for text in re.findall(r"u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")", arguments)
        ]
        yield (texts[0], texts[1]) if "p" in name else (None, texts[0])


@cache
def all_strings() -> set[Key]:
    """Every string of the server."""
    found: set[Key] = set()
    for folder in ("collab", "config"):
        for path in (ROOT / folder).rglob("*.py"):
            found.update(strings_in_python(path.read_text(encoding="utf-8")))
    for path in (ROOT / "templates").rglob("*.html"):
        found.update(strings_in_template(path.read_text(encoding="utf-8")))
    return found


def read_po(text: str) -> dict[Key, list[str]]:
    """The entries of a .po file: context and text to translations (several for plurals). Fuzzy ones are left out."""
    entries: dict[Key, list[str]] = {}
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE):
            continue
        fields: dict[str, str] = {}
        keyword = ""
        for line in lines:
            match = re.fullmatch(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?) )?"(.*)"', line)
            assert match is not None, line
            keyword = match[1] or keyword
            fields[keyword] = fields.get(keyword, "") + ast.literal_eval(f'"{match[2]}"')
        if "msgid" in fields:
            key = fields.get("msgctxt"), fields["msgid"]
            entries[key] = [value for name, value in sorted(fields.items()) if name.startswith("msgstr")]
    return entries


@pytest.fixture(scope="module")
def po() -> dict[Key, list[str]]:
    return read_po((CATALOG / "django.po").read_text(encoding="utf-8"))


def test_the_strings_are_found() -> None:
    """A finder that finds nothing would make the tests below agree with everything."""
    strings = all_strings()

    assert {
        (None, "New room"),
        (None, "Untitled room"),
        ("guest name", "Fox"),
        (None, "Skip to the content"),
    } <= strings
    assert len(strings) > 150


def test_every_string_has_its_chinese(po: dict[Key, list[str]]) -> None:
    missing = sorted(text for context, text in all_strings() if not all(po.get((context, text), [""])))

    assert missing == [], UPDATE


def test_the_chinese_keeps_what_is_filled_in(po: dict[Key, list[str]]) -> None:
    pattern = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
    wrong = [
        text
        for (_context, text), translations in po.items()
        if text and any(sorted(pattern.findall(text)) != sorted(pattern.findall(each)) for each in translations)
    ]

    assert wrong == []


def test_the_compiled_file_is_that_of_the_text_file(po: dict[Key, list[str]]) -> None:
    with (CATALOG / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    stale = []
    for (context, text), translations in po.items():
        if not text:
            continue
        seen = compiled.pgettext(context, text) if context else compiled.gettext(text)
        plural = compiled.ngettext(text, text, 1)
        if translations[0] not in {seen, plural}:
            stale.append(text)

    assert stale == [], UPDATE


def test_nothing_is_translated_that_nobody_says_any_more(po: dict[Key, list[str]]) -> None:
    unused = sorted(text for context, text in po if text and (context, text) not in all_strings())

    assert unused == [], UPDATE
