"""Signatures on disk: one file an operator, a second result beside it, nobody else's at all."""

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner, sign
from oracle.operator.attestations import Attestations
from oracle.settlement.typed_data import Commit, Domain, digest
from oracle.settlement.wire import AttestationMessage, attestation_message

DOMAIN = Domain(731371, "0x" + "11" * 20)
OPERATORS = [dev_account(index) for index in range(2, 6)]
MEMBERS = [account.address for account in OPERATORS]
COMMIT = Commit(
    pool="0x" + "22" * 20,
    tournament=8,
    round=3,
    epoch=1,
    announce_hash=bytes([1]) * 32,
    close_block_hash=bytes([2]) * 32,
    chain_head=bytes([3]) * 32,
    at_risk=5,
    words=1,
    manifest=bytes([4]) * 32,
    meta_root=bytes([5]) * 32,
)
OTHER = replace(COMMIT, at_risk=6)


def signed(account: LocalAccount, commit: Commit = COMMIT) -> AttestationMessage:
    return attestation_message(commit, sign(LocalSigner(account), commit, DOMAIN))


@pytest.fixture
def kept(tmp_path: Path) -> Attestations:
    return Attestations(tmp_path, DOMAIN)


def test_keep__of_members__counted_by_result(kept: Attestations) -> None:
    for account in OPERATORS[:3]:
        kept.keep(signed(account), MEMBERS)
    kept.keep(signed(OPERATORS[3], OTHER), MEMBERS)
    counted = kept.count(MEMBERS)
    assert counted.agreed(3) == digest(COMMIT, DOMAIN)
    assert counted.agreed(4) is None
    assert kept.equivocations() == []


def test_keep__of_a_stranger_or_damaged__nothing_is_written(
    kept: Attestations, tmp_path: Path
) -> None:
    kept.keep(signed(dev_account(9)), MEMBERS)
    broken = signed(OPERATORS[0]).model_copy(update={"signature": "0x" + "00" * 65})
    kept.keep(broken, MEMBERS)
    assert list(tmp_path.rglob("*.json")) == []


def test_keep__two_results_of_one_operator__both_kept_and_neither_counts(
    kept: Attestations,
) -> None:
    for account in OPERATORS[:3]:
        kept.keep(signed(account), MEMBERS)
    liar = OPERATORS[2]
    for _ in range(2):
        kept.keep(signed(liar, OTHER), MEMBERS)
    kept.keep(signed(liar, replace(COMMIT, at_risk=7)), MEMBERS)
    counted = kept.count(MEMBERS)
    assert counted.equivocators == {liar.address}
    assert counted.agreed(3) is None
    [pair] = kept.equivocations()
    assert pair == (signed(liar), signed(liar, OTHER))
    assert kept.all_of(liar.address) == list(pair)


def test_keep__the_same_again__the_file_stays(kept: Attestations) -> None:
    kept.show(MEMBERS[0], signed(OPERATORS[0]))
    kept.keep(signed(OPERATORS[0]), MEMBERS)
    assert kept.of(MEMBERS[0]) == signed(OPERATORS[0])
    assert kept.of(MEMBERS[1]) is None
    assert kept.of("") is None
