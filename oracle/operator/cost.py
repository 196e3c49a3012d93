"""What an operator's transactions cost: those it sent, and what is to be expected.

The figures are of ``make gas`` at Polygon's prices (PIP-88), rounded up, without access lists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from web3 import Web3

from oracle.chain import fees
from oracle.chain.posting import receipt_of
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.store.database import Database
from oracle.store.spending import mined_since

ANNOUNCE, COMMIT, PER_SIGNATURE, FLUSH = 146_000, 69_000, 11_300, 52_000
SETTLE, PER_MODEL, DRAIN, PER_RECORD = 120_000, 2_400, 60_000, 12_700
_CHANGED_PART = 10
"""One model in so many is taken to change its stake in a round."""
_ROUNDS_LOOKED_AT = 20
_DAY = 86_400
WEEKDAYS_A_MONTH = 22


@dataclass(frozen=True, slots=True)
class Spent:
    """What the transactions of one call used and cost; ``wei`` includes the tips."""

    call: str
    count: int = 0
    gas: int = 0
    wei: int = 0


def spent(database: Database, web3: Web3, since: int) -> list[Spent]:
    """By call, the dearest first: what was sent since a time and is in a block."""
    found: dict[str, Spent] = {}
    for call, digest, _ in mined_since(database, since):
        receipt: Any = receipt_of(web3, digest)
        if receipt is None:
            continue
        gas, before = receipt["gasUsed"], found.get(call, Spent(call))
        found[call] = replace(
            before,
            count=before.count + 1,
            gas=before.gas + gas,
            wei=before.wei + gas * receipt["effectiveGasPrice"],
        )
    return sorted(found.values(), key=lambda one: -one.wei)


def round_gas(models: int, signatures: int, *, announces: bool) -> Mapping[str, int]:
    """Gas of a round by call, if one account sends all of it; one drain and one settle at least."""
    return {
        **({"announce": ANNOUNCE} if announces else {}),
        "commit": COMMIT + PER_SIGNATURE * signatures,
        "drain": DRAIN + PER_RECORD * -(-models // _CHANGED_PART),
        "settle": SETTLE + PER_MODEL * models,
        "flush_burn": FLUSH,
    }


@dataclass(frozen=True, slots=True)
class Expected:
    """What ``days`` cost an operator that sends everything, at ``price`` wei per gas."""

    days: int
    rounds: int
    models: int
    price: int
    gas: Mapping[str, int]

    @property
    def wei_of_round(self) -> int:
        return self.price * sum(self.gas.values())

    @property
    def wei(self) -> int:
        return self.rounds * self.wei_of_round


def expected(
    reader: PoolReader,
    days: int,
    *,
    announces: bool,
    models: int | None = None,
    price: int | None = None,
) -> Expected:
    """From the tournament as it is: its models, its rounds of late, and gas prices now."""
    number = reader.state()["last_announced"] + 1
    models = reader.models() if models is None else models
    gas = round_gas(models, reader.needed(number), announces=announces)
    price = price_now(reader) if price is None else price
    return Expected(days, _rounds_in(days, _closes(reader, number - 1)), models, price, gas)


def price_now(reader: PoolReader) -> int:
    """What a unit of gas costs in the next block, tip included, in wei."""
    with readable(reader.url):
        return fees.next_base_fee(reader.web3) + reader.web3.eth.max_priority_fee


def _closes(reader: PoolReader, last: int) -> list[int]:
    first = max(1, last - _ROUNDS_LOOKED_AT + 1)
    found = (reader.round_state(number)["close"] for number in range(first, last + 1))
    return [close for close in found if close]


def _rounds_in(days: int, closes: Iterable[int]) -> int:
    """Rounds that ``days`` bring at the pace of those that closed last; of five a week if these
    are too few to tell."""
    times = sorted(closes)
    span = times[-1] - times[0] if len(times) > 1 else 0
    if not span:
        return -(-days * WEEKDAYS_A_MONTH // 30)
    return -(-days * _DAY * (len(times) - 1) // span)
