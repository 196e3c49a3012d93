"""What many transfers' times come to: spreads of each step, and as metrics for Prometheus."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from oracle.bridge.latency import DepositTimes, WithdrawalTimes
from oracle.bridge.transfers import Kind

_DEPOSIT = (
    ("locked", "synced"),
    ("synced", "committed"),
    ("committed", "usable"),
    ("locked", "usable"),
)
_WITHDRAWAL = (("burnt", "checkpointed"), ("checkpointed", "exited"), ("burnt", "exited"))


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds that a step took, ``first`` to ``last`` by name: of ``done`` transfers; ``waiting``
    ones have begun it and not ended it. The times are None where none is done."""

    kind: Kind
    first: str
    last: str
    done: int
    waiting: int
    median: int | None
    p95: int | None
    longest: int | None


def seconds_of(times: Sequence[object], first: str, last: str) -> list[int]:
    """What each transfer that has both moments took between them, in ascending order."""
    pairs = ((getattr(one, first), getattr(one, last)) for one in times)
    return sorted(end - start for start, end in pairs if start is not None and end is not None)


def spreads(
    deposits: Sequence[DepositTimes], withdrawals: Sequence[WithdrawalTimes]
) -> list[Spread]:
    """Every step's, and those of the whole way."""
    found = [_spread(Kind.DEPOSIT, deposits, *step) for step in _DEPOSIT]
    return found + [_spread(Kind.WITHDRAWAL, withdrawals, *step) for step in _WITHDRAWAL]


def _spread(kind: Kind, times: Sequence[object], first: str, last: str) -> Spread:
    seconds = seconds_of(times, first, last)
    begun = sum(getattr(one, first) is not None for one in times)
    known = bool(seconds)
    return Spread(
        kind=kind,
        first=first,
        last=last,
        done=len(seconds),
        waiting=begun - len(seconds),
        median=at_rank(seconds, 50) if known else None,
        p95=at_rank(seconds, 95) if known else None,
        longest=seconds[-1] if known else None,
    )


def at_rank(ascending: Sequence[int], percent: int) -> int:
    """The least value that ``percent`` of the values do not exceed."""
    return ascending[max(0, -(-percent * len(ascending) // 100) - 1)]


# ---------------------------------------------------------------------- metrics


def families(found: Iterable[Spread]) -> Iterator[Metric]:
    """``assay_bridge_step_seconds`` and ``assay_bridge_step_transfers``."""
    seconds = GaugeMetricFamily(
        "assay_bridge_step_seconds",
        "Block time that a step of recent transfers took",
        labels=("kind", "step", "quantile"),
    )
    counts = GaugeMetricFamily(
        "assay_bridge_step_transfers",
        "Recent transfers that have done the step, and that are in it",
        labels=("kind", "step", "state"),
    )
    for one in found:
        labels = (one.kind.value, f"{one.first}-{one.last}")
        quantiles = (("0.5", one.median), ("0.95", one.p95), ("1", one.longest))
        for name, value in quantiles:
            if value is not None:
                seconds.add_metric((*labels, name), value)
        counts.add_metric((*labels, "done"), one.done)
        counts.add_metric((*labels, "waiting"), one.waiting)
    yield from (seconds, counts)


class _Once(Collector):
    def __init__(self, found: Sequence[Spread]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from families(self._found)


def exposition(found: Sequence[Spread]) -> bytes:
    """The metrics as text, for a file that Prometheus' node exporter reads."""
    registry = CollectorRegistry()
    registry.register(_Once(found))
    return generate_latest(registry)
