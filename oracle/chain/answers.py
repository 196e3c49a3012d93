"""Answers to JSON-RPC requests: which may change, and when two of them agree."""

import re
from collections.abc import Callable, Mapping
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
_MIB = 1 << 20
_MOST_BYTES: Mapping[str, int] = {
    "eth_getLogs": 64 * _MIB,
    # A page of a view is 70 kB, a block's hashes some 100 kB; a receipt holds what 30 million gas
    # can log, 8 MB.
    "eth_call": 16 * _MIB,
    "eth_getBlockByNumber": 16 * _MIB,
    "eth_getBlockByHash": 16 * _MIB,
    "eth_getTransactionReceipt": 16 * _MIB,
    "eth_getTransactionByHash": 16 * _MIB,
    "debug_traceTransaction": 64 * _MIB,
}
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


def most_bytes(method: str) -> int:
    """The longest response to a request that is read."""
    return _MOST_BYTES.get(method, _MIB)


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


# ---------------------------------------------------------------------- what an answer must be


_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_is_quantity, _is_data = _matches(_QUANTITY), _matches(_DATA)
_is_hash, _is_address = _matches(_HASH), _matches(_ADDRESS)
_PARTS: Mapping[str, Callable[[Any], bool]] = {
    "hash": _is_hash,
    "parentHash": _is_hash,
    "blockHash": _is_hash,
    "transactionHash": _is_hash,
    "number": _is_quantity,
    "timestamp": _is_quantity,
    "blockNumber": _is_quantity,
    "transactionIndex": _is_quantity,
    "logIndex": _is_quantity,
    "status": _is_quantity,
    "address": _is_address,
    "data": _is_data,
    "topics": lambda value: isinstance(value, list) and all(map(_is_hash, value)),
    "baseFeePerGas": lambda value: (
        isinstance(value, list) and bool(value) and all(map(_is_quantity, value))
    ),
}
_RECEIPT_FIELDS = ("transactionHash", "blockHash", "blockNumber", "status")


def _has(value: Any, names: tuple[str, ...]) -> bool:
    return isinstance(value, dict) and all(_PARTS[name](value.get(name)) for name in names)


def _is_block(value: Any) -> bool:
    return value is None or _has(value, _BLOCK_FIELDS)


def _are_logs(value: Any) -> bool:
    """Each of them once: a log's place is its block and its index."""
    if not isinstance(value, list):
        return False
    if not all(_has(log, (*_LOG_FIELDS, "transactionIndex")) for log in value):
        return False
    return len({(log["blockNumber"], log["logIndex"]) for log in value}) == len(value)


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            "eth_blockNumber",
            "eth_chainId",
            "eth_estimateGas",
            "eth_gasPrice",
            "eth_getBalance",
            "eth_getTransactionCount",
            "eth_maxPriorityFeePerGas",
        ),
        _is_quantity,
    ),
    **dict.fromkeys(("eth_call", "eth_getCode", "eth_getStorageAt"), _is_data),
    "eth_sendRawTransaction": _is_hash,
    "eth_getBlockByNumber": _is_block,
    "eth_getBlockByHash": _is_block,
    "eth_getLogs": _are_logs,
    "eth_feeHistory": lambda value: _has(value, ("baseFeePerGas",)),
    "eth_getTransactionReceipt": lambda value: value is None or _has(value, _RECEIPT_FIELDS),
    "eth_getTransactionByHash": lambda value: value is None or isinstance(value, dict),
}


def is_of_a_chain(method: str, result: Any) -> bool:
    """Whether a result has the form that the method's results have.

    An endpoint that is broken or hostile may answer anything at all; whoever reads the answer
    should not have to think of that.
    """
    shape = _SHAPES.get(method)
    return shape is None or shape(result)
