"""What the queries answer with. Amounts in U, scores at 10^-9, times in seconds by the chain."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from oracle.settlement.payout import Coefficients, Template
from oracle.settlement.units import MILLIONTH


class RoundStatus(StrEnum):
    """A round as clients name it."""

    UPCOMING = "UPCOMING"
    OPEN = "OPEN"
    RESOLVING = "RESOLVING"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round that was announced, or skipped: then there is no more of it than its close.

    ``ended``: settled, void or skipped, None while it goes on. ``final_at``: when its result is
    final unless it is challenged before. ``scored``: its final scores are in the tables.
    """

    tournament: int
    number: int
    closes: int
    opens: int | None = None
    horizon: int | None = None
    phi: int | None = None
    series_hash: bytes | None = None
    spec_hash: bytes | None = None
    epoch: int | None = None
    template: Template | None = None
    announce_hash: bytes | None = None
    announced_at: int | None = None
    cancelled: bool = False
    committed_at: int | None = None
    final_at: int | None = None
    challenged_at: int | None = None
    confirmed_at: int | None = None
    chain_head: bytes | None = None
    at_risk: int | None = None
    words: int | None = None
    close_block_hash: bytes | None = None
    manifest: bytes | None = None
    meta_root: bytes | None = None
    begun_at: int | None = None
    coefficients: Coefficients | None = None
    gains: int = 0
    burns: int = 0
    void_at: int | None = None
    ended_at: int | None = None
    ended: str | None = None
    scored: bool = False

    @property
    def due(self) -> int:
        """When its scores are to be there."""
        return self.closes + (self.horizon or 0)

    @property
    def payout_factor(self) -> int | None:
        """min(1, threshold / at risk) at 10^-6, None before the commit."""
        if self.at_risk is None or self.template is None:
            return None
        return min(MILLIONTH, MILLIONTH * self.template.threshold // max(1, self.at_risk))

    def status(self, now: int) -> RoundStatus:
        if self.ended or self.cancelled:
            return RoundStatus.RESOLVED
        if self.opens is not None and now < self.opens:
            return RoundStatus.UPCOMING
        return RoundStatus.OPEN if now < self.closes else RoundStatus.RESOLVING


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A registered model. ``said`` is its name if somebody said it; claims are paid to ``payout``,
    from ``next_payout_at`` on to ``next_payout``."""

    tournament: int
    model: int
    uuid: str
    owner: str
    payout: str
    name_hash: bytes
    registered_at: int
    said: str | None = None
    next_payout: str | None = None
    next_payout_at: int | None = None

    @property
    def name(self) -> str:
        return self.said or f"model-{self.model}"

    def payout_at(self, now: int) -> str:
        """Where claims are paid at block time ``now``."""
        is_due = self.next_payout_at is not None and now >= self.next_payout_at
        return self.next_payout if is_due and self.next_payout else self.payout


@dataclass(frozen=True, slots=True)
class Position:
    """What a model has in the pool."""

    tournament: int
    model: int
    stake: int
    take_profit: bool
    claimable: int


@dataclass(frozen=True, slots=True)
class Request:
    """What waits for a round's close. ``release`` of RELEASE_ALL is everything; ``mode`` as in
    ``QueueRecord``."""

    tournament: int
    round: int
    model: int
    deposit: int
    release: int
    mode: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One event of a model or its money: ``kind`` is the event's name in lower case, ``account``
    who gave or got."""

    tournament: int
    block: int
    log_index: int
    kind: str
    model: int
    round: int | None
    account: str
    amount: int | None
    transaction: bytes
    time: int


@dataclass(frozen=True, slots=True)
class CloseStake:
    """A model's projected stake at a round's close block."""

    tournament: int
    round: int
    model: int
    stake: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a round did to a model's ``stake``; of a gain, ``taken`` became claimable."""

    tournament: int
    round: int
    model: int
    stake: int
    change: int
    taken: int


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A final score; ``percentile`` among the round's models."""

    tournament: int
    round: int
    model: int
    name: str
    value: int
    percentile: int


class ResultStatus(StrEnum):
    """What became of a model in a round."""

    SCORED = "scored"
    LATE = "late"
    REJECTED = "rejected"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A model in a round's committed result. ``stake`` at the close, whether at risk or not."""

    tournament: int
    round: int
    model: int
    status: str
    stake: int
    sha256: bytes | None
    sequence: int | None
    rho: int | None
    level: int | None
    reason: str

    @property
    def at_risk(self) -> int:
        return self.stake if self.status == ResultStatus.SCORED else 0


def model_uuid(chain_id: int, pool: str, model: int) -> str:
    """The id that clients know a model by; follows from the chain alone."""
    return str(uuid5(NAMESPACE_URL, f"assay:{chain_id}:{pool.lower()}:{model}"))


def template_text(template: Template) -> str:
    return json.dumps(asdict(template))


def template_of(text: str) -> Template:
    return Template(**_with_tuples(json.loads(text), "kinds", "multipliers"))


def coefficients_text(coefficients: Coefficients) -> str:
    return json.dumps(asdict(coefficients))


def coefficients_of(text: str) -> Coefficients:
    return Coefficients(**_with_tuples(json.loads(text), "c"))


def _with_tuples(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: tuple(value) if name in names else value for name, value in values.items()}
