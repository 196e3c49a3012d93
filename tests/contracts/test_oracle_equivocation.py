"""RoundOracle.report_equivocation: two different statements of one operator on one round."""

from dataclasses import astuple, replace
from typing import Any

import boa
import pytest
from assay_system import CURVE_ORDER, System, deploy, operators, refused
from eth_account import Account
from eth_account.signers.local import LocalAccount
from oracle_steps import OTHER, RESULT, Steps

from oracle.settlement.typed_data import Commit, Confirm, Domain, digest

OPERATOR = 2


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    """Round 1 is announced."""
    steps = Steps(system)
    steps.announce(1)
    return steps


def report(
    steps: Steps,
    first: Commit | Confirm,
    second: Commit | Confirm,
    signers: tuple[LocalAccount, LocalAccount] | None = None,
    k: int = 1,
) -> None:
    """By default both are signed by one operator."""
    one, other = signers or (steps.system.signers[OPERATOR],) * 2
    signatures = (steps.sign(first, [one])[0], steps.sign(second, [other])[0])
    reporter = boa.env.generate_address()
    steps.oracle.report_equivocation(
        k, first.argument(), second.argument(), *signatures, sender=reporter
    )


def is_operator(steps: Steps, place: int = OPERATOR) -> bool:
    return steps.oracle.is_signer(steps.system.signers[place].address, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"close_block_hash": b"\x0b" * 32},
        {"chain_head": b"\x0b" * 32},
        {"at_risk": 78},
        {"words": 6},
        {"manifest": b"\x0b" * 32},
        {"meta_root": b"\x0b" * 32},
    ],
)
def test_report__two_commits_that_differ__operator_is_revoked(
    steps: Steps, changes: dict[str, Any]
) -> None:
    commit = steps.commit_of(1)
    report(steps, commit, replace(commit, **changes))
    assert steps.event("SignerRevoked").signer == steps.system.signers[OPERATOR].address
    assert not is_operator(steps)
    assert all(is_operator(steps, place) for place in range(7) if place != OPERATOR)


def test_report__before_the_commit__its_signature_no_longer_counts(steps: Steps) -> None:
    steps.system.warp(steps.system.due(1))
    with boa.env.anchor():
        steps.commit(1)
    report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))
    with refused("quorum: not a signer"):
        steps.commit(1)
    steps.commit(1, signers=steps.by(0, 1, 3, 4))


def test_report__two_confirms__operator_is_revoked_and_cannot_answer(steps: Steps) -> None:
    steps.system.warp(steps.system.due(1))
    steps.commit(1)
    steps.challenge(1, steps.challenger())
    report(steps, steps.confirm_of(1), steps.confirm_of(1, OTHER))
    assert not is_operator(steps)
    with refused("quorum: not a signer"):
        steps.confirm(1)
    steps.confirm(1, signers=steps.by(0, 1, 3, 4, 5))


@pytest.mark.parametrize(
    "changes", [{"announce_hash": b"\x0b" * 32}, {"epoch": 2}, {"challenge_id": b"\x0b" * 32}]
)
def test_report__statements_on_what_a_reorg_may_have_undone__refused(
    steps: Steps, changes: dict[str, Any]
) -> None:
    confirm = Confirm(*astuple(steps.commit_of(1)), challenge_id=b"\x01" * 32)
    with refused("oracle: two matters"):
        report(steps, confirm, replace(confirm, at_risk=78, **changes))
    if "challenge_id" not in changes:
        commit = steps.commit_of(1)
        with refused("oracle: two matters"):
            report(steps, commit, replace(commit, at_risk=78, **changes))
    assert is_operator(steps)


def test_report__commit_and_then_another_confirm__is_no_equivocation(steps: Steps) -> None:
    steps.system.warp(steps.system.due(1))
    steps.commit(1)
    steps.challenge(1, steps.challenger())
    for pair in (
        (steps.commit_of(1), steps.confirm_of(1, OTHER)),
        (steps.confirm_of(1, OTHER), steps.commit_of(1)),
        (steps.commit_of(1), steps.confirm_of(1)),
    ):
        with refused("oracle: two matters"):
            report(steps, *pair)
    assert is_operator(steps)


def test_report__one_statement_twice__is_no_equivocation(steps: Steps) -> None:
    with refused("oracle: one statement"):
        report(steps, steps.commit_of(1), steps.commit_of(1))


def test_report__one_statement_with_a_second_signature__is_no_equivocation(steps: Steps) -> None:
    commit, operator = steps.commit_of(1), steps.system.signers[OPERATOR]
    [signature] = steps.sign(commit, [operator])
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    malleated = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    said = commit.argument()
    with refused("oracle: one statement"):
        steps.oracle.report_equivocation(1, said, said, signature, malleated)
    with refused("signature: high s"):
        other = steps.commit_of(1, OTHER).argument()
        steps.oracle.report_equivocation(1, other, said, signature, malleated)


def test_report__statements_of_two_operators__refused(steps: Steps) -> None:
    with refused("oracle: two signers"):
        report(
            steps,
            steps.commit_of(1),
            steps.commit_of(1, OTHER),
            (steps.system.signers[0], steps.system.signers[1]),
        )


def test_report__statements_on_two_rounds__refused(steps: Steps) -> None:
    """Whichever round is named, one of the two signatures is by nobody who is known."""
    first = steps.commit_of(1)
    second = replace(steps.commit_of(1, OTHER), round=2)
    for k in (1, 2):
        with refused("oracle: two signers"):
            report(steps, first, second, k=k)
    assert is_operator(steps)


def test_report__stranger__refused(steps: Steps) -> None:
    stranger = Account.from_key(b"\x42" * 32)
    with refused("quorum: not a signer"):
        report(steps, steps.commit_of(1), steps.commit_of(1, OTHER), (stranger, stranger))


@pytest.mark.parametrize("other", ["chain", "contract"])
def test_report__signed_for_another_domain__refused(steps: Steps, other: str) -> None:
    here, operator = steps.system.domain, steps.system.signers[OPERATOR]
    there = (
        Domain(here.chain_id + 1, here.contract)
        if other == "chain"
        else Domain(here.chain_id, steps.system.pool.address)
    )
    pair = steps.commit_of(1), steps.commit_of(1, OTHER)
    signatures = [
        bytes(operator.unsafe_sign_hash(digest(commit, there)).signature) for commit in pair
    ]
    with boa.reverts():
        steps.oracle.report_equivocation(1, *(c.argument() for c in pair), *signatures)
    assert is_operator(steps)


@pytest.mark.parametrize("field", ["pool", "tournament"])
def test_report__signed_for_another_tournament__refused(steps: Steps, field: str) -> None:
    value = {"pool": "0x" + "11" * 20, "tournament": 9}[field]
    pair = (
        replace(steps.commit_of(1), **{field: value}),
        replace(steps.commit_of(1, OTHER), **{field: value}),
    )
    with boa.reverts():
        report(steps, *pair)
    assert is_operator(steps)


def test_report__retired_operator__is_revoked_for_the_rounds_it_still_had(steps: Steps) -> None:
    system = steps.system
    known = {signer.address for signer in system.signers}
    new = next(account for account in operators(9) if account.address not in known)
    retired = system.signers[OPERATOR].address
    system.oracle.rotate([new.address], [retired], 4, 5, sender=system.governor)
    assert is_operator(steps)
    report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))
    assert not is_operator(steps)


def test_report__revoked_operator__refused(steps: Steps) -> None:
    report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))
    with refused("quorum: revoked"):
        report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))


def test_report__suspended_operator__is_revoked(steps: Steps) -> None:
    system = steps.system
    system.oracle.suspend(system.signers[OPERATOR].address, sender=system.guardian)
    report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))
    system.warp(system.now + 10**7)
    assert not is_operator(steps)


def test_report__round_that_is_final__changes_nothing_of_it(steps: Steps) -> None:
    steps.system.warp(steps.system.due(1))
    steps.commit(1)
    steps.system.warp(steps.system.now + steps.system.timing.window)
    before = tuple(steps.oracle.round_of(1))
    report(steps, steps.commit_of(1), steps.commit_of(1, OTHER))
    assert tuple(steps.oracle.round_of(1)) == before
    assert steps.oracle.settlement(1).chain_head == RESULT.chain_head
