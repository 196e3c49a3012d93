"""NMR and gas for anybody on a devnet, on both chains, from whoever has the rest of it."""

from dataclasses import dataclass

from web3 import Web3

from oracle.chain.fees import market
from oracle.chain.keys import dev_account
from oracle.chain.rpc import readable
from oracle.devnet.launch import Devnet
from oracle.errors import RefusedError, UnreachableError

_GAS = 21_000
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Gift:
    """Wei of NMR, and of the chains' own coin, that an address got on each chain."""

    address: str
    nmr: int
    coin: int


def give(net: Devnet, address: str, nmr: int, coin: int) -> Gift:
    """NMR on the root chain, NMR on the tournament's chain over the bridge, and coin on both.

    Raises ``RefusedError`` where the administrator has not that much.
    """
    for url, web3 in net.webs():
        _send_coin(web3, url, net.topology.bridge.admin, address, coin)
    if nmr:
        net.supply().give({address: nmr})
        net.bring({address: nmr})
    return Gift(address, nmr, coin)


def _send_coin(web3: Web3, url: str, giver: int, address: str, wei: int) -> None:
    account = dev_account(giver)
    with readable(url):
        offer = market(web3)
        has = web3.eth.get_balance(account.address)
        if has < wei + _GAS * offer.max_fee:
            raise RefusedError(
                f"account {giver} has {Web3.from_wei(has, 'ether')} coins left, too few for that",
                "ask for less with --coin, or start anew: assay devnet up",
            )
        signed = account.sign_transaction(
            {
                "to": address,
                "value": wei,
                "gas": _GAS,
                "maxFeePerGas": offer.max_fee,
                "maxPriorityFeePerGas": offer.tip,
                "nonce": web3.eth.get_transaction_count(account.address, "pending"),
                "chainId": web3.eth.chain_id,
                "type": 2,
            }
        )
        sent = web3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=_SECONDS, poll_latency=0.05)
    if receipt["status"] != 1:
        raise UnreachableError(f"{address} did not take the coins", "is it a contract?")
