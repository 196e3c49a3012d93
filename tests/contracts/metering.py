"""What a call costs as a transaction of its own, at Prague's prices or at Polygon's.

Titanoboa runs all calls of a test as if in one transaction. Here each call is one of its own: state
is committed and access lists are cleared around it, and what a transaction pays besides its
execution is added: its intrinsic cost, an access list, the refund and the floor price of calldata
(EIP-2028, 2200, 2929, 2930, 3529, 7623). Storage prices are exchanged inside py-evm, because
Polygon's PIP-88 parts with Prague there and nowhere else that these contracts touch. The sums equal
the gas that a local anvil charges and what its trace costs when re-priced (test_contract_gas.py).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

import boa
from boa.util.abi import Address
from eth.abc import ComputationAPI
from eth.vm import mnemonics
from eth.vm.forks.byzantium.opcodes import ensure_no_static
from eth.vm.forks.istanbul.storage import sstore_eip2200_generic
from eth.vm.forks.london.storage import GAS_SCHEDULE_EIP3529
from eth.vm.opcode import as_opcode
from eth.vm.opcode_values import SLOAD, SSTORE

TRANSACTION = 21_000
CALLDATA_TOKEN, CALLDATA_TOKEN_FLOOR, TOKENS_PER_BYTE = 4, 10, 4
WARM, COLD_ACCOUNT = 100, 2_600
SLOT_SET, SLOT_RESET_COLD = 20_000, 5_000
LISTED_ACCOUNT, LISTED_SLOT = 2_400, 1_900
RECOVERY = 3_000
ECRECOVER = (1).to_bytes(20, "big")
LAST_PRECOMPILE = 0x11

Slot = tuple[bytes, int]
"""An account and the number of a slot in its storage."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Gas of a slot's first access in a transaction; the other storage prices follow from them."""

    cold_sload: int
    cold_sstore: int

    @property
    def reset(self) -> int:
        """Changing a warm slot that is not zero (EIP-2929)."""
        return SLOT_RESET_COLD - self.cold_sstore

    @property
    def clear_refund(self) -> int:
        """What comes back for a slot that becomes zero (EIP-3529)."""
        return self.reset + LISTED_SLOT


PRAGUE = Prices(cold_sload=2_100, cold_sstore=2_100)
PIP88 = Prices(cold_sload=5_460, cold_sstore=2_940)


@dataclass(slots=True)
class Touch:
    """One slot in one transaction: whether its first access read it, its value before and after."""

    read: bool
    before: int
    after: int

    def floor(self, prices: Prices) -> int:
        """The least gas for reading it, if it was read, and for its change, if it changed."""
        gas = prices.cold_sload if self.read else 0
        if self.before == self.after:
            return gas
        gas += 0 if self.read else prices.cold_sstore
        if self.before == 0:
            return gas + SLOT_SET
        return gas + prices.reset - (0 if self.after else prices.clear_refund)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one call did as a transaction. ``called`` are the other contracts it ran, each once."""

    sender: bytes
    to: bytes
    data: bytes
    gas: int
    touches: dict[Slot, Touch]
    called: tuple[bytes, ...]
    recoveries: int

    @property
    def tokens(self) -> int:
        return calldata_tokens(self.data)

    def floor(self, prices: Prices) -> int:
        """Gas that no design with these words could avoid.

        Counted are: the transaction, its calldata, one access to each other contract it called,
        each signature's recovery, and each slot's :meth:`Touch.floor`. Left out is all the rest
        of the execution: hashing, arithmetic, memory, logs and every later access to a slot.
        """
        gas = TRANSACTION + CALLDATA_TOKEN * self.tokens
        gas += COLD_ACCOUNT * len(self.called) + RECOVERY * self.recoveries
        gas += sum(touch.floor(prices) for touch in self.touches.values())
        return max(gas, TRANSACTION + CALLDATA_TOKEN_FLOOR * self.tokens)


@dataclass(frozen=True, slots=True)
class Gas:
    """Gas of an action at each price list: as it is, its floor, and with an access list."""

    prague: float = 0
    pip88: float = 0
    prague_floor: float = 0
    pip88_floor: float = 0
    prague_listed: float = 0
    pip88_listed: float = 0
    largest: float = 0
    """The largest of its transactions, PIP-88."""

    def __add__(self, other: "Gas") -> "Gas":
        *sums, _ = (a + b for a, b in zip(astuple(self), astuple(other), strict=True))
        return Gas(*sums, largest=max(self.largest, other.largest))

    def less(self, other: "Gas") -> "Gas":
        """What this is more than another; the largest transaction stays what it is."""
        *rest, _ = (a - b for a, b in zip(astuple(self), astuple(other), strict=True))
        return Gas(*rest, largest=self.largest)

    def per(self, units: int) -> "Gas":
        """Gas a unit; the largest transaction stays what it is."""
        *shares, _ = (gas / units for gas in astuple(self))
        return Gas(*shares, largest=self.largest)


def calldata_tokens(data: bytes) -> int:
    return len(data) + (TOKENS_PER_BYTE - 1) * (len(data) - data.count(0))


@contextmanager
def storage_prices(prices: Prices) -> Iterator[dict[Slot, Touch]]:
    """Inside the block SLOAD and SSTORE cost ``prices``; yields the slots that get touched."""
    touches: dict[Slot, Touch] = {}
    schedule = GAS_SCHEDULE_EIP3529._replace(
        sstore_reset_gas=prices.reset, sstore_clears_schedule=prices.clear_refund
    )

    def was_cold(computation: ComputationAPI, slot: int) -> bool:
        account = computation.msg.storage_address
        if computation.state.is_storage_warm(account, slot):
            return False
        computation.state.mark_storage_warm(account, slot)
        return True

    def sload(computation: ComputationAPI) -> None:
        account, slot = computation.msg.storage_address, computation.stack_pop1_int()
        cold = was_cold(computation, slot)
        computation.consume_gas(prices.cold_sload if cold else WARM, mnemonics.SLOAD)
        value = computation.state.get_storage(account, slot)
        touches.setdefault((account, slot), Touch(True, value, value))
        computation.stack_push_int(value)

    def sstore(computation: ComputationAPI) -> None:
        slot = sstore_eip2200_generic(schedule, computation)
        if was_cold(computation, slot):
            computation.consume_gas(prices.cold_sstore, mnemonics.SSTORE)
        account, read = computation.msg.storage_address, computation.state.get_storage
        before, after = read(account, slot, from_journal=False), read(account, slot)
        touches.setdefault((account, slot), Touch(False, before, after)).after = after

    opcodes = boa.env.evm.vm.state.computation_class.opcodes
    usual = {code: opcodes[code] for code in (SLOAD, SSTORE)}
    opcodes[SLOAD] = as_opcode(sload, mnemonics.SLOAD, 0)
    opcodes[SSTORE] = as_opcode(ensure_no_static(sstore), mnemonics.SSTORE, 0)
    try:
        yield touches
    finally:
        opcodes.update(usual)


def transaction(contract: Any, call: str, *arguments: Any, **options: Any) -> Transaction:
    """Runs a call as a transaction of its own. Options are those of :func:`_run`."""
    state = boa.env.evm.vm.state
    state.lock_changes()
    ran = _run(contract, call, *arguments, **options)
    state.lock_changes()
    return ran


def rehearse(contract: Any, call: str, *arguments: Any, **options: Any) -> Transaction:
    """:func:`transaction`, undone again."""
    boa.env.evm.vm.state.lock_changes()
    with boa.env.anchor():
        return _run(contract, call, *arguments, **options)


def _run(
    contract: Any,
    call: str,
    *arguments: Any,
    sender: str | None = None,
    prices: Prices = PRAGUE,
    access_list: Iterable[Slot] = (),
) -> Transaction:
    """Runs a call on committed state, as a transaction that lists the slots of ``access_list``."""
    state, function = boa.env.evm.vm.state, getattr(contract, call)
    to = contract.address.canonical_address
    origin = Address(sender or boa.env.eoa).canonical_address
    data, listed = function.prepare_calldata(*arguments), set(access_list)
    accounts = {account for account, _ in listed}
    for account in {to, origin, *accounts}:
        state.mark_address_warm(account)
    for slot in listed:
        state.mark_storage_warm(*slot)
    with storage_prices(prices) as touches:
        function(*arguments, **({} if sender is None else {"sender": sender}))
    computation = contract._computation
    tokens = calldata_tokens(data)
    used = TRANSACTION + CALLDATA_TOKEN * tokens + computation.get_gas_used()
    used += LISTED_ACCOUNT * len(accounts) + LISTED_SLOT * len(listed)
    used -= min(computation.get_gas_refund(), used // 5)
    callees = [child.msg.code_address for child in _descendants(computation)]
    called = {c for c in callees if int.from_bytes(c, "big") > LAST_PRECOMPILE} - {to}
    return Transaction(
        sender=origin,
        to=to,
        data=data,
        gas=max(used, TRANSACTION + CALLDATA_TOKEN_FLOOR * tokens),
        touches=touches,
        called=tuple(sorted(called)),
        recoveries=callees.count(ECRECOVER),
    )


def measure(contract: Any, call: str, *arguments: Any, sender: str | None = None) -> Gas:
    """Gas of a call at all prices; it happens once."""
    whole = (contract, call, *arguments)
    pip88 = rehearse(*whole, sender=sender, prices=PIP88)
    slots = pip88.touches
    pip88_listed = rehearse(*whole, sender=sender, prices=PIP88, access_list=slots)
    prague_listed = rehearse(*whole, sender=sender, access_list=slots)
    prague = transaction(*whole, sender=sender)
    return Gas(
        prague=prague.gas,
        pip88=pip88.gas,
        prague_floor=prague.floor(PRAGUE),
        pip88_floor=pip88.floor(PIP88),
        prague_listed=prague_listed.gas,
        pip88_listed=pip88_listed.gas,
        largest=pip88.gas,
    )


def _descendants(computation: Any) -> Iterator[Any]:
    for child in computation.children:
        yield child
        yield from _descendants(child)
