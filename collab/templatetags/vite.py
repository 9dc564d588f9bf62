"""Template tags that point at the built browser code by the names of its sources.

The build (frontend/README.md) writes ``collab/static/collab/manifest.json``; its file names carry a hash of their
content. URLs are made from STATIC_URL alone, never through a hashing storage: the files import each other by their
own names, and the same module under two names would run twice.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import PrefixNode
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

PAGE_SOURCES = {"board": "src/board/index.tsx", "document": "src/document/index.ts"}
"""Where the code of each kind of page begins; the browser imports it when such a page is opened."""

BUILT = Path(__file__).resolve().parent.parent / "static" / "collab"


class Chunk(TypedDict, total=False):
    """One entry of Vite's manifest; only what is used here."""

    file: str
    css: list[str]
    imports: list[str]


@lru_cache(maxsize=1)
def _read_manifest(changed_ns: int) -> dict[str, Chunk]:
    """The manifest; the argument only makes a newer file a new question."""
    chunks: dict[str, Chunk] = json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))
    return chunks


def _manifest() -> dict[str, Chunk]:
    path = BUILT / "manifest.json"
    try:
        return _read_manifest(path.stat().st_mtime_ns if settings.DEBUG else 0)
    except FileNotFoundError:
        raise ImproperlyConfigured(
            "The browser code is not built: run `npm ci && npm run build` in frontend/"
        ) from None


def _chunk(source: str) -> Chunk:
    try:
        return _manifest()[source]
    except KeyError:
        raise ImproperlyConfigured(
            f"The browser code has no entry {source!r}: build it again with `npm run build`"
        ) from None


def _url(file: str) -> str:
    return PrefixNode.handle_simple("STATIC_URL") + "collab/" + file


def _imports(source: str) -> list[Chunk]:
    """Every chunk the source's chunk imports before it can run, nearest first, each once."""
    manifest = _manifest()
    found: dict[str, Chunk] = {}
    waiting = list(_chunk(source).get("imports", []))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = manifest[name]
            waiting.extend(manifest[name].get("imports", []))
    return list(found.values())


@register.simple_tag
def vite_entry(source: str) -> SafeString:
    """Tags that load one entry: its styles, hints for what it imports, and the module itself.

    Args:
        source: Path of the entry below ``frontend/``, for example ``src/room/main.ts`` or ``src/design/base.css``.

    Raises:
        ImproperlyConfigured: The manifest is missing or has no such entry.
    """
    chunk = _chunk(source)
    imports = _imports(source)
    styles = [css for each in [*imports, chunk] for css in each.get("css", [])]
    tags = [format_html('<link rel="stylesheet" href="{}">', _url(css)) for css in dict.fromkeys(styles)]
    if chunk["file"].endswith(".css"):
        tags.append(format_html('<link rel="stylesheet" href="{}">', _url(chunk["file"])))
    else:
        tags.append(format_html('<script type="module" src="{}"></script>', _url(chunk["file"])))
        tags.extend(format_html('<link rel="modulepreload" href="{}">', _url(each["file"])) for each in imports)
    return mark_safe("\n".join(tags))  # noqa: S308  every tag was escaped by format_html


@register.simple_tag
def vite_page(kind: str) -> SafeString:
    """Hints that load the code of one kind of page beside the room's own, instead of after it."""
    source = PAGE_SOURCES[kind]
    chunks = [_chunk(source), *_imports(source)]
    styles = dict.fromkeys(css for chunk in chunks for css in chunk.get("css", []))
    return format_html_join(
        "\n",
        '<link rel="{}" href="{}"{}>',
        [("modulepreload", _url(chunk["file"]), "") for chunk in chunks]
        + [("preload", _url(css), mark_safe(' as="style" crossorigin')) for css in styles],
    )


@register.simple_tag
def vite_classic(source: str) -> SafeString:
    """A blocking script: only for what must run before the first paint."""
    return format_html('<script src="{}"></script>', _url(_chunk(source)["file"]))


@register.simple_tag
def vite_base() -> str:
    """URL of the folder of the built files."""
    return _url("")
