"""Spreads of transfers' times, and the metrics made of them."""

import pytest
import rlp
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from oracle.bridge.exits import exit_id
from oracle.bridge.latency import DepositTimes, WithdrawalTimes, paid_exit
from oracle.bridge.latency_report import Spread, at_rank, exposition, spreads

AT = "0x" + "11" * 20


def deposit(locked: int, *later: int | None) -> DepositTimes:
    synced, committed, usable = (*later, None, None, None)[:3]
    return DepositTimes(
        sync=1,
        account=AT,
        wei=1,
        transaction="0x",
        locked=locked,
        synced=synced,
        committed=committed,
        usable=usable,
    )


def step(found: list[Spread], name: str) -> Spread:
    return next(one for one in found if f"{one.first}-{one.last}" == name)


def test_spreads__deposits_at_every_stage__counted_where_they_are() -> None:
    found = spreads([deposit(0), deposit(0, 10), deposit(0, 30, 40), deposit(0, 20, 50, 100)], [])
    synced, committed = step(found, "locked-synced"), step(found, "synced-committed")
    assert (synced.done, synced.waiting) == (3, 1)
    assert (synced.median, synced.p95, synced.longest) == (20, 30, 30)
    assert (committed.done, committed.waiting) == (2, 1)
    usable = step(found, "locked-usable")
    assert (usable.done, usable.waiting, usable.median) == (1, 3, 100)


def test_spreads__withdrawals__three_steps() -> None:
    times = [
        WithdrawalTimes(AT, 1, "0x", burnt=5, checkpointed=65, exited=77),
        WithdrawalTimes(AT, 1, "0x", burnt=50, checkpointed=65),
    ]
    found = spreads([], times)
    assert step(found, "burnt-checkpointed").longest == 60
    assert step(found, "checkpointed-exited").done == 1
    assert step(found, "checkpointed-exited").waiting == 1
    assert step(found, "burnt-exited").median == 72


def test_spreads__nothing__no_times() -> None:
    for one in spreads([], []):
        assert (one.done, one.waiting, one.median, one.p95, one.longest) == (0, 0, None, None, None)


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=60), st.integers(1, 100))
def test_at_rank__any_values__so_many_do_not_exceed_it_and_no_fewer_would(
    values: list[int], percent: int
) -> None:
    found = at_rank(sorted(values), percent)
    assert found in values
    assert 100 * sum(v <= found for v in values) >= percent * len(values)
    assert 100 * sum(v < found for v in values) < percent * len(values)


def test_exposition__spreads__parsed_back() -> None:
    text = exposition(spreads([deposit(0, 10), deposit(0, 30), deposit(0)], [])).decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            last = labels.get("quantile") or labels["state"]
            samples[sample.name, labels["kind"], labels["step"], last] = sample.value
    seconds, transfers = "assay_bridge_step_seconds", "assay_bridge_step_transfers"
    assert samples[seconds, "deposit", "locked-synced", "0.5"] == 10
    assert samples[seconds, "deposit", "locked-synced", "1"] == 30
    assert samples[transfers, "deposit", "locked-synced", "done"] == 2
    assert samples[transfers, "deposit", "locked-synced", "waiting"] == 1
    assert (seconds, "withdrawal", "burnt-exited", "0.5") not in samples


@pytest.mark.parametrize(
    "data",
    [
        "",
        "00",
        "3805550f",
        "3805550f" + "00" * 64,
        "3805550f" + encode(["bytes"], [b"no list"]).hex(),
        "3805550f" + encode(["bytes"], [rlp.encode([b""] * 9)]).hex(),
        "3805550f" + encode(["bytes"], [rlp.encode([[b""]] * 10)]).hex(),
        "095ea7b3" + encode(["bytes"], [rlp.encode([b"\0\x80"] * 10)]).hex(),
    ],
    ids=["none", "short", "no-argument", "empty", "no-list", "too-few", "nested", "other-call"],
)
def test_paid_exit__no_exit__none(data: str) -> None:
    assert paid_exit(bytes.fromhex(data)) is None


@given(st.integers(0, 2**40), st.integers(0, 500), st.integers(0, 300))
def test_paid_exit__exit__its_id(block: int, index: int, place: int) -> None:
    fields = [b"", b"", block, b"", b"", b"", b"", b"", b"\0" + rlp.encode(index), place]
    call = bytes.fromhex("3805550f") + encode(["bytes"], [rlp.encode(fields)])
    assert paid_exit(call) == exit_id(block, index, place)
