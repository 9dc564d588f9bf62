"""The table: from a result file to Markdown, and into ``docs/performance.md`` between its markers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.figures import MAX_GENERATOR_SHARE, MAX_OTHERS_SHARE

BEGIN, END = "<!-- figures: begin (python -m bench writes these lines) -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure as it is shown.

    Attributes:
        show: From a server's figures to text.
        value: From the same to the number that ratios are made of; ``None`` where a ratio would compare unlike things.
    """

    name: str
    show: Callable[[Mapping[str, Any]], str]
    value: Callable[[Mapping[str, Any]], float] | None


def _field(name: str, field: str, unit: str, factor: float = 1.0, *, compare: bool = True) -> Row:
    return Row(
        name,
        lambda taken: f"{_rounded(taken[field] * factor)} {unit}".strip(),
        (lambda taken: float(taken[field])) if compare else None,
    )


_ROWS = {
    "paced": (
        _field("server CPU per delivery", "cpu_per_delivery", "us", 1e6),
        _field("delivery, p50", "p50", "ms", 1e3),
        _field("delivery, p99", "p99", "ms", 1e3),
        _field("acknowledged, p95", "acknowledged_p95", "ms", 1e3, compare=False),
        _field("missing", "missing", "", compare=False),
    ),
    "saturated": (
        _field("edits/s", "edits_per_second", ""),
        _field("deliveries/s", "deliveries_per_second", ""),
        _field("server CPU per delivery", "cpu_per_delivery", "us", 1e6),
        _field("delivery, p99", "p99", "ms", 1e3, compare=False),
        _field("missing", "missing", "", compare=False),
    ),
    "large": (
        _field("size as one update", "update_bytes", "KiB", 1 / 1024, compare=False),
        _field("opened cold by one", "cold", "ms", 1e3),
        _field("longest wait on another page meanwhile", "stall", "ms", 1e3),
        _field("the same before", "usual", "ms", 1e3, compare=False),
        _field("opened by 30 at once, all have it", "together", "ms", 1e3),
    ),
    "idle": (
        _field("memory per connection", "bytes_per_connection", "KiB", 1 / 1024),
        _field("joined/s", "joined_per_second", ""),
        _field("server CPU per join", "cpu_per_join", "us", 1e6),
    ),
}

_RATES = {"edits/s", "deliveries/s"}
"""Figures that are lower bounds when the load generator was at its end first."""

_DISTURBED = " \\*"


def table(result: Mapping[str, Any]) -> str:
    """A result as Markdown."""
    versions = result["versions"]
    theirs = f"Hocuspocus {versions['Hocuspocus']}" if "Hocuspocus" in versions else "Hocuspocus"
    lines = [
        f"| Load | Figure | this project | {theirs} | ratio | tutorial design | ratio |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for measurement in result["measurements"]:
        servers = measurement["servers"]
        for number, row in enumerate(_ROWS[measurement["kind"]]):
            title = measurement["title"] if number == 0 else ""
            cells = [title, row.name, _cell(row, servers.get("ours"))]
            for other in ("theirs", "tutorial"):
                cells += [_cell(row, servers[other]), _ratio(row, servers, other)] if other in servers else ["", ""]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_circumstances(result)])


def insert(document: str, figures: str) -> str:
    """The document with new figures between its markers.

    Raises:
        ValueError: It has no markers.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no place for figures")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def _cell(row: Row, taken: Mapping[str, Any] | None) -> str:
    if taken is None:
        return "-"
    disturbed = taken.get("others_share", 0.0) > MAX_OTHERS_SHARE
    at_least = row.name in _RATES and taken.get("generator_share", 0.0) > MAX_GENERATOR_SHARE
    return ("at least " if at_least else "") + row.show(taken) + (_DISTURBED if disturbed else "")


def _ratio(row: Row, servers: Mapping[str, Mapping[str, Any] | None], other: str) -> str:
    ours, theirs = servers.get("ours"), servers.get(other)
    if row.value is None or ours is None or theirs is None or not row.value(theirs):
        return ""
    return f"{row.value(ours) / row.value(theirs):.2f}"


def _rounded(number: float) -> str:
    """Three digits that matter, no more."""
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def _circumstances(result: Mapping[str, Any]) -> list[str]:
    """Where and when, and how far to trust it."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    pinned = (
        "nothing pinned to a core"
        if machine["server_core"] is None
        else f"server on core {machine['server_core']}, generator on core {machine['generator_core']}"
    )
    figures = [
        taken
        for measurement in result["measurements"]
        for taken in measurement["servers"].values()
        if taken is not None and "generator_share" in taken
    ]
    lines = [
        f"Taken {result['taken_at']} at commit {result['commit']}, seed {result['seed']}.",
        f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}; {pinned}. {versions}.",
    ]
    if any(taken["others_share"] > MAX_OTHERS_SHARE for taken in figures):
        lines.append("\\* Other programs were busy on the same cores meanwhile: measure again before you believe it.")
    if figures:
        lines.append(
            f"The generator used at most {max(taken['generator_share'] for taken in figures):.0%} of its core, "
            f"other programs at most {max(taken['others_share'] for taken in figures):.0%} of one core of the two."
        )
    return ["\n".join(lines)]
