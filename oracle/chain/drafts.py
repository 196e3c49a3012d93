"""A contract call made ready for signing: encoded, tried, its gas known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError

from oracle.chain.fees import Fees
from oracle.errors import RefusedError

_GAS_MARGIN_PERCENT = 125
_TRANSFER_GAS = 21_000
_WEI_PER_COIN = 10**18


class FundsError(RefusedError):
    """The account cannot pay for the gas."""


@dataclass(frozen=True, slots=True)
class Draft:
    """All of a transaction but who sends it, when, and for what fee.

    A ``legacy`` one is of type 0: it pays the whole fee it offers, and lists no storage.
    """

    call: str
    to: str
    data: bytes
    gas: int
    access_list: Sequence[Mapping[str, Any]] = ()
    legacy: bool = False

    def fields(self, chain_id: int, nonce: int, fees: Fees) -> dict[str, Any]:
        """What is signed, as JSON-RPC names it."""
        common = {
            "chainId": chain_id,
            "nonce": nonce,
            "gas": self.gas,
            "to": self.to,
            "value": 0,
            "data": self.data,
        }
        if self.legacy:
            return {**common, "gasPrice": fees.max_fee}
        return {
            **common,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.tip,
            "accessList": list(self.access_list),
        }


def encoded(call: ContractFunction) -> bytes:
    """The call's data."""
    return bytes.fromhex(call._encode_transaction_data().removeprefix("0x"))


def draft(
    web3: Web3,
    call: ContractFunction,
    sender: str,
    *,
    access_list: bool = False,
    legacy: bool = False,
) -> Draft:
    """``call`` as it would run in the next block; raises what web3 raises if it would revert.

    With ``access_list`` it names the storage it will touch, where the chain asks less gas then; a
    ``legacy`` transaction cannot.
    """
    data, to = encoded(call), str(call.address)
    request = {"from": sender, "to": to, "data": data}
    gas = web3.eth.estimate_gas(request)  # type: ignore[arg-type]
    touched: Sequence[Mapping[str, Any]] = ()
    if access_list and not legacy:
        gas, touched = _with_list(web3, request, gas)
    return Draft(call.fn_name, to, data, gas * _GAS_MARGIN_PERCENT // 100, touched, legacy)


def filler(account: str) -> Draft:
    """Nothing, sent to oneself: it only uses up a nonce."""
    return Draft("fill", account, b"", _TRANSFER_GAS)


def _with_list(
    web3: Web3, request: dict[str, Any], plain: int
) -> tuple[int, Sequence[Mapping[str, Any]]]:
    try:
        answer = web3.eth.create_access_list(request)  # type: ignore[arg-type]
        touched = [
            {
                "address": item["address"],
                "storageKeys": [HexBytes(key).to_0x_hex() for key in item["storageKeys"]],
            }
            for item in answer["accessList"]
        ]
        listed = web3.eth.estimate_gas({**request, "accessList": touched})  # type: ignore
    except Web3RPCError:  # a node without that method
        return plain, ()
    return (listed, touched) if listed < plain else (plain, ())


def require_funds(web3: Web3, account: str, call: str, need: int) -> None:
    """Raises unless ``account`` has ``need`` wei."""
    balance = web3.eth.get_balance(account)  # type: ignore[arg-type]
    if balance < need:
        raise funds_error(account, call, balance, need)


def funds_error(account: str, call: str, balance: int, need: int) -> FundsError:
    return FundsError(
        f"{account} holds {_coins(balance)} of the chain's coin, and {call} may need "
        f"{_coins(need)} for gas",
        f"send it at least {_coins(max(need - balance, 1))} more; it goes on by itself then",
    )


def _coins(wei: int) -> str:
    """An amount at full precision, without zeros at its end."""
    return f"{(Decimal(wei) / _WEI_PER_COIN).normalize():f}"
