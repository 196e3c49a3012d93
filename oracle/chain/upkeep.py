"""Looking after an account's open transactions until each is final."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3.exceptions import ContractLogicError
from web3.types import TxReceipt

from oracle.chain import fees
from oracle.chain.drafts import filler, funds_error
from oracle.chain.posting import Posted, is_known, receipt_of
from oracle.chain.rpc import Block
from oracle.chain.sending_account import MINED_SEEN, SendingAccount
from oracle.errors import RefusedError
from oracle.store.transactions import FAILED, FINAL, MINED, PENDING, Sent

STUCK_BLOCKS = 10
"""After so many blocks a transaction offers more even if its fee seems enough, and a nonce that
something else holds is taken from it."""

_log = logging.getLogger("assay.chain")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """A group is all transactions of one nonce that may be mined, the current one last."""

    account: SendingAccount
    spent: Callable[[str, int, int], None]

    def tend(self, group: Sequence[Sent], finalized: Block) -> None:
        """Brings one nonce's transactions on, or closes them."""
        receipt = self.mined(group)
        if receipt is not None:
            if receipt["blockNumber"] > finalized.number:
                return
            # A receipt is one endpoint's word; that a nonce is used is what several agree on.
            if self.account.count(finalized.number) > group[-1].nonce:
                self._close(group, receipt)
                return
        current, head = group[-1], self.account.web3.eth.block_number
        if receipt is not None or any(sent.status == MINED for sent in group):
            _log.warning("the block that held %s is gone; it waits for another", current.call)
            current = self.account.store.reopened(group, head)
        if self.account.count("latest") <= current.nonce:
            self.nudge(current, head)
        elif self.account.count(finalized.number) > current.nonce:
            _log.warning("%s: another transaction used its nonce for good", current.call)
            self.account.store.failed(current)

    def mined(self, group: Sequence[Sent]) -> TxReceipt | None:
        """The receipt of whichever of the group is in a block."""
        for sent in reversed(group):
            receipt = receipt_of(self.account.web3, sent.hash)
            if receipt is None:
                continue
            where = receipt["blockNumber"], bytes(receipt["blockHash"])
            known = (sent.status, sent.block_number, sent.block_hash) == (MINED, *where)
            if not known and any(one.status in (PENDING, MINED) for one in group):
                self.account.store.mined(sent, *where)
                self.account.at(MINED_SEEN)
            return receipt
        return None

    def _close(self, group: Sequence[Sent], receipt: TxReceipt) -> None:
        """Final, if the chain still has the block that the receipt names."""
        number, digest = receipt["blockNumber"], bytes(receipt["blockHash"])
        if bytes(self.account.web3.eth.get_block(number)["hash"]) != digest:
            return
        [sent] = [one for one in group if one.hash == bytes(receipt["transactionHash"])]
        status = FINAL if receipt["status"] == 1 else FAILED
        self.account.store.mined(sent, number, digest, status)
        gas = receipt["gasUsed"]
        self.spent(sent.call, gas, gas * receipt["effectiveGasPrice"])

    # ------------------------------------------------------------------ what waits

    def nudge(self, current: Sent, head: int) -> None:
        """Sends again what the node does not know, and offers more for what is stuck."""
        if not is_known(self.account.web3, current.hash):
            self._send_again(current, head)
        elif head > current.block_number and self._is_stuck(current, head):
            self.account.raise_fee(current)

    def _send_again(self, current: Sent, head: int) -> None:
        if self._is_pointless(current):
            self.account.store.failed(current)
            raise RefusedError(
                f"{current.call}: the contract refuses it by now; it is not sent again",
                "somebody else may have been first",
            )
        answer, words = self.account.post(current)
        if answer in (Posted.CHEAP, Posted.OUTBID) and head > current.block_number:
            self.account.raise_fee(current)
        elif answer is Posted.POOR:
            need = current.gas * current.max_fee
            raise funds_error(current.account, current.call, self.account.balance(), need)
        elif answer is Posted.REFUSED:
            raise RefusedError(f"{current.call}: the node does not take it: {words}")

    def _is_pointless(self, current: Sent) -> bool:
        """Whether a transaction that no node has, and that is next, would only revert."""
        if not current.data or self.account.count("latest") != current.nonce:
            return False
        request = {"from": current.account, "to": current.to, "data": current.data}
        try:
            self.account.web3.eth.call(request)  # type: ignore[arg-type]
        except ContractLogicError:
            # It may have been mined just now, and that be why.
            return self.account.count("latest") == current.nonce
        return False

    def _is_stuck(self, current: Sent, head: int) -> bool:
        """Whether a higher offer would help: not behind a gap, where none does."""
        used = self.account.store.open(current.account)
        if not all(nonce in used for nonce in range(self.account.count("latest"), current.nonce)):
            return False
        if head - current.block_number >= STUCK_BLOCKS:
            return True
        return current.max_fee < fees.next_base_fee(self.account.web3) + current.tip

    def fill_gaps(self) -> None:
        """Uses up nonces below a waiting transaction's that nothing in the store has: those of
        one that was lost, or of one that something else sent and that is stuck."""
        groups = self.account.store.open(self.account.address)
        waiting = {n: group[-1] for n, group in groups.items() if group[-1].status == PENDING}
        if not waiting:
            return
        head, known = self.account.web3.eth.block_number, self.account.count("pending")
        for nonce in range(self.account.count("latest"), max(waiting)):
            if nonce in groups:
                continue
            blocked = min(sent.block_number for n, sent in waiting.items() if n > nonce)
            # What a node holds for somebody else gets its time.
            if head - blocked >= (STUCK_BLOCKS if nonce < known else 1):
                _log.warning("nonce %d is used up by nothing, so that the next goes on", nonce)
                sent = self.account.sign(filler(self.account.address), nonce, self.account.market())
                self.account.keep(sent)
                self.account.post(sent)
