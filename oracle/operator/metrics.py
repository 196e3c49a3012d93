"""An operator's metrics for Prometheus: what its loop tells, and what a look shows."""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from oracle.chain.endpoint import EndpointHealth
from oracle.operator.burn_metrics import BurnsSeen, burn_metrics
from oracle.operator.health import Pulse
from oracle.operator.observing import CHILD, Observer
from oracle.settlement.rounds import Action, Phase, RoundFacts, phase

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Lengths of what follows a round's horizon, in seconds."""

    grace: int
    settle: int

    def of(self, facts: RoundFacts, stage: Phase) -> int | None:
        """When the phase ends, by itself or badly; None where it has no end of its own."""
        ends: Mapping[Phase, int | None] = {
            Phase.UPCOMING: facts.opens,
            Phase.OPEN: facts.closes,
            Phase.CLOSED: facts.due,
            Phase.DUE: facts.due + self.grace,
            Phase.COMMITTED: facts.final_at,
            Phase.FINAL: facts.void_at or (facts.final_at or 0) + self.settle,
        }
        return ends.get(stage)


@dataclass
class Sights:
    """What can be looked at whenever metrics are asked for, without asking the chain.

    ``oldest_pending``: by chain, the age in seconds of its oldest transaction in no block.
    """

    endpoints: Callable[[], Sequence[EndpointHealth]] = lambda: ()
    folders: Sequence[Path] = ()
    oldest_pending: Callable[[], Mapping[str, float]] = dict
    submissions: Callable[[int], int] = lambda number: 0
    index_gaps: Callable[[], int] = lambda: 0
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(0, 0))
    burns: Callable[[], BurnsSeen | None] = lambda: None


class Metrics(Observer):
    """``registry`` holds all; docs/operators.md lists them. ``pulse`` hears of cycles too."""

    def __init__(
        self,
        sights: Sights | None = None,
        pulse: Pulse | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.registry = CollectorRegistry()
        self.sights, self.pulse = sights or Sights(), pulse or Pulse()
        self._clock = clock
        self._shown: dict[int, Phase] = {}
        self.info = self._made(Info, "assay_operator", "Who this is")
        self._cycles = self._made(Counter, "assay_cycles", "Cycles ended", "outcome")
        self._cycle_seconds = Histogram(
            "assay_cycle_seconds", "Length of a cycle", buckets=_SECONDS, registry=self.registry
        )
        self._last_cycle = self._gauge("assay_last_cycle_timestamp_seconds", "End of a cycle")
        self._finalized = self._gauge("assay_finalized_block", "Finalized block looked at")
        self._finalized_at = self._gauge(
            "assay_finalized_block_timestamp_seconds", "Its time on the chain"
        )
        self._phases = self._gauge("assay_round_phase", "1 for the phase", "round", "phase")
        self._deadlines = self._gauge(
            "assay_round_deadline_timestamp_seconds", "End of the phase", "round", "phase"
        )
        self._due = self._gauge("assay_round_actions_due", "What is due", "round")
        self._queued = self._gauge("assay_round_queue_waits", "1 if requests wait", "round")
        self._signatures = self._gauge(
            "assay_round_signatures", "Operators that signed the same", "round"
        )
        self._needed = self._gauge("assay_round_signatures_needed", "Needed", "round")
        self._settled = self._gauge("assay_round_batches_settled", "Batches applied", "round")
        self._batches = self._gauge("assay_round_batches", "Batches in all", "round")
        self._pending = self._gauge(
            "assay_transactions_pending", "Transactions in no block yet", "chain"
        )
        self._balance = self._gauge("assay_balance_wei", "Gas money", "chain", "account")
        self._gas = self._made(
            Counter, "assay_gas_used", "Gas of mined transactions", "chain", "call"
        )
        self._fees = self._made(
            Counter, "assay_fees_wei", "Fees of mined transactions", "chain", "call"
        )
        self._twice = self._made(
            Counter, "assay_equivocations", "Operators seen to sign two results"
        )
        self._differs = self._made(
            Counter, "assay_results_differ", "Quorum results that are not this operator's"
        )
        self.registry.register(_Looks(self.sights, self._shown))

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _made(self, kind, name: str, text: str, *labels: str):  # type: ignore[no-untyped-def]
        return kind(name, text, labels, registry=self.registry)

    # ------------------------------------------------------------------ what the loop tells

    def cycle(self, seconds: float, error: str) -> None:
        self._cycles.labels("error" if error else "ok").inc()
        self._cycle_seconds.observe(seconds)
        self._last_cycle.set(self._clock())
        self.pulse.cycle(seconds, error)

    def block(self, number: int, timestamp: int) -> None:
        self._finalized.set(number)
        self._finalized_at.set(timestamp)
        self.pulse.block(number, timestamp)

    def round(self, facts: RoundFacts, actions: tuple[Action, ...], now: int) -> None:
        number, stage = facts.number, phase(facts, now)
        before = self._shown.get(number)
        if before is not None and before is not stage:
            self._forget_phase(number, before)
        self._shown[number] = stage
        self._phases.labels(number, stage.value).set(1)
        deadline = self.sights.deadlines.of(facts, stage)
        if deadline is not None:
            self._deadlines.labels(number, stage.value).set(deadline)
        self._due.labels(number).set(len(actions))
        self._queued.labels(number).set(not facts.queue_empty)

    def signatures(self, number: int, count: int, needed: int) -> None:
        self._signatures.labels(number).set(count)
        self._needed.labels(number).set(needed)

    def settled(self, number: int, batches: int, of: int) -> None:
        self._settled.labels(number).set(batches)
        self._batches.labels(number).set(of)

    def ended(self, before: int) -> None:
        for number in [n for n in self._shown if n < before]:
            self._forget_phase(number, self._shown.pop(number))
            for gauge in (
                self._due,
                self._queued,
                self._signatures,
                self._needed,
                self._settled,
                self._batches,
            ):
                _without(gauge, number)

    def _forget_phase(self, number: int, stage: Phase) -> None:
        for gauge in (self._phases, self._deadlines):
            _without(gauge, number, stage.value)

    def transactions(self, pending: int, chain: str = CHILD) -> None:
        self._pending.labels(chain).set(pending)

    def balance(self, account: str, wei: int, chain: str = CHILD) -> None:
        self._balance.labels(chain, account).set(wei)

    def spent(self, call: str, gas: int, wei: int, chain: str = CHILD) -> None:
        self._gas.labels(chain, call).inc(gas)
        self._fees.labels(chain, call).inc(wei)

    def equivocation(self, operator: str, number: int) -> None:
        self._twice.inc()

    def differs(self, number: int) -> None:
        self._differs.inc()


def _without(gauge: Gauge, *labels: object) -> None:
    """Drops one series, if there is one."""
    try:
        gauge.remove(*labels)
    except KeyError:
        return


class _Looks(Collector):
    """Metrics that are read when they are asked for."""

    def __init__(self, sights: Sights, rounds: Mapping[int, Phase]) -> None:
        self._sights, self._rounds = sights, rounds

    def collect(self) -> Iterable[Metric]:
        yield from _endpoint_metrics(self._sights.endpoints())
        free = GaugeMetricFamily("assay_disk_free_bytes", "Free space", labels=["folder"])
        for folder in self._sights.folders:
            if folder.exists():
                free.add_metric([str(folder)], shutil.disk_usage(folder).free)
        yield free
        files = GaugeMetricFamily("assay_round_submissions", "Files kept", labels=["round"])
        for number in sorted(self._rounds):
            files.add_metric([str(number)], self._sights.submissions(number))
        yield files
        yield GaugeMetricFamily(
            "assay_index_gaps_total",
            "How often the index of events lacked logs",
            self._sights.index_gaps(),
        )
        oldest = GaugeMetricFamily(
            "assay_oldest_pending_transaction_seconds",
            "Age of the oldest transaction in no block",
            labels=["chain"],
        )
        for chain, seconds in self._sights.oldest_pending().items():
            oldest.add_metric([chain], seconds)
        yield oldest
        yield from burn_metrics(self._sights.burns())


def _endpoint_metrics(health: Sequence[EndpointHealth]) -> Iterable[Metric]:
    shown: Mapping[str, tuple[str, Callable[[EndpointHealth], float]]] = {
        "assay_rpc_healthy": ("1 if the endpoint is used", lambda e: float(e.healthy)),
        "assay_rpc_head_block": ("Its newest block", lambda e: e.head),
        "assay_rpc_finalized_block": ("Its finalized block", lambda e: e.finalized),
        "assay_rpc_errors_total": ("Requests it did not answer", lambda e: e.errors),
        "assay_rpc_disagreements_total": (
            "Answers that differed from the others'",
            lambda e: e.disagreements,
        ),
        "assay_rpc_unconfirmed_total": (
            "Answers that it alone gave where others refused",
            lambda e: e.unconfirmed,
        ),
    }
    for name, (text, value) in shown.items():
        family = GaugeMetricFamily(name, text, labels=["host"])
        for endpoint in health:
            family.add_metric([endpoint.host], value(endpoint))
        yield family
