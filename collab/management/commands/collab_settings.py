"""``manage.py collab_settings``: the limits that are in force, or the page of the documentation about them."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from collab.conf import collab_settings
from collab.management.settings_table import all_settings, as_markdown, shown


class Command(BaseCommand):
    """Show every limit and timing."""

    help = "Show every limit and timing: its value, and its default where that is another."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print docs/settings.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(as_markdown(), ending="")
            return
        current = collab_settings()
        for one in all_settings():
            value = shown(getattr(current, one.name))
            default = "" if value == one.default else f"  (default {one.default})"
            self.stdout.write(f"{one.variable}={value}{f'  {one.unit}' if one.unit else ''}{default}")
