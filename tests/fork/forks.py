"""The two forks as Ape opened them, and how they are used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from ape import networks
from ape.api import ProviderAPI, ReceiptAPI
from ape.contracts import ContractInstance
from ethpm_types import ContractType
from fork_base import CHILD_HOST, HOST, NETWORKS, Base
from local_anvil import LocalAnvil
from two_chains import TwoChains
from web3 import Web3

from oracle.bridge.conservation import check
from oracle.bridge.exits import ExitProof
from oracle.bridge.interfaces import CHILD_TOKEN, ROOT_CHAIN_MANAGER, ROOT_TOKEN, Abi
from oracle.bridge.reading import read_facts, together
from oracle.bridge.record import BridgeRecord
from oracle.chain.rpc import connect
from oracle.devnet.bridge_settings import BridgeSettings


@dataclass
class Fork:
    """One of them. Ape's contracts belong to no chain: they are called on the fork in use."""

    provider: ProviderAPI
    web3: Web3
    begin: int
    """The last block of the base chain that it has."""

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within the block Ape reads and sends here. Entering the network anew would open another
        fork, with nothing of what was done on this one."""
        before, networks.active_provider = networks.active_provider, self.provider
        try:
            yield
        finally:
            networks.active_provider = before

    @property
    def url(self) -> str:
        return str(self.provider.http_uri)


def contract(address: str, abi: Abi) -> ContractInstance:
    """Ape's, on whichever fork is in use."""
    return ContractInstance(address, ContractType.model_validate({"abi": abi}))


@dataclass
class Forks:
    """Both, and the bridge between them."""

    base: Base
    root: Fork
    child: Fork

    @property
    def record(self) -> BridgeRecord:
        return self.base.record

    @cached_property
    def chains(self) -> TwoChains:
        """What plays the validators; only of use where their keys are known."""
        nodes = LocalAnvil(self.root.url), LocalAnvil(self.child.url)
        webs = self.root.web3, self.child.web3
        return TwoChains(*nodes, *webs, self.record, BridgeSettings())

    @cached_property
    def root_token(self) -> ContractInstance:
        return contract(self.record.root.token, ROOT_TOKEN)

    @cached_property
    def child_token(self) -> ContractInstance:
        return contract(self.record.child.token, CHILD_TOKEN)

    @cached_property
    def manager(self) -> ContractInstance:
        return contract(self.record.root.root_chain_manager, ROOT_CHAIN_MANAGER)

    def exit_of(self, burnt: ReceiptAPI) -> ExitProof:
        """The proof of the one withdrawal in ``burnt``, which is in a checkpoint."""
        return self.chains.exit_of(self.child.web3.eth.get_transaction_receipt(burnt.txn_hash))  # type: ignore[arg-type]

    def trouble(self, record: BridgeRecord | None = None) -> list[str]:
        """What of all NMR on both forks does not add up."""
        sides = self.root.web3, self.child.web3, record or self.record
        return check(read_facts(*sides, *together(*sides)))


@contextmanager
def opened(base: Base) -> Iterator[Forks]:
    """Opens the child's fork beside the root's, which ``ape test`` has opened; both once, since
    each entry of a network begins a new fork."""
    root, child = base.record.root.chain_id, base.record.child.chain_id
    first = networks.provider
    assert first.chain_id == root, f"`ape test` is on chain {first.chain_id}, not {root}"
    ecosystem, name = NETWORKS[child].split(":")
    fork = networks.get_ecosystem(ecosystem).get_network(f"{name}-fork")
    os.environ[HOST] = os.environ[CHILD_HOST]
    with fork.use_provider("foundry") as second:
        yield Forks(base, _fork(first, root), _fork(second, child))


def _fork(provider: ProviderAPI, chain_id: int) -> Fork:
    web3 = connect(str(provider.http_uri), chain_id)
    return Fork(provider, web3, web3.eth.block_number)
