"""What an operator's metrics say of burns on their way, by what was looked at."""

from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from oracle.bridge.sights import BridgeSight, VaultSight
from oracle.bridge.sweeping import Left
from oracle.operator.burn_metrics import BurnsSeen, burn_metrics

BRIDGE = BridgeSight(
    root=VaultSight(balance=3, swept=4),
    left=Left(child=1, burnt=10, exits=20, refused=30, root=3),
    owed=2,
    oldest=1_000,
    checkpoint_at=2_000,
    syncs_sent=9,
    syncs_taken=7,
)
SEEN = BurnsSeen(when=5_000.0, child=VaultSight(balance=1, swept=2), bridge=BRIDGE)


def samples(seen: BurnsSeen | None) -> dict[tuple[str, ...], float]:
    """Values by name and label values."""

    class Looks(Collector):
        def collect(self):  # type: ignore[no-untyped-def]
            return burn_metrics(seen)

    registry = CollectorRegistry()
    registry.register(Looks())
    return {
        (sample.name.removeprefix("assay_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_burn_metrics__both_chains_seen__everything_is_there() -> None:
    assert samples(SEEN) == {
        ("burns_look_timestamp_seconds",): 5_000,
        ("vault_balance_wei", "child"): 1,
        ("vault_balance_wei", "root"): 3,
        ("vault_swept_wei", "child"): 2,
        ("vault_swept_wei", "root"): 4,
        ("burns_waiting_wei", "checkpoint"): 10,
        ("burns_waiting_wei", "exit"): 20,
        ("burns_waiting_wei", "refused"): 30,
        ("exits_owed",): 2,
        ("oldest_unexited_burn_timestamp_seconds",): 1_000,
        ("checkpoint_timestamp_seconds",): 2_000,
        ("state_syncs_sent",): 9,
        ("state_syncs_taken",): 7,
    }


def test_burn_metrics__all_is_paid__no_oldest_burn() -> None:
    paid = replace(BRIDGE, owed=0, oldest=None, checkpoint_at=None)
    shown = {name for name, *_ in samples(replace(SEEN, bridge=paid))}
    assert "exits_owed" in shown
    assert {"oldest_unexited_burn_timestamp_seconds", "checkpoint_timestamp_seconds"} & shown == (
        set()
    )


def test_burn_metrics__no_root_chain__the_child_vault_alone() -> None:
    assert samples(replace(SEEN, bridge=None)) == {
        ("burns_look_timestamp_seconds",): 5_000,
        ("vault_balance_wei", "child"): 1,
        ("vault_swept_wei", "child"): 2,
    }


def test_burn_metrics__before_the_first_look__nothing() -> None:
    assert samples(None) == {}
