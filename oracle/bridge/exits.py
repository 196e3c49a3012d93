"""Exit proofs: that a log was written on the child chain, in a form that the root chain takes.

The same form serves RootChainManager.exit and FxPortal's receiveMessage: RLP of checkpoint id,
branch in its tree, block number, time, transactions root, receipts root, receipt, its proof, its
path in the trie, and the log's place in the receipt.
"""

from dataclasses import dataclass

import rlp
from eth_utils import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.types import BlockIdentifier, TxReceipt

from oracle.bridge.checkpoints import Checkpoint, Tree, covering, headers
from oracle.bridge.contracts import root_chain_manager
from oracle.bridge.receipts import block_receipts, encode_receipt, proof, receipt_trie
from oracle.bridge.record import BridgeRecord
from oracle.errors import DifferenceError, InputError, RefusedError

TRANSFER = keccak(text="Transfer(address,address,uint256)")
MESSAGE_SENT = keccak(text="MessageSent(bytes)")
_NOBODY = bytes(32)
_ASK = "the chain was reorganised, or the endpoint is wrong: try again, or ask another one"


@dataclass(frozen=True, slots=True)
class ExitProof:
    """``payload`` proves log ``log_index`` of the receipt of transaction ``index`` in child block
    ``block``; ``id`` is what the root chain marks as done."""

    payload: bytes
    id: bytes
    block: int
    index: int
    log_index: int
    checkpoint: Checkpoint


def exit_id(block: int, index: int, log_index: int) -> bytes:
    """The id under which RootChainManager and FxPortal mark an exit as done."""
    nibbles = bytes(n for byte in rlp.encode(index) for n in divmod(byte, 16))
    return keccak(block.to_bytes(32, "big") + nibbles + log_index.to_bytes(32, "big"))


def burn_logs(receipt: TxReceipt, token: str) -> list[int]:
    """Places in the receipt of the logs by which ``token`` was destroyed: what can be exited."""
    return [
        place
        for place, log in enumerate(receipt["logs"])
        if log["address"] == token
        and len(log["topics"]) == 3
        and bytes(log["topics"][0]) == TRANSFER
        and bytes(log["topics"][2]) == _NOBODY
    ]


def message_logs(receipt: TxReceipt, sender: str) -> list[int]:
    """Places in the receipt of messages that the tunnel end ``sender`` sent to the root chain."""
    return [
        place
        for place, log in enumerate(receipt["logs"])
        if log["address"] == sender and log["topics"] and bytes(log["topics"][0]) == MESSAGE_SENT
    ]


def exit_proof(
    root: Web3, child: Web3, record: BridgeRecord, transaction: str | bytes, log_index: int
) -> ExitProof:
    """The proof of a log of a child chain's transaction.

    Raises RefusedError while no checkpoint has its block, DifferenceError if the child endpoint's
    blocks are not those of the checkpoint, InputError if there is no such log.
    """
    receipt = child.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
    _require_of(receipt, transaction)
    if not 0 <= log_index < len(receipt["logs"]):
        raise InputError(f"the transaction has {len(receipt['logs'])} logs, none of {log_index}")
    number, index = receipt["blockNumber"], receipt["transactionIndex"]
    found = covering(root, record, number)
    if found is None:
        raise RefusedError(
            f"child block {number} is in no checkpoint yet", "wait for the next checkpoint"
        )
    chain = headers(child, found.start, found.end)
    tree = Tree([header.leaf for header in chain])
    if tree.root != found.root:
        raise DifferenceError(
            f"blocks {found.start} to {found.end} are not those of checkpoint {found.id}",
            "the child endpoint follows another chain: ask another one",
        )
    header = chain[number - found.start]
    # By hash: the chain may have another block of the number by now.
    block = child.eth.get_block(header.hash)  # type: ignore[arg-type]
    receipts = block_receipts(child, block)
    if index >= len(receipts):
        raise DifferenceError(f"block {number} has {len(receipts)} receipts, none of {index}", _ASK)
    _require_of(receipts[index], transaction)
    payload = rlp.encode(
        [
            found.id,
            tree.branch(number - found.start),
            number,
            header.timestamp,
            header.transactions_root,
            header.receipts_root,
            encode_receipt(receipts[index]),
            proof(receipt_trie(receipts, block), index),
            b"\0" + rlp.encode(index),
            log_index,
        ]
    )
    return ExitProof(payload, exit_id(number, index, log_index), number, index, log_index, found)


def _require_of(receipt: TxReceipt, transaction: str | bytes) -> None:
    """What is proven must be of the transaction that was asked for: another one's logs are its."""
    if bytes(receipt["transactionHash"]) != bytes(HexBytes(transaction)):
        raise DifferenceError(
            f"the child endpoint answers with the receipt of 0x{receipt['transactionHash'].hex()}",
            _ASK,
        )


def is_exited(root: Web3, record: BridgeRecord, id: bytes, at: BlockIdentifier = "latest") -> bool:
    """Whether the tokens of exit ``id`` were paid on the root chain, as of block ``at``."""
    manager = root_chain_manager(root, record)
    return bool(manager.functions.processedExits(id).call(block_identifier=at))
