"""``manage.py create_room``."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collab import access
from collab.models import Role, Room
from tests import factories

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_room", *arguments, stdout=out)
    return out.getvalue()


def test_scripts_get_one_json_object_with_all_they_need() -> None:
    printed = run("--title", "Sprint planning", "--link", "editor", "--json")
    answer: dict[str, Any] = json.loads(printed)

    room = Room.objects.get()
    assert printed.count("\n") == 1
    assert list(answer) == ["room", "link", "token", "pages"]
    assert (answer["room"], room.title) == (str(room.pk), "Sprint planning")
    assert answer["link"] == f"/join/{answer['token']}/"
    assert [(page["kind"], page["socket"]) for page in answer["pages"]] == [
        ("board", f"/ws/pages/{answer['pages'][0]['id']}"),
        ("document", f"/ws/pages/{answer['pages'][1]['id']}"),
    ]


@pytest.mark.parametrize("role", ["editor", "commenter", "viewer"])
def test_the_printed_token_admits_with_the_chosen_role(role: str) -> None:
    answer = json.loads(run("--link", role, "--json"))

    grant = access.admit_scope_to_room({"query_string": f"token={answer['token']}".encode()}, answer["room"])

    assert grant.role == role


def test_the_link_is_a_whole_address_when_the_host_is_known() -> None:
    answer = json.loads(run("--json", "--base-url", "https://board.example.org"))

    assert answer["link"] == f"https://board.example.org/join/{answer['token']}/"


def test_people_get_lines() -> None:
    printed = run("--title", "Sprint planning", "--owner", factories.account("alice").username)

    assert printed.startswith("Sprint planning (")
    assert "/join/" in printed
    assert Room.objects.get().memberships.get().role == Role.OWNER


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--title", "\u200b"], "title"),
        (["--title", "x" * 200], "title"),
        (["--owner", "nobody"], "no account"),
        (["--link", "owner"], "invalid choice"),
        (["--base-url", "board.example.org"], "http"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_made(arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as caught:
        run(*arguments, "--json")

    assert caught.value.returncode != 0
    assert not Room.objects.exists()
