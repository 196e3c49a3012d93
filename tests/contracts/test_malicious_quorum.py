"""The quorum is malicious: what operators can do to stakes with everything they sign, and what
they cannot do. docs/exits.md walks through it."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from assay_system import TEMPLATE, System, refused
from eth_utils import keccak
from malice import (
    ALL,
    BEST,
    CRONY,
    HARM,
    NEIGHBOUR,
    NMR,
    NOTHING,
    QUARTER,
    STAKE,
    TWENTIETH,
    VICTIM,
    WORST,
    build,
    clipped,
    close_rounds,
    cronies,
    forge,
)
from oracle_steps import RESULT, Steps

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.payout import begin, change
from oracle.settlement.units import MAX_AMOUNT, RATE_ONE, TAKE_PROFIT
from oracle.settlement.words import score_words

# --- the loss of a staker who leaves ---


@pytest.mark.parametrize("clip", [0, TWENTIETH, QUARTER, ALL], ids=lambda clip: f"{clip:.0e}")
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("open_round", [False, True], ids=["", "one open"])
def test_loss__worst_scores_in_every_round__at_most_the_clip_of_each_pending_one(
    make_system: Callable[..., System], clip: int, n: int, open_round: bool
) -> None:
    """n rounds are closed and not over when the victim asks; an open one, and all that come
    later, do not count. The neighbour stays and pays for them all."""
    system = build(make_system, clip=clip)
    close_rounds(system, 2, n)
    if open_round:
        system.announce(n + 2)
    assert system.request_release(VICTIM, None) == n + 2
    close_rounds(system, n + 2 + open_round, 3 - open_round)
    for k in range(2, n + 5):
        system.play(k, HARM)
    left = system.claimable(VICTIM)
    assert left == clipped(STAKE, clip, n)
    assert Fraction(STAKE - left, STAKE) <= 1 - (1 - Fraction(clip, RATE_ONE)) ** n
    assert system.stake(VICTIM) == 0
    assert system.stake(NEIGHBOUR) == clipped(STAKE, clip, n + 3)


def test_loss__some_rounds_get_no_scores__only_the_others_count(
    make_system: Callable[..., System],
) -> None:
    """Of five rounds one is never committed, one is challenged and not answered, one withheld."""
    system = build(make_system)
    close_rounds(system, 2, 5)
    system.request_release(VICTIM, None)
    system.warp(system.due(6))
    for k in (2, 4, 5, 6):
        system.commit(k, HARM, 0, 1)
    system.oracle.veto(4, keccak(text="evidence"), sender=system.guardian)
    system.warp(system.due(6) + system.timing.grace + system.timing.challenge + 1)
    system.pool.drain(2, 9)
    system.settle_all(2, HARM)
    for k in (3, 4):
        system.pool.end_void(k)
    system.warp(system.now + system.clocks.head_time)
    system.pool.call_void(5)
    system.warp(system.now + system.clocks.rest_delay)
    system.pool.void_rest(5)
    system.settle_all(6, HARM)
    system.warp(system.pool.round_state(6).close + system.clocks.skip_after)
    system.pool.skip(7)
    system.pool.drain(7, 9)
    assert system.claimable(VICTIM) == clipped(STAKE, TWENTIETH, 2)


def test_loss__first_batch_only_and_the_rest_withheld__those_in_it_lose_one_clip(
    make_system: Callable[..., System],
) -> None:
    """Word 0 is settled, word 1 is not: whoever is not hit cannot be hit later."""
    system = build(make_system)
    system.new_staker(models=5)
    system.deposit(4, STAKE)
    close_rounds(system, 2, 1)
    for model in (VICTIM, 4):
        system.request_release(model, None)
    batches = [Batch(0, HARM[0].words), Batch(1, (score_words({0: WORST}, 1)[0],))]
    forge(system, 2, batches, words=2)
    links = [*chain(batches), END]
    system.settle(2, batches[0], links[1])
    with refused("pool: batch"):
        system.settle(2, batches[0], links[1])
    system.warp(system.now + system.clocks.settle_time)
    system.pool.call_void(2)
    system.warp(system.now + system.clocks.rest_delay)
    system.pool.void_rest(2)
    with refused("pool: not head"):
        system.settle(2, batches[1], END)
    system.warp(system.pool.round_state(2).close + system.clocks.skip_after)
    system.pool.skip(3)
    system.pool.drain(3, 9)
    assert system.claimable(VICTIM) == clipped(STAKE, TWENTIETH)
    assert system.claimable(4) == STAKE


def test_loss__every_result_challenged__fewer_than_a_super_quorum_burn_nothing(
    make_system: Callable[..., System],
) -> None:
    """Four of seven operators are malicious, a Confirm takes five: the rounds end void, and the
    victim, who challenged each of them, gets its bonds back."""
    system = build(make_system, n=7, threshold=4, super_quorum=5)
    steps, victim = Steps(system), system.owner(VICTIM)
    system.token.approve(system.oracle, 2**256 - 1, sender=victim)
    close_rounds(system, 2, 3)
    steps.hashes = {k: system.oracle.sealed(k) for k in (2, 3, 4)}
    system.request_release(VICTIM, None)
    before = system.token.balanceOf(victim)
    system.warp(system.due(4))
    result = replace(RESULT, chain_head=chain(HARM)[0], words=1, at_risk=0)
    for k in (2, 3, 4):
        steps.commit(k, result)
        steps.challenge(k, victim)
        with refused("quorum: too few signatures"):
            steps.confirm(k, result, result, system.signers[:4])
    system.warp(system.now + system.timing.challenge + 1)
    for k in (2, 3, 4):
        system.pool.drain(k, 9)
        system.pool.end_void(k)
        system.oracle.settle_bond(k)
    assert system.token.balanceOf(victim) == before
    system.warp(system.pool.round_state(4).close + system.clocks.skip_after)
    system.pool.skip(5)
    system.pool.drain(5, 9)
    assert system.claimable(VICTIM) == STAKE


# --- what goes to the operators' crony ---


@pytest.mark.parametrize("take_profit", [False, True], ids=["compound", "take-profit"])
@pytest.mark.parametrize("vault", [0, 1, NMR // 3, 10 * NMR])
def test_vault__best_scores_for_a_crony__clip_and_vault_bound_them(
    make_system: Callable[..., System], vault: int, take_profit: bool
) -> None:
    """The crony gains what the vault loses, a clip of its stake a round at most; what the
    others lose is owed to the burn, to the last unit."""
    system = build(make_system, vault=vault)
    if take_profit:
        system.set_mode(CRONY, TAKE_PROFIT)
    for k in range(2, 6):
        before, stake = system.pool.totals(), system.stake(CRONY)
        held = stake + system.claimable(CRONY)
        close_rounds(system, k, 1)
        forge(system, k, HARM)
        system.settle_all(k, HARM)
        after = system.pool.totals()
        gained = system.stake(CRONY) + system.claimable(CRONY) - held
        assert gained == before.vault - after.vault
        assert 0 <= gained <= min(stake * TWENTIETH // RATE_ONE, before.vault)
        burned = after.burn_owed - before.burn_owed
        assert sum(before) == sum(after)
        assert before.staked + before.out - after.staked - after.out == burned - gained
    assert system.stake(VICTIM) == system.stake(NEIGHBOUR) == clipped(STAKE, TWENTIETH, 4)


@pytest.mark.parametrize(
    "at_risk", [0, TEMPLATE.threshold, TEMPLATE.threshold + 1, 10**6 * NMR, MAX_AMOUNT]
)
def test_at_risk__nothing_or_everything__only_lowers_what_scores_do(
    make_system: Callable[..., System], at_risk: int
) -> None:
    system = build(make_system, vault=10 * NMR)
    close_rounds(system, 2, 1)
    totals = system.pool.totals()
    forge(system, 2, HARM, at_risk=at_risk)
    system.settle_all(2, HARM)
    honest = begin(system.template, 10**6, 0, totals.staked, totals.vault)
    told = begin(system.template, 10**6, at_risk, totals.staked, totals.vault)
    assert system.stake(VICTIM) == STAKE + change(told, STAKE, WORST)
    assert system.stake(CRONY) == STAKE + change(told, STAKE, BEST)
    assert change(honest, STAKE, WORST) <= change(told, STAKE, WORST) <= 0
    assert 0 <= change(told, STAKE, BEST) <= change(honest, STAKE, BEST)


def test_at_risk__more_than_there_can_be__refused(make_system: Callable[..., System]) -> None:
    system = build(make_system)
    close_rounds(system, 2, 1)
    with refused("oracle: at risk"):
        forge(system, 2, HARM, at_risk=MAX_AMOUNT + 1)


# --- words, chains and rounds that are not there ---


def test_words__fewer_than_the_batches_need__the_round_is_void(
    make_system: Callable[..., System],
) -> None:
    system = build(make_system)
    close_rounds(system, 2, 1)
    forge(system, 2, HARM, words=0)
    with refused("pool: words"):
        system.settle_all(2, HARM)
    system.warp(system.now + system.clocks.settle_time)
    system.pool.call_void(2)
    system.warp(system.now + system.clocks.rest_delay)
    system.pool.void_rest(2)
    assert system.stake(VICTIM) == STAKE


def test_words__far_beyond_the_models__reach_nothing(make_system: Callable[..., System]) -> None:
    """Scores of models that are not registered find no stake."""
    system = build(make_system, vault=NMR)
    close_rounds(system, 2, 1)
    far = score_words({m: BEST if m % 2 else WORST for m in range(4)}, 1)[0]
    batches = [Batch(1, (far,)), Batch(2**18 - 1, (far,))]
    before = system.pool.totals()
    forge(system, 2, batches, words=2**18)
    system.settle_all(2, batches)
    assert system.pool.totals() == before
    assert system.pool.lane_words(2**18 - 1, 1) == [0]
    close_rounds(system, 3, 1)
    with refused("oracle: words"):
        forge(system, 3, batches, words=2**18 + 1)


def test_chain__that_nobody_has_the_batches_of__the_round_is_void(
    make_system: Callable[..., System],
) -> None:
    system = build(make_system)
    close_rounds(system, 2, 1)
    forge(system, 2, [Batch(0, (1, 2, 3))])
    with refused("pool: batch"):
        system.settle_all(2, HARM)
    system.warp(system.now + system.clocks.settle_time)
    system.pool.call_void(2)
    system.warp(system.now + system.clocks.rest_delay)
    system.pool.void_rest(2)
    assert system.stake(VICTIM) == STAKE


def test_commit__for_a_round_that_is_not_due__refused(make_system: Callable[..., System]) -> None:
    """Neither before the close, nor before the horizon, nor before the announcement, nor twice."""
    system = build(make_system)
    system.announce(2)
    with refused("oracle: too early"):
        system.commit(2, HARM, 0, 1)
    system.warp(system.due(2) - 1)
    with refused("oracle: too early"):
        system.commit(2, HARM, 0, 1)
    unknown = replace(system.commit_struct(2, chain(HARM)[0], 0, 1), round=3)
    signed = system.sign(unknown, system.signers[: system.threshold])
    with refused("oracle: not announced"):
        system.send_commit(unknown, signed)
    system.warp(system.due(2))
    system.commit(2, HARM, 0, 1)
    again = replace(system.commit_struct(2, chain(NOTHING)[0], 0, 1), round=2)
    with refused("oracle: already committed"):
        system.send_commit(again, system.sign(again, system.signers[: system.threshold]))


# --- rotation races an exit ---


def test_rotation__new_operators__sign_only_rounds_announced_after_them(
    make_system: Callable[..., System],
) -> None:
    """The governor replaces every operator while the victim's release waits."""
    system = build(make_system)
    close_rounds(system, 2, 2)
    system.request_release(VICTIM, None)
    old, new = system.signers, cronies(4)
    system.oracle.rotate(
        [n.address for n in new], [o.address for o in old], 3, 0, sender=system.governor
    )
    system.warp(system.due(3))
    system.pool.drain(2, 9)
    for k in (2, 3):
        commit = system.commit_struct(k, chain(HARM)[0], 0, 1)
        for epoch in (1, 2):
            with refused("quorum: not a signer"):
                system.send_commit(
                    commit, system.sign(replace(commit, epoch=epoch), new[: system.threshold])
                )
        system.send_commit(
            replace(commit, chain_head=chain(NOTHING)[0]),
            system.sign(replace(commit, chain_head=chain(NOTHING)[0]), old[: system.threshold]),
        )
    system.warp(system.now + system.timing.window)
    for k in (2, 3):
        system.settle_all(k, NOTHING)
    system.announce(4, closes_in=100)
    system.warp(system.due(4))
    system.pool.drain(4, 9)
    commit = replace(system.commit_struct(4, chain(HARM)[0], 0, 1), epoch=2)
    with refused("quorum: not a signer"):
        system.send_commit(commit, system.sign(commit, old[: system.threshold]))
    system.send_commit(commit, system.sign(commit, new[: system.threshold]))
    system.warp(system.now + system.timing.window)
    system.settle_all(4, HARM)
    assert system.claimable(VICTIM) == STAKE
    assert system.stake(NEIGHBOUR) == clipped(STAKE, TWENTIETH)
