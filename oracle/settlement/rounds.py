"""The round state machine: from facts to the next actions, without memory.

An operator asks it anew every cycle, so a restart at any point is harmless.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Status(IntEnum):
    """A round's status in RoundOracle."""

    UNKNOWN = 0
    ANNOUNCED = 1
    COMMITTED = 2
    FINAL = 3
    CHALLENGED = 4
    VOID = 5


class Phase(StrEnum):
    """Where a round stands, from finalized chain facts alone."""

    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"
    DUE = "due"
    COMMITTED = "committed"
    CHALLENGED = "challenged"
    FINAL = "final"
    VOID = "void"
    ENDED = "ended"


class Action(StrEnum):
    """What an operator does next for a round."""

    AWAIT_TARGETS = "await targets"
    ATTEST = "attest"
    GATHER = "gather signatures and commit"
    DRAIN = "drain the queue"
    SETTLE = "settle"
    END_VOID = "end the void round"


KEEPING = frozenset({Action.DRAIN, Action.SETTLE, Action.END_VOID})
"""What anyone may do; the rest is for the operators that the round was announced with."""


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round on chain. Times in seconds; ``final_at`` is None before the commit, ``void_at``
    unless its scores were called withheld."""

    number: int
    status: Status
    opens: int
    closes: int
    horizon: int
    final_at: int | None
    head: int
    queue_empty: bool
    skipped: bool = False
    void_at: int | None = None

    @property
    def due(self) -> int:
        return self.closes + self.horizon


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """What this operator has for a round."""

    targets: bool
    attested: bool


def phase(facts: RoundFacts, now: int) -> Phase:
    """Phase at block time ``now``, which must be the one that ``facts`` are of."""
    if facts.number < facts.head:
        return Phase.ENDED
    if facts.skipped:
        return Phase.VOID
    match facts.status:
        case Status.VOID:
            return Phase.VOID
        case Status.CHALLENGED:
            return Phase.CHALLENGED
        case Status.COMMITTED:
            return Phase.COMMITTED
        case Status.FINAL:
            return Phase.FINAL
    if now < facts.opens:
        return Phase.UPCOMING
    if now < facts.closes:
        return Phase.OPEN
    return Phase.CLOSED if now < facts.due else Phase.DUE


def next_actions(facts: RoundFacts, own: OperatorFacts, now: int) -> tuple[Action, ...]:
    """What to do now for this round; nothing of it depends on the order."""
    stage = phase(facts, now)
    actions = []
    is_head = facts.number == facts.head
    if is_head and now >= facts.closes and not facts.queue_empty:
        # Needs no commit, so that a release waits for the close only, not for the scores.
        actions.append(Action.DRAIN)
    if stage is Phase.DUE:
        actions.append(_towards_commit(own))
    if stage is Phase.FINAL and is_head and facts.queue_empty:
        actions.append(Action.SETTLE)
    if stage is Phase.VOID and is_head and facts.queue_empty and now >= facts.closes:
        actions.append(Action.END_VOID)
    return tuple(actions)


def _towards_commit(own: OperatorFacts) -> Action:
    if own.attested:
        return Action.GATHER
    return Action.ATTEST if own.targets else Action.AWAIT_TARGETS
