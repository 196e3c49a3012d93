"""Writing to one tournament's contracts: one method a call, amounts in U."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi import encode
from eth_utils import keccak
from web3.logs import DISCARD
from web3.types import TxReceipt

from oracle.chain.abi import abi
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sending
from oracle.errors import InputError
from oracle.settlement.batches import Batch
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeIntent, StakeMandate
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.typed_data import Commit, Confirm, Statement
from oracle.settlement.units import WEI_PER_UNIT


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reserved name: what registers it, and from which block time on."""

    name_hash: bytes
    salt: bytes
    usable_at: int


@dataclass(frozen=True, slots=True)
class PoolWriter:
    """Calls on behalf of ``sender``'s account."""

    reader: PoolReader
    sender: Sending

    def announce(
        self,
        number: int,
        opens: int,
        closes: int,
        horizon: int,
        phi: int,
        series_hash: bytes,
        spec: str = NEWEST,
    ) -> TxReceipt:
        """Announces a round; ``series_hash``, of the returns that ``phi`` (at 10^-6) follows from,
        may be zeros only where phi is 1. ``spec`` names what the round is evaluated by."""
        if spec not in SPECS:
            raise InputError(f"there is no specification {spec!r}", f"one of {', '.join(SPECS)}")
        call = self.reader.oracle.functions.announce(
            number, opens, closes, horizon, phi, series_hash, SPECS[spec].hash
        )
        return self.sender.send(call)

    def commit(self, commit: Commit, signatures: Sequence[bytes]) -> TxReceipt:
        call = self.reader.oracle.functions.commit(
            commit.round, commit.result.argument(), list(signatures)
        )
        return self.sender.send(call)

    def drain(self, number: int, count: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.drain(number, count))

    def settle(self, number: int, batch: Batch, following: bytes) -> TxReceipt:
        call = self.reader.pool.functions.settle(number, batch.start, following, list(batch.words))
        return self.sender.send(call, access_list=True)

    def end_void(self, number: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.end_void(number))

    def skip(self, number: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.skip(number))

    def call_void(self, number: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.call_void(number))

    def void_rest(self, number: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.void_rest(number))

    def wind_down(self) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.wind_down())

    def flush_burn(self) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.flush_burn())

    def challenge(self, number: int, evidence: bytes) -> TxReceipt:
        """Challenges a round's commit; ``evidence`` is the SHA-256 of what speaks against it.

        Approves the bond first where that is needed.
        """
        self._approve(self.reader.addresses.oracle, self.reader.bond() * WEI_PER_UNIT)
        return self.sender.send(self.reader.oracle.functions.challenge(number, evidence))

    def confirm(
        self, committed: Commit, confirm: Confirm, signatures: Sequence[bytes]
    ) -> TxReceipt:
        """Answers a challenge of ``committed`` by what a super-quorum signed."""
        call = self.reader.oracle.functions.confirm(
            confirm.round,
            confirm.announce_hash,
            committed.result.argument(),
            confirm.result.argument(),
            list(signatures),
        )
        return self.sender.send(call)

    def report_equivocation(
        self, first: Statement, second: Statement, signatures: tuple[bytes, bytes]
    ) -> TxReceipt:
        """Has an operator revoked that signed both statements, each over one matter."""
        call = self.reader.oracle.functions.report_equivocation(
            first.round, first.argument(), second.argument(), *signatures
        )
        return self.sender.send(call)

    def settle_bond(self, number: int) -> TxReceipt:
        """Sends an answered challenge's bond where it belongs."""
        return self.sender.send(self.reader.oracle.functions.settle_bond(number))

    # ------------------------------------------------------------------ models

    def reserve(self, name_hash: bytes) -> Reservation:
        """Reserves a model's name without showing it, so that nobody who sees it on its way in
        ``register`` can take it first."""
        owner, salt = self.sender.signer.address, secrets.token_bytes(32)
        commitment = keccak(encode(["bytes32", "address", "bytes32"], [name_hash, owner, salt]))
        self.sender.send(self.reader.registry.functions.reserve(commitment))
        reserved_at = self.reader.reserved_at(commitment)
        return Reservation(name_hash, salt, reserved_at + self.reader.reserve_delay)

    def register(self, reserved: Reservation, payout: str) -> int:
        """Registers a model for the registry's fee; returns its id."""
        self._approve(self.reader.registry.address, self.reader.fee)
        call = self.reader.registry.functions.register(reserved.name_hash, payout, reserved.salt)
        receipt = self.sender.send(call)
        # The fee's transfer is in the receipt as well, and is not the registry's event.
        logs = self.reader.registry.events.Registered().process_receipt(receipt, errors=DISCARD)
        return logs[0]["args"]["model"]

    def set_payout(self, model: int, payout: str) -> TxReceipt:
        return self.sender.send(self.reader.registry.functions.set_payout(model, payout))

    def offer(self, model: int, to: str) -> TxReceipt:
        return self.sender.send(self.reader.registry.functions.offer(model, to))

    def accept(self, model: int, version: int) -> TxReceipt:
        return self.sender.send(self.reader.registry.functions.accept(model, version))

    # ------------------------------------------------------------------ stakes

    def approve(self, amount: int) -> None:
        """Lets the pool take ``amount`` U."""
        self._approve(self.reader.addresses.pool, amount * WEI_PER_UNIT)

    def _approve(self, spender: str, wei: int) -> None:
        """Lets ``spender`` take ``wei``. NMR allows a change only from or to zero."""
        token = self.reader.web3.eth.contract(
            address=self.reader.addresses.token, abi=abi("ChildNmr")
        )
        allowed = token.functions.allowance(self.sender.signer.address, spender).call()
        if allowed >= wei:
            return
        if allowed:
            self.sender.send(token.functions.approve(spender, 0))
        self.sender.send(token.functions.approve(spender, wei))

    def deposit(self, model: int, amount: int, max_round: int) -> TxReceipt:
        """Stakes ``amount`` U on ``model``; approves the token first where that is needed."""
        self.approve(amount)
        call = self.reader.pool.functions.deposit(model, amount * WEI_PER_UNIT, max_round)
        return self.sender.send(call)

    def request_release(self, model: int, amount: int | None, max_round: int) -> TxReceipt:
        """Asks for ``amount`` U back, or for everything with None."""
        wei = ALL_WEI if amount is None else amount * WEI_PER_UNIT
        call = self.reader.pool.functions.request_release(model, wei, max_round)
        return self.sender.send(call)

    def set_mode(self, model: int, mode: int, max_round: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.set_mode(model, mode, max_round))

    def claim(self, model: int) -> TxReceipt:
        return self.sender.send(self.reader.pool.functions.claim(model))

    def exit(self, model: int, rounds: Sequence[int]) -> TxReceipt:
        """Pays all that ``model`` has in a pool that is wound down."""
        return self.sender.send(self.reader.pool.functions.exit(model, list(rounds)))

    # ------------------------------------------------------------------ for others

    def relay(self, intent: StakeIntent, signature: bytes) -> TxReceipt:
        """Sends what a model's owner signed."""
        call = self.reader.relay.functions.relay(intent.argument(), signature)
        return self.sender.send(call)

    def act_by_mandate(
        self,
        mandate: StakeMandate,
        signature: bytes,
        model: int,
        action: StakeAction,
        wei: int,
        max_round: int,
    ) -> TxReceipt:
        """Deposits for the mandate's owner, or releases; ``sender`` must be its relayer."""
        call = self.reader.relay.functions.act_by_mandate(
            mandate.argument(), signature, model, int(action), wei, max_round
        )
        return self.sender.send(call)

    def revoke_mandate(self, hashed: bytes) -> TxReceipt:
        return self.sender.send(self.reader.relay.functions.revoke_mandate(hashed))
