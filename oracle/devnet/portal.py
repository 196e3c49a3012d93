"""Polygon's bridge on two local chains: its own contracts, and stand-ins for the missing ones.

As on the real networks but for who deploys: every contract of the portal stands behind its proxy,
roles are given by its own functions, and the token's mapping travels as the first state sync.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode
from web3 import Web3
from web3.types import RPCEndpoint

from oracle.bridge.record import STATE_RECEIVER, BridgeRecord
from oracle.chain.fees import market
from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import Artifact, portal_artifacts
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.validators import Validators
from oracle.errors import EnvironmentLacksError, RefusedError

ERC20 = keccak(text="ERC20")
"""Token type of the portal's ERC-20 predicate."""
_GAS = 8_000_000
_RECEIPT_SECONDS = 60
_NOBODY = "0x" + "00" * 20
WHY = {
    "StateSender": "not part of the npm packages: behaves as Polygon's",
    "StateReceiver": "not part of the npm packages: behaves as Bor's",
    "CheckpointManager": "not part of the npm packages: counts signatures of a local validator set",
    "RootNmr": "NMR's interface and quirks, without value",
    "RootChainManager": "the npm package's version, which reads receipts of type 0 only",
}


@dataclass
class _Chain:
    """Sends one account's transactions one behind the other and looks at all of them at the end."""

    web3: Web3
    account: LocalAccount
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chain_id = self.web3.eth.chain_id
        self.nonce = self.web3.eth.get_transaction_count(self.account.address)
        self.start = self.web3.eth.block_number
        self._fees = market(self.web3)

    def address_after(self, creations: int) -> str:
        """Address of a contract that this account creates when that many transactions are sent."""
        parts = [bytes.fromhex(self.account.address[2:]), self.nonce + creations]
        return str(to_checksum_address(keccak(rlp_encode(parts))[12:]))

    def create(self, name: str, *arguments: Any) -> str:
        """Creates the contract; its address."""
        artifact, address = portal_artifacts()[name], self.address_after(0)
        contract = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        self._send(name, None, contract.constructor(*arguments).data_in_transaction)
        return address

    def call(self, name: str, address: str, function: str, *arguments: Any) -> None:
        """Calls the contract at ``address``, which is, or stands before, the named one."""
        self._send(f"{name}.{function}", address, self.data(name, function, *arguments))

    def data(self, name: str, function: str, *arguments: Any) -> str:
        contract = self.web3.eth.contract(abi=portal_artifacts()[name].abi)
        return str(contract.encode_abi(function, list(arguments)))

    def behind_proxy(self, name: str) -> str:
        """Creates the contract and its proxy; the proxy's address."""
        implementation = self.create(name)
        proxy = self.create(f"{name}Proxy", _NOBODY)
        self.call(f"{name}Proxy", proxy, "updateImplementation", implementation)
        return proxy

    def _send(self, what: str, to: str | None, data: str) -> None:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "gas": _GAS,
            "value": 0,
            "data": data,
            "maxFeePerGas": self._fees.max_fee,
            "maxPriorityFeePerGas": self._fees.tip,
        }
        signed = self.account.sign_transaction(fields | ({"to": to} if to else {}))
        self.sent.append((what, bytes(self.web3.eth.send_raw_transaction(signed.raw_transaction))))
        self.nonce += 1

    def finish(self) -> None:
        """Waits for all that was sent; raises if any of it failed."""
        for what, digest in self.sent:
            receipt = self.web3.eth.wait_for_transaction_receipt(
                digest,  # type: ignore[arg-type]
                timeout=_RECEIPT_SECONDS,
                poll_latency=0.02,
            )
            if receipt["status"] != 1:
                raise RefusedError(f"chain {self.chain_id}: {what} failed")


def deploy_portal(
    root: Web3, child: Web3, settings: BridgeSettings, *, name: str = "devnet"
) -> BridgeRecord:
    """Deploys the bridge on two local chains and maps the token.

    The mapping reaches the child chain with the first state sync: not before a relayer has run.
    """
    above, below = (_Chain(web3, dev_account(settings.admin)) for web3 in (root, child))
    _require_local(root, child)
    _place_state_receiver(child, portal_artifacts()["StateReceiver"])
    children = _deploy_child(below)
    roots = _deploy_root(above, settings, below.chain_id, children)
    below.call("FxChild", children["fx_child"], "setFxRoot", roots["fx_root"])
    above.finish()
    below.finish()
    return BridgeRecord.model_validate(
        {
            "schema": "assay/bridge/1",
            "name": name,
            "root": {"chain_id": above.chain_id, "start_block": above.start, **roots},
            "child": {"chain_id": below.chain_id, "start_block": below.start, **children},
            "stand_ins": WHY,
        }
    )


def _require_local(*chains: Web3) -> None:
    """Refuses what is no development node: all keys here are known to everyone."""
    for web3 in chains:
        client = str(web3.client_version)
        if not client.startswith("anvil"):
            raise RefusedError(f"chain {web3.eth.chain_id} is no local one: {client}")


def _place_state_receiver(child: Web3, artifact: Artifact) -> None:
    """Puts the stand-in's code where every child chain has it from its genesis."""
    there = bytes(child.eth.get_code(to_checksum_address(STATE_RECEIVER)))
    if there and there != artifact.runtime:
        raise EnvironmentLacksError(
            f"chain {child.eth.chain_id} has another contract at {STATE_RECEIVER}",
            "start with an empty chain",
        )
    code = "0x" + artifact.runtime.hex()
    child.manager.request_blocking(RPCEndpoint("anvil_setCode"), [STATE_RECEIVER, code])


def _deploy_child(chain: _Chain) -> dict[str, str]:
    admin = chain.account.address
    manager = chain.behind_proxy("ChildChainManager")
    chain.call("ChildChainManager", manager, "initialize", admin)
    syncer = keccak(text="STATE_SYNCER_ROLE")
    chain.call("ChildChainManager", manager, "grantRole", syncer, STATE_RECEIVER)
    token = chain.behind_proxy("UChildERC20")
    chain.call("UChildERC20", token, "initialize", "Numeraire (PoS)", "NMR", 18, manager)
    fx_child = chain.create("FxChild")
    return {"token": token, "child_chain_manager": manager, "fx_child": fx_child}


def _deploy_root(
    chain: _Chain, settings: BridgeSettings, child_chain: int, children: dict[str, str]
) -> dict[str, str]:
    admin, owner = chain.account.address, dev_account(settings.token_owner).address
    validators = Validators.of(settings.validators).addresses
    token = chain.create("RootNmr", owner, owner)
    sender = chain.create("StateSender")
    checkpoints = chain.create(
        "CheckpointManager", child_chain, validators, _equal_powers(validators)
    )
    manager = chain.behind_proxy("RootChainManager")
    chain.call("RootChainManager", manager, "initialize", admin)
    predicate = chain.behind_proxy("ERC20Predicate")
    chain.call("ERC20Predicate", predicate, "initialize", admin)
    chain.call("ERC20Predicate", predicate, "grantRole", keccak(text="MANAGER_ROLE"), manager)
    child_manager = children["child_chain_manager"]
    for function, argument in (
        ("setStateSender", sender),
        ("setCheckpointManager", checkpoints),
        ("setChildChainManagerAddress", child_manager),
    ):
        chain.call("RootChainManager", manager, function, argument)
    chain.call("RootChainManager", manager, "registerPredicate", ERC20, predicate)
    fx_root = chain.create("FxRoot", sender)
    chain.call("FxRoot", fx_root, "setFxChild", children["fx_child"])
    chain.call("StateSender", sender, "register", manager, child_manager)
    chain.call("StateSender", sender, "register", fx_root, children["fx_child"])
    chain.call("RootChainManager", manager, "mapToken", token, children["token"], ERC20)
    return {
        "token": token,
        "root_chain_manager": manager,
        "erc20_predicate": predicate,
        "state_sender": sender,
        "checkpoint_manager": checkpoints,
        "fx_root": fx_root,
    }


def _equal_powers(validators: Sequence[str]) -> list[int]:
    return [1] * len(validators)
