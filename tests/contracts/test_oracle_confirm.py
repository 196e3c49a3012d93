"""RoundOracle.confirm and settle_bond: the answer to a challenge, and where the bond goes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from assay_system import SUPPLY, System, Timing, compiled, deploy, refused
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from oracle_steps import OTHER, RESULT, Steps

from oracle.settlement.batches import Batch, chain
from oracle.settlement.reference_oracle import MIN_BOND
from oracle.settlement.typed_data import Confirm, Domain, Result, digest, struct_hash
from oracle.settlement.units import WEI_PER_UNIT


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    """Round 1 is challenged."""
    steps = Steps(system)
    steps.challenged(1)
    return steps


@pytest.mark.parametrize(("result", "outcome"), [(RESULT, 1), (OTHER, 2)])
def test_confirm__five_of_seven__final_at_once(steps: Steps, result: Result, outcome: int) -> None:
    before, now = steps.oracle.round_of(1), steps.system.now
    assert now < before.final_at
    steps.confirm(1, RESULT, result)
    log = steps.event("Confirmed")
    assert (log.round, log.chain_head, log.at_risk, log.words) == (
        1,
        result.chain_head,
        result.at_risk,
        result.words,
    )
    assert (log.close_block_hash, log.manifest, log.meta_root) == (
        result.close_block_hash,
        result.manifest,
        result.meta_root,
    )
    assert (log.signers, log.upheld) == (0b11111, outcome == 1)
    stored = steps.oracle.round_of(1)
    assert (stored.status, stored.final_at) == (3, now)
    assert tuple(stored)[1:8] == tuple(before)[1:8]
    assert (stored.chain_head, stored.at_risk) == (result.chain_head, result.at_risk)
    assert stored.sealed == struct_hash(steps.commit_of(1, result))
    assert steps.oracle.challenge_of(1).outcome == outcome
    terms = steps.oracle.settlement(1)
    assert (terms.chain_head, terms.at_risk, terms.final_at) == (
        result.chain_head,
        result.at_risk,
        now,
    )
    assert steps.oracle.is_result(1, steps.hashes[1], result.argument())
    assert not steps.oracle.is_void(1)


def test_confirm__another_result__the_pool_settles_that_one(steps: Steps) -> None:
    true, false = [Batch(0, (5,))], [Batch(0, (7,))]
    result = replace(OTHER, chain_head=chain(true)[0])
    steps.confirm(1, RESULT, result)
    with boa.reverts():
        steps.system.settle_all(1, false)
    steps.system.settle_all(1, true)
    assert steps.system.pool.state().head == 2


def test_confirm__last_second_for_an_answer__taken_and_one_later_refused(steps: Steps) -> None:
    challenged_at = steps.oracle.challenge_of(1).challenged_at
    last = challenged_at + steps.system.timing.challenge
    steps.system.warp(last + 1)
    with refused("oracle: too late"):
        steps.confirm(1)
    assert steps.status() == 5
    steps.system.warp(last)
    assert steps.status() == 4
    steps.confirm(1)
    assert steps.status() == 3
    steps.system.warp(last + 10**6)
    assert steps.status() == 3


def test_confirm__challenged_in_the_last_second__may_come_after_the_window(system: System) -> None:
    steps = Steps(system)
    steps.committed(1)
    final_at = steps.oracle.round_of(1).final_at
    system.warp(final_at - 1)
    steps.challenge(1, steps.challenger())
    system.warp(final_at - 1 + system.timing.challenge)
    steps.confirm(1)
    assert steps.oracle.settlement(1).final_at == system.now


def test_confirm__last_time_there_is__survives_packing(make_system: Callable) -> None:
    """A round as late as one can be announced, each step in its last second."""
    timing = Timing()
    boa.env.timestamp = 2**32 - 1 - 800 - timing.grace - timing.window - timing.challenge
    system = make_system(n=7, threshold=4, super_quorum=5)
    steps = Steps(system)
    steps.announce(1, closes_in=500, horizon=300)
    system.warp(steps.deadline())
    steps.commit(1)
    system.warp(system.now + timing.window - 1)
    steps.challenge(1, steps.challenger())
    system.warp(system.now + timing.challenge)
    assert system.now == 2**32 - 2
    steps.confirm(1, RESULT, OTHER)
    stored = steps.oracle.round_of(1)
    assert (stored.status, stored.final_at, stored.chain_head) == (
        3,
        2**32 - 2,
        OTHER.chain_head,
    )


def test_confirm__without_a_challenge__refused(system: System) -> None:
    steps = Steps(system)
    with refused("oracle: not announced"):
        steps.oracle.confirm(1, bytes(32), RESULT.argument(), RESULT.argument(), [])
    steps.announce(1)
    with refused("oracle: not challenged"):
        steps.confirm(1)
    system.warp(system.due(1))
    steps.commit(1)
    for wait in (0, system.timing.window):
        system.warp(system.now + wait)
        with refused("oracle: not challenged"):
            steps.confirm(1)


def test_confirm__second_one__refused(steps: Steps) -> None:
    steps.confirm(1)
    for result in (RESULT, OTHER):
        with refused("oracle: not challenged"):
            steps.confirm(1, RESULT, result)
    assert steps.oracle.settlement(1).chain_head == RESULT.chain_head


def test_confirm__not_what_was_committed__refused(steps: Steps) -> None:
    with refused("oracle: not the commit"):
        steps.confirm(1, OTHER, OTHER)
    signatures = steps.sign(steps.confirm_of(1), steps.by(*range(5)))
    arguments = (RESULT.argument(), RESULT.argument(), signatures)
    with refused("oracle: not the commit"):
        steps.oracle.confirm(1, b"\x01" * 32, *arguments)


def test_confirm__four_of_seven__too_few(steps: Steps) -> None:
    with refused("quorum: too few signatures"):
        steps.confirm(1, signers=steps.by(0, 1, 2, 3))
    steps.confirm(1, signers=steps.by(2, 3, 4, 5, 6))


def test_confirm__no_super_quorum__only_void_is_left(make_system: Callable) -> None:
    steps = Steps(make_system())
    steps.challenged(1)
    with refused("oracle: no super-quorum"):
        steps.confirm(1, signers=steps.system.signers)
    steps.system.warp(steps.system.now + steps.system.timing.challenge + 1)
    assert steps.oracle.is_void(1)


def send(steps: Steps, struct: Any, result: Result = RESULT) -> None:
    """Answers with five signatures of ``struct``."""
    signatures = steps.sign(struct, steps.by(*range(5)))
    arguments = (RESULT.argument(), result.argument(), signatures)
    steps.oracle.confirm(1, steps.hashes[1], *arguments)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pool", "0x" + "11" * 20),
        ("tournament", 9),
        ("round", 2),
        ("epoch", 2),
        ("announce_hash", b"\x0b" * 32),
        ("close_block_hash", b"\x0b" * 32),
        ("chain_head", b"\x0b" * 32),
        ("at_risk", 78),
        ("words", 6),
        ("manifest", b"\x0b" * 32),
        ("meta_root", b"\x0b" * 32),
        ("challenge_id", b"\x0b" * 32),
    ],
)
def test_confirm__one_field_differs_from_what_was_signed__refused(
    steps: Steps, field: str, value: Any
) -> None:
    with boa.reverts():
        send(steps, replace(steps.confirm_of(1), **{field: value}))
    assert steps.status() == 4


def test_confirm__signed_for_another_chain__refused(steps: Steps) -> None:
    here = steps.system.domain
    signed = digest(steps.confirm_of(1), Domain(here.chain_id + 1, here.contract))
    signatures = [bytes(s.unsafe_sign_hash(signed).signature) for s in steps.by(*range(5))]
    with boa.reverts():
        steps.oracle.confirm(1, steps.hashes[1], RESULT.argument(), RESULT.argument(), signatures)
    assert steps.status() == 4


def test_confirm__signatures_of_the_commit__do_not_answer(steps: Steps) -> None:
    with boa.reverts():
        send(steps, steps.commit_of(1))
    assert steps.status() == 4


def test_confirm__signatures_are_no_commit(system: System) -> None:
    """A Confirm with a zero challenge, signed ahead of time, gives no round its result."""
    steps = Steps(system)
    steps.announce(1)
    system.warp(system.due(1))
    confirm = steps.confirm_of(1)
    assert confirm.challenge_id == bytes(32)
    with boa.reverts():
        steps.oracle.commit(1, RESULT.argument(), steps.sign(confirm, steps.by(*range(5))))
    assert steps.status() == 1


def test_confirm__stranger_or_order_or_twice__refused(steps: Steps) -> None:
    outsider = Account.from_key(b"\x42" * 32)
    with refused("quorum: not a signer"):
        steps.confirm(1, signers=[*steps.by(0, 1, 2, 3), outsider])
    signatures = steps.sign(steps.confirm_of(1), steps.by(*range(5)))
    for wrong in (signatures[::-1], [*signatures[:4], signatures[3]]):
        with refused("quorum: not ascending"):
            steps.oracle.confirm(1, steps.hashes[1], RESULT.argument(), RESULT.argument(), wrong)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_head": bytes(32)}, "oracle: zero chain head"),
        ({"at_risk": 2**56}, "oracle: at risk"),
        ({"words": 2**18 + 1}, "oracle: words"),
    ],
)
def test_confirm__replacement_out_of_range__refused(
    steps: Steps, changes: dict[str, Any], reason: str
) -> None:
    with refused(reason):
        steps.confirm(1, RESULT, replace(OTHER, **changes))
    assert steps.status() == 4


def test_confirm__one_digest_only_in_another_field__counts_as_replaced(steps: Steps) -> None:
    steps.confirm(1, RESULT, replace(RESULT, meta_root=b"\x04" * 32))
    assert not steps.event("Confirmed").upheld
    assert steps.oracle.challenge_of(1).outcome == 2


def test_confirm__replaced_result__is_no_longer_the_committed_one(steps: Steps) -> None:
    steps.confirm(1, RESULT, OTHER)
    assert not steps.oracle.is_result(1, steps.hashes[1], RESULT.argument())
    assert steps.oracle.is_result(1, steps.hashes[1], OTHER.argument())


@given(result=st.builds(replace, st.just(RESULT), at_risk=st.integers(0, 2**256 - 1)))
def test_confirm_digest__any_result__equals_the_encoder(system: System, result: Result) -> None:
    steps = Steps(system)
    steps.challenged(1)
    confirm = steps.confirm_of(1, result)
    assert isinstance(confirm, Confirm)
    assert system.oracle.confirm_digest(1, steps.hashes[1], result.argument()) == digest(
        confirm, system.domain
    )


@pytest.mark.parametrize("stage", ["announce", "committed"])
def test_confirm_digest__no_challenge__refused(system: System, stage: str) -> None:
    steps = Steps(system)
    getattr(steps, stage)(1)
    with refused("oracle: not challenged"):
        system.oracle.confirm_digest(1, steps.hashes[1], RESULT.argument())


# --- bonds ---


def test_settle_bond__upheld__goes_to_the_burn(steps: Steps) -> None:
    challenger = steps.oracle.challenge_of(1).challenger
    steps.confirm(1)
    steps.oracle.settle_bond(1)
    log = steps.event("BondSettled")
    burn_vault = steps.system.burn_vault
    assert (log.round, log.receiver, log.amount) == (1, burn_vault, MIN_BOND)
    assert steps.tokens(burn_vault) == MIN_BOND
    assert (steps.tokens(steps.oracle), steps.tokens(challenger)) == (0, 9 * MIN_BOND)
    assert steps.oracle.challenge_of(1).bond_settled


def test_settle_bond__replaced__goes_back(steps: Steps) -> None:
    challenger = steps.oracle.challenge_of(1).challenger
    steps.confirm(1, RESULT, OTHER)
    steps.oracle.settle_bond(1)
    assert (steps.event("BondSettled").receiver, steps.tokens(steps.oracle)) == (challenger, 0)
    assert steps.tokens(challenger) == 10 * MIN_BOND


def test_settle_bond__no_answer__goes_back_once_the_time_is_over(steps: Steps) -> None:
    challenge = steps.oracle.challenge_of(1)
    last = challenge.challenged_at + steps.system.timing.challenge
    for now in (steps.system.now, last):
        steps.system.warp(now)
        with refused("oracle: not answered"):
            steps.oracle.settle_bond(1)
        assert steps.oracle.challenge_of(1).outcome == 0
    steps.system.warp(last + 1)
    assert steps.oracle.challenge_of(1).outcome == 3
    steps.oracle.settle_bond(1)
    assert steps.tokens(challenge.challenger) == 10 * MIN_BOND


@pytest.mark.parametrize("answer", [RESULT, OTHER, None])
def test_settle_bond__twice__refused(steps: Steps, answer: Result | None) -> None:
    steps.system.token.transfer(steps.oracle, MIN_BOND * WEI_PER_UNIT)
    if answer is not None:
        steps.confirm(1, RESULT, answer)
    steps.system.warp(steps.system.now + steps.system.timing.challenge + 1)
    steps.oracle.settle_bond(1, sender=boa.env.generate_address())
    with refused("oracle: bond settled"):
        steps.oracle.settle_bond(1)
    assert steps.tokens(steps.oracle) == MIN_BOND


def test_settle_bond__none_there__refused(system: System) -> None:
    steps = Steps(system)
    with refused("oracle: no bond"):
        steps.oracle.settle_bond(1)
    steps.committed(1)
    with refused("oracle: no bond"):
        steps.oracle.settle_bond(1)
    steps.veto(1)
    system.warp(system.now + system.timing.challenge + 1)
    with refused("oracle: no bond"):
        steps.oracle.settle_bond(1)


@pytest.fixture
def hostile() -> Steps:
    """Round 1 is upheld, in a system whose token obeys the test."""
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(SUPPLY * WEI_PER_UNIT)
    steps = Steps(deploy(n=7, threshold=4, super_quorum=5, token=token))
    steps.challenged(1)
    steps.confirm(1)
    return steps


def test_settle_bond__token_stopped_or_silent__waits_for_it(hostile: Steps) -> None:
    token, oracle = hostile.system.token, hostile.oracle
    token.refuse_quietly(True)
    with refused("oracle: transfer failed"):
        oracle.settle_bond(1)
    token.refuse_quietly(False)
    token.stop(True)
    with refused("token: stopped"):
        oracle.settle_bond(1)
    assert hostile.oracle.settlement(1).chain_head == RESULT.chain_head
    token.stop(False)
    oracle.settle_bond(1)
    assert hostile.tokens(hostile.system.burn_vault) == MIN_BOND


def test_settle_bond__token_calls_back__is_paid_once(hostile: Steps) -> None:
    token = hostile.system.token
    token.transfer(hostile.oracle, MIN_BOND * WEI_PER_UNIT)
    token.call_back(hostile.oracle, hostile.oracle.settle_bond.prepare_calldata(1))
    hostile.oracle.settle_bond(1)
    assert (token.attempts(), token.successes()) == (1, 0)
    assert hostile.tokens(hostile.system.burn_vault) == MIN_BOND
