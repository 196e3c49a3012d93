"""A root and a child chain of a test's own, with Polygon's bridge between them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_abi import encode
from local_anvil import LocalAnvil, local_anvil
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.types import TxReceipt

from oracle.bridge.checkpoints import Checkpoint
from oracle.bridge.exits import ExitProof, burn_logs, exit_proof
from oracle.bridge.interfaces import (
    CHECKPOINT_MANAGER,
    CHILD_TOKEN,
    ROOT_CHAIN_MANAGER,
    ROOT_TOKEN,
    STATE_RECEIVER,
)
from oracle.bridge.record import BridgeRecord
from oracle.chain.keys import dev_account
from oracle.chain.rpc import connect
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.portal import deploy_portal
from oracle.devnet.relayer import Relayer, Synced

Call = ContractFunction | ContractConstructor
NMR = 10**18
TYPED = {"maxFeePerGas": 100 * 10**9, "maxPriorityFeePerGas": 10**9}
LEGACY = {"gasPrice": 100 * 10**9}


@dataclass
class TwoChains:
    """Both chains mine a block for every transaction; two blocks behind the head are final."""

    root: LocalAnvil
    child: LocalAnvil
    root_web3: Web3
    child_web3: Web3
    record: BridgeRecord
    settings: BridgeSettings
    relayer: Relayer = field(init=False)

    def __post_init__(self) -> None:
        self.relayer = Relayer(self.root_web3, self.child_web3, self.record, self.settings)

    # ------------------------------------------------------------------ contracts

    @property
    def root_token(self) -> Contract:
        return self._at(self.root_web3, self.record.root.token, ROOT_TOKEN)

    @property
    def child_token(self) -> Contract:
        return self._at(self.child_web3, self.record.child.token, CHILD_TOKEN)

    @property
    def manager(self) -> Contract:
        return self._at(self.root_web3, self.record.root.root_chain_manager, ROOT_CHAIN_MANAGER)

    @property
    def checkpoints(self) -> Contract:
        address = self.record.root.checkpoint_manager
        return self._at(self.root_web3, address, CHECKPOINT_MANAGER)

    @property
    def state_receiver(self) -> Contract:
        return self._at(self.child_web3, self.record.child.state_receiver, STATE_RECEIVER)

    @staticmethod
    def _at(web3: Web3, address: str, abi: list[dict[str, Any]]) -> Contract:
        return web3.eth.contract(address=address, abi=abi)  # type: ignore[call-overload]

    # ------------------------------------------------------------------ sending

    def send(
        self,
        web3: Web3,
        call: Call,
        account: int,
        *,
        legacy: bool = False,
        gas: int = 0,
    ) -> TxReceipt:
        """``call`` as a transaction of development account ``account``, reverted or not."""
        digest = self.post(web3, call, account, legacy=legacy, gas=gas)
        return web3.eth.wait_for_transaction_receipt(digest, poll_latency=0.005)  # type: ignore[arg-type]

    def post(
        self, web3: Web3, call: Call, account: int, *, legacy: bool = False, gas: int = 0
    ) -> bytes:
        """Sends without waiting; the transaction's hash."""
        signer = dev_account(account)
        fields = {"from": signer.address, "gas": gas or 3_000_000, "chainId": web3.eth.chain_id}
        fields |= {"nonce": web3.eth.get_transaction_count(signer.address, "pending")}
        made = call.build_transaction(fields | (LEGACY if legacy else TYPED))  # type: ignore[arg-type]
        raw = signer.sign_transaction(made).raw_transaction  # type: ignore[arg-type]
        return bytes(web3.eth.send_raw_transaction(raw))

    def done(self, web3: Web3, call: Call, account: int, **options: Any) -> TxReceipt:
        """The same; it must succeed."""
        receipt = self.send(web3, call, account, **options)
        assert receipt["status"] == 1, f"{call} failed"
        return receipt

    def give(self, account: int, wei: int) -> None:
        """NMR on the root chain, from the supply of the bridge's administrator."""
        to = dev_account(account).address
        transfer = self.root_token.functions.transfer(to, wei)
        self.done(self.root_web3, transfer, self.settings.admin)

    def deposit(self, account: int, wei: int, to: str | None = None) -> TxReceipt:
        """Approves and locks; the message is sent, and not yet there."""
        predicate = self.record.root.erc20_predicate
        self.done(self.root_web3, self.root_token.functions.approve(predicate, wei), account)
        receiver = to or dev_account(account).address
        call = self.manager.functions.depositFor(
            receiver, self.record.root.token, encode(["uint256"], [wei])
        )
        return self.done(self.root_web3, call, account)

    def withdraw(self, account: int, wei: int, *, legacy: bool = True) -> TxReceipt:
        """Burns on the child chain, by a transaction of a type that the portal's version reads."""
        call = self.child_token.functions.withdraw(wei)
        return self.done(self.child_web3, call, account, legacy=legacy)

    def exit_of(self, burnt: TxReceipt) -> ExitProof:
        """The proof of the withdrawal in ``burnt``."""
        [place] = burn_logs(burnt, self.record.child.token)
        return exit_proof(
            self.root_web3, self.child_web3, self.record, burnt["transactionHash"], place
        )

    # ------------------------------------------------------------------ validators

    def settle_syncs(self) -> list[Synced]:
        """Everything sent so far is final and reaches the child chain."""
        self.root.mine(3)
        return self.relayer.sync()

    def checkpoint(self) -> Checkpoint | None:
        """Everything so far is final on the child chain, and in a checkpoint."""
        self.child.mine(3)
        return self.relayer.checkpoint()

    # ------------------------------------------------------------------ state

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Takes back whatever the block does to both chains."""
        before = [(chain, chain.ask("evm_snapshot")) for chain in (self.root, self.child)]
        try:
            yield
        finally:
            for chain, snapshot in before:
                assert chain.ask("evm_revert", snapshot)


@contextmanager
def two_chains(
    root_id: int = 1, child_id: int = 137, *options: str, **settings: Any
) -> Iterator[TwoChains]:
    """Both chains with the bridge, the token mapped on both; ``options`` are anvil's own,
    ``settings`` those of ``BridgeSettings``."""
    declared = BridgeSettings(**settings)
    with (
        local_anvil(*options, chain_id=root_id) as root,
        local_anvil(*options, chain_id=child_id) as child,
    ):
        webs = connect(root.url, root_id), connect(child.url, child_id)
        made = deploy_portal(*webs, declared, name="test")
        chains = TwoChains(root, child, *webs, made, declared)
        [mapped] = chains.settle_syncs()
        assert mapped.ok, "the token is not mapped"
        yield chains


def await_true(true: Any, seconds: float = 60) -> None:
    """Waits until ``true()``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)
