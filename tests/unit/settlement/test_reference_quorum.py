"""The reference model of RoundOracle's signers: who counts when, through changes of all kinds."""

from random import Random

import pytest
from attested import KEYS
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.reference_quorum import (
    LAST_EPOCH,
    MAX_EVER,
    MAX_SIGNERS,
    REST,
    SUSPENSION,
    ReferenceQuorum,
)
from oracle.settlement.refusals import Refused

DAY = 86_400
NOW = 10**9
SIGNERS = sorted((key.address for key in KEYS), key=lambda a: int(a, 16))
NEW = [f"0x{i:040x}" for i in range(1, 300)]


@pytest.fixture
def quorum() -> ReferenceQuorum:
    """Seven signers in their first epoch."""
    quorum = ReferenceQuorum()
    quorum.rotate(SIGNERS, (), 4, 5)
    return quorum


def counting(quorum: ReferenceQuorum, epoch: int, now: int = NOW) -> list[str]:
    return [who for who in quorum.members if quorum.is_signer(who, epoch, now)]


def test_rotate__joined_and_left__each_counts_in_its_own_epochs(quorum: ReferenceQuorum) -> None:
    quorum.rotate(NEW[:2], SIGNERS[:2], 4, 5)
    assert counting(quorum, 0) == []
    assert counting(quorum, 1) == quorum.members_of(1) == SIGNERS
    expected = [*SIGNERS[2:], *NEW[:2]]
    assert counting(quorum, 2) == counting(quorum, LAST_EPOCH) == expected
    assert counting(quorum, LAST_EPOCH + 1) == []


def test_revoke__in_force__out_of_all_rounds_and_of_later_epochs(quorum: ReferenceQuorum) -> None:
    quorum.revoke(SIGNERS[0])
    assert counting(quorum, 1) == SIGNERS[1:]
    assert (quorum.members_of(1), quorum.members_of(2)) == (SIGNERS, SIGNERS[1:])
    for retired in ((), SIGNERS[:1]):
        with pytest.raises(Refused, match=r"^quorum: bad super-quorum$"):
            quorum.rotate((), retired, 4, 6)
    quorum.rotate((), SIGNERS[:1], 4, 5)
    assert quorum.members_of(2) == counting(quorum, 2) == SIGNERS[1:]


@pytest.mark.parametrize(
    ("added", "retired", "threshold", "super_quorum", "reason"),
    [
        ([], [], 3, 0, "quorum: bad threshold"),
        ([], [], 7, 0, "quorum: bad threshold"),
        ([], [], 4, 4, "quorum: bad super-quorum"),
        ([], [], 4, 7, "quorum: bad super-quorum"),
        (NEW[:10], [], 9, 0, "quorum: too many signers"),
        (SIGNERS[:1], [], 5, 0, "quorum: signer twice"),
        (SIGNERS[:1], SIGNERS[:1], 4, 0, "quorum: signer twice"),
        (["0x" + "00" * 20], [], 5, 0, "quorum: zero signer"),
        ([], NEW[:1], 4, 0, "quorum: not in force"),
        ([], SIGNERS[:1] * 2, 4, 0, "quorum: not in force"),
    ],
)
def test_rotate__bad_change__refused_and_nothing_changed(
    quorum: ReferenceQuorum,
    added: list[str],
    retired: list[str],
    threshold: int,
    super_quorum: int,
    reason: str,
) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        quorum.rotate(added, retired, threshold, super_quorum)
    assert (quorum.epoch, list(quorum.members)) == (1, SIGNERS)
    assert counting(quorum, 2) == SIGNERS


def test_rotate__end_of_epochs_and_of_indices__refused(quorum: ReferenceQuorum) -> None:
    quorum.epoch = LAST_EPOCH - 1
    quorum.rotate((), (), 4, 5)
    with pytest.raises(Refused, match=r"^quorum: no epoch left$"):
        quorum.rotate((), (), 4, 5)
    crowd = ReferenceQuorum()
    crowd.rotate(NEW[:MAX_SIGNERS], (), 9, 0)
    for start in range(MAX_SIGNERS, MAX_EVER, MAX_SIGNERS):
        crowd.rotate(NEW[start : start + MAX_SIGNERS], NEW[start - MAX_SIGNERS : start], 9, 0)
    assert len(crowd.members) == MAX_EVER
    with pytest.raises(Refused, match=r"^quorum: no index left$"):
        crowd.rotate(NEW[MAX_EVER : MAX_EVER + 1], NEW[MAX_EVER - 1 : MAX_EVER], 9, 0)


def test_suspend__14_days_then_rest__to_the_second(quorum: ReferenceQuorum) -> None:
    first, second = SIGNERS[:2]
    quorum.suspend(first, NOW)
    with pytest.raises(Refused, match=r"^quorum: suspended$"):
        quorum.suspend(first, NOW + SUSPENSION - 1)
    assert not quorum.is_signer(first, 1, NOW + SUSPENSION - 1)
    assert quorum.is_signer(first, 1, NOW + SUSPENSION)
    quorum.suspend(second, NOW + SUSPENSION - 1)
    end = NOW + SUSPENSION
    assert counting(quorum, 1, end - 1) == SIGNERS[2:]
    assert counting(quorum, 1, end) == SIGNERS
    for moment in (end, end + REST - 1):
        with pytest.raises(Refused, match=r"^quorum: no suspension now$"):
            quorum.suspend(first, moment)
    quorum.suspend(first, end + REST)


@given(seed=st.integers(0, 2**32), hours=st.sampled_from([1, 7, 30, 200]))
def test_suspend__whenever_it_may__all_count_for_14_days_between_spells_of_14(
    seed: int, hours: int
) -> None:
    """Whoever suspends, and however cleverly, a quorum can sign in half of the time."""
    draw, now, spells, free = Random(seed), NOW, {}, []
    quorum = ReferenceQuorum()
    quorum.rotate(SIGNERS, (), 4, 5)
    while now < NOW + 200 * DAY:
        signer = draw.choice(SIGNERS)
        try:
            quorum.suspend(signer, now)
        except Refused as refusal:
            if str(refusal) == "quorum: no suspension now":
                free.append(now)
                assert counting(quorum, 1, now) == SIGNERS
        else:
            spells.setdefault(quorum.members[signer].suspended_until, now)
        now += draw.randint(1, hours * 3_600)
    assert free
    assert all(end == begin + SUSPENSION for end, begin in spells.items())
    begins, ends = list(spells.values()), list(spells)
    assert all(begin >= end + REST for begin, end in zip(begins[1:], ends, strict=False))


def test_check__signatures__enough_ascending_and_of_members_only(quorum: ReferenceQuorum) -> None:
    quorum.check(SIGNERS[:4], 1, 4, NOW)
    quorum.check(SIGNERS, 1, 4, NOW)
    quorum.suspend(SIGNERS[1], NOW)
    for reason, signers in (
        ("quorum: too few signatures", SIGNERS[:3]),
        ("quorum: not ascending", SIGNERS[3::-1]),
        ("quorum: not ascending", [SIGNERS[0], *SIGNERS[2:4], SIGNERS[3]]),
        ("quorum: not a signer", SIGNERS[:4]),
        ("quorum: not a signer", [*SIGNERS[3:], "0x" + "ff" * 20]),
    ):
        with pytest.raises(Refused, match=f"^{reason}$"):
            quorum.check(signers, 1, 4, NOW)
