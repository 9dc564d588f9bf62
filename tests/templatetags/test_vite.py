"""The tags that point at the built browser code, against a manifest of the shape Vite writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.test import override_settings

from collab.templatetags import vite

MANIFEST = {
    "src/room/main.ts": {"file": "assets/room-1.js", "css": ["assets/room-1.css"], "imports": ["_yjs", "_shared"]},
    "_yjs": {"file": "assets/yjs-1.js", "imports": ["_shared"]},
    "_shared": {"file": "assets/shared-1.js", "css": ["assets/shared-1.css"], "imports": ["_yjs"]},
    "src/room/theme.ts": {"file": "assets/theme-1.js"},
    "src/design/base.css": {"file": "assets/base-1.css"},
    "src/board/index.tsx": {"file": "assets/board-1.js", "css": ["assets/board-1.css"], "imports": ["_yjs"]},
}


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build with the manifest above in the place of the committed one."""
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    monkeypatch.setattr(vite, "BUILT", tmp_path)
    vite._read_manifest.cache_clear()
    return tmp_path


def render(source: str) -> str:
    return Template("{% load vite %}" + source).render(Context())


def test_an_entry_brings_its_styles_its_module_and_everything_it_imports_once() -> None:
    """A cycle between chunks must not hang, and a style that two chunks need is one link."""
    html = render('{% vite_entry "src/room/main.ts" %}')

    assert html.count("assets/yjs-1.js") == html.count("assets/shared-1.js") == html.count("shared-1.css") == 1
    assert '<script type="module" src="/static/collab/assets/room-1.js"></script>' in html
    assert html.index("shared-1.css") < html.index("room-1.css") < html.index("room-1.js")


def test_a_stylesheet_is_an_entry_of_its_own() -> None:
    """Pages without scripts load the design system alone."""
    html = render('{% vite_entry "src/design/base.css" %}')

    assert html == '<link rel="stylesheet" href="/static/collab/assets/base-1.css">'


def test_the_theme_script_blocks() -> None:
    """As a module it would run after the first paint, and the page would flash."""
    assert (
        render('{% vite_classic "src/room/theme.ts" %}') == '<script src="/static/collab/assets/theme-1.js"></script>'
    )


def test_the_code_of_a_page_kind_is_only_hinted_at() -> None:
    """The room decides when it runs; the browser may fetch it meanwhile."""
    html = render('{% vite_page "board" %}')

    assert '<link rel="modulepreload" href="/static/collab/assets/board-1.js">' in html
    assert '<link rel="preload" href="/static/collab/assets/board-1.css" as="style" crossorigin>' in html
    assert "<script" not in html


@override_settings(STATIC_URL="https://cdn.example/s/")
def test_urls_follow_static_url_and_no_hashing_storage() -> None:
    """The files import each other by their own names: a renamed module would run twice."""
    assert render("{% vite_base %}") == "https://cdn.example/s/collab/"


def test_an_unknown_entry_names_itself_and_the_remedy() -> None:
    """Otherwise a developer who forgot to build sees a KeyError."""
    with pytest.raises(ImproperlyConfigured, match=r"src/nothing\.ts.*npm run build"):
        render('{% vite_entry "src/nothing.ts" %}')


def test_a_missing_build_names_the_remedy(built: Path) -> None:
    (built / "manifest.json").unlink()

    with pytest.raises(ImproperlyConfigured, match=r"npm ci && npm run build"):
        render('{% vite_entry "src/room/main.ts" %}')


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Amber Fox", "AF"),
        ("alice", "A"),
        ("Ana María de la Cruz", "AC"),
        ("王小明", "明"),
        ("  ", "?"),
        ("<img>", "<"),
    ],
)
def test_initials_are_those_the_browser_makes(name: str, letters: str) -> None:
    """The first paint comes from the server; nothing may change when the scripts take over."""
    assert (
        Template("{% load people %}{% autoescape off %}{{ name|initials }}{% endautoescape %}").render(
            Context({"name": name})
        )
        == letters
    )
