"""What a transaction offers for its gas (EIP-1559), and how an offer is raised."""

from dataclasses import dataclass

from web3 import Web3
from web3.exceptions import Web3RPCError

GWEI = 10**9
MOST_TIP = 200 * GWEI
"""The most that a node's word alone makes anybody offer as a tip: it is paid in full."""


@dataclass(frozen=True, slots=True)
class Fees:
    """An offer, in wei per gas: at most ``max_fee`` in all, of which ``tip`` is the proposer's."""

    max_fee: int
    tip: int

    def capped(self, cap: int | None) -> "Fees":
        if cap is None:
            return self
        return Fees(min(self.max_fee, cap), min(self.tip, cap))


def next_base_fee(web3: Web3) -> int:
    """What the next block takes of each gas, in wei."""
    try:
        return web3.eth.fee_history(1, "latest")["baseFeePerGas"][-1]
    except Web3RPCError:  # a node without that method
        return web3.eth.get_block("latest")["baseFeePerGas"]


def market(web3: Web3, base: int | None = None) -> Fees:
    """An offer that stays good while the base fee doubles."""
    tip = min(web3.eth.max_priority_fee, MOST_TIP)
    base = next_base_fee(web3) if base is None else base
    return Fees(2 * base + tip, tip)


def raised(old: Fees, now: Fees, cap: int | None) -> Fees | None:
    """An offer that nodes take in place of ``old``: both parts 12.5 % higher, and what the market
    asks ``now`` if that is more. None where ``cap`` does not leave room."""
    least = Fees(_more(old.max_fee), _more(old.tip))
    if cap is not None and least.max_fee > cap:
        return None
    return Fees(max(least.max_fee, now.max_fee), max(least.tip, now.tip)).capped(cap)


def _more(fee: int) -> int:
    """An eighth more, rounded up."""
    return max(fee + 1, -(-fee * 9 // 8))
