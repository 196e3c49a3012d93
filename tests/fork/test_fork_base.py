"""Whatever happens on the forks, the chains they were made from stay as they were."""

import pytest
from ape.api import AccountAPI
from fork_base import WITHDRAWER
from forks import Forks
from two_chains import NMR

from oracle.chain.rpc import connect

ETHER = 10**18
ANYONE, OTHER = 12, 13


def test_forks__opened__begin_with_the_newest_blocks_of_the_base(forks: Forks) -> None:
    """A fork of a stale or an empty chain would let other tests pass for the wrong reason."""
    for fork, rpc in ((forks.root, forks.base.root_rpc), (forks.child, forks.base.child_rpc)):
        base = connect(rpc)
        forked, there = (web3.eth.get_block(fork.begin) for web3 in (fork.web3, base))
        assert forked["hash"] == there["hash"]
        assert fork.web3.eth.chain_id == base.eth.chain_id
        if forks.base.local:
            assert base.eth.block_number == fork.begin


@pytest.mark.usefixtures("local")
def test_base__money_moved_both_ways_on_the_forks__the_same_byte_for_byte(
    forks: Forks, accounts: list[AccountAPI]
) -> None:
    before = forks.base.now()
    for fork in (forks.root, forks.child):
        with fork.used():
            accounts[ANYONE].transfer(accounts[OTHER], ETHER)
    forks.chains.deposit(WITHDRAWER, NMR)
    [synced] = forks.chains.settle_syncs()
    forks.chains.withdraw(WITHDRAWER, NMR)
    assert synced.ok
    assert forks.chains.checkpoint() is not None
    for fork in (forks.root, forks.child):
        assert fork.web3.eth.block_number > fork.begin + 3
    assert forks.base.now() == before == forks.base.before
