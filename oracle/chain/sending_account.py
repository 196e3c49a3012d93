"""What an outbox does with one account: choose a nonce, sign, keep, hand to the chain's nodes."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from web3 import Web3

from oracle.chain import fees
from oracle.chain.drafts import Draft, require_funds
from oracle.chain.fees import Fees
from oracle.chain.posting import Posted, post
from oracle.chain.signing import Signer, access_list_of, is_legacy
from oracle.store.transactions import Sent, TransactionStore

SIGNED = "outbox-signed"
STORED = "outbox-stored"
BROADCAST = "outbox-broadcast"
MINED_SEEN = "outbox-mined"

_log = logging.getLogger("assay.chain")


@dataclass(frozen=True, slots=True)
class SendingAccount:
    """``cap`` is the most to offer for a unit of gas, in wei; ``at`` is told what was just done."""

    web3: Web3
    signer: Signer
    store: TransactionStore
    cap: int | None
    at: Callable[[str], None]

    @property
    def address(self) -> str:
        return self.signer.address

    def balance(self) -> int:
        """In wei, as of the newest block."""
        return self.web3.eth.get_balance(self.address)  # type: ignore[arg-type]

    def count(self, block: int | str) -> int:
        """The account's next nonce as of ``block``."""
        return self.web3.eth.get_transaction_count(self.address, block)  # type: ignore[arg-type]

    def next_nonce(self, taken: set[int]) -> int:
        """The first nonce that is in use neither by the node, nor in the store, nor in ``taken``.

        Below a waiting transaction that may be a gap, which the next call then fills.
        """
        used = taken | self.store.open(self.address).keys()
        nonce = self.count("pending")
        while nonce in used:
            nonce += 1
        return nonce

    def market(self) -> Fees:
        return fees.market(self.web3).capped(self.cap)

    def sign(self, made: Draft, nonce: int, offer: Fees) -> Sent:
        """Raises FundsError where the account could not pay the offer."""
        require_funds(self.web3, self.address, made.call, made.gas * offer.max_fee)
        head = self.web3.eth.block_number
        signed = self.signer.sign_transaction(made.fields(self.web3.eth.chain_id, nonce, offer))
        return Sent(
            hash=signed.hash,
            account=self.address,
            nonce=nonce,
            call=made.call,
            to=made.to,
            data=made.data,
            gas=made.gas,
            max_fee=offer.max_fee,
            tip=offer.tip,
            raw=signed.raw,
            sent_at=int(time.time()),
            block_number=head,
        )

    def keep(self, sent: Sent, *, new: bool = False) -> None:
        """Raises NonceTakenError where another call has its nonce, or any where it is ``new``."""
        self.at(SIGNED)
        self.store.add(sent, new=new)
        self.at(STORED)

    def post(self, sent: Sent) -> tuple[Posted, str]:
        """Sends what is kept; the nodes' answer, and their words where they did not take it."""
        answer, words = post(self.web3, sent.raw)
        self.at(BROADCAST)
        _log.info(
            "sent %s, nonce %d, 0x%s: %s", sent.call, sent.nonce, sent.hash.hex(), answer.value
        )
        return answer, words

    def raise_fee(self, current: Sent) -> None:
        """Offers more for the same transaction, access list and all, as far as ``cap`` allows."""
        now = fees.market(self.web3)
        offer = fees.raised(Fees(current.max_fee, current.tip), now, self.cap)
        if offer is None:
            _log.warning("%s: the fee it needs is above max_fee_gwei; it waits", current.call)
            return
        listed = access_list_of(current.raw)
        made = Draft(
            current.call, current.to, current.data, current.gas, listed, is_legacy(current.raw)
        )
        sent = self.sign(made, current.nonce, offer)
        self.keep(sent)
        self.post(sent)
