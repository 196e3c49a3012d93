"""Sending the steps of transfers: written down before they are sent, each mined at most once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import rlp
from eth_utils import keccak
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from oracle.bridge.transfers import SentTransaction, Transfer, TransferFiles
from oracle.chain import fees
from oracle.chain.drafts import draft, funds_error, require_funds
from oracle.chain.endpoint import host
from oracle.chain.fees import Fees
from oracle.chain.posting import Posted, is_known, post, receipt_of
from oracle.chain.rpc import block, readable
from oracle.chain.signing import Signed, Signer, rebid
from oracle.chain.upkeep import STUCK_BLOCKS
from oracle.errors import InputError, RefusedError, UnreachableError

SIGNED, STORED, BROADCAST = "step-signed", "step-stored", "step-broadcast"
"""Places between which a crash must do no harm; ``Stepper.at`` is told what was just done."""

SURE_BLOCKS = 32
"""How far one endpoint's answers may lie apart: often it is many nodes behind one address."""
_MOST_TIMES_THE_MARKET = 4
_LOOKED_AT = 64
"""Blocks; chains that have an endpoint which forgets have no such row of empty ones."""
_NO_TRANSACTIONS = keccak(rlp.encode(b""))
"""The root of an empty trie."""
_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Stepper:
    """Sends steps on one chain, by ``signer``; without one it only looks.

    ``legacy``: transactions are of type 0. ``patience``: seconds to wait for a block right after
    sending. ``at`` is told the names above.
    """

    web3: Web3
    chain_id: int
    url: str
    signer: Signer | None
    files: TransferFiles
    legacy: bool = False
    patience: float = 0.5
    at: Callable[[str], None] = lambda _: None

    def receipt(self, transfer: Transfer, step: str) -> TxReceipt | None:
        """The receipt of the step's transaction that is in a block and succeeded, if one did."""
        receipt = self._mined(transfer.sent(step))
        return receipt if receipt is not None and receipt["status"] == 1 else None

    def final(self, number: int) -> bool:
        """Whether the chain's block ``number`` is final."""
        return block(self.web3, "finalized").number >= number

    def take(
        self, transfer: Transfer, step: str, call: Callable[[], ContractFunction]
    ) -> tuple[Transfer, TxReceipt | None]:
        """The transfer with the step taken, and its receipt once it is in a block.

        What was sent is looked after; only where nothing was, or can be mined any more, is ``call``
        signed, kept and sent. Raises RefusedError where the contract refuses, before anything is
        kept, and where a transaction reverted.
        """
        with readable(self.url):
            sent = transfer.sent(step)
            receipt = self._mined(sent)
            if sent and receipt is None and not self._is_dead(sent):
                return self._tended(transfer, step)
            if receipt is not None and receipt["status"] == 1:
                return transfer, receipt
            if receipt is not None and not self.final(receipt["blockNumber"]):
                raise RefusedError(
                    f"{step}: transaction {sent[-1].hash} reverted, and nothing was moved",
                    f"`assay bridge resume {transfer.id}` tries again once its block is final",
                )
            return self._entered(transfer.with_sent(step), step, call())

    # ------------------------------------------------------------------ what was sent

    def _mined(self, sent: Sequence[SentTransaction]) -> TxReceipt | None:
        for one in reversed(sent):
            receipt = receipt_of(self.web3, one.digest)
            if receipt is not None:
                return receipt
        return None

    def _is_dead(self, sent: Sequence[SentTransaction]) -> bool:
        """Whether something else used the nonce, in a block that stays.

        Raises UnreachableError where the endpoint would not know if it was one of these.
        """
        newest, eth = sent[-1], self.web3.eth
        final = block(self.web3, "finalized").number
        sure = max(0, min(final, eth.block_number - SURE_BLOCKS))
        used = eth.get_transaction_count(newest.sender, sure)  # type: ignore[arg-type]
        if used <= newest.nonce or any(is_known(self.web3, one.digest) for one in sent):
            return False
        if self._forgets(sent[0].head):
            raise UnreachableError(
                f"{host(self.url)} keeps no transactions as old as {newest.hash}, which may be one",
                "ask an endpoint that keeps all of them",
            )
        return True

    def _forgets(self, number: int) -> bool:
        """Whether the endpoint does not know a transaction of block ``number``, or of the last one
        before it that has any: then its silence says nothing of later ones, either."""
        for place in range(number, max(-1, number - _LOOKED_AT), -1):
            found = self.web3.eth.get_block(place)
            if bytes(found["transactionsRoot"]) == _NO_TRANSACTIONS:
                continue
            known = found["transactions"]
            return not known or receipt_of(self.web3, bytes(known[0])) is None  # type: ignore[arg-type]
        return False

    def _tended(self, transfer: Transfer, step: str) -> tuple[Transfer, TxReceipt | None]:
        """Sends again what a node lost, and offers more where that is needed to be mined."""
        newest, head = transfer.sent(step)[-1], self.web3.eth.block_number
        market = fees.market(self.web3)
        cheap = newest.max_fee < fees.next_base_fee(self.web3) + newest.tip
        mine = self.signer is not None and self.signer.address == newest.sender
        if mine and (cheap or head - newest.head >= STUCK_BLOCKS):
            cap = _MOST_TIMES_THE_MARKET * market.max_fee
            offer = fees.raised(Fees(newest.max_fee, newest.tip), market, cap)
            if offer is not None:
                return self._raised(transfer, step, offer, head)
        if not is_known(self.web3, newest.digest):
            post(self.web3, newest.data)
            return transfer, self._awaited(transfer.sent(step))
        return transfer, None

    def _raised(
        self, transfer: Transfer, step: str, offer: Fees, head: int
    ) -> tuple[Transfer, TxReceipt | None]:
        sent = transfer.sent(step)
        newest, signer = sent[-1], self._signing()
        require_funds(self.web3, signer.address, step, newest.gas * offer.max_fee)
        signed = signer.sign_transaction(rebid(newest.data, offer.max_fee, offer.tip))
        more = self._written(signed, newest.nonce, newest.gas, offer, head)
        transfer = self._kept(transfer.with_sent(step, *sent, more))
        post(self.web3, signed.raw)
        self.at(BROADCAST)
        return transfer, self._awaited(transfer.sent(step))

    def _written(
        self, signed: Signed, nonce: int, gas: int, offer: Fees, head: int
    ) -> SentTransaction:
        """What is kept of a transaction that this account has signed."""
        return SentTransaction(
            chain_id=self.chain_id,
            sender=self._signing().address,
            nonce=nonce,
            hash="0x" + signed.hash.hex(),
            raw="0x" + signed.raw.hex(),
            gas=gas,
            max_fee=offer.max_fee,
            tip=offer.tip,
            head=head,
        )

    # ------------------------------------------------------------------ something new

    def _entered(
        self, transfer: Transfer, step: str, call: ContractFunction
    ) -> tuple[Transfer, TxReceipt | None]:
        signer = self._signing()
        made = draft(self.web3, call, signer.address, legacy=self.legacy)
        offer = fees.market(self.web3)
        require_funds(self.web3, signer.address, made.call, made.gas * offer.max_fee)
        nonce = self.web3.eth.get_transaction_count(signer.address, "pending")  # type: ignore[arg-type]
        self._require_free(transfer, signer.address, nonce)
        head = self.web3.eth.block_number
        signed = signer.sign_transaction(made.fields(self.chain_id, nonce, offer))
        sent = self._written(signed, nonce, made.gas, offer, head)
        transfer = self._kept(transfer.with_sent(step, sent))
        answer, words = post(self.web3, signed.raw)
        self.at(BROADCAST)
        refused = answer in (Posted.OUTBID, Posted.SPENT, Posted.POOR, Posted.REFUSED)
        if refused and not is_known(self.web3, signed.hash):
            self._withdrawn(transfer.with_sent(step))
            if answer is Posted.POOR:
                balance = self.web3.eth.get_balance(signer.address)  # type: ignore[arg-type]
                raise funds_error(signer.address, made.call, balance, made.gas * offer.max_fee)
            raise RefusedError(
                f"{made.call}: the node does not take the transaction: {words}",
                "see that nothing else sends from this account, and try again",
            )
        return transfer, self._awaited([sent])

    def _require_free(self, transfer: Transfer, account: str, nonce: int) -> None:
        """Refuses a nonce that a transaction of another transfer has which no node knows: the two
        may be the very same bytes, and the one that is mined would count as both. A settled
        transfer counts nothing any more, and sends nothing: what it has left over is of no use."""
        others = (one for one in self.files.all() if one.id != transfer.id and not one.settled)
        for other in others:
            for sent in (one for step in other.steps.values() for one in step):
                taken = (sent.chain_id, sent.sender) == (self.chain_id, account)
                if taken and sent.nonce >= nonce:
                    raise RefusedError(
                        f"transfer {other.id} has a transaction that waits for the same nonce",
                        f"go on with it first: assay bridge resume {other.id}",
                    )

    def _kept(self, transfer: Transfer) -> Transfer:
        self.at(SIGNED)
        self.files.save(transfer)
        self.at(STORED)
        return transfer

    def _withdrawn(self, transfer: Transfer) -> None:
        """No node has what was just kept: it need not be remembered."""
        if any(transfer.steps.values()):
            self.files.save(transfer)
        else:
            self.files.forget(transfer)

    def _awaited(self, sent: Sequence[SentTransaction]) -> TxReceipt | None:
        """The receipt, if the transaction is in a block within a moment; of a success."""
        deadline = time.monotonic() + self.patience
        while True:
            receipt = self._mined(sent)
            if receipt is not None and receipt["status"] == 1:
                return receipt
            if receipt is not None or time.monotonic() > deadline:
                return None
            time.sleep(_PAUSE)

    def _signing(self) -> Signer:
        if self.signer is None:
            raise InputError("no key to sign with", "name one to go on with the transfer")
        return self.signer
