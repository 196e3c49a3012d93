"""Answers to JSON-RPC requests: which may change, and when two of them agree."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

Answer = dict[str, Any]
"""A JSON-RPC response: ``result`` or ``error``."""

# Where a method's parameters name a block.
_BLOCK_AT: Mapping[str, int] = {
    "eth_call": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
    "eth_getBlockByNumber": 0,
}
_LOOKUPS = ("eth_getTransactionReceipt", "eth_getTransactionByHash")
# What of a block decides anything here, and all of it follows from the hash.
_BLOCK_FIELDS = ("hash", "parentHash", "number", "timestamp")
_LOG_FIELDS = (
    "address",
    "topics",
    "data",
    "blockNumber",
    "blockHash",
    "transactionHash",
    "logIndex",
)
_TO_SEND = ("eth_send", "eth_sign")
_HASH_DIGITS = 66


class Kind(Enum):
    """How a request is to be asked."""

    FIXED = auto()  # the same answer for ever: several endpoints must agree
    FINALIZED = auto()  # the newest finalized block
    BROADCAST = auto()  # a signed transaction
    LOOKUP = auto()  # one endpoint may know what another does not yet
    CHANGING = auto()  # depends on the moment


def kind_of(method: str, parameters: list[Any]) -> Kind:
    """The kind of a request whose ``finalized`` tags are replaced by numbers."""
    if method == "eth_sendRawTransaction":
        return Kind.BROADCAST
    if method in _LOOKUPS:
        return Kind.LOOKUP
    if method == "eth_getBlockByNumber" and parameters[0] == "finalized":
        return Kind.FINALIZED
    if method == "eth_getBlockByHash":
        return Kind.FIXED
    if method == "eth_getLogs":
        asked = parameters[0]
        ends = (asked.get("fromBlock"), asked.get("toBlock"))
        fixed = "blockHash" in asked or all(_is_fixed(end) for end in ends)
        return Kind.FIXED if fixed else Kind.CHANGING
    place = _BLOCK_AT.get(method)
    if place is not None and place < len(parameters) and _is_fixed(parameters[place]):
        return Kind.FIXED
    return Kind.CHANGING


def _is_fixed(block: Any) -> bool:
    """Whether a parameter names one block for ever, but for a reorganisation."""
    if isinstance(block, str):
        return block.startswith("0x") or block == "earliest"
    return isinstance(block, int | Mapping)


def newest_block(method: str, parameters: list[Any]) -> int | None:
    """The highest block number a fixed request depends on; None where it names a hash."""
    if method == "eth_getLogs":
        return _as_number(parameters[0].get("toBlock"))
    place = _BLOCK_AT.get(method)
    return None if place is None else _as_number(parameters[place])


def _as_number(block: Any) -> int | None:
    if isinstance(block, int):
        return block
    if isinstance(block, str) and block.startswith("0x") and len(block) < _HASH_DIGITS:
        return int(block, 16)
    return 0 if block == "earliest" else None


def names_finalized(method: str, parameters: list[Any]) -> bool:
    """Whether a request other than for the block itself is to be answered as of finality."""
    if method == "eth_getLogs":
        return "finalized" in (parameters[0].get("fromBlock"), parameters[0].get("toBlock"))
    place = _BLOCK_AT.get(method)
    if method == "eth_getBlockByNumber" or place is None or place >= len(parameters):
        return False
    return parameters[place] == "finalized"


def at_block(method: str, parameters: list[Any], number: int) -> list[Any]:
    """The parameters with ``number`` in place of ``finalized``."""
    replaced = list(parameters)
    if method == "eth_getLogs":
        ends = {k: hex(number) for k, v in parameters[0].items() if v == "finalized"}
        replaced[0] = {**parameters[0], **ends}
    else:
        replaced[_BLOCK_AT[method]] = hex(number)
    return replaced


def is_repeatable(method: str) -> bool:
    """Whether asking twice does no more than asking once."""
    return method.startswith(("eth_", "net_", "web3_")) and not method.startswith(_TO_SEND)


def is_refusal(answer: Answer) -> bool:
    """Whether an endpoint could not answer; that a contract reverts is an answer."""
    return "error" in answer and not _is_revert(answer["error"])


def _is_revert(error: Mapping[str, Any]) -> bool:
    return error.get("code") == 3 or "revert" in str(error.get("message", "")).lower()


def comparable(method: str, answer: Answer) -> Any:
    """What must be equal in two endpoints' answers; None for an answer that says nothing."""
    if "error" in answer:
        # Nodes word a revert differently.
        return "reverted" if _is_revert(answer["error"]) else None
    result = answer["result"]
    if result is None:
        return None
    try:
        if method == "eth_getLogs":
            return tuple(sorted(_fields(log, _LOG_FIELDS) for log in result))
        if method.startswith("eth_getBlock"):
            return _fields(result, _BLOCK_FIELDS)
    except (KeyError, TypeError):
        return ("malformed", str(result))
    return str(result).lower()


def _fields(item: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(item[name]).lower() for name in names)
