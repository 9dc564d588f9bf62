"""Fixtures of the torture suite; README.md in this folder says how a row is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.conftest import has_passed
from tests.torture.figures import Figures

T = TypeVar("T")
LONGEST_SHORT = 120
LONGEST_FULL = 3600


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long forms may take their time, and everything here needs services."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.services)
            item.add_marker(pytest.mark.timeout(LONGEST_FULL if config.option.full else LONGEST_SHORT))


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for."""
    return bool(request.config.option.full)


@pytest.fixture
def amounts(full: bool) -> Callable[[T, T], T]:
    """``amounts(short, full)``: the one for this run."""
    return lambda short, long: long if full else short


@pytest.fixture
def figures(request: pytest.FixtureRequest, full: bool) -> Iterator[Figures]:
    """Says the rows of a test."""
    collected = Figures(request.node.name, seed=request.config.option.seed, full=full)
    yield collected
    path = request.config.option.figures
    if path is not None:
        collected.keep(Path(path), passed=has_passed(request.node))
