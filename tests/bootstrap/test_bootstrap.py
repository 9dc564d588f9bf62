"""``manage.py up`` and ``test`` from nothing: what is made, what is said, and how it ends when it cannot go on."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bootstrap.checkouts import FILES, Checkout
from tests.services import ROOT, free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plays other Pythons with shell scripts")


@pytest.mark.parametrize("name", FILES)
def test_everything_that_runs_before_django_parses_on_python_3_8(name: str) -> None:
    """An old Python must get as far as saying that it is too old."""
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_a_fresh_checkout_makes_its_environment_installs_and_goes_on_there(
    first_start: subprocess.CompletedProcess[str],
) -> None:
    """One command is all that somebody who just cloned the repository types."""
    assert first_start.returncode == 0, first_start.stderr
    lines = first_start.stdout.splitlines()
    assert lines[0].split()[:3] == [".venv", "made", "with"]
    assert lines[0].split()[-1] == "s"
    assert lines[1].split()[:4] == ["requirements", "1", "packages", "installed"]
    assert lines[2] == "arrived up --port 0"
    assert lines[3].startswith("prefix ")
    assert lines[3].endswith(".venv")
    assert first_start.stderr == ""


def test_the_second_start_installs_nothing_and_uses_the_environment(started: Checkout) -> None:
    """Five seconds are allowed for a warm start: none of them may go to pip."""
    again = started.run("up", "--port", "0")

    assert again.stdout.splitlines() == ["arrived up --port 0", f"prefix {started.venv}"]
    assert again.returncode == 0


def test_the_environments_own_python_goes_straight_on(started: Checkout) -> None:
    """Whoever activated .venv is not sent around."""
    again = started.run("up", "--port", "0", python=started.venv / "bin" / "python")

    assert again.stdout.splitlines() == ["arrived up --port 0", f"prefix {started.venv}"]


def test_changed_requirements_are_installed_again(started: Checkout) -> None:
    """After a pull that raises a version, the old one must not run."""
    started.require("django==1.1")

    again = started.run("up", "--port", "0")

    assert "1 packages installed" in again.stdout
    assert list(started.venv.glob("lib/*/site-packages/django-1.1.dist-info"))


def test_changed_requirements_are_installed_again_from_inside_the_environment(started: Checkout) -> None:
    """The same holds for somebody who activated .venv."""
    started.require("django==1.1")

    again = started.run("up", "--port", "0", python=started.venv / "bin" / "python")

    assert "1 packages installed" in again.stdout
    assert "arrived up --port 0" in again.stdout


def test_the_test_command_installs_what_testing_needs(started: Checkout) -> None:
    """up must not pay for test tools, and test must not fail for want of them."""
    assert not list(started.venv.glob("lib/*/site-packages/extra.py"))

    tested = started.run("test", "-k", "wire")

    assert "arrived test -k wire" in tested.stdout
    assert list(started.venv.glob("lib/*/site-packages/extra.py"))


def test_what_testing_needs_is_enough_for_running(started: Checkout) -> None:
    """Switching between the two commands must not install anything back and forth."""
    started.run("test")

    assert "installed" not in started.run("up", "--port", "0").stdout


def test_other_commands_are_left_alone(fresh: Checkout) -> None:
    """manage.py stays Django's: migrate in somebody's own environment must not make another one."""
    migrated = fresh.run("migrate")

    assert migrated.returncode == 1
    assert "pip install -r requirements.txt" in migrated.stderr
    assert not fresh.venv.exists()


def test_a_python_that_has_everything_is_used_as_it_is(fresh: Checkout, started: Checkout, tmp_path: Path) -> None:
    """A container, or an environment of one's own with the pinned versions, needs no second one."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(started.venv, elsewhere, symlinks=True)
    shutil.rmtree(started.venv)

    run = started.run("up", "--port", "0", python=elsewhere / "bin" / "python")

    assert run.stdout.splitlines() == ["arrived up --port 0", f"prefix {elsewhere}"]
    assert not started.venv.exists()


def test_a_python_that_is_too_old_is_told_what_to_type(fresh: Checkout) -> None:
    """The commonest first hurdle on older systems."""
    (fresh.root / "bin").mkdir()
    (fresh.root / "bin" / "python3.12").symlink_to(sys.executable)
    fresh.env["PATH"] = f"{fresh.root / 'bin'}:/usr/bin:/bin"
    old = fresh.python_that("old-python", "sys.version_info = (3, 8, 10, 'final', 0)")

    refused = fresh.run("up", "--port", "0", python=old)

    assert refused.returncode == 1
    assert refused.stderr == ("Python 3.11 or newer is needed, this is 3.8: type: python3.12 manage.py up --port 0\n")
    assert not list(fresh.venv.glob("bin"))


def test_an_old_python_can_still_start_an_environment_that_is_ready(started: Checkout) -> None:
    """Made once with a newer Python, .venv serves whatever python3 happens to be."""
    old = started.python_that("old-python", "sys.version_info = (3, 8, 10, 'final', 0)")

    assert "arrived up" in started.run("up", "--port", "0", python=old).stdout


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_the_command_that_brings_it(fresh: Checkout, module: str) -> None:
    """Debian splits it off."""
    (fresh.root / "bin").mkdir()
    (fresh.root / "bin" / "apt-get").symlink_to("/bin/true")
    fresh.env["PATH"] = f"{fresh.root / 'bin'}:{fresh.env['PATH']}"
    bare = fresh.python_that("bare-python", f"sys.modules['{module}'] = None")

    refused = fresh.run("up", "--port", "0", python=bare)

    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith("Python's venv module is missing; type: ")
    assert line.endswith(f"apt-get install -y python3.{sys.version_info[1]}-venv")


def test_an_installation_that_fails_ends_in_one_line_and_the_next_start_recovers(started: Checkout) -> None:
    """No network is the commonest reason; pip's own pages of output do not help."""
    started.require("django==9.9")
    failed = started.run("up", "--port", "0")

    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line == (
        "Installing failed: ERROR: No matching distribution found for django==9.9."
        " See .venv/install.log, then type: python3 manage.py up --port 0"
    )

    started.require("django==1.1")
    assert "arrived" in started.run("up", "--port", "0").stdout


def test_an_index_that_cannot_be_reached_points_at_the_network(started: Checkout) -> None:
    """The person should look at the network, not at a log."""
    started.require("django==9.9")
    del started.env["PIP_NO_INDEX"], started.env["PIP_FIND_LINKS"]
    started.env.update({"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple", "PIP_RETRIES": "0"})

    failed = started.run("up", "--port", "0")

    assert failed.returncode == 1
    assert "Check the network, then type: python3 manage.py up --port 0" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("damage", ["cut off", "no python", "empty"])
def test_a_half_made_environment_is_made_anew(started: Checkout, damage: str) -> None:
    """Somebody pressed Ctrl+C, the disk was full, or the Python it was made with is gone."""
    if damage == "cut off":
        state = started.venv / "collab.json"
        state.write_text(json.dumps({**json.loads(state.read_text()), "state": "unfinished"}))
    elif damage == "no python":
        (started.venv / "bin" / "python").unlink()
    else:
        shutil.rmtree(started.venv)
        started.venv.mkdir()

    again = started.run("up", "--port", "0")

    assert again.returncode == 0, again.stderr
    assert "made with Python" in again.stdout
    assert "arrived up" in again.stdout


def test_an_environment_of_another_python_version_is_made_anew(started: Checkout) -> None:
    """An upgraded system Python does not see the packages of the old one."""
    state = started.venv / "collab.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "python": "3.10"}))

    again = started.run("up", "--port", "0")

    assert "made with Python" in again.stdout
    assert "arrived up" in again.stdout


def test_an_environment_that_somebody_made_by_hand_is_completed_not_replaced(started: Checkout) -> None:
    """It may hold tools of theirs."""
    (started.venv / "collab.json").unlink()
    (started.venv / "theirs").write_text("keep")
    started.require("django==1.1")

    again = started.run("up", "--port", "0")

    assert "arrived up" in again.stdout
    assert (started.venv / "theirs").exists()


def test_a_place_that_cannot_be_written_to_is_named(fresh: Checkout) -> None:
    """For instance a checkout that belongs to somebody else."""
    fresh.venv.write_text("in the way")

    refused = fresh.run("up", "--port", "0")

    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Cannot write to {fresh.venv} (")


def test_two_at_once_do_not_disturb_each_other(started: Checkout) -> None:
    """A person types up in one terminal and test in another."""
    started.require("django==1.1")
    started.require("django==1.1", "extra==1.0", file="requirements-dev.txt")

    running = [started.start(*words) for words in (["up", "--port", "0"], ["test"], ["up", "--port", "0"])]
    outputs = [process.communicate(timeout=180) for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert all("arrived" in out for out, _err in outputs)
    assert json.loads((started.venv / "collab.json").read_text())["state"] == "ready"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_an_installation_stops_pip_and_leaves_no_traceback(
    started: Checkout, number: signal.Signals, code: int
) -> None:
    """And the next start begins anew instead of using what is half there."""
    started.require("django==1.1")
    del started.env["PIP_NO_INDEX"], started.env["PIP_FIND_LINKS"]
    with socket.create_server(("127.0.0.1", 0)) as silent_index:
        silent_index.settimeout(60)
        started.env["PIP_INDEX_URL"] = f"http://127.0.0.1:{silent_index.getsockname()[1]}/simple"
        process = started.start("up", "--port", "0")
        connection, _address = silent_index.accept()
        connection.settimeout(60)
        connection.recv(65536)
        os.kill(process.pid, number)
        _out, err = process.communicate(timeout=60)

        assert process.returncode == code
        assert "Traceback" not in err
        assert connection.recv(1) == b"", "pip still holds its connection"
        connection.close()
    assert json.loads((started.venv / "collab.json").read_text())["state"] == "unfinished"


def test_a_taken_port_is_reported_before_anything_is_made(fresh: Checkout) -> None:
    """Nobody wants to wait for an installation to read that."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        refused = fresh.run("up", "--port", str(port))

    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Port {port} is taken: stop what runs there, or type --port ")
    assert refused.stdout == ""
    assert not fresh.venv.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "There is no port 70000"),
        (["--host", "host.invalid"], "host.invalid is not a host name this machine knows"),
        (["--host", "192.0.2.77"], "192.0.2.77 is not an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_reported_before_anything_is_made(
    fresh: Checkout, arguments: list[str], said: str
) -> None:
    """Each with its remedy, and the exit code of a wrong argument."""
    refused = fresh.run("up", *arguments)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "--" in refused.stderr
    assert not fresh.venv.exists()


def test_a_terminal_sees_what_is_being_done_and_in_colour(started: Checkout) -> None:
    """On a terminal a long step must not look like a hang; in a file there are no escape sequences."""
    import pty

    started.require("django==1.1")
    parent, child = pty.openpty()
    env = {name: value for name, value in started.env.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        started.command("up", "--port", "0"), cwd=started.root, env={**env, "TERM": "xterm"}, stdout=child
    )
    os.close(child)
    shown = b""
    try:
        while chunk := os.read(parent, 4096):
            shown += chunk
    except OSError:  # Linux reports the end of a terminal so
        pass
    os.close(parent)

    assert process.wait(60) == 0
    assert b"installing requirements.txt ..." in shown
    assert b"\x1b[32m" in shown
