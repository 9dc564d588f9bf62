"""Makes ``manage.py up`` and ``manage.py test`` work on a fresh checkout: ``.venv``, requirements, and back again.

``ensure`` returns when this Python has what the command needs, and otherwise does not return: it continues in the
project's own virtual environment, made or repaired first where needed, or exits with one line saying what to type.

``.venv/collab.json`` says how far we got, so that an installation that was cut off is made anew and changed
requirements are installed again; ``.venv/collab.lock`` lets one process at a time change anything. Standard library
only, and it must parse on Python 3.8.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NoReturn, Optional, Sequence, TextIO

from collab.management.console import Console
from collab.management.ports import AddressProblem, check

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
STATE = os.path.join(VENV, "collab.json")
LOCK = os.path.join(VENV, "collab.lock")
LOG = os.path.join(VENV, "install.log")
REQUIREMENTS = {"up": "requirements.txt", "test": "requirements-dev.txt"}

_UNFINISHED = "unfinished"
_TRIED = "_COLLAB_IN_VENV"

EXIT_FAILED = 1
EXIT_BAD_ARGUMENT = 2
EXIT_INTERRUPTED = 130


class Problem(Exception):
    """The command cannot go on. The message is one line that says what to type next."""


def ensure(arguments: Sequence[str]) -> None:
    """Return if this Python can run the command; otherwise continue in ``.venv`` or exit.

    Args:
        arguments: ``sys.argv``; anything but ``up`` and ``test`` is left alone.
    """
    if len(arguments) < 2 or arguments[1] not in REQUIREMENTS:
        return
    command = arguments[1]
    console = Console()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _stop_on_sigterm)
    try:
        if command == "up" and not _wants_help(arguments):
            check(arguments[2:])
        _ensure(command, console)
    except AddressProblem as problem:
        console.problem(str(problem))
        sys.exit(EXIT_BAD_ARGUMENT)
    except Problem as problem:
        console.problem(str(problem))
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        console.problem("\nStopped.")
        sys.exit(EXIT_INTERRUPTED)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop_on_sigterm(number: int, frame: Any) -> NoReturn:
    """End through the ordinary clean-up, so that a running pip ends with us."""
    raise SystemExit(128 + number)


def _wants_help(arguments: Sequence[str]) -> bool:
    return any(argument in ("-h", "--help") for argument in arguments[2:])


def _ensure(command: str, console: Console) -> None:
    wanted = REQUIREMENTS[command]
    if _inside_venv():
        if _is_ready(wanted) or (not _read_state() and _has_all(wanted)):
            return
        if not _was_made_with_this_python():
            _write_state({"state": _UNFINISHED})
            _continue_with(getattr(sys, "_base_executable", sys.executable))
        with exclusive(LOCK, _say_waiting(console)):
            _install(wanted, sys.executable, console)
        _continue_with(sys.executable)
    if sys.version_info >= NEEDED and _has_all(wanted):
        return
    if not _is_ready(wanted):
        _prepare(wanted, console)
    if os.environ.get(_TRIED) == VENV:
        raise Problem("The Python in .venv does not use it: delete .venv, then type: {}".format(_retry()))
    _continue_with(_venv_python())


def _prepare(wanted: str, console: Console) -> None:
    """Make ``.venv`` where there is none that works, and install what is wanted into it."""
    try:
        os.makedirs(VENV, exist_ok=True)
        with exclusive(LOCK, _say_waiting(console)):
            if _is_ready(wanted):
                return
            if not _works():
                _check_python()
                _make_venv(console)
            _install(wanted, _venv_python(), console)
    except OSError as error:
        raise Problem(
            "Cannot write to {} ({}): make it writable, then type: {}".format(VENV, error.strerror, _retry())
        ) from None


# What is there --------------------------------------------------------------------------------------------------------


def _venv_python() -> str:
    return (
        os.path.join(VENV, "Scripts", "python.exe") if sys.platform == "win32" else os.path.join(VENV, "bin", "python")
    )


def _inside_venv() -> bool:
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def _read_state() -> Dict[str, Any]:
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write_state(state: Dict[str, Any]) -> None:
    draft = STATE + ".new"
    with open(draft, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
        file.write("\n")
    os.replace(draft, STATE)


def _hash(requirements: str) -> str:
    with open(os.path.join(ROOT, requirements), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _is_ready(wanted: str) -> bool:
    """Whether ``.venv`` holds exactly what the requirements file says now."""
    state = _read_state()
    return (
        state.get("state") == "ready"
        and os.path.exists(_venv_python())
        and state.get("installed", {}).get(wanted) == _hash(wanted)
        and (not _inside_venv() or _was_made_with_this_python())
    )


def _was_made_with_this_python() -> bool:
    made_with = _read_state().get("python")
    return made_with is None or made_with == "{}.{}".format(*sys.version_info[:2])


def _works() -> bool:
    """Whether ``.venv`` is a virtual environment one can install into; one that was cut off half-way is not."""
    if _read_state().get("state") == _UNFINISHED or not os.path.exists(_venv_python()):
        return False
    new_enough = "import sys; assert sys.version_info >= {!r}".format(NEEDED)
    if not _succeeds("-c", new_enough):
        return False
    # Some tools make virtual environments without pip: theirs is completed, not replaced.
    return _succeeds("-c", "import pip") or _succeeds("-m", "ensurepip", "--default-pip")


def _succeeds(*arguments: str) -> bool:
    command = [_venv_python(), *arguments]
    return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _has_all(wanted: str) -> bool:
    """Whether this Python, which is not ours, has every pinned package in its pinned version."""
    from importlib.metadata import PackageNotFoundError, version

    with open(os.path.join(ROOT, wanted), encoding="utf-8") as file:
        pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)(\s*;)?", file.read(), re.MULTILINE)
    for name, pinned, marker in pins:
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = None
        if installed != pinned and not (marker and installed is None):
            return False
    return True


# Making it so ---------------------------------------------------------------------------------------------------------


def _check_python() -> None:
    """Refuse a Python that is too old, or that cannot make virtual environments."""
    if sys.version_info < NEEDED:
        raise Problem(
            "Python {}.{} or newer is needed, this is {}.{}: {}".format(
                NEEDED[0], NEEDED[1], sys.version_info[0], sys.version_info[1], _newer_python()
            )
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise Problem("Python's venv module is missing; {}".format(_install_command(package)))


def _newer_python() -> str:
    for minor in range(NEEDED[1] + 9, NEEDED[1] - 1, -1):
        name = "python3.{}".format(minor)
        if shutil.which(name):
            return "type: {}".format(_retry(name))
    if sys.platform == "darwin" and shutil.which("brew"):
        return "type: brew install python@3.12 && {}".format(_retry("python3.12"))
    if sys.platform == "win32":
        return "type: winget install Python.Python.3.12, then: {}".format(_retry("py -3.12"))
    if shutil.which("apt-get"):
        return "{}, then: {}".format(_install_command("python3.11 python3.11-venv"), _retry("python3.11"))
    return "install it from python.org, then type: {}".format(_retry("python3.12"))


def _install_command(package: str) -> str:
    if not shutil.which("apt-get"):
        return "install your system's package for it, then type: {}".format(_retry())
    as_root = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return "type: {}apt-get install -y {}".format(as_root, package)


def _retry(python: Optional[str] = None) -> str:
    """What the person typed, to be typed again."""
    if python is None:
        python = "python" if sys.platform == "win32" else "python3"
    return " ".join([python, "manage.py", *sys.argv[1:]])


def _make_venv(console: Console) -> None:
    with console.step(".venv", "making a virtual environment") as step:
        # Everything but the lock, which we hold.
        for name in os.listdir(VENV):
            path = os.path.join(VENV, name)
            if path == LOCK:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
        _write_state({"state": _UNFINISHED, "ours": True})
        code, said = _run([sys.executable, "-m", "venv", VENV])
        if code != 0:
            raise Problem("Making .venv failed: {}; then type: {}".format(_last_words(said), _retry()))
        step.result = "made with Python {}.{}.{}".format(*sys.version_info[:3])


def _install(wanted: str, python: str, console: Console) -> None:
    with console.step("requirements", "installing " + wanted) as step:
        state = _read_state()
        installed = state.get("installed", {})
        known = {"python": _version_of(python), "ours": state.get("ours", False)}
        # What we made ourselves is made anew if we are cut off now; what somebody else made is only completed.
        _write_state({**known, "state": _UNFINISHED if known["ours"] else "incomplete"})
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        path = os.path.join(ROOT, wanted)
        code, said = _run([python, "-m", "pip", "install", *options, "-r", path])
        with open(LOG, "w", encoding="utf-8") as log:
            log.write(said)
        if code != 0:
            # pip undoes what it could not finish, so that the environment itself is still good.
            _write_state({**known, "state": "incomplete"})
            raise Problem(_why_pip_failed(said))
        # The requirements for tests contain all that running needs, in the same versions.
        covered = list(REQUIREMENTS.values()) if wanted == REQUIREMENTS["test"] else [wanted]
        installed.update({name: _hash(name) for name in covered})
        _write_state({**known, "state": "ready", "installed": installed})
        count = re.findall(r"^Successfully installed (.+)$", said, re.MULTILINE)
        step.result = "{} packages installed".format(len(count[-1].split())) if count else "nothing to install"


def _version_of(python: str) -> str:
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.check_output([python, "-c", question]).decode().strip()


def _why_pip_failed(said: str) -> str:
    unreachable = re.search(r"ConnectionError|ConnectTimeout|ReadTimeout|from versions: none\)", said)
    hint = "Check the network" if unreachable else "See .venv/install.log"
    return "Installing failed: {}. {}, then type: {}".format(_last_words(said).rstrip("."), hint, _retry())


def _last_words(said: str) -> str:
    """The line of a failed program that says most: its last error, or else its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("[notice]")]
    errors = [line for line in lines if line.lower().startswith("error")]
    words = (errors or lines or ["no output"])[-1]
    return words[:300]


def _run(command: List[str]) -> "tuple[int, str]":
    """Run a program to its end; if we are stopped, it and its children are stopped first."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0"},
    )
    try:
        said, _nothing = process.communicate()
    except BaseException:
        _end_group(process)
        raise
    return process.returncode, said.decode("utf-8", "replace")


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a program and what it started, the hard way: pip leaves nothing that we would keep."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def _continue_with(python: str) -> NoReturn:
    """Run the same command line in another Python, in this process where the system can."""
    os.environ[_TRIED] = VENV if python == _venv_python() else ""
    command = [python, os.path.join(ROOT, "manage.py"), *sys.argv[1:]]
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execv(python, command)
    process = subprocess.Popen(command)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue  # Ctrl+C reached the child too, and how it ends is its business


# One at a time --------------------------------------------------------------------------------------------------------


def _say_waiting(console: Console) -> Any:
    def say() -> None:
        console.line("  Another manage.py is installing; waiting for it.")

    return say


@contextmanager
def exclusive(path: str, on_wait: Any = None) -> Iterator[None]:
    """Hold the lock of a file, waiting for whoever holds it. The system frees it if this process dies."""
    with open(path, "a", encoding="utf-8") as file:
        if not _try_lock(file):
            if on_wait is not None:
                on_wait()
            while not _try_lock(file):
                time.sleep(0.1)
        yield


def claim(path: str) -> Optional[TextIO]:
    """Take the lock of a file for as long as the returned file stays open; None if another process has it."""
    file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - the caller keeps it
    if _try_lock(file):
        return file
    file.close()
    return None


def _try_lock(file: TextIO) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
