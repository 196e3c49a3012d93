"""What a tournament on the forks burns leaves the root token's supply, and nothing else does."""

import pytest
from ape.api import AccountAPI
from fork_tournament import deploy_vault
from forks import Forks
from two_chains import NMR

pytestmark = pytest.mark.usefixtures("local")

BURNER, STRANGER = 21, 11
BURNT = 30 * NMR + 1


def test_sweep__burns_on_the_child_fork__supply_of_the_root_fork_falls_by_them(
    forks: Forks, accounts: list[AccountAPI]
) -> None:
    stranger = accounts[STRANGER]
    vault = deploy_vault(forks, stranger)
    forks.chains.give(BURNER, 50 * NMR)
    forks.chains.deposit(BURNER, 50 * NMR)
    [synced] = forks.chains.settle_syncs()
    assert synced.ok
    with forks.root.used():
        supply = forks.root_token.totalSupply()
    with forks.child.used():
        forks.child_token.transfer(vault.address, BURNT, sender=accounts[BURNER])
        swept = vault.sweep(sender=stranger, type=0)
        assert (vault.swept(), forks.child_token.balanceOf(vault.address)) == (BURNT, 0)
    assert forks.chains.checkpoint() is not None
    with forks.root.used():
        forks.manager.exit(forks.exit_of(swept).payload, sender=stranger)
        assert forks.root_token.balanceOf(vault.address) == BURNT
        assert forks.root_token.totalSupply() == supply
        vault.sweep(sender=stranger)
        assert forks.root_token.totalSupply() == supply - BURNT
        assert (vault.swept(), forks.root_token.balanceOf(vault.address)) == (BURNT, 0)
    assert forks.trouble(forks.record.with_contracts(burn_vault=vault.address)) == []
