"""Receipts as their block's trie holds them, and proofs that it holds them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rlp
from eth_utils import keccak
from trie import HexaryTrie
from web3 import Web3
from web3.exceptions import MethodUnavailable, Web3RPCError
from web3.types import BlockData, TxReceipt

from oracle.errors import DifferenceError

_STATE_SYNC_TYPE = 0x7F
"""Type of the transaction that commits state syncs on newer Bor."""


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """A receipt's bytes in the trie: RLP, behind the type's byte unless it is a legacy one."""
    logs = [
        [_bytes(log["address"]), [_bytes(t) for t in log["topics"]], _bytes(log["data"])]
        for log in receipt["logs"]
    ]
    outcome = receipt["status"] if receipt.get("status") is not None else _bytes(receipt["root"])
    body = rlp.encode([outcome, receipt["cumulativeGasUsed"], _bytes(receipt["logsBloom"]), logs])
    kind = receipt.get("type", 0)
    kind = int(kind, 16) if isinstance(kind, str) else int(kind)
    return bytes([kind]) + body if kind else body


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def state_sync_hash(number: int, block_hash: bytes) -> bytes:
    """The hash that older Bor gives to the receipt of a block's state syncs, which is answered with
    the others but stands in no trie."""
    return keccak(b"matic-bor-receipt-" + number.to_bytes(8, "big") + block_hash)


def block_receipts(web3: Web3, block: BlockData) -> Sequence[TxReceipt]:
    """All receipts of a block, in order; one by one where the node knows no better way."""
    try:
        return web3.eth.get_block_receipts(block["hash"])
    except (MethodUnavailable, Web3RPCError):
        return [
            web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
            for digest in block["transactions"]
        ]


def receipt_trie(receipts: Sequence[TxReceipt], block: BlockData) -> HexaryTrie:
    """The trie of the block's receipts; its root is the header's.

    Bor's receipt of state syncs counts or does not, by the chain's age: whichever gives the
    header's root. Raises DifferenceError if neither does.
    """
    own = state_sync_hash(block["number"], bytes(block["hash"]))
    without = [r for r in receipts if bytes(r["transactionHash"]) != own]
    untyped = [r for r in without if r.get("type") != _STATE_SYNC_TYPE]
    for chosen in (receipts, without, untyped):
        trie = _trie(encode_receipt(receipt) for receipt in chosen)
        if trie.root_hash == bytes(block["receiptsRoot"]):
            return trie
    raise DifferenceError(
        f"the receipts of block {block['number']} do not give its receipts root",
        "the endpoint answers with other receipts than the chain has: ask another one",
    )


def _trie(encoded: Iterable[bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for index, receipt in enumerate(encoded):
        trie[rlp.encode(index)] = receipt
    return trie


def proof(trie: HexaryTrie, index: int) -> bytes:
    """RLP of the nodes from the root to receipt ``index``."""
    return rlp.encode(list(trie.get_proof(rlp.encode(index))))
