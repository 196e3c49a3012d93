"""What an operator's metrics, health and readiness say."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from oracle.chain.endpoint import EndpointHealth
from oracle.operator.health import Pulse, health_router
from oracle.operator.metrics import Deadlines, Metrics, Sights
from oracle.operator.worker import Worker
from oracle.settlement.rounds import Action, RoundFacts, Status

DEADLINES = Deadlines(grace=1_000, settle=300)


class Clock:
    """Time that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def facts(status: Status = Status.ANNOUNCED, **changes: object) -> RoundFacts:
    values = {
        "number": 7,
        "status": status,
        "opens": 10,
        "closes": 20,
        "horizon": 30,
        "final_at": None,
        "head": 7,
        "queue_empty": False,
    }
    return RoundFacts(**{**values, **changes})  # type: ignore[arg-type]


def client(metrics: Metrics) -> TestClient:
    app = FastAPI()
    app.include_router(health_router(metrics.pulse, metrics.registry, "0xme"))
    return TestClient(app)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client(metrics).get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


@pytest.mark.parametrize(
    ("now", "phase", "deadline"),
    [(5, "upcoming", 10), (15, "open", 20), (25, "closed", 50), (60, "due", 1_050)],
)
def test_round__in_each_phase__is_shown_with_its_end(now: int, phase: str, deadline: int) -> None:
    metrics = Metrics(Sights(deadlines=DEADLINES))
    metrics.round(facts(), (Action.DRAIN,), now)
    assert value(metrics, "assay_round_phase", round="7", phase=phase) == 1
    name = "assay_round_deadline_timestamp_seconds"
    assert value(metrics, name, round="7", phase=phase) == deadline
    assert value(metrics, "assay_round_actions_due", round="7") == 1
    assert value(metrics, "assay_round_queue_waits", round="7") == 1


def test_round__next_phase__the_one_before_is_gone() -> None:
    metrics = Metrics(Sights(deadlines=DEADLINES))
    metrics.round(facts(), (), 60)
    metrics.round(facts(Status.COMMITTED, final_at=500), (), 70)
    assert value(metrics, "assay_round_phase", round="7", phase="due") is None
    assert value(metrics, "assay_round_phase", round="7", phase="committed") == 1
    name = "assay_round_deadline_timestamp_seconds"
    assert value(metrics, name, round="7", phase="committed") == 500


def test_ended__rounds_before__have_no_series_left() -> None:
    metrics = Metrics(Sights(deadlines=DEADLINES, submissions=lambda number: 5 * number))
    for number in (7, 8):
        metrics.round(facts(number=number), (), 60)
        metrics.signatures(number, 2, 3)
        metrics.settled(number, 1, 4)
    metrics.ended(8)
    rounds = {dict(labels).get("round") for _, labels in samples(metrics)}
    assert rounds == {None, "8"}
    assert value(metrics, "assay_round_submissions", round="8") == 40
    assert value(metrics, "assay_round_signatures", round="8") == 2
    assert value(metrics, "assay_round_signatures_needed", round="8") == 3


def test_metrics__cycles_money_and_faults__are_counted() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    metrics.cycle(0.2, "")
    metrics.cycle(0.2, "UnreachableError")
    metrics.balance("0xme", 10**18)
    metrics.spent("commit", 100_000, 7)
    metrics.spent("commit", 1, 7)
    metrics.balance("0xme", 5, chain="root")
    metrics.spent("exit", 3, 11, chain="root")
    metrics.transactions(2)
    metrics.transactions(1, chain="root")
    metrics.equivocation("0xyou", 7)
    metrics.differs(7)
    assert value(metrics, "assay_cycles_total", outcome="ok") == 1
    assert value(metrics, "assay_cycles_total", outcome="error") == 1
    assert value(metrics, "assay_last_cycle_timestamp_seconds") == clock.now
    assert value(metrics, "assay_balance_wei", chain="child", account="0xme") == 10**18
    assert value(metrics, "assay_balance_wei", chain="root", account="0xme") == 5
    assert value(metrics, "assay_gas_used_total", chain="child", call="commit") == 100_001
    assert value(metrics, "assay_fees_wei_total", chain="child", call="commit") == 14
    assert value(metrics, "assay_fees_wei_total", chain="root", call="exit") == 11
    assert value(metrics, "assay_transactions_pending", chain="child") == 2
    assert value(metrics, "assay_transactions_pending", chain="root") == 1
    assert value(metrics, "assay_equivocations_total") == 1
    assert value(metrics, "assay_results_differ_total") == 1


def test_metrics__asked_for__look_at_endpoints_and_disks_then(tmp_path: Path) -> None:
    health = [EndpointHealth("http://a:1", True, 12, 10, 3, 1, "", 5)]
    sights = Sights(
        endpoints=lambda: health,
        folders=[tmp_path],
        oldest_pending=lambda: {"child": 9.0, "root": 2.0},
        index_gaps=lambda: 2,
    )
    metrics = Metrics(sights)
    assert value(metrics, "assay_rpc_healthy", host="http://a:1") == 1
    assert value(metrics, "assay_rpc_head_block", host="http://a:1") == 12
    assert value(metrics, "assay_rpc_disagreements_total", host="http://a:1") == 1
    assert value(metrics, "assay_rpc_unconfirmed_total", host="http://a:1") == 5
    assert value(metrics, "assay_index_gaps_total") == 2
    name = "assay_oldest_pending_transaction_seconds"
    assert value(metrics, name, chain="child") == 9
    assert value(metrics, name, chain="root") == 2
    assert (value(metrics, "assay_disk_free_bytes", folder=str(tmp_path)) or 0) > 0
    health[0] = EndpointHealth("http://a:1", False, 12, 10, 4, 1, "does not answer")
    assert value(metrics, "assay_rpc_healthy", host="http://a:1") == 0
    assert value(metrics, "assay_rpc_errors_total", host="http://a:1") == 4


def test_health__cycle_stalls__503_until_one_ends() -> None:
    clock = Clock()
    metrics = Metrics(pulse=Pulse(stall=60, clock=clock))
    asked = client(metrics)
    assert asked.get("/healthz").status_code == 200
    clock.now += 61
    answer = asked.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["stalled"] is True
    metrics.cycle(61.0, "")
    assert asked.get("/healthz").status_code == 200


def test_ready__before_a_good_cycle__503_says_why() -> None:
    metrics = Metrics()
    asked = client(metrics)
    assert asked.get("/readyz").status_code == 503
    metrics.cycle(0.1, "UnreachableError")
    reasons = asked.get("/readyz").json()["reasons"]
    assert "the last cycle failed (UnreachableError); see the log" in reasons
    metrics.block(5, 100)
    metrics.cycle(0.1, "")
    assert asked.get("/readyz").json() == {"ready": True, "reasons": []}


def test_health__a_cycle_fails__its_class_is_told_and_not_its_text() -> None:
    """A text may quote a row of the targets."""
    stop, metrics = threading.Event(), Metrics()

    def finalized() -> None:
        stop.set()
        raise ValueError("targets.csv: row 17 is n123,0.75")

    context = SimpleNamespace(reader=SimpleNamespace(finalized=finalized), observe=metrics)
    duties: Any = SimpleNamespace(context=context)
    worker = Worker(duties)
    worker.run(stop, 0.0)
    asked = client(metrics)
    assert "row 17" in worker.error
    assert asked.get("/healthz").json()["error"] == "ValueError"
    assert (
        "the last cycle failed (ValueError); see the log" in asked.get("/readyz").json()["reasons"]
    )
    assert [p for p in ("/healthz", "/readyz", "/metrics") if "0.75" in asked.get(p).text] == []
