"""The round state machine: from facts to the next actions, without memory.

An operator asks it anew every cycle, so a restart at any point is harmless.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from oracle.settlement.units import UNITS_PER_NMR

FLUSH_FROM = 10 * UNITS_PER_NMR
"""Burns owed (U) from which on they are sent to the burn vault at once."""
FLUSH_AFTER = 7 * 86_400
"""Seconds since the last time after which smaller ones are sent as well."""


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
    """What an operator does next, for a round or for the pool."""

    SHARE = "take in what the others accepted"
    AWAIT_TARGETS = "await targets"
    ATTEST = "attest"
    GATHER = "gather signatures and commit"
    FOLLOW = "evaluate what others committed"
    COLLECT = "collect the commit's signatures"
    CONFIRM = "answer the challenge"
    DISCLOSE = "disclose"
    DRAIN = "drain the queue"
    SETTLE = "settle"
    END_VOID = "end the void round"
    SETTLE_BOND = "settle the challenge's bond"
    SKIP = "skip the round that nobody announced"
    FLUSH = "send burns to the burn vault"
    ANNOUNCE = "announce the next round"


KEEPING = frozenset(
    {
        Action.DRAIN,
        Action.SETTLE,
        Action.END_VOID,
        Action.SETTLE_BOND,
        Action.SKIP,
        Action.FLUSH,
    }
)
"""What anyone may do; the rest is for the operators that the round was announced with."""


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round on chain. Times in seconds; ``final_at`` is None before the commit, ``void_at``
    unless its scores were called withheld, ``challenged_at`` unless it was challenged."""

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
    challenged_at: int | None = None

    @property
    def due(self) -> int:
        return self.closes + self.horizon


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """What this operator has for a round: its targets, its own signature over the result, its
    artefacts of the result in force (``has_folder``), whether those are as open as they will be
    (``disclosed``), and the signatures that the commit took (``has_signatures``). ``shared``: what
    the others accepted up to the close was taken in.

    ``super_quorum`` is how many must answer a challenge, 0 where nobody can; ``bond_open``: the
    answered challenge's bond waits to be sent where it belongs.
    """

    targets: bool
    attested: bool
    has_folder: bool = True
    disclosed: bool = True
    has_signatures: bool = True
    shared: bool = True
    super_quorum: int = 0
    bond_open: bool = False


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
    waits = stage is Phase.CLOSED or (stage is Phase.DUE and not own.attested and not own.targets)
    if waits and not own.shared:
        actions.append(Action.SHARE)
    if stage is Phase.DUE:
        actions.append(_towards_commit(own))
    if stage in (Phase.COMMITTED, Phase.CHALLENGED, Phase.FINAL):
        actions += _after_commit(own)
    if stage is Phase.CHALLENGED and own.super_quorum and own.targets:
        actions.append(Action.CONFIRM)
    if stage in (Phase.FINAL, Phase.VOID) and own.bond_open:
        actions.append(Action.SETTLE_BOND)
    if stage is Phase.FINAL and is_head and facts.queue_empty and own.has_folder:
        actions.append(Action.SETTLE)
    if stage is Phase.VOID and is_head and facts.queue_empty and now >= facts.closes:
        actions.append(Action.END_VOID)
    return tuple(actions)


def _towards_commit(own: OperatorFacts) -> Action:
    if own.attested:
        return Action.GATHER
    return Action.ATTEST if own.targets else Action.AWAIT_TARGETS


def _after_commit(own: OperatorFacts) -> list[Action]:
    """The commit is final on chain, so nobody gains by a look at the files any more."""
    if not own.has_folder:
        return [Action.FOLLOW if own.targets else Action.AWAIT_TARGETS]
    due = [] if own.has_signatures else [Action.COLLECT]
    return due if own.disclosed else [*due, Action.DISCLOSE]


def next_change(facts: RoundFacts, now: int, grace: int) -> int | None:
    """When the round's actions may change by the passing of time alone, or None.

    A block at that time or later must be looked at even if no event is in it. ``grace``: seconds
    after the horizon in which the contract takes the commit.
    """
    match phase(facts, now):
        case Phase.UPCOMING:
            return facts.opens
        case Phase.OPEN:
            return facts.closes
        case Phase.CLOSED:
            return facts.due
        case Phase.DUE:
            return facts.due + grace + 1
        case Phase.COMMITTED:
            return facts.final_at
        case Phase.CHALLENGED:
            return now
        case Phase.VOID if now < facts.closes:
            return facts.closes
    return None


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """The pool as a whole. Times in seconds, ``burn_owed`` in U; ``skippable_at`` is None unless
    the head round is one that nobody announced, ``flushed_at`` the time of the last flush, or of
    the first round's close before it."""

    wound_down: bool
    skippable_at: int | None
    burn_owed: int
    flushed_at: int


def pool_actions(facts: PoolFacts, announces: bool, now: int) -> tuple[Action, ...]:
    """What to do now for the pool; ``announces``: a calendar has a round to announce now."""
    actions = []
    if facts.wound_down:
        return (Action.FLUSH,) if facts.burn_owed else ()
    if facts.skippable_at is not None and now >= facts.skippable_at:
        actions.append(Action.SKIP)
    elif announces:
        actions.append(Action.ANNOUNCE)
    if is_flush_due(facts, now):
        actions.append(Action.FLUSH)
    return tuple(actions)


def is_flush_due(facts: PoolFacts, now: int) -> bool:
    if not facts.burn_owed:
        return False
    return facts.burn_owed >= FLUSH_FROM or now >= facts.flushed_at + FLUSH_AFTER


def wakes_at(changes: Iterable[int | None]) -> int | None:
    """The first of several times at which something may change, or None."""
    return min((time for time in changes if time is not None), default=None)
