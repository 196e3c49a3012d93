"""Handing a signed transaction to the chain's nodes, and what their answers mean."""

from enum import Enum

import requests
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import TxReceipt

from oracle.errors import UnreachableError


class Posted(Enum):
    """What became of a broadcast."""

    TAKEN = "taken"
    LOST = "no answer came; it may have been taken"
    CHEAP = "the fee is too low for now"
    OUTBID = "another transaction has its nonce and offers as much"
    SPENT = "its nonce is used"
    POOR = "the account cannot pay for it"
    REFUSED = "refused"


# Nodes word the same thing differently (geth and bor, erigon, nethermind, besu, reth, anvil).
# Compared without spaces; the first match counts.
_WORDS = (
    (Posted.TAKEN, ("alreadyknown", "knowntransaction", "alreadyimported", "alreadyexists")),
    (Posted.SPENT, ("noncetoolow", "nonceistoolow", "oldnonce")),
    (Posted.OUTBID, ("replacement", "couldnotreplace")),
    (Posted.CHEAP, ("underpriced", "lessthanblockbasefee", "belowtheminimum", "feetoolow")),
    (Posted.POOR, ("insufficientfunds", "insufficientbalance", "exceedsaccountbalance")),
)


def post(web3: Web3, raw: bytes) -> tuple[Posted, str]:
    """Sends ``raw``; the answer, and the node's words where it did not take it."""
    try:
        web3.eth.send_raw_transaction(raw)
    except Web3RPCError as error:
        return meaning(str(error.rpc_response or error)), _words(error)
    except (requests.RequestException, ConnectionError, TimeoutError, UnreachableError):
        return Posted.LOST, ""
    return Posted.TAKEN, ""


def _words(error: Web3RPCError) -> str:
    """What the node said; web3's own words for it are the same for every refusal."""
    told = (error.rpc_response or {}).get("error")
    message = told.get("message") if isinstance(told, dict) else None
    return str(message or error)


def meaning(words: str) -> Posted:
    """What a node means by an error."""
    lower = words.lower().replace(" ", "")
    for answer, phrases in _WORDS:
        if any(phrase in lower for phrase in phrases):
            return answer
    return Posted.REFUSED


def receipt_of(web3: Web3, digest: bytes) -> TxReceipt | None:
    """The receipt of a transaction that is in a block, or None."""
    try:
        return web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
    except TransactionNotFound:
        return None


def is_known(web3: Web3, digest: bytes) -> bool:
    """Whether the node has the transaction, waiting or in a block."""
    try:
        web3.eth.get_transaction(digest)  # type: ignore[arg-type]
    except TransactionNotFound:
        return False
    return True
