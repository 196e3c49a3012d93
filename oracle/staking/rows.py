"""What is kept of stakes that the server passes on. Amounts in U unless a name says wei."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from oracle.settlement.intents import StakeMandate


class _Account(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def address(self) -> str: ...


class Caller(Protocol):
    """Who asks; `oracle.accounts` has the real one."""

    def signed_in(self) -> _Account: ...
    def owns(self, owner: str) -> bool: ...


class Action(StrEnum):
    """What may be asked for by mandate."""

    INCREASE = "increase"
    DECREASE = "decrease"


class Status(StrEnum):
    """What became of a request: under way, in a block that may still go, in one that stays, or
    refused by the chain."""

    PENDING = "pending"
    MINED = "mined"
    FINAL = "final"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredMandate:
    """A mandate for the server's relayer with its owner's signature."""

    tournament: int
    mandate: StakeMandate
    signature: bytes
    stored_at: int

    @property
    def hash(self) -> bytes:
        return self.mandate.hash()


@dataclass(frozen=True, slots=True)
class Relayed:
    """A request that was passed on. ``amount`` of None releases everything; ``round`` is the one it
    joins, ``requested_at`` by the wall's clock."""

    id: str
    tournament: int
    account: str
    model: int
    action: str
    amount: int | None
    mandate: bytes
    round: int | None
    transaction: bytes | None
    status: str
    requested_at: int

    @property
    def tx(self) -> str | None:
        """The transaction's hash as clients get it."""
        return None if self.transaction is None else "0x" + self.transaction.hex()
