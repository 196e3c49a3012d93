"""RoundOracle's operators: how they come, go, and lose their word."""

from collections.abc import Callable

import boa
import pytest
from assay_system import System, compiled, deploy, operators, refused
from eth_account.signers.local import LocalAccount
from oracle_steps import DAY, OTHER, RESULT, Steps

NEW = operators(20)
"""Accounts of which the first seven, by another order, are the system's operators."""


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    return Steps(system)


def joining(system: System, count: int) -> list[LocalAccount]:
    """Accounts that never were operators."""
    known = {signer.address for signer in system.signers}
    return [account for account in NEW if account.address not in known][:count]


def rotate(
    system: System,
    added: list[LocalAccount],
    retired: list[LocalAccount],
    threshold: int = 4,
    super_quorum: int = 5,
) -> int:
    return system.oracle.rotate(
        [account.address for account in added],
        [account.address for account in retired],
        threshold,
        super_quorum,
        sender=system.governor,
    )


def test_rotate__joined_and_left__only_rounds_announced_later_change(steps: Steps) -> None:
    system = steps.system
    [new] = joining(system, 1)
    old = system.signers[0]
    steps.announce(1)
    assert rotate(system, [new], [old], 5, 6) == 2
    names = [type(log).__name__ for log in system.oracle.get_logs()]
    assert names == ["SignerRetired", "SignerAdded", "Rotated"]
    retired, added, rotated = system.oracle.get_logs()
    assert (retired.signer, retired.last_epoch) == (old.address, 1)
    assert (added.signer, added.index, added.first_epoch) == (new.address, 7, 2)
    assert (rotated.epoch, rotated.threshold, rotated.super_quorum) == (2, 5, 6)
    assert (system.oracle.threshold(), system.oracle.super_quorum()) == (5, 6)
    assert system.oracle.signers() == [s.address for s in [*system.signers, new]]
    steps.announce(2, closes_in=600)
    stored = [system.oracle.round_of(k) for k in (1, 2)]
    assert [(r.epoch, r.threshold, r.super_quorum) for r in stored] == [(1, 4, 5), (2, 5, 6)]

    stayed = system.signers[1:]
    system.warp(system.due(1))
    with refused("quorum: not a signer"):
        steps.commit(1, signers=[*stayed[:4], new])
    steps.commit(1, signers=[old, *stayed[:3]])
    system.warp(system.due(2))
    with refused("quorum: not a signer"):
        steps.commit(2, signers=[old, *stayed[:4]], epoch=2)
    with refused("quorum: too few signatures"):
        steps.commit(2, signers=stayed[:4], epoch=2)
    steps.commit(2, signers=[new, *stayed[:4]], epoch=2)
    assert steps.event("Committed").signers == 0b10011110


def test_rotate__while_a_challenge_is_open__the_old_super_quorum_answers(steps: Steps) -> None:
    system = steps.system
    steps.challenged(1)
    rotate(system, joining(system, 3), system.signers[:3], 4, 6)
    with refused("quorum: not a signer"):
        steps.confirm(1, RESULT, OTHER, signers=[*system.signers[3:], *joining(system, 3)])
    steps.confirm(1, RESULT, OTHER)
    assert steps.status() == 3


def test_rotate__twice_before_a_round__the_last_one_counts(steps: Steps) -> None:
    system = steps.system
    first, second = joining(system, 2)
    rotate(system, [first], [], 5, 6)
    rotate(system, [second], [first], 5, 6)
    steps.announce(1)
    assert not system.oracle.is_signer(first.address, 1)
    assert system.oracle.is_signer(first.address, 2)
    assert not system.oracle.is_signer(first.address, 3)
    assert [system.oracle.is_signer(second.address, e) for e in (2, 3, 4)] == [False, True, True]
    assert system.oracle.round_of(1).epoch == 3


def test_rotate__address_that_was_one__never_again(system: System) -> None:
    retired, revoked = system.signers[:2]
    with refused("quorum: signer twice"):
        rotate(system, [system.signers[3]], [])
    with refused("quorum: signer twice"):
        rotate(system, [retired], [retired])
    rotate(system, joining(system, 1), [retired])
    system.oracle.revoke(revoked.address, sender=system.governor)
    for gone in (retired, revoked):
        with refused("quorum: signer twice"):
            rotate(system, [gone], [])
    new = NEW[-1]
    with refused("quorum: signer twice"):
        rotate(system, [new, new], [])


def test_rotate__retires_someone_not_in_force__refused(system: System) -> None:
    retired, twice = system.signers[:2]
    rotate(system, joining(system, 1), [retired])
    for gone in (retired, joining(system, 2)[1]):
        with refused("quorum: not in force"):
            rotate(system, [], [gone])
    with refused("quorum: not in force"):
        rotate(system, [], [twice, twice])


def test_rotate__retires_one_that_was_revoked_meanwhile__skips_it(system: System) -> None:
    [new], revoked = joining(system, 1), system.signers[0]
    system.oracle.revoke(revoked.address, sender=system.governor)
    assert rotate(system, [new], [revoked]) == 2
    assert [type(log).__name__ for log in system.oracle.get_logs()] == ["SignerAdded", "Rotated"]
    left = [signer.address for signer in system.signers[1:]]
    assert system.oracle.members(2) == [*left, new.address]
    with refused("quorum: bad super-quorum"):
        rotate(system, [], [revoked], 4, 7)
    # Seven are left, however often it is retired.
    assert rotate(system, [], [revoked], 4, 6) == 3


@pytest.mark.parametrize(
    ("added", "retired", "threshold", "super_quorum", "reason"),
    [
        (0, 0, 3, 5, "quorum: bad threshold"),
        (0, 0, 7, 0, "quorum: bad threshold"),
        (0, 0, 4, 4, "quorum: bad super-quorum"),
        (0, 0, 4, 7, "quorum: bad super-quorum"),
        (1, 0, 4, 5, "quorum: bad threshold"),
        (0, 3, 4, 0, "quorum: bad threshold"),
        (0, 2, 4, 5, "quorum: bad super-quorum"),
        (10, 0, 9, 0, "quorum: too many signers"),
    ],
)
def test_rotate__bad_quorum__refused(
    system: System, added: int, retired: int, threshold: int, super_quorum: int, reason: str
) -> None:
    accounts = joining(system, added), system.signers[:retired]
    with refused(reason):
        rotate(system, *accounts, threshold, super_quorum)
    assert system.oracle.latest().epoch == 1
    assert len(system.oracle.signers()) == 7


def test_rotate__sixteen_in_all__accepted(steps: Steps) -> None:
    system = steps.system
    added = joining(system, 9)
    rotate(system, added, [], 9, 15)
    steps.announce(1)
    system.warp(system.due(1))
    steps.commit(1, signers=[*system.signers, *added], epoch=2)
    assert steps.event("Committed").signers == 2**16 - 1
    assert rotate(system, joining(system, 10)[9:], system.signers[:1], 9, 10) == 3


def test_rotate__zero_signer__refused(system: System) -> None:
    with refused("quorum: zero signer"):
        system.oracle.rotate(["0x" + "00" * 20], [], 5, 6, sender=system.governor)


def test_rotate__epoch_4096__refused(steps: Steps) -> None:
    system = steps.system
    steps.set_latest(84, 4_093)
    assert rotate(system, joining(system, 1), [system.signers[0]]) == 4_094
    assert rotate(system, joining(system, 2)[1:], [system.signers[1]]) == 4_095
    steps.announce(1)
    assert steps.oracle.round_of(1).epoch == 4_095
    assert not steps.oracle.is_signer(system.signers[1].address, 4_095)
    assert steps.oracle.is_signer(system.signers[2].address, 4_095)
    with refused("quorum: no epoch left"):
        rotate(system, [], [])


def test_rotate__256_addresses_ever__no_index_left(make_system: Callable) -> None:
    system = make_system(n=16, threshold=9)
    current = [signer.address for signer in system.signers]
    for _ in range(15):
        following = [boa.env.generate_address() for _ in range(16)]
        system.oracle.rotate(following, current, 9, 0, sender=system.governor)
        current = following
    assert len(set(system.oracle.signers())) == 256
    assert system.oracle.is_signer(current[-1], 16)
    new = boa.env.generate_address()
    with refused("quorum: no index left"):
        system.oracle.rotate([new], [current[0]], 9, 0, sender=system.governor)


def test_members__of_an_epoch__those_its_rounds_were_announced_with(system: System) -> None:
    first, second = joining(system, 2)
    old = [signer.address for signer in system.signers]
    rotate(system, [first], system.signers[:1])
    system.oracle.revoke(old[1], sender=system.governor)
    system.oracle.suspend(old[2], sender=system.guardian)
    system.oracle.revoke(old[0], sender=system.governor)
    rotate(system, [second], [])
    members = system.oracle.members
    assert members(0) == []
    assert members(1) == old
    assert members(2) == [*old[1:], first.address]
    assert members(3) == members(4) == [*old[2:], first.address, second.address]


def test_members__sixteen_with_revoked_ones_replaced__never_more_than_sixteen(
    make_system: Callable,
) -> None:
    system = make_system(n=16, threshold=9)
    gone = system.signers[:4]
    for signer in gone:
        system.oracle.revoke(signer.address, sender=system.governor)
    rotate(system, joining(system, 4), [], 9, 0)
    assert len(system.oracle.members(1)) == len(system.oracle.members(2)) == 16
    assert not {signer.address for signer in gone} & set(system.oracle.members(2))
    assert rotate(system, [], gone, 9, 0) == 3
    assert len(system.oracle.members(3)) == 16


# --- revocation ---


def test_revoke__operator__counts_at_once_in_every_round(steps: Steps) -> None:
    system = steps.system
    revoked = system.signers[0]
    steps.announce(1)
    system.oracle.revoke(revoked.address, sender=system.governor)
    [log] = system.oracle.get_logs()
    assert log.signer == revoked.address
    steps.announce(2, closes_in=600)
    for k in (1, 2):
        system.warp(system.due(k))
        with refused("quorum: not a signer"):
            steps.commit(k)
        steps.commit(k, signers=steps.by(1, 2, 3, 4))
    steps.challenge(2, steps.challenger())
    with refused("quorum: not a signer"):
        steps.confirm(2)
    steps.confirm(2, signers=steps.by(1, 2, 3, 4, 5))


def test_revoke__retired_operator__no_longer_signs_for_old_rounds(steps: Steps) -> None:
    system = steps.system
    retired = system.signers[0]
    steps.announce(1)
    rotate(system, joining(system, 1), [retired])
    assert system.oracle.is_signer(retired.address, 1)
    system.oracle.revoke(retired.address, sender=system.governor)
    assert not system.oracle.is_signer(retired.address, 1)
    # It was no part of the current epoch: seven are left in it.
    rotate(system, [], [], 4, 6)


def test_revoke__after_a_commit__what_was_signed_stands(steps: Steps) -> None:
    steps.committed(1)
    for signer in steps.system.signers:
        steps.oracle.revoke(signer.address, sender=steps.system.governor)
    steps.system.warp(steps.system.now + steps.system.timing.window)
    assert steps.oracle.settlement(1).chain_head == RESULT.chain_head


def test_revoke__unknown_or_revoked__refused(system: System, stranger: str) -> None:
    with refused("quorum: not a signer"):
        system.oracle.revoke(stranger, sender=system.governor)
    system.oracle.revoke(system.signers[0].address, sender=system.governor)
    with refused("quorum: revoked"):
        system.oracle.revoke(system.signers[0].address, sender=system.governor)


def test_revoke__too_few_left__only_void_is_possible_until_others_join(steps: Steps) -> None:
    system = steps.system
    steps.announce(1)
    for signer in system.signers[:4]:
        system.oracle.revoke(signer.address, sender=system.governor)
    system.warp(system.due(1))
    with refused("quorum: not a signer"):
        steps.commit(1, signers=steps.by(3, 4, 5, 6))
    system.warp(steps.deadline() + 1)
    assert system.oracle.is_void(1)
    rotate(system, joining(system, 4), [], 4, 6)
    system.announce(2)
    assert system.oracle.round_of(2).threshold == 4


def test_revoke__one_of_seven__the_next_quorum_is_of_six(system: System) -> None:
    system.oracle.revoke(system.signers[0].address, sender=system.governor)
    with refused("quorum: bad super-quorum"):
        rotate(system, [], [], 4, 6)
    assert rotate(system, [], [], 4, 5) == 2


# --- the timelock ---


def test_rotate__through_the_timelock__counts_seven_days_later(make_system: Callable) -> None:
    proposer, week, salt = boa.env.generate_address(), 7 * DAY, bytes(32)
    timelock = compiled("contracts/polygon/Timelock.vy").deploy(proposer, proposer, week)
    steps = Steps(make_system(n=7, threshold=4, super_quorum=5, governor=timelock.address))
    system = steps.system
    [new] = joining(system, 1)
    change = ([new.address], [system.signers[0].address], 4, 5)
    data = system.oracle.rotate.prepare_calldata(*change)
    with refused("oracle: not governor"):
        system.oracle.rotate(*change, sender=proposer)
    timelock.propose(system.oracle, data, salt, sender=proposer)
    steps.announce(1)
    system.warp(system.now + week - 1)
    with refused("timelock: too early"):
        timelock.execute(system.oracle, data, salt)
    steps.announce(2)
    system.warp(system.now + 1)
    timelock.execute(system.oracle, data, salt)
    steps.announce(3, closes_in=1_000)
    assert [system.oracle.round_of(k).epoch for k in (1, 2, 3)] == [1, 1, 2]
    assert [system.oracle.is_signer(new.address, epoch) for epoch in (1, 2)] == [False, True]
