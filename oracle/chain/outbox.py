"""Sending transactions that must arrive: kept before they are sent, looked after until final."""

import threading
import time
from collections.abc import Callable

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from oracle.chain.drafts import Draft, draft, encoded, funds_error
from oracle.chain.fees import GWEI
from oracle.chain.posting import Posted, is_known
from oracle.chain.rpc import Block, readable
from oracle.chain.sending_account import SendingAccount
from oracle.chain.signing import Signer
from oracle.chain.upkeep import Upkeep
from oracle.errors import AssayError, RefusedError
from oracle.store.transactions import OPEN, PENDING, NonceTakenError, Sent, TransactionStore

_NONCE_TRIES = 5
_DAY = 86_400
_KEPT_SECONDS = 90 * _DAY
"""For so long a closed transaction is kept whole, for whoever looks into trouble."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


class PendingError(RefusedError):
    """A transaction is on its way and not yet in a block; the outbox goes on with it."""


def _nowhere(_: str) -> None:
    """The failpoint that does nothing."""


def _unheard(call: str, gas: int, wei: int) -> None:
    """Tells nobody what was spent."""


class Outbox:
    """One account's transactions. Thread-safe; no other process should send from the account.

    ``wait`` is how long ``send`` waits for a receipt, in seconds; ``max_fee_gwei`` the most that is
    ever offered for a unit of gas; ``at`` is told what has just been done (``sending_account``
    names it); ``spent`` the call, gas and wei of each transaction that has become final.
    """

    def __init__(
        self,
        web3: Web3,
        signer: Signer,
        store: TransactionStore,
        *,
        url: str = "the chain",
        wait: float = 15.0,
        max_fee_gwei: float | None = None,
        at: Callable[[str], None] = _nowhere,
        spent: Callable[[str, int, int], None] = _unheard,
    ) -> None:
        self.web3, self.signer, self.store, self.url = web3, signer, store, url
        self._wait = wait
        cap = None if max_fee_gwei is None else int(max_fee_gwei * GWEI)
        self._account = SendingAccount(web3, signer, store, cap, at)
        self._upkeep = Upkeep(self._account, spent)
        self._lock = threading.RLock()
        self._next_prune = 0

    def balance(self) -> int:
        """What the account holds, in wei."""
        with readable(self.url):
            return self._account.balance()

    def pending(self) -> list[Sent]:
        """What is in no block yet, by nonce."""
        groups = self.store.open(self.signer.address).values()
        return [sent for group in groups for sent in group if sent.status == PENDING]

    def tend(self, finalized: Block) -> None:
        """Brings every open transaction on: sends again what got lost, raises fees, notices blocks
        that are gone, fills gaps of nonces, closes what is final.

        Trouble with one does not keep it from the others; the first trouble is raised at the end.
        """
        trouble: AssayError | None = None
        with self._lock:
            for group in self.store.open(self.signer.address).values():
                try:
                    with readable(self.url):
                        self._upkeep.tend(group, finalized)
                except AssayError as error:
                    trouble = trouble or error
            with readable(self.url):
                self._upkeep.fill_gaps()
            self._prune(finalized.timestamp)
        if trouble is not None:
            raise trouble

    def _prune(self, now: int) -> None:
        """Once a day of the chain's, as nothing depends on it."""
        if now >= self._next_prune:
            self.store.prune(self.signer.address, now - _KEPT_SECONDS)
            self._next_prune = now + _DAY

    def send(
        self, call: ContractFunction, *, access_list: bool = False, legacy: bool = False
    ) -> TxReceipt:
        """Runs ``call`` as a transaction; one that is under way already is not sent again.

        Raises RefusedError where the contract refuses, and then nothing is sent; FundsError where
        the account cannot pay; PendingError where it is not mined in time, and ``tend`` goes on.
        """
        with readable(self.url):
            with self._lock:
                to, data = str(call.address), encoded(call)
                sent = self.store.waiting(self.signer.address, to, data)
                looked_at = None
                if sent is None:
                    made = draft(
                        self.web3,
                        call,
                        self.signer.address,
                        access_list=access_list,
                        legacy=legacy,
                    )
                    sent = self._enter(made)
                    looked_at = sent.block_number
            return self._receipt(sent, looked_at)

    def _enter(self, made: Draft) -> Sent:
        """Keeps and sends a new call, with a nonce that nothing else has."""
        account, taken = self._account, set[int]()
        for _ in range(_NONCE_TRIES):
            sent = account.sign(made, account.next_nonce(taken), account.market())
            taken.add(sent.nonce)
            try:
                account.keep(sent, new=True)
            except NonceTakenError:
                # Perhaps by this very call, of a process that should not be there.
                waiting = self.store.waiting(sent.account, sent.to, sent.data)
                if waiting is not None:
                    return waiting
                continue
            answer, words = account.post(sent)
            if answer in (Posted.TAKEN, Posted.LOST, Posted.CHEAP):
                return sent
            if answer is Posted.SPENT and is_known(self.web3, sent.hash):
                return sent
            # No node has it: it can be forgotten, and sent again with another nonce.
            self.store.failed(sent)
            if answer is Posted.POOR:
                need = sent.gas * sent.max_fee
                raise funds_error(sent.account, sent.call, account.balance(), need)
            if answer is Posted.REFUSED:
                raise RefusedError(f"{sent.call}: the node does not take it: {words}")
        raise RefusedError(
            f"{made.call}: something else sends from {self.signer.address} all the time",
            "let only one process use this account",
        )

    def _receipt(self, sent: Sent, looked_at: int | None) -> TxReceipt:
        """Waits for the receipt; looks after the transaction whenever there is a new block."""
        deadline, pause = time.monotonic() + self._wait, _SHORTEST_PAUSE
        while True:
            with self._lock:
                group = self.store.of_nonce(sent.account, sent.nonce)
                receipt = self._upkeep.mined(group)
                if receipt is not None:
                    return _succeeded(receipt, sent.call)
                if not any(one.status in OPEN for one in group):
                    raise RefusedError(f"{sent.call}: another transaction used its nonce")
                head = self.web3.eth.block_number
                if head != looked_at:
                    self._upkeep.nudge(group[-1], head)
                    looked_at = head
            if time.monotonic() >= deadline:
                raise PendingError(
                    f"{sent.call}: transaction 0x{sent.hash.hex()} is in no block yet",
                    "it is kept, and looked after until it is",
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _succeeded(receipt: TxReceipt, name: str) -> TxReceipt:
    if receipt["status"] != 1:
        digest = bytes(receipt["transactionHash"]).hex()
        raise RefusedError(f"{name}: transaction 0x{digest} reverted")
    return receipt
