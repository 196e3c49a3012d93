"""RoundOracle.commit: who must have signed exactly what, when, and when it is final."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import boa
import pytest
from assay_system import CURVE_ORDER, HALF_ORDER, System, deploy, operators, refused
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from oracle_steps import OTHER, RESULT, Steps

from oracle.settlement.typed_data import Commit, Domain, Result, digest, struct_hash


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    """Round 1 has reached its horizon."""
    steps = Steps(system)
    steps.announce(1)
    system.warp(system.due(1))
    return steps


def quorum(steps: Steps, commit: Commit | None = None) -> list[bytes]:
    """Four signatures of a Commit, by default the one that is due."""
    return steps.sign(commit or steps.commit_of(1), steps.by(0, 1, 2, 3))


def send(steps: Steps, signatures: list[bytes], result: Result = RESULT, k: int = 1) -> None:
    steps.oracle.commit(k, result.argument(), signatures)


def test_commit__enough_signatures__stored_and_logged(steps: Steps) -> None:
    now, oracle = steps.system.now, steps.oracle
    send(steps, quorum(steps))
    log = steps.event("Committed")
    assert (log.round, log.chain_head, log.at_risk, log.words) == (1, RESULT.chain_head, 77, 5)
    assert (log.close_block_hash, log.manifest, log.meta_root) == (
        RESULT.close_block_hash,
        RESULT.manifest,
        RESULT.meta_root,
    )
    named = [a for i, a in enumerate(oracle.signers()) if log.signers >> i & 1]
    assert named == [signer.address for signer in steps.by(0, 1, 2, 3)]
    stored = oracle.round_of(1)
    assert (stored.status, stored.chain_head, stored.at_risk, stored.words) == (
        2,
        RESULT.chain_head,
        77,
        5,
    )
    assert stored.final_at == now + steps.system.timing.window
    assert stored.sealed == oracle.sealed(1) == struct_hash(steps.commit_of(1))


def test_commit__any_four_of_seven_or_all__accepted(steps: Steps) -> None:
    for places in [(0, 1, 2, 3), (3, 4, 5, 6), (0, 2, 4, 6), tuple(range(7))]:
        with boa.env.anchor():
            steps.commit(1, signers=steps.by(*places))
            assert steps.status() == 2


def test_commit__window_passes__final_at_the_second(steps: Steps) -> None:
    system, oracle = steps.system, steps.oracle
    with refused("oracle: not committed"):
        oracle.settlement(1)
    steps.commit(1)
    final_at = system.now + system.timing.window
    system.warp(final_at - 1)
    assert steps.status() == 2
    assert not oracle.is_result(1, steps.hashes[1], RESULT.argument())
    with refused("oracle: not final"):
        oracle.settlement(1)
    system.warp(final_at)
    assert steps.status() == 3
    terms = oracle.settlement(1)
    assert (terms.chain_head, terms.words, terms.at_risk) == (RESULT.chain_head, 5, 77)
    assert (terms.phi, terms.final_at) == (10**6, final_at)
    assert tuple(terms.multipliers) == system.template.multipliers
    assert (terms.clip_up, terms.clip_down) == (system.template.clip_up, system.template.clip_down)
    assert (terms.threshold, terms.kappa) == (system.template.threshold, system.template.kappa)


def test_is_result__final__only_the_very_result(steps: Steps) -> None:
    steps.commit(1)
    steps.system.warp(steps.system.now + steps.system.timing.window)
    announced, oracle = steps.hashes[1], steps.oracle
    assert oracle.is_result(1, announced, RESULT.argument())
    assert not oracle.is_result(1, b"\x01" * 32, RESULT.argument())
    assert not oracle.is_result(2, announced, RESULT.argument())
    for field, other in changed_fields():
        changed = replace(RESULT, **{field: other})
        assert not oracle.is_result(1, announced, changed.argument())


def test_commit__outside_its_time__refused(system: System) -> None:
    steps = Steps(system)
    for call in (system.oracle.commit_digest, system.oracle.confirm_digest):
        with refused("oracle: not announced"):
            call(1, bytes(32), RESULT.argument())
    with refused("oracle: not announced"):
        system.oracle.settlement(1)
    steps.announce(1)
    signatures = quorum(steps)
    with refused("oracle: not announced"):
        send(steps, signatures, k=2)
    system.warp(system.due(1) - 1)
    with refused("oracle: too early"):
        send(steps, signatures)
    system.warp(steps.deadline() + 1)
    with refused("oracle: too late"):
        send(steps, signatures)
    system.warp(steps.deadline())
    send(steps, signatures)
    assert steps.status() == 2


def test_commit__second_one__refused(steps: Steps) -> None:
    steps.commit(1)
    for result in (OTHER, RESULT):
        with refused("oracle: already committed"):
            steps.commit(1, result)
    assert steps.oracle.round_of(1).chain_head == RESULT.chain_head


def test_commit__after_finality__refused(steps: Steps) -> None:
    steps.commit(1)
    steps.system.warp(steps.system.now + steps.system.timing.window)
    with refused("oracle: already committed"):
        steps.commit(1, OTHER)


def test_commit__cancelled_round__refused(system: System) -> None:
    steps = Steps(system)
    opens = system.now + 10
    announced = (1, opens, system.now + 500, 300, 10**6, bytes(32), b"\x01" * 32)
    steps.hashes[1] = system.oracle.announce(*announced, sender=system.announcer)
    system.oracle.cancel(1, sender=system.guardian)
    system.warp(system.due(1))
    with refused("oracle: cancelled"):
        steps.commit(1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_head": bytes(32)}, "oracle: zero chain head"),
        ({"at_risk": 2**56}, "oracle: at risk"),
        ({"words": 2**18 + 1}, "oracle: words"),
    ],
)
def test_commit__signed_but_out_of_range__refused(
    steps: Steps, changes: dict[str, Any], reason: str
) -> None:
    with refused(reason):
        steps.commit(1, replace(RESULT, **changes))


def test_commit__at_the_limits__survives_packing(steps: Steps) -> None:
    before = steps.oracle.round_of(1)
    steps.commit(1, replace(RESULT, at_risk=2**56 - 1, words=2**18))
    stored = steps.oracle.round_of(1)
    assert (stored.at_risk, stored.words) == (2**56 - 1, 2**18)
    assert tuple(stored)[1:8] == tuple(before)[1:8]
    assert stored.final_at == steps.system.now + steps.system.timing.window


def changed_fields() -> list[tuple[str, Any]]:
    """Every field of RESULT with another value."""
    return [
        ("close_block_hash", b"\x0b" * 32),
        ("chain_head", b"\x0b" * 32),
        ("at_risk", 78),
        ("words", 6),
        ("manifest", b"\x0b" * 32),
        ("meta_root", b"\x0b" * 32),
    ]


@pytest.mark.parametrize(("field", "value"), changed_fields())
def test_commit__one_field_differs_from_what_was_signed__refused(
    steps: Steps, field: str, value: Any
) -> None:
    with boa.reverts():
        send(steps, quorum(steps), replace(RESULT, **{field: value}))
    assert steps.status() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pool", "0x" + "11" * 20),
        ("tournament", 9),
        ("round", 2),
        ("epoch", 2),
        ("announce_hash", b"\x0b" * 32),
    ],
)
def test_commit__signed_for_another_context__refused(steps: Steps, field: str, value: Any) -> None:
    signatures = quorum(steps, replace(steps.commit_of(1), **{field: value}))
    with boa.reverts():
        send(steps, signatures)
    assert steps.status() == 1


@pytest.mark.parametrize("other", ["chain", "contract"])
def test_commit__signed_for_another_domain__refused(steps: Steps, other: str) -> None:
    here = steps.system.domain
    there = (
        Domain(here.chain_id + 1, here.contract)
        if other == "chain"
        else Domain(here.chain_id, steps.system.pool.address)
    )
    signed = digest(steps.commit_of(1), there)
    signatures = [bytes(s.unsafe_sign_hash(signed).signature) for s in steps.by(0, 1, 2, 3)]
    with boa.reverts():
        send(steps, signatures)
    assert steps.status() == 1


def test_commit__chain_forked_after_deployment__only_the_new_domain_counts(steps: Steps) -> None:
    before = quorum(steps)
    boa.env.evm.patch.chain_id += 1
    with boa.reverts():
        send(steps, before)
    send(steps, quorum(steps))
    assert steps.status() == 2


def test_commit__too_few__refused(steps: Steps) -> None:
    for count in range(4):
        with refused("quorum: too few signatures"):
            steps.commit(1, signers=steps.by(*range(count)))


def test_commit__wrong_order_or_twice__refused(steps: Steps) -> None:
    first, second, third, fourth = quorum(steps)
    for signatures in (
        [second, first, third, fourth],
        [first, second, third, third],
        [first, first, second, third],
        [first, second, third, fourth, fourth],
    ):
        with refused("quorum: not ascending"):
            send(steps, signatures)


def test_commit__stranger_among_the_signers__refused(steps: Steps) -> None:
    outsider = Account.from_key(b"\x42" * 32)
    for signers in (steps.by(0, 1, 2), steps.by(0, 1, 2, 3)):
        with refused("quorum: not a signer"):
            steps.commit(1, signers=[*signers, outsider])


def malleable(signature: bytes) -> bytes:
    """The other encoding of the same signature: s in the upper half, v flipped."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (malleable, "signature: high s"),
        (lambda s: s[:64] + bytes([s[64] - 27]), "signature: bad v"),
        (lambda s: s[:64] + b"\x1d", "signature: bad v"),
        (lambda s: s[:64], "signature: length"),
        (lambda s: b"", "signature: length"),
        (lambda s: bytes(32) + s[32:], "signature: invalid"),
        (lambda s: s[:32] + bytes(32) + s[64:], "signature: invalid"),
        (lambda s: CURVE_ORDER.to_bytes(32, "big") + s[32:], "signature: invalid"),
    ],
)
def test_commit__other_encoding__refused(
    steps: Steps, damage: Callable[[bytes], bytes], reason: str
) -> None:
    first, *rest = quorum(steps)
    with refused(reason):
        send(steps, [damage(first), *rest])


def test_commit__malleable_copy_as_a_second_signer__refused(steps: Steps) -> None:
    first, second, third, _ = quorum(steps)
    assert int.from_bytes(malleable(first)[32:64], "big") > HALF_ORDER
    with refused("signature: high s"):
        send(steps, [first, malleable(first), second, third])


def test_commit__sixteen_signers__all_may_sign(make_system: Callable) -> None:
    steps = Steps(make_system(n=16, threshold=9, super_quorum=15))
    steps.announce(1)
    steps.system.warp(steps.system.due(1))
    steps.commit(1, signers=steps.system.signers)
    assert steps.event("Committed").signers == 2**16 - 1
    assert len(operators(16)) == len(steps.oracle.signers())


@given(position=st.integers(0, 3), bit=st.integers(0, 65 * 8 - 1))
def test_commit__any_bit_of_a_signature_flipped__refused(
    system: System, position: int, bit: int
) -> None:
    steps = Steps(system)
    steps.announce(1)
    system.warp(system.due(1))
    signatures = quorum(steps)
    damaged = bytearray(signatures[position])
    damaged[bit // 8] ^= 1 << bit % 8
    signatures[position] = bytes(damaged)
    with boa.reverts():
        send(steps, signatures)
    assert steps.status() == 1


hashes = st.binary(min_size=32, max_size=32)
results = st.builds(
    Result,
    close_block_hash=hashes,
    chain_head=hashes,
    at_risk=st.integers(0, 2**256 - 1),
    words=st.integers(0, 2**256 - 1),
    manifest=hashes,
    meta_root=hashes,
)


@given(result=results, announced=hashes)
def test_commit_digest__any_result__equals_the_encoder(
    system: System, result: Result, announced: bytes
) -> None:
    steps = Steps(system)
    steps.announce(1)
    commit = replace(steps.commit_of(1), announce_hash=announced, **asdict(result))
    assert system.oracle.commit_digest(1, announced, result.argument()) == digest(
        commit, system.domain
    )
