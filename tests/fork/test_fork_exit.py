"""A withdrawal that was burnt and checkpointed before the fork, exited on the fork."""

from dataclasses import dataclass

import ape
import pytest
from ape.api import AccountAPI
from eth_utils import to_checksum_address
from forks import Forks

from oracle.bridge.exits import ExitProof, burn_logs, exit_proof, is_exited
from oracle.chain.rpc import connect

STRANGER = 11


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Who burnt how much, and the proof of it."""

    owner: str
    wei: int
    proof: ExitProof


@pytest.fixture
def withdrawal(forks: Forks) -> Withdrawal:
    """By what the forks answer of the time before them."""
    base, child = forks.base, forks.child.web3
    if base.withdrawal is None:
        pytest.skip("no withdrawal is named: pass --withdrawal, one that is not exited yet")
    receipt = child.eth.get_transaction_receipt(base.withdrawal)  # type: ignore[arg-type]
    [place] = burn_logs(receipt, forks.record.child.token)
    burnt = receipt["logs"][place]
    return Withdrawal(
        owner=to_checksum_address(burnt["topics"][1][12:]),
        wei=int.from_bytes(burnt["data"], "big"),
        proof=exit_proof(forks.root.web3, child, forks.record, base.withdrawal, place),
    )


def test_exit__burnt_before_the_fork__paid_to_the_owner_once(
    forks: Forks, withdrawal: Withdrawal, accounts: list[AccountAPI]
) -> None:
    record, proof = forks.record, withdrawal.proof
    assert proof.block <= forks.child.begin
    assert withdrawal.wei > 0
    assert not is_exited(forks.root.web3, record, proof.id)
    with forks.root.used():
        holders = withdrawal.owner, record.root.erc20_predicate
        before = [forks.root_token.balanceOf(holder) for holder in holders]
        supply = forks.root_token.totalSupply()
        forks.manager.exit(proof.payload, sender=accounts[STRANGER])
        paid, taken = (forks.root_token.balanceOf(holder) for holder in holders)
        assert (paid - before[0], before[1] - taken) == (withdrawal.wei, withdrawal.wei)
        assert forks.root_token.totalSupply() == supply
        assert is_exited(forks.root.web3, record, proof.id)
        with ape.reverts("RootChainManager: EXIT_ALREADY_PROCESSED"):
            forks.manager.exit(proof.payload, sender=accounts[STRANGER])
        assert forks.root_token.balanceOf(withdrawal.owner) == paid
    base_root = connect(forks.base.root_rpc, record.root.chain_id)
    assert not is_exited(base_root, record, proof.id), "the base chain has exited it"
