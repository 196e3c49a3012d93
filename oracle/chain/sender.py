"""Sending transactions: simulate, sign, send, wait, check."""

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import TimeExhausted
from web3.types import TxReceipt

from oracle.chain.rpc import readable
from oracle.errors import RefusedError, UnreachableError

_GAS_MARGIN_PERCENT = 125
_RECEIPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends from one account over one endpoint."""

    web3: Web3
    url: str
    account: LocalAccount

    def send(self, call: ContractFunction) -> TxReceipt:
        """Runs ``call`` as a transaction; a call the contract would refuse is never sent."""
        with readable(self.url):
            gas = call.estimate_gas({"from": self.account.address})
            transaction = call.build_transaction(self._fields(gas))
            signed = self.account.sign_transaction(transaction)
            digest = self.web3.eth.send_raw_transaction(signed.raw_transaction)
            return self._wait(bytes(digest), call.fn_name)

    def _fields(self, gas: int) -> Any:
        base = self.web3.eth.get_block("latest")["baseFeePerGas"]
        tip = self.web3.eth.max_priority_fee
        return {
            "from": self.account.address,
            "nonce": self.web3.eth.get_transaction_count(self.account.address, "pending"),
            "gas": gas * _GAS_MARGIN_PERCENT // 100,
            "maxFeePerGas": 2 * base + tip,
            "maxPriorityFeePerGas": tip,
            "chainId": self.web3.eth.chain_id,
        }

    def _wait(self, digest: bytes, name: str) -> TxReceipt:
        try:
            receipt = self.web3.eth.wait_for_transaction_receipt(
                digest, timeout=_RECEIPT_SECONDS, poll_latency=0.05
            )
        except TimeExhausted:
            raise UnreachableError(
                f"{name}: transaction 0x{digest.hex()} is not mined after {_RECEIPT_SECONDS} s",
                "look it up before sending again",
            ) from None
        if receipt["status"] != 1:
            raise RefusedError(f"{name}: transaction 0x{digest.hex()} reverted")
        return receipt
