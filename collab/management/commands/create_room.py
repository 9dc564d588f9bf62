"""``manage.py create_room``: a room and a link into it, for scripts."""

from __future__ import annotations

import argparse
import json
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction
from django.urls import reverse

from collab.models import Role, Room
from collab.models.role import LINK_ROLES
from collab.rooms import create_link, create_room


class Command(BaseCommand):
    """Make a room with a board and a document, and a share link."""

    help = "Make a room with a board and a document, and print a share link that opens it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--title", help="the room's title")
        parser.add_argument(
            "--link",
            choices=[role.value for role in LINK_ROLES],
            default=Role.EDITOR.value,
            help="what the link lets people be (default: %(default)s)",
        )
        parser.add_argument("--owner", metavar="USERNAME", help="the account that owns the room (default: nobody)")
        parser.add_argument(
            "--base-url",
            default="",
            metavar="URL",
            help="where the product is reached, for example https://board.example.org; without it the link is a path",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        base_url: str = options["base_url"]
        if base_url and urlsplit(base_url).scheme not in {"http", "https"}:
            raise CommandError(f"--base-url must begin with http:// or https://, not {base_url!r}")
        owner = self._owner(options["owner"])
        try:
            with transaction.atomic():
                room = create_room(owner, options["title"])
                _link, token = create_link(room, Role(options["link"]), label="create_room", created_by=owner)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except DatabaseError as error:
            raise CommandError(f"the room could not be stored ({error}). Has `manage.py migrate` been run?") from None
        described = _describe(room, token, base_url)
        self.stdout.write(json.dumps(described) if options["json"] else _for_people(room, described))

    def _owner(self, username: str | None) -> Any:
        if username is None:
            return None
        users = get_user_model()._default_manager
        try:
            owner = users.filter(**{get_user_model().USERNAME_FIELD: username}).first()
        except DatabaseError as error:
            raise CommandError(f"accounts could not be read ({error}). Has `manage.py migrate` been run?") from None
        if owner is None:
            raise CommandError(f"there is no account {username!r}")
        return owner


def _describe(room: Room, token: str, base_url: str) -> dict[str, Any]:
    return {
        "room": str(room.pk),
        "link": urljoin(base_url, reverse("collab:join", args=[token])),
        "token": token,
        "pages": [
            {"id": str(page.pk), "kind": page.kind, "socket": f"/ws/pages/{page.pk}"}
            for page in room.pages.order_by("position", "id")
        ],
    }


def _for_people(room: Room, described: dict[str, Any]) -> str:
    lines = [f"{room.title} ({described['room']})", f"  link   {described['link']}", f"  token  {described['token']}"]
    lines += [f"  {page['kind']:<9}{page['socket']}" for page in described["pages"]]
    return "\n".join(lines)
