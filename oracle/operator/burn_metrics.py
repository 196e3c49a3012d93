"""Metrics of burns on their way out of the supply, and of the bridge they take."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from oracle.bridge.sights import BridgeSight, VaultSight
from oracle.operator.observing import CHILD, ROOT


@dataclass(frozen=True, slots=True)
class BurnsSeen:
    """One look, at ``when`` in seconds; ``bridge`` None without a root chain."""

    when: float
    child: VaultSight
    bridge: BridgeSight | None


def burn_metrics(seen: BurnsSeen | None) -> Iterable[Metric]:
    """Every family, those without a value so far included; amounts in wei."""
    bridge = None if seen is None else seen.bridge
    yield _one(
        "assay_burns_look_timestamp_seconds",
        "When burns were looked at",
        None if seen is None else seen.when,
    )
    yield from _vaults(seen)
    yield from _waiting(bridge)
    yield from _bridge(bridge)


def _vaults(seen: BurnsSeen | None) -> Iterable[Metric]:
    balance = GaugeMetricFamily("assay_vault_balance_wei", "In the burn vault", labels=["chain"])
    swept = GaugeMetricFamily("assay_vault_swept_wei", "Ever swept by it", labels=["chain"])
    vaults = [] if seen is None else [(CHILD, seen.child)]
    if seen is not None and seen.bridge is not None:
        vaults.append((ROOT, seen.bridge.root))
    for chain, vault in vaults:
        balance.add_metric([chain], vault.balance)
        swept.add_metric([chain], vault.swept)
    yield balance
    yield swept


def _waiting(bridge: BridgeSight | None) -> Iterable[Metric]:
    waiting = GaugeMetricFamily(
        "assay_burns_waiting_wei", "Swept on the child chain, not paid yet", labels=["for"]
    )
    if bridge is not None:
        waiting.add_metric(["checkpoint"], bridge.left.burnt)
        waiting.add_metric(["exit"], bridge.left.exits)
        waiting.add_metric(["refused"], bridge.left.refused)
    yield waiting
    yield _one(
        "assay_exits_owed",
        "Exits of the vault that the root chain has not paid",
        None if bridge is None else bridge.owed,
    )
    yield _one(
        "assay_oldest_unexited_burn_timestamp_seconds",
        "Block time of the oldest sweep that is not paid",
        None if bridge is None else bridge.oldest,
    )


def _bridge(bridge: BridgeSight | None) -> Iterable[Metric]:
    yield _one(
        "assay_checkpoint_timestamp_seconds",
        "When the newest checkpoint was made",
        None if bridge is None else bridge.checkpoint_at,
    )
    yield _one(
        "assay_state_syncs_sent",
        "Id of the last state sync of the root chain",
        None if bridge is None else bridge.syncs_sent,
    )
    yield _one(
        "assay_state_syncs_taken",
        "Id of the last one that the child chain has seen",
        None if bridge is None else bridge.syncs_taken,
    )


def _one(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
