"""What a model's owner signs for others to send: StakeIntent and StakeMandate (formats.md, 7).

Both are EIP-712 structs under the domain of StakeRelay. Amounts are wei, times in seconds.
"""

from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, ClassVar

from oracle.settlement.typed_data import struct_hash

ALL_WEI = 2**256 - 1
"""A release of everything, and the ``max_release`` of a mandate without a bound."""


class StakeAction(IntEnum):
    """What StakeRelay passes on. A mandate cannot change the mode."""

    DEPOSIT = 1
    RELEASE = 2
    MODE = 3


@dataclass(frozen=True, slots=True)
class StakeIntent:
    """One request of a model's owner, that anyone may send once. ``amount`` is the mode in MODE."""

    fields: ClassVar[dict[str, str]] = {
        "pool": "address",
        "model": "uint256",
        "action": "uint256",
        "amount": "uint256",
        "max_round": "uint256",
        "nonce": "uint256",
        "deadline": "uint256",
    }
    pool: str
    model: int
    action: int
    amount: int
    max_round: int
    nonce: int
    deadline: int

    def argument(self) -> tuple[Any, ...]:
        """The contract's struct: all but the pool, which StakeRelay knows."""
        return astuple(self)[1:]


@dataclass(frozen=True, slots=True)
class StakeMandate:
    """A relayer's right to deposit and to release for named models of one owner."""

    fields: ClassVar[dict[str, str]] = {
        "pool": "address",
        "owner": "address",
        "relayer": "address",
        "models": "uint256[]",
        "max_deposit": "uint256",
        "max_release": "uint256",
        "expiry": "uint256",
        "salt": "uint256",
    }
    pool: str
    owner: str
    relayer: str
    models: tuple[int, ...]
    max_deposit: int
    max_release: int
    expiry: int
    salt: int = 0

    def argument(self) -> tuple[Any, ...]:
        """The contract's struct: all but the pool, which StakeRelay knows."""
        _, owner, relayer, models, *rest = astuple(self)
        return (owner, relayer, list(models), *rest)

    def hash(self) -> bytes:
        """The struct hash by which its owner revokes it and StakeRelay counts its use."""
        return struct_hash(self)
