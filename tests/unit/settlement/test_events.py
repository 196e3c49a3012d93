"""StakePool's events applied to the reference model: what each changes, and what does not fit.

The chain's own events are replayed in tests/contracts/test_indexer.py.
"""

import re
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.events import (
    POOL_EVENTS,
    EventError,
    PoolEvent,
    SettledBatch,
    apply_event,
)
from oracle.settlement.payout import Coefficients
from oracle.settlement.reference import Progress, ReferencePool
from oracle.settlement.units import COMPOUND, MAX_SCORE, RELEASE_ALL, SCALE_ONE, TAKE_PROFIT
from oracle.settlement.words import Lane, QueueRecord, ScoreLane, score_words

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
NOW = 1_000
COEFFICIENTS = Coefficients((10**6, 0, 0), 10**11, 5 * 10**10, 0, SCALE_ONE)
SHOWN = {"c1": 10**6, "c2": 0, "c3": 0, "up": 10**11, "down": 5 * 10**10, "hk": 0}
SHOWN["scale"] = SCALE_ONE
WORDS = score_words({0: ScoreLane((-MAX_SCORE, 0, 0)), 1: ScoreLane((MAX_SCORE, 0, 0))}, 1)
BATCHES = [Batch(0, tuple(WORDS)), Batch(1, (0,))]
LINKS = [*chain(BATCHES), END]


def event(name: str, **arguments: Any) -> PoolEvent:
    return PoolEvent(name, arguments, NOW)


def apply(pool: ReferencePool, *events: PoolEvent) -> None:
    for one in events:
        apply_event(pool, one)


@pytest.fixture
def pool() -> ReferencePool:
    """Round 1 is closed and the head; models 0 and 1 have stakes, model 1 something to claim."""
    return ReferencePool(
        lanes={0: Lane(1_000), 1: Lane(2_000, take_profit=True)},
        out={1: 30},
        closes={0: 1, 1: NOW - 1},
        last_announced=1,
        vault=5_000,
        burn_owed=7,
    )


@pytest.fixture
def begun(pool: ReferencePool) -> ReferencePool:
    apply(
        pool,
        event("RoundBegun", round=1, coefficients=SHOWN, chain_head=LINKS[0], words=2, at_risk=0),
    )
    return pool


# --- the list of events ---


def test_events__declared_in_the_contract__are_all_known() -> None:
    sources = [CONTRACTS / "polygon" / "StakePool.vy"]
    sources += [CONTRACTS / "modules" / f"{m}.vy" for m in ("calendar", "books", "requests")]
    sources += [CONTRACTS / "modules" / f"{m}.vy" for m in ("lanes", "payout")]
    text = "\n".join(source.read_text() for source in sources)
    assert sorted(re.findall(r"^event (\w+):", text, re.MULTILINE)) == sorted(POOL_EVENTS)


def test_apply__unknown_event__named(pool: ReferencePool) -> None:
    with pytest.raises(EventError, match="Transfer is not an event of the pool"):
        apply(pool, event("Transfer"))


# --- requests and rounds ---


def test_apply__requests__make_one_record_a_model_in_their_order(pool: ReferencePool) -> None:
    apply(
        pool,
        event("Deposited", round=2, model=3, owner="0x", amount=10),
        event("ModeRequested", round=2, model=0, mode=TAKE_PROFIT),
        event("Deposited", round=2, model=3, owner="0x", amount=5),
        event("ReleaseRequested", round=2, model=3, amount=4),
        event("ModeRequested", round=2, model=0, mode=COMPOUND),
    )
    assert list(pool.queues[2].items()) == [
        (3, QueueRecord(deposit=15, release=4)),
        (0, QueueRecord(mode=COMPOUND)),
    ]


@pytest.mark.parametrize("amount", [RELEASE_ALL, RELEASE_ALL + 1, 2**256 - 1])
def test_apply__release_of_all__saturates(pool: ReferencePool, amount: int) -> None:
    apply(pool, event("ReleaseRequested", round=2, model=0, amount=9))
    apply(pool, event("ReleaseRequested", round=2, model=0, amount=amount))
    assert pool.queues[2][0].release == RELEASE_ALL


def test_apply__drained__takes_the_newest_records_first(pool: ReferencePool) -> None:
    for model in (0, 1, 2):
        apply(pool, event("Deposited", round=1, model=model, owner="0x", amount=100))
    apply(pool, event("ReleaseRequested", round=1, model=2, amount=40))
    apply(pool, event("Drained", round=1, records=2, deposited=200, released=40))
    assert pool.lanes == {0: Lane(1_000), 1: Lane(2_100, take_profit=True), 2: Lane(60)}
    assert (list(pool.queues[1]), pool.out) == ([0], {1: 30, 2: 40})
    apply(pool, event("Drained", round=1, records=1, deposited=100, released=0))
    assert pool.queues == {}


def test_apply__round_scheduled_and_skipped__close_then_and_now(pool: ReferencePool) -> None:
    apply(pool, event("RoundScheduled", round=2, close=NOW + 5))
    assert (pool.last_announced, pool.closes[2]) == (2, NOW + 5)
    apply(pool, event("RoundSkipped", round=3))
    assert (pool.last_announced, pool.closes[3], pool.skipped) == (3, NOW, {3})


def test_apply__void_called_and_round_voided__the_next_round_is_head(begun: ReferencePool) -> None:
    apply(begun, event("VoidCalled", round=1, void_at=NOW + 9))
    assert begun.void_at == {1: NOW + 9}
    apply(begun, event("RoundVoided", round=1))
    assert (begun.head, begun.head_since, begun.progress) == (2, NOW, None)


def test_apply__paused_and_wound_down__are_remembered(pool: ReferencePool) -> None:
    apply(pool, event("Paused", until=NOW + 60), event("WoundDown"))
    assert (pool.paused_until, pool.wound_down) == (NOW + 60, True)


# --- money ---


def test_apply__funded_flushed_claimed__move_their_amounts(pool: ReferencePool) -> None:
    apply(
        pool,
        event("Funded", sender="0x", amount=11),
        event("BurnFlushed", amount=7),
        event("Claimed", model=1, payout="0x", amount=30),
    )
    assert (pool.vault, pool.burn_owed, pool.out) == (5_011, 0, {})


def test_apply__exited__takes_stake_claimable_and_the_named_deposits(pool: ReferencePool) -> None:
    for k in (1, 2):
        apply(pool, event("Deposited", round=k, model=1, owner="0x", amount=100))
    amounts = {"stake": 2_000, "claimable": 30, "deposits": 100}
    apply(pool, event("WoundDown"))
    apply(pool, event("Exited", model=1, payout="0x", rounds=[1], **amounts))
    assert (pool.lanes, pool.out) == ({0: Lane(1_000)}, {})
    assert (pool.queues[1][1].deposit, pool.queues[2][1].deposit) == (0, 100)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Claimed", {"model": 1, "amount": 31}),
        ("BurnFlushed", {"amount": 6}),
        ("Drained", {"round": 1, "records": 2}),
        ("RoundSettled", {"round": 1}),
    ],
)
def test_apply__other_amount_than_the_models__refused(
    pool: ReferencePool, name: str, arguments: dict[str, Any]
) -> None:
    apply(pool, event("ModeRequested", round=1, model=0, mode=COMPOUND))
    with pytest.raises(EventError, match=f"{name}: .* reported, .* by the reference model"):
        apply(pool, event(name, **arguments))


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("Claimed", {"model": 0, "amount": 0}, "pool: nothing to claim"),
        ("Drained", {"round": 2, "records": 0}, "pool: not head"),
        ("Exited", {"model": 0, "stake": 0, "claimable": 0, "deposits": 0, "rounds": []}, "pool: "),
    ],
)
def test_apply__what_the_contract_would_refuse__refused(
    pool: ReferencePool, name: str, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(EventError, match=f"{name}: {reason}"):
        apply(pool, event(name, **arguments))


# --- settlement ---

Shown = namedtuple("Shown", list(SHOWN))


@pytest.mark.parametrize("shown", [SHOWN, Shown(**SHOWN)], ids=["mapping", "named tuple"])
def test_apply__round_begun__fixes_coefficients_and_batches(
    pool: ReferencePool, shown: Any
) -> None:
    apply(
        pool,
        event("RoundBegun", round=1, coefficients=shown, chain_head=LINKS[0], words=2, at_risk=0),
    )
    assert pool.progress == Progress(COEFFICIENTS, LINKS[0], words=2)


def settle(pool: ReferencePool, batches: Sequence[int], **changes: int) -> None:
    """Model 0 loses 50, model 1 takes 200 of profit; the second batch is empty."""
    amounts = [{"gains": 200, "taken": 200, "burns": 50}, {"gains": 0, "taken": 0, "burns": 0}]
    for i in batches:
        apply_event(
            pool,
            event("BatchSettled", round=1, start=i, words=1, **(amounts[i] | changes)),
            SettledBatch(BATCHES[i], LINKS[i + 1]),
        )


def test_apply__batches_settled__stakes_move_and_the_round_ends(begun: ReferencePool) -> None:
    settle(begun, [0])
    assert begun.lanes == {0: Lane(950), 1: Lane(2_000, take_profit=True)}
    assert (begun.out, begun.vault, begun.burn_owed) == ({1: 230}, 4_800, 57)
    assert begun.progress == replace(
        Progress(COEFFICIENTS, LINKS[0], words=2), cursor=LINKS[1], next_word=1
    )
    settle(begun, [1])
    apply(begun, event("RoundSettled", round=1))
    assert (begun.head, begun.head_since, begun.progress) == (2, NOW, None)


@pytest.mark.parametrize("change", [{"gains": 201}, {"burns": 49}], ids=repr)
def test_apply__batch_settled_with_other_sums__refused(
    begun: ReferencePool, change: dict[str, int]
) -> None:
    with pytest.raises(EventError, match="BatchSettled"):
        settle(begun, [0], **change)


def test_apply__batch_settled_without_its_words__refused(begun: ReferencePool) -> None:
    with pytest.raises(EventError, match="needs the batch"):
        apply(begun, event("BatchSettled", round=1, start=0, words=1, gains=0, taken=0, burns=0))


def test_apply__words_that_are_not_the_chains__refused(begun: ReferencePool) -> None:
    """An indexer need not believe whoever gives it a batch."""
    before = asdict(begun)
    forged = SettledBatch(Batch(0, (WORDS[0] ^ 1,)), LINKS[1])
    with pytest.raises(EventError, match="BatchSettled: pool: batch"):
        apply_event(begun, event("BatchSettled", round=1, gains=0, taken=0, burns=0), forged)
    assert asdict(begun) == before
