"""The page about the settings is what the code says, and every setting can be set as the page says."""

from __future__ import annotations

from dataclasses import fields
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from collab.conf import CollabSettings, build
from collab.management.settings_table import Setting, all_settings, as_markdown
from config.env import Environment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    """Make it anew: python manage.py collab_settings --markdown > docs/settings.md."""
    assert PAGE.read_text(encoding="utf-8") == as_markdown()


def test_every_setting_is_there_and_says_what_it_means() -> None:
    described = list(all_settings())

    assert [one.name for one in described] == [field.name for field in fields(CollabSettings)]
    assert [one.name for one in described if len(one.meaning) < 20 or "|" in one.meaning] == []


@pytest.mark.parametrize("setting", list(all_settings()), ids=lambda setting: setting.name)
def test_each_setting_can_be_set_by_its_variable(setting: Setting) -> None:
    """A benchmark or a large site must be able to lift every bound, and nobody can try them all by hand."""
    default = getattr(CollabSettings(), setting.name)
    wanted = _another(setting.name, default)
    environment = Environment({setting.variable: str(wanted)})

    built = build(environment.fields_of(CollabSettings, prefix="COLLAB_"))

    assert getattr(built, setting.name) == wanted != default
    assert environment.unknown(prefix="COLLAB_") == []


def _another(name: str, default: float) -> float:
    """A value near the default that contradicts no other setting."""
    if not default:
        return 1
    factor = 0.5 if name in {"max_update_bytes", "max_sockets_per_address"} else 1.5
    return int(default * factor) if isinstance(default, int) else default * factor


def test_the_command_shows_what_is_in_force() -> None:
    shown = StringIO()
    with override_settings(COLLAB={"frames_per_second": 50}):
        call_command("collab_settings", stdout=shown)

    assert "COLLAB_FRAMES_PER_SECOND=50  per second  (default 500)" in shown.getvalue()
    assert "COLLAB_MAX_DEPTH=64\n" in shown.getvalue()
