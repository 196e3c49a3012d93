"""StakePool.begin and settle: the batch chain, the order of rounds, and single payouts by hand."""

from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

import boa
import pytest
from assay_system import CLOCKS, TEMPLATE, System, compiled, polygon, refused

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.units import (
    MAX_AMOUNT,
    SCALE_ONE,
    TAKE_PROFIT,
    UNITS_PER_NMR,
    WEI_PER_UNIT,
)
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
CORR = (100_000, 0, 0)


def batch(scores: dict[int, ScoreLane], words: int = 1) -> Batch:
    return Batch(0, tuple(score_words(scores, words)))


@pytest.fixture
def staked(system: System, staker: str) -> System:
    """Models 0 to 3 stake 100 NMR each in round 1, which is drained and due; a full vault."""
    system.fund(10**6 * NMR)
    system.announce(1)
    for model in range(4):
        system.deposit(model, 100 * NMR)
    system.warp(system.due(1))
    system.pool.drain(1, 10)
    return system


def finish(system: System, batches: list[Batch], *, at_risk: int = 0, words: int = 1) -> None:
    """Commits round 1, waits for finality, settles."""
    system.commit(1, batches, at_risk, words)
    system.warp(system.now + system.timing.window)
    system.settle_all(1, batches)


# --- amounts ---


def test_settle__four_models__gain_burn_nothing_clip(staked: System) -> None:
    # CORR counts half: 0.1 pays 5 %, where the clip is; -0.04 burns 2 %; 0.001 pays 0.05 %.
    scores = {
        0: ScoreLane((524_287, 0, 0)),
        1: ScoreLane((-40_000, 0, 0)),
        3: ScoreLane((1_000, 0, 0)),
    }
    finish(staked, [batch(scores)])
    logs = [e for e in staked.pool.get_logs() if type(e).__name__ == "BatchSettled"]
    gains, burns = 5 * NMR + NMR // 20, 2 * NMR
    assert [(e.round, e.start, e.words, e.gains, e.taken, e.burns) for e in logs] == [
        (1, 0, 1, gains, 0, burns)
    ]
    assert [staked.stake(m) for m in range(4)] == [
        105 * NMR,
        98 * NMR,
        100 * NMR,
        100 * NMR + NMR // 20,
    ]
    assert tuple(staked.pool.totals()) == (
        400 * NMR + gains - burns,
        0,
        0,
        10**6 * NMR - gains,
        burns,
    )


def test_settle__take_profit__gain_leaves_and_burn_stays(staked: System) -> None:
    finish(staked, [Batch(0, ())])
    staked.announce(2)
    for model in (0, 1):
        staked.set_mode(model, TAKE_PROFIT)
    scores = {0: ScoreLane(CORR), 1: ScoreLane((-100_000, 0, 0)), 2: ScoreLane(CORR)}
    staked.play(2, [batch(scores)])
    assert [staked.stake(m) for m in range(4)] == [100 * NMR, 95 * NMR, 105 * NMR, 100 * NMR]
    assert [staked.claimable(m) for m in range(4)] == [5 * NMR, 0, 0, 0]
    assert staked.pool.totals().out == 5 * NMR


@pytest.mark.parametrize(("level", "burned"), [(0, 20_000), (1, 20_666), (15, 29_997)])
def test_settle__hardening_level__multiplies_burns_inside_the_clip(
    staked: System, level: int, burned: int
) -> None:
    # kappa = 0.5: level 15 burns half as much again (in steps of 2^-16), gains are not touched.
    scores = {
        0: ScoreLane((-40_000, 0, 0), level),
        1: ScoreLane((-100_000, 0, 0), level),
        2: ScoreLane((40_000, 0, 0), level),
    }
    finish(staked, [batch(scores)])
    assert (100 * NMR - staked.stake(0)) // (NMR // 10_000) == burned
    assert staked.stake(1) == 95 * NMR
    assert staked.stake(2) == 102 * NMR


def test_settle__at_risk_above_threshold__shrinks_gains_and_burns(staked: System) -> None:
    scores = {0: ScoreLane((40_000, 0, 0)), 1: ScoreLane((-40_000, 0, 0))}
    finish(staked, [batch(scores)], at_risk=2 * TEMPLATE.threshold)
    assert (staked.stake(0), staked.stake(1)) == (101 * NMR, 99 * NMR)


def test_settle__phi_below_one__shrinks_gains_and_burns(system: System, staker: str) -> None:
    system.fund(10**6 * NMR)
    system.announce(1, phi=900_000)
    system.deposit(0, 100 * NMR)
    system.deposit(1, 100 * NMR)
    scores = {0: ScoreLane((40_000, 0, 0)), 1: ScoreLane((-40_000, 0, 0))}
    system.play(1, [batch(scores)])
    assert system.stake(0) == 100 * NMR + 18 * NMR // 10
    assert system.stake(1) == 100 * NMR - 18 * NMR // 10


def test_settle__vault_too_small__gains_are_scaled_and_burns_are_not(
    system: System, staker: str
) -> None:
    system.fund(10 * NMR)
    system.announce(1)
    for model in range(4):
        system.deposit(model, 100 * NMR)
    scores = {m: ScoreLane(CORR) for m in range(3)} | {3: ScoreLane((-100_000, 0, 0))}
    system.play(1, [batch(scores)])
    # All could gain 20 NMR together; the vault holds half of that.
    assert [system.stake(m) for m in range(4)] == [102_500_000_000] * 3 + [95 * NMR]
    assert system.pool.round_state(1).coefficients.scale == SCALE_ONE // 2
    assert system.pool.totals().vault == 10 * NMR - 7_500_000_000


def test_settle__empty_vault__nothing_is_paid_and_burns_stand(system: System, staker: str) -> None:
    system.announce(1)
    system.deposit(0, 100 * NMR)
    system.deposit(1, 100 * NMR)
    system.play(1, [batch({0: ScoreLane(CORR), 1: ScoreLane((-100_000, 0, 0))})])
    assert (system.stake(0), system.stake(1)) == (100 * NMR, 95 * NMR)
    state = system.pool.round_state(1).coefficients
    assert (state.scale, state.up) == (0, TEMPLATE.clip_up)


def test_begin__clip_out_of_reach__vault_need_follows_the_highest_score(
    make_system: Callable[..., System],
) -> None:
    # Multiplier 0.001 and a clip of 5 %: no score pays more than 0.0524287 %.
    system = make_system(template=replace(TEMPLATE, multipliers=(1_000, 0, 0)))
    system.new_staker(models=1)
    system.fund(52_428_700)
    system.announce(1)
    system.deposit(0, 100 * NMR)
    system.play(1, [batch({0: ScoreLane((524_287, 0, 0))})])
    fixed = system.pool.round_state(1).coefficients
    assert (fixed.up, fixed.scale) == (524_287_000, SCALE_ONE)
    assert system.stake(0) == 100 * NMR + 52_428_700
    assert system.pool.totals().vault == 0


def test_settle__no_stake_at_all__round_ends(system: System) -> None:
    system.announce(1)
    system.play(1, [batch({0: ScoreLane(CORR)})])
    assert system.pool.state().head == 2
    assert tuple(system.pool.totals()) == (0, 0, 0, 0, 0)


def test_settle__overlapping_rounds__base_is_the_lane_after_earlier_ones(
    system: System, staker: str
) -> None:
    # A deposit for round 2 is not touched by round 1; a release for round 2 bears round 1.
    system.announce(1, closes_in=100)
    system.deposit(0, 100 * NMR)
    system.deposit(1, 100 * NMR)
    system.warp(system.now + 100)
    system.announce(2, closes_in=100)
    assert system.deposit(0, 100 * NMR) == 2
    assert system.request_release(1, None) == 2
    scores = [batch({m: ScoreLane((-100_000, 0, 0)) for m in range(2)})]
    system.play(1, scores)
    assert (system.stake(0), system.stake(1)) == (95 * NMR, 95 * NMR)
    system.play(2, scores)
    assert (system.stake(0), system.claimable(1)) == (185_250_000_000, 95 * NMR)
    assert system.stake(1) == 0


def test_capacity__all_five_parts_count(system: System, staker: str) -> None:
    system.fund(10**6 * NMR)
    system.announce(1)
    for model in range(3):
        system.deposit(model, 100 * NMR)
    system.request_release(0, 50 * NMR)
    system.play(1, [batch({1: ScoreLane(CORR), 2: ScoreLane((-100_000, 0, 0))})])
    system.deposit(3, 7 * NMR)
    totals = tuple(system.pool.totals())
    assert all(part > 0 for part in totals)
    room = MAX_AMOUNT - sum(totals)
    with refused("pool: capacity"):
        system.fund(room + 1)
    with boa.env.anchor():
        system.fund(room)
        assert sum(system.pool.totals()) == MAX_AMOUNT
    whale = system.new_staker(models=1, tokens=MAX_AMOUNT)
    with refused("pool: capacity"):
        system.pool.deposit(4, (room + 1) * WEI_PER_UNIT, 99, sender=whale)
    system.deposit(4, room)
    assert sum(system.pool.totals()) == MAX_AMOUNT


# --- begin ---


def test_begin__final_and_drained__fixes_coefficients_once(staked: System) -> None:
    staked.commit(1, [Batch(0, ())], at_risk=5, words=3)
    with refused("oracle: not final"):
        staked.pool.begin(1)
    staked.warp(staked.now + staked.timing.window)
    staked.pool.begin(1)
    (log,) = staked.pool.get_logs()
    assert (log.round, log.chain_head, log.words, log.at_risk) == (
        1,
        chain([Batch(0, ())])[0],
        3,
        5,
    )
    state = staked.pool.round_state(1)
    assert tuple(state.coefficients) == tuple(log.coefficients)
    assert tuple(state.coefficients) == (
        *TEMPLATE.multipliers,
        TEMPLATE.clip_up,
        TEMPLATE.clip_down,
        2184,
        SCALE_ONE,
    )
    assert (staked.pool.state().begun, staked.pool.state().words) == (True, 3)
    with refused("pool: begun"):
        staked.pool.begin(1)


def test_begin__not_ready__refused(staked: System) -> None:
    for k in (0, 2):
        with refused("pool: not head"):
            staked.pool.begin(k)
    with refused("oracle: not committed"):
        staked.pool.begin(1)


def test_begin__queue_not_empty__refused(system: System, staker: str) -> None:
    with refused("oracle: not announced"):
        system.pool.begin(1)
    system.announce(1)
    system.deposit(0, NMR)
    system.warp(system.due(1))
    batches = [Batch(0, ())]
    system.commit(1, batches, 0, 1)
    system.warp(system.now + system.timing.window)
    with refused("pool: queue"):
        system.pool.begin(1)
    with refused("pool: queue"):
        system.settle_all(1, batches)
    system.pool.drain(1, 1)
    system.settle_all(1, batches)
    assert system.pool.state().head == 2


# --- the chain of batches ---


@pytest.fixture
def final(staked: System) -> tuple[System, list[Batch]]:
    """Round 1 is final with three batches over six words."""
    words = tuple(score_words({m: ScoreLane(CORR) for m in (0, 3, 7, 21)}, 6))
    batches = [Batch(0, words[:1]), Batch(1, words[1:2]), Batch(5, words[5:])]
    staked.commit(1, batches, 0, 6)
    staked.warp(staked.now + staked.timing.window)
    return staked, batches


def test_settle__batches_in_order__moves_on_and_ends_the_round(
    final: tuple[System, list[Batch]],
) -> None:
    system, batches = final
    links = [*chain(batches), END]
    for b, following, reached in zip(batches, links[1:], (1, 2, 0), strict=True):
        system.settle(1, b, following)
        events = [type(e).__name__ for e in system.pool.get_logs()]
        assert ("RoundSettled" in events) == (following == END)
        assert ("RoundBegun" in events) == (b is batches[0])
        assert system.pool.round_state(1).cursor == following
        assert system.pool.state().next_word == reached
    state = system.pool.state()
    assert (state.head, state.begun, state.words, state.next_word) == (2, False, 0, 0)
    assert state.head_since == system.now
    with refused("pool: not head"):
        system.settle(1, batches[-1], END)


def test_settle__any_part_of_a_batch_changed__refused(
    final: tuple[System, list[Batch]],
) -> None:
    system, batches = final
    first = batches[0]
    following = chain(batches)[1]
    for wrong, after in [
        (batches[1], chain(batches)[2]),
        (replace(first, start=1), following),
        (replace(first, words=(first.words[0] ^ 1,)), following),
        (replace(first, words=(*first.words, 0)), following),
        (replace(first, words=()), following),
        (first, END),
        (first, b"\x01" * 32),
    ]:
        with refused("pool: batch"):
            system.settle(1, wrong, after)
    system.settle(1, first, following)
    with refused("pool: batch"):
        system.settle(1, first, following)


def test_settle__round_not_begun_next__refused(final: tuple[System, list[Batch]]) -> None:
    system, batches = final
    for k in (0, 2):
        with refused("pool: not head"):
            system.settle(k, batches[0], chain(batches)[1])


def test_settle__signed_batches_overlap__second_is_refused(staked: System) -> None:
    word = score_words({0: ScoreLane(CORR)}, 1)[0]
    batches = [Batch(0, (word, word)), Batch(1, (word,))]
    staked.commit(1, batches, 0, 4)
    staked.warp(staked.now + staked.timing.window)
    with refused("pool: order"):
        staked.settle_all(1, batches)


def test_settle__signed_batch_beyond_the_rounds_words__refused(staked: System) -> None:
    batches = [Batch(3, (1, 1))]
    staked.commit(1, batches, 0, 4)
    staked.warp(staked.now + staked.timing.window)
    with refused("pool: words"):
        staked.settle_all(1, batches)


def test_settle__last_word_of_the_space__reached(staked: System) -> None:
    batches = [Batch(2**18 - 1, (score_words({3: ScoreLane(CORR)}, 1)[0],))]
    finish(staked, batches, words=2**18)
    assert staked.pool.state().head == 2
    assert staked.pool.lane_words(2**18 - 1, 1) == [0]


def test_settle__1024_words__fit_one_batch(staked: System) -> None:
    scores = score_words({0: ScoreLane(CORR), 3: ScoreLane(CORR)}, 1)
    finish(staked, [Batch(0, tuple(scores * 1024))], words=1024)
    assert staked.stake(3) == 105 * NMR


# --- an oracle that does not keep its bounds cannot break the pool ---


@pytest.fixture
def lax() -> Callable[..., Any]:
    """Deploys a pool whose oracle hands it any terms."""

    def deploy(**terms: Any) -> tuple[Any, Any]:
        oracle = compiled("tests/contracts/hostile/LaxOracle.vy").deploy()
        token = compiled("contracts/devnet/ChildNmr.vy").deploy(10**27)
        pool = polygon("StakePool").deploy(token, oracle, token, token, token, astuple(CLOCKS))
        values = {
            "chain_head": b"\x01" * 32,
            "words": 1,
            "at_risk": 0,
            "phi": 10**6,
            "multipliers": (10**6, 0, 0),
            "clip_up": 10**12,
            "clip_down": 10**12,
            "threshold": 1,
            "kappa": 10**6,
            "final_at": 0,
        }
        oracle.set_terms(pool, tuple((values | terms).values()))
        return pool, oracle

    return deploy


def test_begin__terms_inside_all_bounds__accepted(lax: Callable[..., Any]) -> None:
    pool, oracle = lax(multipliers=(2**40 - 1,) * 3, words=2**18)
    oracle.schedule(1, boa.env.timestamp + 1)
    pool.begin(1)
    c = pool.round_state(1).coefficients
    assert (c.c1, c.c2, c.c3, c.up, c.down) == (2**40 - 1,) * 3 + (10**12,) * 2
    assert (c.hk, c.scale) == (4369, SCALE_ONE)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"chain_head": bytes(32)}, "pool: no scores"),
        ({"words": 2**18 + 1}, "pool: too many words"),
        ({"clip_up": 10**12 + 1}, "payout: clip"),
        ({"clip_down": 10**12 + 1}, "payout: clip"),
        ({"kappa": 10**6 + 1}, "payout: kappa"),
        ({"multipliers": (2**40, 0, 0)}, "payout: coefficient"),
        ({"multipliers": (0, 2**40, 0)}, "payout: coefficient"),
        ({"multipliers": (0, 0, 2**40)}, "payout: coefficient"),
        ({"phi": 2**60}, "payout: coefficient"),
    ],
)
def test_begin__terms_that_break_the_arithmetic__refused(
    lax: Callable[..., Any], terms: dict[str, Any], reason: str
) -> None:
    pool, oracle = lax(**terms)
    oracle.schedule(1, boa.env.timestamp + 1)
    with refused(reason):
        pool.begin(1)
