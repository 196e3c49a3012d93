"""Contracts of the bridge, as they are called here."""

from typing import Any

from web3 import Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from oracle.bridge.interfaces import (
    CHECKPOINT_MANAGER,
    CHILD_TOKEN,
    ERC20_PREDICATE,
    ROOT_CHAIN_MANAGER,
    ROOT_TOKEN,
    STATE_RECEIVER,
    STATE_SENDER,
    Abi,
)
from oracle.bridge.record import BridgeRecord
from oracle.errors import RefusedError


def contract(web3: Web3, address: str, abi: Abi) -> Any:
    return web3.eth.contract(address=address, abi=abi)  # type: ignore[call-overload]


def root_token(web3: Web3, record: BridgeRecord) -> Any:
    return contract(web3, record.root.token, ROOT_TOKEN)


def child_token(web3: Web3, record: BridgeRecord) -> Any:
    return contract(web3, record.child.token, CHILD_TOKEN)


def root_chain_manager(web3: Web3, record: BridgeRecord) -> Any:
    return contract(web3, record.root.root_chain_manager, ROOT_CHAIN_MANAGER)


def state_sender(root: Web3, record: BridgeRecord) -> Any:
    return contract(root, record.root.state_sender, STATE_SENDER)


def state_receiver(child: Web3, record: BridgeRecord) -> Any:
    return contract(child, record.child.state_receiver, STATE_RECEIVER)


def erc20_predicate(root: Web3, record: BridgeRecord) -> Any:
    return contract(root, record.root.erc20_predicate, ERC20_PREDICATE)


def checkpoint_manager(root: Web3, record: BridgeRecord) -> Any:
    return contract(root, record.root.checkpoint_manager, CHECKPOINT_MANAGER)


def require_running(web3: Web3, record: BridgeRecord) -> None:
    """Raises while NMR is stopped on the root chain; a token that cannot be stopped is not."""
    try:
        stopped = root_token(web3, record).functions.stopped().call()
    except (ContractLogicError, BadFunctionCallOutput):
        return
    if stopped:
        raise RefusedError(
            "NMR is stopped on the root chain by its owner", "try again when it was released"
        )
