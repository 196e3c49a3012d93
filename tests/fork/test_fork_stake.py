"""NMR through the bridge on the forks, into a pool there, and back."""

import pytest
from ape.api import AccountAPI
from eth_abi import encode
from fork_tournament import deploy_tournament, deploy_vault, register
from forks import Forks
from two_chains import NMR

from oracle.settlement.units import WEI_PER_UNIT

pytestmark = pytest.mark.usefixtures("local")

STAKER, DEPLOYER, STRANGER = 20, 0, 11


def test_bridge__deposit_stake_and_withdrawal_on_forks__every_wei_arrives(
    forks: Forks, accounts: list[AccountAPI]
) -> None:
    record, staker = forks.record, accounts[STAKER]
    forks.chains.give(STAKER, 100 * NMR)
    with forks.root.used():
        forks.root_token.approve(record.root.erc20_predicate, 100 * NMR, sender=staker)
        amount = encode(["uint256"], [100 * NMR])
        forks.manager.depositFor(staker, record.root.token, amount, sender=staker)
        assert forks.root_token.balanceOf(staker) == 0
    [synced] = forks.chains.settle_syncs()
    assert synced.ok
    vault = deploy_vault(forks, accounts[STRANGER])
    with forks.child.used():
        assert forks.child_token.balanceOf(staker) == 100 * NMR
        tournament = deploy_tournament(record, vault.address, accounts[DEPLOYER])
        model = register(forks, tournament, staker)
        pool = tournament.pool
        forks.child_token.approve(pool.address, 20 * NMR, sender=staker)
        pool.deposit(model, 20 * NMR, 1, sender=staker)
        assert forks.child_token.balanceOf(pool.address) == 20 * NMR
        assert pool.totals().queued * WEI_PER_UNIT == 20 * NMR
        assert forks.child_token.balanceOf(vault.address) == tournament.fee
        rest = forks.child_token.balanceOf(staker)
        assert rest == 80 * NMR - tournament.fee
        burnt = forks.child_token.withdraw(rest, sender=staker, type=0)
    assert forks.chains.checkpoint() is not None
    with forks.root.used():
        forks.manager.exit(forks.exit_of(burnt).payload, sender=accounts[STRANGER])
        assert forks.root_token.balanceOf(staker) == rest
    assert forks.trouble() == []
