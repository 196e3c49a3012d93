"""BurnVault on Polygon's own bridge: what is swept on the child chain is destroyed on the root."""

from dataclasses import dataclass
from typing import Any

import boa
import pytest
from assay_system import compiled
from child_chain import CHILD_CHAIN, Receipt, encoded, logged
from eth_abi import encode
from portal import Portal

NMR = 10**18
ROOT_CHAIN = 1


@dataclass
class Burning:
    """A bridge with 1,000 NMR on the child chain, and the vault, which is told the chain anew
    before each step: both chains share an EVM here, so both have it at one address."""

    portal: Portal
    vault: Any
    account: str

    def on(self, chain: int) -> None:
        boa.env.evm.patch.chain_id = chain

    def lose(self, wei: int) -> None:
        """Somebody's stake on its way to the vault."""
        self.portal.child_token.transfer(self.vault, wei, sender=self.account)

    def sweep_child(self) -> bytes:
        """The payload that exits what was swept."""
        self.on(CHILD_CHAIN)
        self.vault.sweep()
        chain = self.portal.chain
        receipt = Receipt(logged(self.vault), kind=0)
        block = chain.add(receipt)
        chain.checkpoint()
        token = self.portal.child_token.address.lower()
        place = next(i for i, log in enumerate(receipt.logs) if log.address == token)
        return encoded(chain.payload(block, 0, place))

    def sweep_root(self) -> int:
        self.on(ROOT_CHAIN)
        return int(self.vault.sweep())


@pytest.fixture
def burning() -> Any:
    before = boa.env.evm.patch.chain_id
    boa.env.evm.patch.chain_id = ROOT_CHAIN
    portal, account = Portal(), boa.env.generate_address()
    token, wei = portal.token, 1_000 * NMR
    token.transfer(account, wei)
    token.approve(portal.predicate.address, wei, sender=account)
    deposit = (account, token.address, encode(["uint256"], [wei]))
    portal.manager.depositFor(*deposit, sender=account)
    assert portal.deliver(portal.manager)
    vault = compiled("contracts/ethereum/BurnVault.vy").deploy(
        ROOT_CHAIN, token.address, CHILD_CHAIN, portal.child_token.address
    )
    yield Burning(portal, vault, account)
    boa.env.evm.patch.chain_id = before


def test_burn__swept_exited_and_destroyed__root_supply_falls_by_what_was_lost(
    burning: Burning, stranger: str
) -> None:
    """Every step by somebody without a role."""
    portal = burning.portal
    supply, locked = portal.token.totalSupply(), portal.token.balanceOf(portal.predicate)
    burning.lose(30 * NMR)
    payload = burning.sweep_child()
    assert portal.child_token.totalSupply() == 970 * NMR
    assert portal.token.totalSupply() == supply
    portal.manager.exit(payload, sender=stranger)
    assert portal.token.balanceOf(portal.predicate) == locked - 30 * NMR
    assert burning.sweep_root() == 30 * NMR
    assert portal.token.totalSupply() == supply - 30 * NMR


def test_exit__of_a_sweep_again__refused(burning: Burning) -> None:
    burning.lose(30 * NMR)
    payload = burning.sweep_child()
    burning.portal.manager.exit(payload)
    with boa.reverts():
        burning.portal.manager.exit(payload)
    assert burning.sweep_root() == 30 * NMR


def test_exit__of_a_sweep_while_the_token_is_stopped__waits_for_it(burning: Burning) -> None:
    portal = burning.portal
    burning.lose(30 * NMR)
    payload = burning.sweep_child()
    portal.token.emergencyStop(sender=portal.token_owner)
    with boa.reverts():
        portal.manager.exit(payload)
    portal.token.release(sender=portal.token_owner)
    portal.manager.exit(payload)
    portal.token.emergencyStop(sender=portal.token_owner)
    burning.on(ROOT_CHAIN)
    with boa.reverts():
        burning.vault.sweep()
    portal.token.release(sender=portal.token_owner)
    assert burning.sweep_root() == 30 * NMR


def test_donations__on_both_chains__are_burned_with_the_rest(
    burning: Burning, stranger: str
) -> None:
    """What is destroyed exceeds what was swept on the child chain by what was given here."""
    portal = burning.portal
    supply = portal.token.totalSupply()
    portal.token.transfer(stranger, 5 * NMR)
    portal.token.transfer(burning.vault, 5 * NMR, sender=stranger)
    burning.lose(30 * NMR)
    portal.manager.exit(burning.sweep_child())
    assert burning.sweep_root() == 35 * NMR
    assert portal.token.totalSupply() == supply - 35 * NMR


def test_dust__swept_first__delays_the_next_sweep_by_a_week_at_most(burning: Burning) -> None:
    """A stranger's wei starts the wait anew; it costs an exit nobody needs, and no more."""
    burning.on(CHILD_CHAIN)
    burning.lose(1)
    boa.env.timestamp += burning.vault.MAX_WAIT()
    burning.vault.sweep()
    burning.lose(9 * NMR)
    assert burning.vault.sweepable() == 0
    boa.env.timestamp += burning.vault.MAX_WAIT()
    assert burning.vault.sweepable() == 9 * NMR
    burning.lose(NMR)
    assert burning.vault.sweep() == 10 * NMR
