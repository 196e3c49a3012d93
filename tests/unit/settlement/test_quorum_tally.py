"""Counting signatures: registered signers only, each once, equivocators never."""

from dataclasses import replace

import pytest
from attested import COMMIT, DOMAIN, KEYS, ORACLE, ORDER, joined, parts, sign
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.quorum import Attestation, tally
from oracle.settlement.typed_data import Domain, digest, recover

SIGNERS = [key.address for key in KEYS[:5]]
STRANGERS = KEYS[5:]
OTHER = replace(COMMIT, at_risk=COMMIT.at_risk + 1)
AGREED = digest(COMMIT, DOMAIN)


def _by(*who: int, commit: object = COMMIT) -> list[Attestation]:
    return [Attestation(commit, sign(commit, KEYS[i])) for i in who]


def test_tally__enough_signers__agreed() -> None:
    counted = tally(_by(0, 1, 2), DOMAIN, SIGNERS)
    assert counted.agreed(3) == AGREED
    assert counted.agreed(4) is None
    assert set(counted.signatures[AGREED]) == set(SIGNERS[:3])


def test_tally__nothing__nothing_agreed() -> None:
    counted = tally([], DOMAIN, SIGNERS)
    assert (counted.agreed(1), counted.signatures, counted.equivocators) == (None, {}, frozenset())


def test_tally__stranger__left_out() -> None:
    counted = tally([*_by(0, 1), Attestation(COMMIT, sign(COMMIT, STRANGERS[0]))], DOMAIN, SIGNERS)
    assert counted.agreed(2) == AGREED
    assert counted.agreed(3) is None


def test_tally__same_signer_many_times__counts_once() -> None:
    counted = tally(_by(0, 0, 0, 1), DOMAIN, SIGNERS)
    assert counted.agreed(3) is None
    assert counted.equivocators == frozenset()


def test_tally__second_encoding_of_a_signature__left_out() -> None:
    r, s, v = parts(sign(COMMIT, KEYS[1]))
    malleated = Attestation(COMMIT, joined(r, ORDER - s, 55 - v))
    assert tally([*_by(0), malleated], DOMAIN, SIGNERS).agreed(2) is None


def test_tally__other_domain__left_out() -> None:
    for domain in (Domain(1, ORACLE), Domain(DOMAIN.chain_id, "0x" + "99" * 20)):
        assert tally(_by(0, 1, 2), domain, SIGNERS).agreed(1) is None


def test_tally__equivocator__named_and_counts_for_neither() -> None:
    items = [*_by(0, 1, 2), *_by(2, 3, commit=OTHER)]
    for order in (items, items[::-1]):
        counted = tally(order, DOMAIN, SIGNERS)
        assert counted.equivocators == {SIGNERS[2]}
        assert counted.agreed(2) == AGREED
        assert counted.agreed(3) is None
        assert set(counted.signatures[digest(OTHER, DOMAIN)]) == {SIGNERS[3]}


def test_tally__stranger_signs_twice__is_no_equivocator() -> None:
    items = [Attestation(commit, sign(commit, STRANGERS[0])) for commit in (COMMIT, OTHER)]
    assert tally(items, DOMAIN, SIGNERS).equivocators == frozenset()


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str])
def test_tally__address_in_any_case__is_registered(spelled: object) -> None:
    signers = ["0x" + spelled(address[2:]) for address in SIGNERS]
    assert tally(_by(0, 1, 2), DOMAIN, signers).agreed(3) == AGREED


def test_tally__commit_that_cannot_be_encoded__left_out() -> None:
    """One peer's nonsense must not keep the others from agreeing."""
    nonsense = Attestation(replace(COMMIT, at_risk=2**256), sign(COMMIT))
    assert tally([nonsense, *_by(0, 1, 2)], DOMAIN, SIGNERS).agreed(3) == AGREED


@given(st.permutations(range(5)), st.integers(1, 5))
def test_ordered__any_arrival__ascending_by_address(arrival: list[int], needed: int) -> None:
    counted = tally(_by(*arrival), DOMAIN, SIGNERS)
    signatures = counted.ordered(AGREED, needed)
    found = [int(recover(COMMIT, DOMAIN, signature), 16) for signature in signatures]
    assert found == sorted(int(address, 16) for address in SIGNERS)[:needed]
