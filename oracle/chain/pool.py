"""Writing to one tournament's contracts: one method a call, amounts in U."""

from collections.abc import Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from oracle.chain.abi import abi
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.settlement.batches import Batch
from oracle.settlement.typed_data import SPEC_HASH, Commit
from oracle.settlement.units import WEI_PER_UNIT

_ALL_WEI = 2**256 - 1


@dataclass(frozen=True, slots=True)
class PoolWriter:
    """Calls on behalf of ``sender``'s account."""

    reader: PoolReader
    sender: Sender

    def announce(self, number: int, opens: int, closes: int, horizon: int, phi: int) -> TxReceipt:
        """Announces a round without a volatility series (``phi`` at 10^-6 must be 1 for that)."""
        call = self.reader.oracle.functions.announce(
            number, opens, closes, horizon, phi, bytes(32), SPEC_HASH
        )
        return self.sender.send(call)

    def commit(self, commit: Commit, signatures: Sequence[bytes]) -> TxReceipt:
        call = self.reader.oracle.functions.commit(
            commit.round,
            commit.close_block_hash,
            commit.chain_head,
            commit.at_risk,
            commit.words,
            commit.manifest,
            commit.meta_root,
            list(signatures),
        )
        return self.sender.send(call)

    def drain(self, number: int, count: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.drain(number, count))

    def settle(self, number: int, batch: Batch, following: bytes) -> TxReceipt:
        call = self.reader.pool.functions.settle(number, batch.start, following, list(batch.words))
        return self.sender.send(call)

    def register(self, name_hash: bytes, payout: str) -> int:
        """Registers a model; returns its id."""
        receipt = self.sender.send(self.reader.registry.functions.register(name_hash, payout))
        logs = self.reader.registry.events.Registered().process_receipt(receipt)
        return logs[0]["args"]["model"]

    def approve(self, amount: int) -> None:
        """Lets the pool take ``amount`` U. NMR allows a change only from or to zero."""
        token = self.reader.web3.eth.contract(
            address=self.reader.addresses.token, abi=abi("ChildNmr")
        )
        wei, pool = amount * WEI_PER_UNIT, self.reader.addresses.pool
        allowed = token.functions.allowance(self.sender.account.address, pool).call()
        if allowed >= wei:
            return
        if allowed:
            self.sender.send(token.functions.approve(pool, 0))
        self.sender.send(token.functions.approve(pool, wei))

    def deposit(self, model: int, amount: int, max_round: int) -> TxReceipt:
        """Stakes ``amount`` U on ``model``; approves the token first where that is needed."""
        self.approve(amount)
        call = self.reader.pool.functions.deposit(model, amount * WEI_PER_UNIT, max_round)
        return self.sender.send(call)

    def request_release(self, model: int, amount: int | None, max_round: int) -> TxReceipt:
        """Asks for ``amount`` U back, or for everything with None."""
        wei = _ALL_WEI if amount is None else amount * WEI_PER_UNIT
        call = self.reader.pool.functions.request_release(model, wei, max_round)
        return self.sender.send(call)

    def set_mode(self, model: int, mode: int, max_round: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.set_mode(model, mode, max_round))

    def claim(self, model: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.claim(model))
