"""From what a run measured to the figures that are reported."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.generator import Outcome

MAX_P99 = 0.1
"""Longest 99th percentile of a server that keeps up, in seconds."""

MAX_GENERATOR_SHARE = 0.9
"""Above this share of its core the generator may be the limit, and a figure a lower bound."""

MAX_OTHERS_SHARE = 0.15
"""Above this share of a core for other programs, on the two that are used, a figure says more about them."""

UNDISTURBED_SHARE = 0.02
"""Up to this share a rate that was not reached was missed by the server; above it may be tried again."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement. Seconds, and numbers per second.

    Attributes:
        cpu_per_delivery: CPU time of the server, divided by deliveries.
        frames_per_delivery: Below 1 where a server merges edits.
        p50, p99: From sending to arrival.
        acknowledged_p95: From sending to acknowledgement.
        server_share: CPU time of the server, divided by time.
        generator_share: The same of the load generator.
        others_share: What other programs used of the two cores.
        late_p99: How much later than planned the generator sent.
    """

    edits_per_second: float
    deliveries_per_second: float
    cpu_per_delivery: float
    frames_per_delivery: float
    p50: float
    p99: float
    acknowledged_p95: float
    missing: int
    server_share: float
    generator_share: float
    others_share: float
    late_p99: float

    @property
    def keeps_up(self) -> bool:
        """Whether nothing is missing and it is quick enough."""
        return self.missing == 0 and self.p99 <= MAX_P99

    @property
    def generator_is_the_limit(self) -> bool:
        """Whether the load generator may have been what was measured."""
        return self.generator_share > MAX_GENERATOR_SHARE

    @property
    def was_disturbed(self) -> bool:
        """Whether other programs took enough of the machine to turn a 99th percentile."""
        return self.others_share > UNDISTURBED_SHARE

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """The figures of one or several runs of the same load, taken together."""
    window = sum(outcome.window for outcome in outcomes)
    delivered = sum(outcome.delivered for outcome in outcomes)
    server = sum(outcome.server_cpu for outcome in outcomes)
    generator = sum(outcome.generator_cpu for outcome in outcomes)
    busy = sum(outcome.busy for outcome in outcomes)
    latencies = _sorted(outcome.latencies for outcome in outcomes)
    return Figures(
        edits_per_second=sum(outcome.edits for outcome in outcomes) / window,
        deliveries_per_second=delivered / window,
        cpu_per_delivery=server / delivered if delivered else 0.0,
        frames_per_delivery=sum(outcome.frames for outcome in outcomes) / delivered if delivered else 0.0,
        p50=quantile(latencies, 0.5),
        p99=quantile(latencies, 0.99),
        acknowledged_p95=quantile(_sorted(outcome.acknowledgements for outcome in outcomes), 0.95),
        missing=sum(outcome.missing for outcome in outcomes),
        server_share=server / window,
        generator_share=generator / window,
        others_share=max(0.0, busy - server - generator) / window,
        late_p99=quantile(_sorted(outcome.lateness for outcome in outcomes), 0.99),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of sorted values lies; 0 when there are none."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def _sorted(parts: Iterable[array[float]]) -> list[float]:
    return sorted(value for part in parts for value in part)
