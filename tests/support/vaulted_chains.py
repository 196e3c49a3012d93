"""Two chains with the burn vault on both, and a plain burner where a tournament would be."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from in_process_tournament import artifact
from two_chains import LEGACY, NMR, TwoChains, two_chains
from web3 import Web3
from web3.contract import Contract

from oracle.bridge import vault
from oracle.bridge.conservation import Facts, check
from oracle.bridge.reading import Books, together
from oracle.bridge.sweeping import Side, Sweeper
from oracle.chain.abi import abi
from oracle.chain.keys import dev_account
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.artifacts import portal_artifacts

BURNER, KEEPER = 20, 21
"""Development accounts: who sends what is burnt to the vault, as a pool does; who sweeps."""


def initcode_of(chains: TwoChains) -> bytes:
    """The same on both chains."""
    return vault.vault_initcode(artifact("BurnVault").initcode, chains.record)


def vault_address(chains: TwoChains) -> str:
    return vault.vault_address(initcode_of(chains))


def deploy_vault(chains: TwoChains, web3: Web3, account: int = KEEPER) -> Any:
    """By the deterministic deployment proxy, as whoever comes first; the receipt."""
    signer = dev_account(account)
    fields = {
        "from": signer.address,
        "to": vault.FACTORY,
        "data": "0x" + vault.vault_call(initcode_of(chains)).hex(),
        "gas": 3_000_000,
        "value": 0,
        "nonce": web3.eth.get_transaction_count(signer.address),
        "chainId": web3.eth.chain_id,
        **LEGACY,
    }
    sent = web3.eth.send_raw_transaction(signer.sign_transaction(fields).raw_transaction)  # type: ignore[arg-type]
    return web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)


@contextmanager
def vaulted_chains(
    root_id: int = 1, child_id: int = 137, *options: str, **settings: Any
) -> Iterator[TwoChains]:
    """The record names the vault; the burner has 1,000 NMR on the child chain."""
    with two_chains(root_id, child_id, *options, **settings) as chains:
        for web3 in (chains.root_web3, chains.child_web3):
            assert deploy_vault(chains, web3)["status"] == 1
        chains.record = chains.record.with_contracts(burn_vault=vault_address(chains))
        chains.relayer.record = chains.record
        chains.give(BURNER, 2_000 * NMR)
        chains.deposit(BURNER, 1_000 * NMR)
        [synced] = chains.settle_syncs()
        assert synced.ok
        yield chains


class Vaults:
    """The vaults of two chains, seen and swept."""

    def __init__(self, chains: TwoChains) -> None:
        self.chains = chains
        self.address = str(chains.record.burn_vault)
        self.root = self._at(chains.root_web3)
        self.child = self._at(chains.child_web3)
        nmr = portal_artifacts()["RootNmr"].abi
        self.nmr = chains.root_web3.eth.contract(address=chains.record.root.token, abi=nmr)  # type: ignore[call-overload]

    def _at(self, web3: Web3) -> Contract:
        return web3.eth.contract(address=self.address, abi=abi("BurnVault"))  # type: ignore[call-overload]

    def burn(self, wei: int) -> None:
        """What a round burnt reaches the child chain's vault."""
        call = self.chains.child_token.functions.transfer(self.address, wei)
        self.chains.done(self.chains.child_web3, call, BURNER)

    def donate(self, wei: int, to: str | None = None) -> None:
        """To the root chain's vault, or another address of that chain."""
        call = self.chains.root_token.functions.transfer(to or self.address, wei)
        self.chains.done(self.chains.root_web3, call, BURNER)

    def sweeper(self, account: int = KEEPER, **options: Any) -> Sweeper:
        """A keeper's, as a new process has it."""
        chains, signer = self.chains, LocalSigner(dev_account(account))
        sides = [
            Side(web3, url, Sender(web3, url, signer))
            for web3, url in (
                (chains.root_web3, chains.root.url),
                (chains.child_web3, chains.child.url),
            )
        ]
        return Sweeper(chains.record, *sides, **options)

    def stop(self) -> None:
        """The token's owner stops NMR on the root chain."""
        owner = self.chains.settings.token_owner
        self.chains.done(self.chains.root_web3, self.nmr.functions.emergencyStop(), owner)

    def release(self) -> None:
        owner = self.chains.settings.token_owner
        self.chains.done(self.chains.root_web3, self.nmr.functions.release(), owner)

    def books(self, **options: Any) -> Books:
        chains = self.chains
        return Books(chains.root_web3, chains.child_web3, chains.record, **options)


def conserved(chains: TwoChains, books: Books) -> Facts:
    """The facts of now, which add up."""
    blocks = together(chains.root_web3, chains.child_web3, chains.record)
    facts = books.facts(*blocks)
    assert check(facts) == []
    return facts
