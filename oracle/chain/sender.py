"""Sending transactions: simulate, sign, send, wait, check."""

from dataclasses import dataclass
from typing import Protocol

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import TimeExhausted
from web3.types import TxReceipt

from oracle.chain.drafts import draft, require_funds
from oracle.chain.fees import market
from oracle.chain.rpc import readable
from oracle.chain.signing import Signer
from oracle.errors import RefusedError, UnreachableError

_RECEIPT_SECONDS = 60


class Sending(Protocol):
    """What sends calls for one account: a ``Sender`` or an ``Outbox``."""

    @property
    def signer(self) -> Signer: ...

    def send(
        self, call: ContractFunction, *, access_list: bool = False, legacy: bool = False
    ) -> TxReceipt:
        """Runs ``call`` as a transaction and returns its receipt, that of a success.

        With ``access_list`` the transaction names the storage that it touches, if that costs less.
        A ``legacy`` one is of type 0, for contracts that prove receipts and know no other type.
        """


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends from one account, once, and keeps nothing: for a person who looks on."""

    web3: Web3
    url: str
    signer: Signer

    def send(
        self, call: ContractFunction, *, access_list: bool = False, legacy: bool = False
    ) -> TxReceipt:
        """Runs ``call`` as a transaction; a call the contract would refuse is never sent."""
        address = self.signer.address
        with readable(self.url):
            made = draft(self.web3, call, address, access_list=access_list, legacy=legacy)
            offer = market(self.web3)
            require_funds(self.web3, address, made.call, made.gas * offer.max_fee)
            nonce = self.web3.eth.get_transaction_count(address, "pending")  # type: ignore[arg-type]
            fields = made.fields(self.web3.eth.chain_id, nonce, offer)
            signed = self.signer.sign_transaction(fields)
            self.web3.eth.send_raw_transaction(signed.raw)
            return self._wait(signed.hash, made.call)

    def _wait(self, digest: bytes, name: str) -> TxReceipt:
        try:
            receipt = self.web3.eth.wait_for_transaction_receipt(
                digest,  # type: ignore[arg-type]
                timeout=_RECEIPT_SECONDS,
                poll_latency=0.05,
            )
        except TimeExhausted:
            raise UnreachableError(
                f"{name}: transaction 0x{digest.hex()} is not mined after {_RECEIPT_SECONDS} s",
                "look it up before sending again",
            ) from None
        if receipt["status"] != 1:
            raise RefusedError(f"{name}: transaction 0x{digest.hex()} reverted")
        return receipt
