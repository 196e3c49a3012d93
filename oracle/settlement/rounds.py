"""The round state machine: from facts to the next actions, without memory.

An operator asks it anew every cycle, so a restart at any point is harmless.
"""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a round stands, from finalized chain facts alone."""

    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"
    DUE = "due"
    COMMITTED = "committed"
    FINAL = "final"
    SETTLED = "settled"
    MISSED = "missed"


class Action(StrEnum):
    """What an operator does next for a round."""

    AWAIT_TARGETS = "await targets"
    ATTEST = "attest"
    GATHER = "gather signatures and commit"
    DRAIN = "drain the queue"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round on chain. Times in seconds; ``committed_at`` is None before the commit."""

    number: int
    opens: int
    closes: int
    horizon: int
    grace: int
    window: int
    committed_at: int | None
    head: int
    queue_empty: bool

    @property
    def due(self) -> int:
        return self.closes + self.horizon

    @property
    def final_at(self) -> int | None:
        return None if self.committed_at is None else self.committed_at + self.window


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """What this operator has for a round."""

    targets: bool
    attested: bool


def phase(facts: RoundFacts, now: int) -> Phase:
    """Phase at block time ``now``."""
    if facts.number < facts.head:
        return Phase.SETTLED
    if facts.final_at is not None:
        return Phase.FINAL if now >= facts.final_at else Phase.COMMITTED
    if now < facts.opens:
        return Phase.UPCOMING
    if now < facts.closes:
        return Phase.OPEN
    if now < facts.due:
        return Phase.CLOSED
    return Phase.DUE if now <= facts.due + facts.grace else Phase.MISSED


def next_actions(facts: RoundFacts, own: OperatorFacts, now: int) -> tuple[Action, ...]:
    """What to do now for this round; nothing of it depends on the order."""
    stage = phase(facts, now)
    actions = []
    if facts.number == facts.head and now >= facts.closes and not facts.queue_empty:
        # Needs no commit, so that a release waits for the close only, not for the scores.
        actions.append(Action.DRAIN)
    if stage is Phase.DUE:
        actions.append(_towards_commit(own))
    if stage is Phase.FINAL and facts.number == facts.head and facts.queue_empty:
        actions.append(Action.SETTLE)
    return tuple(actions)


def _towards_commit(own: OperatorFacts) -> Action:
    if own.attested:
        return Action.GATHER
    return Action.ATTEST if own.targets else Action.AWAIT_TARGETS
