"""Transactions that people send themselves, ready to sign: what to call, and with which data.

Nothing is tried here: a contract may refuse what it would have taken a block before.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from eth_abi import encode
from eth_utils import is_address, keccak, to_checksum_address

from oracle.chain.abi import abi
from oracle.chain.drafts import encoded
from oracle.errors import InputError, RefusedError
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeIntent
from oracle.settlement.units import COMPOUND, MAX_AMOUNT, MIN_STAKE, TAKE_PROFIT, WEI_PER_UNIT, nmr
from oracle.staking.desk import StakeDesk

_ZERO = "0x" + "00" * 20
_HOUR = 3_600
MODES = {"compound": COMPOUND, "take-profit": TAKE_PROFIT}


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A call of a contract. ``value`` in wei of the chain's coin; ``after``: seconds that must have
    passed since the one before it was in a block."""

    call: str
    chain_id: int
    to: str
    data: bytes
    value: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class NewModel:
    """How a model comes to be: its calls in order, the last of which registers it. ``fee`` in
    wei, paid in NMR; ``salt`` must be kept until then."""

    name: str
    name_hash: bytes
    payout: str
    salt: bytes
    fee: int
    calls: tuple[Unsigned, ...]


@dataclass(frozen=True)
class Transactions:
    """Of one tournament; amounts in U."""

    desk: StakeDesk

    # ------------------------------------------------------------------ stakes

    def deposit(self, model: int, owner: str, amount: int) -> list[Unsigned]:
        """For the round that is open now, with what allows the pool to take it."""
        if not MIN_STAKE <= amount <= MAX_AMOUNT:
            raise InputError(f"{nmr(amount)} NMR is no deposit", f"at least {nmr(MIN_STAKE)} NMR")
        reader, wei = self.desk.reader, amount * WEI_PER_UNIT
        call = reader.pool.functions.deposit(model, wei, reader.target())
        return [*self.approve(owner, reader.addresses.pool, wei), self._unsigned(call)]

    def release(self, model: int, amount: int | None) -> list[Unsigned]:
        """Of ``amount``, or of everything with None; claim it after the round's close."""
        if amount is not None and not MIN_STAKE <= amount <= MAX_AMOUNT:
            raise InputError(f"{nmr(amount)} NMR is no release", f"at least {nmr(MIN_STAKE)} NMR")
        wei = ALL_WEI if amount is None else amount * WEI_PER_UNIT
        reader = self.desk.reader
        return [self._unsigned(reader.pool.functions.request_release(model, wei, reader.target()))]

    def mode(self, model: int, mode: str) -> list[Unsigned]:
        reader = self.desk.reader
        call = reader.pool.functions.set_mode(model, _mode(mode), reader.target())
        return [self._unsigned(call)]

    def claim(self, model: int) -> list[Unsigned]:
        """Pays all that is claimable to the model's payout address; anyone may send it."""
        return [self._unsigned(self.desk.reader.pool.functions.claim(model))]

    def approve(self, owner: str, spender: str, wei: int) -> list[Unsigned]:
        """Lets ``spender`` take ``wei``; none where it may already. NMR allows a change only from
        or to zero."""
        allowed = self.desk.reader.allowance_of(owner, spender)
        if allowed >= wei:
            return []
        web3, token = self.desk.reader.web3, self.desk.reader.addresses.token
        contract = web3.eth.contract(address=to_checksum_address(token), abi=abi("ChildNmr"))
        steps = [0, wei] if allowed else [wei]
        return [self._unsigned(contract.functions.approve(spender, step)) for step in steps]

    def revoke_mandate(self, hashed: bytes) -> list[Unsigned]:
        """Ends a mandate at once; its owner sends it."""
        return [self._unsigned(self.desk.reader.relay.functions.revoke_mandate(hashed))]

    def intent(
        self, model: int, action: StakeAction, amount: int | None, mode: str | None, hours: int
    ) -> StakeIntent:
        """One request for the owner to sign and for anybody to send, good for the round that is
        open now and until the owner does something else."""
        if action is StakeAction.MODE:
            wei = _mode(mode or "")
        elif amount is None and action is StakeAction.DEPOSIT:
            raise InputError("a deposit needs an amount")
        else:
            wei = ALL_WEI if amount is None else amount * WEI_PER_UNIT
        reader = self.desk.reader
        return StakeIntent(
            pool=reader.addresses.pool,
            model=model,
            action=int(action),
            amount=wei,
            max_round=reader.target(),
            nonce=reader.nonce_of(model),
            deadline=self.desk.now() + hours * _HOUR,
        )

    # ------------------------------------------------------------------ models

    def register(self, owner: str, name: str, payout: str | None = None) -> NewModel:
        """A model of ``owner`` with this name; claims are paid to ``payout``, by default the owner.

        Raises ``RefusedError`` where a model has the name already.
        """
        reader, paid = self.desk.reader, _address(payout or owner)
        name_hash = keccak(text=name)
        taken = reader.model_named(name_hash)
        if taken is not None:
            raise RefusedError(f"model {taken} has the name {name[:64]!r} already", "another name")
        salt = secrets.token_bytes(32)
        commitment = keccak(
            encode(["bytes32", "address", "bytes32"], [name_hash, to_checksum_address(owner), salt])
        )
        functions = reader.registry.functions
        calls = (
            self._unsigned(functions.reserve(commitment)),
            *self.approve(owner, reader.registry.address, reader.fee),
            self._unsigned(functions.register(name_hash, paid, salt), reader.reserve_delay),
        )
        return NewModel(name, name_hash, paid, salt, reader.fee, calls)

    def set_payout(self, model: int, payout: str) -> list[Unsigned]:
        """Another payout address; it counts after the registry's delay."""
        return [
            self._unsigned(self.desk.reader.registry.functions.set_payout(model, _address(payout)))
        ]

    def _unsigned(self, call: Any, after: int = 0) -> Unsigned:
        chain_id = self.desk.reader.addresses.chain_id
        return Unsigned(call.fn_name, chain_id, str(call.address), encoded(call), 0, after)


def _mode(name: str) -> int:
    if name not in MODES:
        raise InputError(f"{name[:40]!r} is no mode", " or ".join(MODES))
    return MODES[name]


def _address(text: str) -> str:
    if not is_address(text) or text == _ZERO:
        raise InputError(f"{text[:60]!r} is no address", "0x and 40 hex digits")
    return str(to_checksum_address(text))
