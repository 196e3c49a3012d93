"""RoundOracle.commit: who must have signed exactly what, when, and when it is final."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from assay_system import CURVE_ORDER, HALF_ORDER, System, operators, refused
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.typed_data import Commit, Domain, digest

HEAD = b"\x0a" * 32


@pytest.fixture
def due(system: System) -> System:
    """Round 1 has reached its horizon."""
    system.announce(1)
    system.warp(system.due(1))
    return system


def struct(system: System, **changes: Any) -> Commit:
    return replace(system.commit_struct(1, HEAD, at_risk=77, words=5), **changes)


def quorum(system: System, commit: Commit) -> list[bytes]:
    return system.sign(commit, system.signers[: system.threshold])


def test_commit__enough_signatures__stored_and_logged(due: System) -> None:
    commit = struct(due)
    due.send_commit(commit, quorum(due, commit))
    (log,) = due.oracle.get_logs()
    assert (log.round, log.chain_head, log.at_risk, log.words) == (1, HEAD, 77, 5)
    assert (log.close_block_hash, log.manifest, log.meta_root) == (
        commit.close_block_hash,
        commit.manifest,
        commit.meta_root,
    )
    named = [a for i, a in enumerate(due.oracle.signers()) if log.signers >> i & 1]
    assert named == [signer.address for signer in due.signers[:3]]
    stored = due.oracle.round_of(1)
    assert (stored.status, stored.chain_head, stored.at_risk, stored.words) == (2, HEAD, 77, 5)
    assert (stored.committed_at, stored.final_at) == (due.now, due.now + due.timing.window)


def test_commit__any_three_of_four_or_all__accepted(due: System) -> None:
    commit = struct(due)
    for absent in [None, *due.signers]:
        with boa.env.anchor():
            due.send_commit(commit, due.sign(commit, [s for s in due.signers if s is not absent]))
            assert due.oracle.round_of(1).status == 2


def test_commit__window_passes__final_at_the_second(due: System) -> None:
    commit = struct(due)
    with refused("oracle: not committed"):
        due.oracle.settlement(1)
    due.send_commit(commit, quorum(due, commit))
    due.warp(due.now + due.timing.window - 1)
    assert due.oracle.round_of(1).status == 2
    with refused("oracle: not final"):
        due.oracle.settlement(1)
    due.warp(due.now + 1)
    assert due.oracle.round_of(1).status == 3
    terms = due.oracle.settlement(1)
    assert (terms.chain_head, terms.words, terms.at_risk, terms.phi) == (HEAD, 5, 77, 10**6)
    assert tuple(terms.multipliers) == due.template.multipliers
    assert (terms.clip_up, terms.clip_down) == (due.template.clip_up, due.template.clip_down)
    assert (terms.threshold, terms.kappa) == (due.template.threshold, due.template.kappa)


def test_commit__outside_its_time__refused(system: System) -> None:
    with refused("oracle: not announced"):
        system.oracle.digest(1, HEAD, HEAD, 1, 1, HEAD, HEAD)
    with refused("oracle: not announced"):
        system.oracle.settlement(1)
    system.announce(1)
    commit = struct(system)
    signatures = quorum(system, commit)
    with refused("oracle: not announced"):
        system.send_commit(replace(commit, round=2), signatures)
    due = system.due(1)
    system.warp(due - 1)
    with refused("oracle: too early"):
        system.send_commit(commit, signatures)
    system.warp(due + system.timing.grace + 1)
    with refused("oracle: too late"):
        system.send_commit(commit, signatures)
    system.warp(due + system.timing.grace)
    system.send_commit(commit, signatures)


def test_commit__second_one__refused(due: System) -> None:
    commit = struct(due)
    due.send_commit(commit, quorum(due, commit))
    other = struct(due, at_risk=78)
    with refused("oracle: already committed"):
        due.send_commit(other, quorum(due, other))
    with refused("oracle: already committed"):
        due.send_commit(commit, quorum(due, commit))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_head": bytes(32)}, "oracle: zero chain head"),
        ({"at_risk": 2**56}, "oracle: at risk"),
        ({"words": 2**18 + 1}, "oracle: words"),
    ],
)
def test_commit__signed_but_out_of_range__refused(
    due: System, changes: dict[str, Any], reason: str
) -> None:
    commit = struct(due, **changes)
    with refused(reason):
        due.send_commit(commit, quorum(due, commit))


def test_commit__at_the_limits__survives_packing(due: System) -> None:
    commit = struct(due, at_risk=2**56 - 1, words=2**18)
    due.send_commit(commit, quorum(due, commit))
    stored = due.oracle.round_of(1)
    assert (stored.at_risk, stored.words, stored.committed_at) == (2**56 - 1, 2**18, due.now)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("close_block_hash", b"\x0b" * 32),
        ("chain_head", b"\x0b" * 32),
        ("at_risk", 78),
        ("words", 6),
        ("manifest", b"\x0b" * 32),
        ("meta_root", b"\x0b" * 32),
    ],
)
def test_commit__one_field_differs_from_what_was_signed__refused(
    due: System, field: str, value: Any
) -> None:
    commit = struct(due)
    signatures = quorum(due, commit)
    with boa.reverts():
        due.send_commit(replace(commit, **{field: value}), signatures)
    assert due.oracle.round_of(1).status == 1


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
def test_commit__signed_for_another_context__refused(due: System, field: str, value: Any) -> None:
    signatures = quorum(due, struct(due, **{field: value}))
    with boa.reverts():
        due.send_commit(struct(due), signatures)
    assert due.oracle.round_of(1).status == 1


@pytest.mark.parametrize("other", ["chain", "contract"])
def test_commit__signed_for_another_domain__refused(due: System, other: str) -> None:
    commit = struct(due)
    here = due.domain
    there = (
        Domain(here.chain_id + 1, here.contract)
        if other == "chain"
        else Domain(here.chain_id, due.pool.address)
    )
    signed = digest(commit, there)
    signatures = [bytes(s.unsafe_sign_hash(signed).signature) for s in due.signers[:3]]
    with boa.reverts():
        due.send_commit(commit, signatures)
    assert due.oracle.round_of(1).status == 1


def test_commit__chain_forked_after_deployment__only_the_new_domain_counts(due: System) -> None:
    commit = struct(due)
    before = quorum(due, commit)
    boa.env.evm.patch.chain_id += 1
    with boa.reverts():
        due.send_commit(commit, before)
    due.send_commit(commit, quorum(due, commit))
    assert due.oracle.round_of(1).status == 2


def test_commit__too_few__refused(due: System) -> None:
    commit = struct(due)
    for count in range(3):
        with refused("quorum: too few signatures"):
            due.send_commit(commit, due.sign(commit, due.signers[:count]))


def test_commit__wrong_order_or_twice__refused(due: System) -> None:
    commit = struct(due)
    first, second, third = quorum(due, commit)
    for signatures in ([second, first, third], [first, second, second], [first, first, second]):
        with refused("quorum: not ascending"):
            due.send_commit(commit, signatures)


def test_commit__stranger_among_the_signers__refused(due: System) -> None:
    commit = struct(due)
    outsider = Account.from_key(b"\x42" * 32)
    signers = sorted([*due.signers[:2], outsider], key=lambda a: int(a.address, 16))
    with refused("quorum: not a signer"):
        due.send_commit(commit, due.sign(commit, signers))


def malleable(signature: bytes) -> bytes:
    """The other encoding of the same signature: s in the upper half, v flipped."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (malleable, "quorum: high s"),
        (lambda s: s[:64] + bytes([s[64] - 27]), "quorum: bad v"),
        (lambda s: s[:64] + b"\x1d", "quorum: bad v"),
        (lambda s: s[:64], "quorum: signature length"),
        (lambda s: b"", "quorum: signature length"),
        (lambda s: bytes(32) + s[32:], "quorum: invalid signature"),
        (lambda s: s[:32] + bytes(32) + s[64:], "quorum: invalid signature"),
        (lambda s: CURVE_ORDER.to_bytes(32, "big") + s[32:], "quorum: invalid signature"),
    ],
)
def test_commit__other_encoding__refused(
    due: System, damage: Callable[[bytes], bytes], reason: str
) -> None:
    commit = struct(due)
    first, *rest = quorum(due, commit)
    with refused(reason):
        due.send_commit(commit, [damage(first), *rest])


def test_commit__malleable_copy_as_a_second_signer__refused(due: System) -> None:
    commit = struct(due)
    first, second, _ = quorum(due, commit)
    assert int.from_bytes(malleable(first)[32:64], "big") > HALF_ORDER
    with refused("quorum: high s"):
        due.send_commit(commit, [first, malleable(first), second])


def test_commit__sixteen_signers__all_may_sign(make_system: Callable) -> None:
    system = make_system(n=16, threshold=9)
    system.announce(1)
    system.warp(system.due(1))
    commit = struct(system)
    system.send_commit(commit, system.sign(commit, system.signers))
    (log,) = system.oracle.get_logs()
    assert log.signers == 2**16 - 1
    assert len(operators(16)) == len(system.oracle.signers())


@given(position=st.integers(0, 2), bit=st.integers(0, 65 * 8 - 1))
def test_commit__any_bit_of_a_signature_flipped__refused(
    system: System, position: int, bit: int
) -> None:
    system.announce(1)
    system.warp(system.due(1))
    commit = struct(system)
    signatures = quorum(system, commit)
    damaged = bytearray(signatures[position])
    damaged[bit // 8] ^= 1 << bit % 8
    signatures[position] = bytes(damaged)
    with boa.reverts():
        system.send_commit(commit, signatures)
    assert system.oracle.round_of(1).status == 1
