"""The pinned requirements follow from ``pyproject.toml``, found out without asking any network."""

from __future__ import annotations

import re
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.services import ROOT

FILES = ["requirements.txt", "requirements-dev.txt"]


@cache
def project() -> dict[str, list[Requirement]]:
    """The ranges of ``pyproject.toml``, by the file that pins them."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    running = [Requirement(line) for line in table["dependencies"]]
    testing = [Requirement(line) for line in table["optional-dependencies"]["dev"]]
    return {"requirements.txt": running, "requirements-dev.txt": running + testing}


@cache
def pins(file: str) -> dict[str, Requirement]:
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_inside_its_range(file: str) -> None:
    """Somebody changed pyproject.toml and forgot pip-compile (CONTRIBUTING.md has the command)."""
    for wanted in project()[file]:
        pin = pins(file).get(canonicalize_name(wanted.name))
        assert pin is not None, f"{wanted.name} is not in {file}"
        (version,) = [specifier.version for specifier in pin.specifier]
        assert wanted.specifier.contains(version), f"{file} has {pin}, pyproject.toml wants {wanted}"
        assert str(pin.marker or "") == str(wanted.marker or ""), f"{wanted.name} has other markers in {file}"


@pytest.mark.parametrize("file", FILES)
def test_everything_is_pinned_to_one_version_for_a_reason(file: str) -> None:
    """A line that nothing needs is left over from a requirement that was removed."""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        assert re.match(r"^[a-z0-9-]+==[\w.!+]+( ; .+?)? +# via ", line), line
        named = [name.split("[")[0].strip() for name in line.split("# via ")[1].split(",")]
        known = {*pins(file), "collab (pyproject.toml)", "-c requirements.txt"}
        assert set(named) & known, f"nothing needs {line.split('==')[0]} any more"


def test_tests_run_with_the_versions_that_people_run() -> None:
    """requirements-dev.txt holds all of requirements.txt, so that installing it is enough for both commands."""
    for name, pin in pins("requirements.txt").items():
        assert str(pins("requirements-dev.txt").get(name)) == str(pin)


@pytest.mark.parametrize("file", FILES)
def test_pinned_files_name_no_place_of_the_machine_that_made_them(file: str) -> None:
    """No index, path or host: they install from whatever index the reader's pip uses."""
    text = (ROOT / file).read_text(encoding="utf-8")

    assert not re.search(r"://|--index-url|--extra-index|--find-links |--trusted-host | /\w", text)
