"""Whether whoever holds an address on one chain holds it on the other, too.

A key holds its address on every chain. A contract holds its address only where it was deployed: a
smart wallet's address on the other chain may be empty, another contract, or the same wallet with
other owners. What is sent there may be lost.
"""

from dataclasses import dataclass

from eth_utils import to_checksum_address
from pydantic import TypeAdapter, ValidationError
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3Exception

from oracle.bridge.record import BridgeRecord
from oracle.chain.addresses import Address
from oracle.errors import InputError

_ADDRESS = TypeAdapter[str](Address)
_DELEGATED = bytes.fromhex("ef0100")
"""Code of an account that a key holds and that lends itself a contract's code (EIP-7702)."""
_SAFE = [
    {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"type": kind, "name": ""}],
    }
    for name, kind in (("getOwners", "address[]"), ("getThreshold", "uint256"))
]


@dataclass(frozen=True, slots=True)
class Holder:
    """What is at an address on one chain; ``owners`` of a Safe with how many must sign."""

    code: bytes
    owners: tuple[frozenset[str], int] | None = None

    @property
    def is_contract(self) -> bool:
        return bool(self.code) and not self.code.startswith(_DELEGATED)


def holder(web3: Web3, address: str) -> Holder:
    """Reads what is at ``address`` now."""
    code = bytes(web3.eth.get_code(to_checksum_address(address)))
    found = Holder(code)
    return Holder(code, _owners(web3, address)) if found.is_contract else found


def _owners(web3: Web3, address: str) -> tuple[frozenset[str], int] | None:
    safe = web3.eth.contract(address=to_checksum_address(address), abi=_SAFE)
    try:
        return (
            frozenset(safe.functions.getOwners().call()),
            int(safe.functions.getThreshold().call()),
        )
    except (ContractLogicError, Web3Exception):  # no Safe
        return None


def wallet_warning(address: str, root: Holder, child: Holder, *, arrives: str) -> str | None:
    """Why the holder of ``address`` may not get what arrives on chain ``arrives``, or None.

    ``arrives`` is ``root`` or ``child``; the holder is known by the other chain.
    """
    here, there = (root, child) if arrives == "child" else (child, root)
    other = "root" if arrives == "child" else "child"
    if not here.is_contract and not there.is_contract:
        return None
    if not there.is_contract:
        return (
            f"{address} is a contract on the {other} chain and has no code on the {arrives} chain: "
            "whoever holds it there may be able to do nothing here"
        )
    if not here.is_contract:
        return (
            f"{address} is a contract on the {arrives} chain only: what it can do with tokens is "
            "up to its code"
        )
    if here.owners is not None and there.owners is not None:
        if here.owners == there.owners:
            return None
        return f"{address} is a wallet with other owners on the {arrives} chain"
    same = "the same" if here.code == there.code else "another"
    return (
        f"{address} is {same} contract on both chains, and who holds it on the {arrives} chain "
        "cannot be told from here"
    )


def checked_address(text: str, what: str) -> str:
    """``text`` as an address with its checksum; refuses a wrong one and the zero address."""
    try:
        return str(_ADDRESS.validate_python(text))
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"{what} {text} {reason}", "copy the address again") from None


def bridge_contracts(record: BridgeRecord) -> dict[str, str]:
    """Addresses on the child chain that nobody gets tokens out of again, with their names."""
    named = {
        "the child token": record.child.token,
        "the child chain's bridge": record.child.child_chain_manager,
        "the StateReceiver": record.child.state_receiver,
        "FxChild": record.child.fx_child,
        "the burn vault": record.burn_vault,
        "GovChild": record.gov_child,
    }
    found = {address: name for name, address in named.items() if address is not None}
    return found | {roots.outbox: "RootsOutbox" for roots in record.roots.values()}
