"""What stakers and rounds have before them, in plain integers: the arithmetic of StakeLens.

Amounts are in U, times in seconds, ``now`` is a block timestamp. ``contracts/modules/outlook.vy``
says why the latest dates are bounds; its contract shows the same amounts in wei.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from oracle.settlement.reference import ReferencePool, apply_record
from oracle.settlement.reference_oracle import ReferenceOracle, Status, Timing
from oracle.settlement.refusals import Refused
from oracle.settlement.units import COMPOUND, RATE_ONE, RELEASE_ALL, TAKE_PROFIT
from oracle.settlement.words import Lane, QueueRecord


class Phase(IntEnum):
    """Where a round stands, for people."""

    UNKNOWN = 0
    ANNOUNCED = 1
    OPEN = 2
    CLOSED = 3
    DUE = 4
    COMMITTED = 5
    CHALLENGED = 6
    FINAL = 7
    SETTLING = 8
    ENDED = 9
    VOID = 10
    ENDED_VOID = 11
    """Without scores, or without some of them."""


class Step(IntEnum):
    """Calls of StakePool that anyone may make to bring a round to its end."""

    NONE = 0
    SKIP = 1
    DRAIN = 2
    SETTLE = 3
    CALL_VOID = 4
    VOID_REST = 5
    END_VOID = 6


_STATUS_PHASES = {
    Status.COMMITTED: Phase.COMMITTED,
    Status.CHALLENGED: Phase.CHALLENGED,
    Status.FINAL: Phase.FINAL,
    Status.VOID: Phase.VOID,
}


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """An announced round. ``final_at`` and ``challenged_at`` are 0 where there was no commit or
    challenge; ``settled``: it ended with all its scores."""

    status: Status
    opens: int
    closes: int
    horizon: int
    clip_down: int
    final_at: int = 0
    challenged_at: int = 0
    cancelled: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's amounts: see ``Model`` in contracts/polygon/StakeLens.vy."""

    stake: int
    mode: int
    queued: int
    releasing: int
    claimable: int
    exposed: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A round's next step, possible from ``step_at`` on, and what can be done instead from
    ``fallback_at`` on if the step needs scores that are withheld."""

    step: Step = Step.NONE
    step_at: int = 0
    fallback_step: Step = Step.NONE
    fallback_at: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseOutlook:
    """A release asked now: the round it joins and that round's close, 0 if not announced; what it
    pays if no round changes the stake; when, 0 if unknown, and when at the latest; and how much
    of it rounds can burn."""

    round: int
    close: int
    amount: int
    expected_at: int
    latest_at: int
    max_loss: int


@dataclass(frozen=True, slots=True)
class DepositOutlook:
    """A deposit made now that leaves with ``release_round``, the round after the one it joins; the
    other fields as in ``ReleaseOutlook``."""

    round: int
    close: int
    release_round: int
    expected_at: int
    latest_at: int
    max_loss: int


@dataclass(frozen=True, slots=True)
class _Dates:
    """When rounds have ended: if everybody does his work, and if nobody but the reader does."""

    expected: int
    latest: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """A pool at ``now`` with what its oracle knows of the announced rounds. ``clip_down`` is that
    of the next announcement. Changes nothing."""

    pool: ReferencePool
    rounds: Mapping[int, RoundFacts]
    timing: Timing
    clip_down: int
    now: int

    @classmethod
    def of(
        cls, pool: ReferencePool, oracle: ReferenceOracle, settled: Collection[int], now: int
    ) -> Self:
        """With all facts from an oracle's model; ``settled`` are the rounds that ended with all
        their scores."""
        facts = {number: _facts(oracle, number, number in settled, now) for number in oracle.rounds}
        return cls(pool, facts, oracle.timing, oracle.template.clip_down, now)

    # --- models ---

    def standing(self, model: int) -> Standing:
        pool, target = self.pool, self.pool.target(self.now)
        lane = pool.lane(model)
        stake = exposed = lane.stake
        queued = releasing = 0
        for number in range(pool.head, target + 1):
            record = self._record(number, model)
            stake, released = _drained(stake, record)
            queued += record.deposit
            releasing += released
            if number == pool.head:
                exposed = stake
            elif number < target:
                exposed += record.deposit
        return Standing(
            stake=lane.stake,
            mode=TAKE_PROFIT if lane.take_profit else COMPOUND,
            queued=queued,
            releasing=0 if pool.wound_down else releasing,
            claimable=pool.out.get(model, 0),
            exposed=0 if pool.wound_down or pool.head == target else exposed,
        )

    def stake_at_close(self, model: int, number: int) -> int:
        """Projected stake in a round that has not ended."""
        if number < self.pool.head:
            raise Refused("lens: round ended")
        return self.pool.projected_lane(model, min(number, self.pool.target(self.now))).stake

    # --- rounds ---

    def phase(self, number: int) -> Phase:
        pool, facts = self.pool, self.rounds.get(number)
        if facts is None and number not in pool.skipped:
            return Phase.UNKNOWN
        if number < pool.head:
            return Phase.ENDED if facts and facts.settled else Phase.ENDED_VOID
        if number == pool.head and pool.progress is not None:
            return Phase.SETTLING
        if facts is None:
            return Phase.VOID
        if facts.status in _STATUS_PHASES:
            return _STATUS_PHASES[facts.status]
        if self.now < facts.closes:
            return Phase.OPEN if self.now >= facts.opens else Phase.ANNOUNCED
        return Phase.CLOSED if self.now < facts.closes + facts.horizon else Phase.DUE

    def steps(self, number: int) -> Steps:
        """A later round's steps are possible once the rounds before it have ended."""
        pool, clocks = self.pool, self.pool.clocks
        if pool.wound_down or not pool.head <= number <= pool.last_announced + 1:
            return Steps()
        if number > pool.last_announced:
            return Steps(Step.SKIP, self._close(number - 1) + clocks.skip_after)
        if pool.queues.get(number):
            return Steps(Step.DRAIN, pool.closes[number])
        facts = self.rounds.get(number)
        if facts is None or facts.status not in (Status.COMMITTED, Status.FINAL):
            return Steps(Step.END_VOID, self._void_at(number))
        if number in pool.void_at:
            return Steps(Step.SETTLE, facts.final_at, Step.VOID_REST, pool.void_at[number])
        call_at = facts.final_at + clocks.settle_time
        if number == pool.head:
            call_at = max(call_at, pool.head_since + clocks.head_time)
        return Steps(Step.SETTLE, facts.final_at, Step.CALL_VOID, call_at)

    # --- requests made now ---

    def release(self, model: int, amount: int) -> ReleaseOutlook:
        """``amount`` of RELEASE_ALL, or any sum beyond it, means everything."""
        target = self._target()
        stake = least = self.pool.lane(model).stake
        for number in range(self.pool.head, target):
            record = self._record(number, model)
            stake, _ = _drained(stake, record)
            least, _ = _drained(least, record)
            least -= least * self._clip_down(number) // RATE_ONE
        waiting = self._record(target, model)
        paid = _paid(stake, waiting, amount)
        close, dates = self._joined(target, self._close(target - 1), self._ended(target))
        return ReleaseOutlook(
            round=target,
            close=close,
            amount=paid,
            expected_at=dates.expected,
            latest_at=dates.latest,
            max_loss=paid - _paid(least, waiting, amount),
        )

    def deposit(self, amount: int) -> DepositOutlook:
        """Of a model without other stake, released as soon as it bore its round's scores."""
        pool, target = self.pool, self._target()
        before = self._ended(target)
        if target <= pool.last_announced:
            close = latest_close = pool.closes[target]
            clip_down = self._clip_down(target)
            dates = self._after(target, before)
        elif self._has_lapsed(target):
            close, latest_close, clip_down, dates = 0, self.now, 0, before
        else:
            close, latest_close = 0, self._latest_close(self._close(target - 1), before.latest)
            clip_down = self.clip_down
            decided = self._decided(latest_close + self.timing.max_horizon)
            dates = _Dates(0, self._withheld(decided, before.latest))
        _, dates = self._joined(target + 1, latest_close, dates)
        return DepositOutlook(
            round=target,
            close=close,
            release_round=target + 1,
            expected_at=dates.expected,
            latest_at=dates.latest,
            max_loss=amount * clip_down // RATE_ONE,
        )

    # --- dates ---

    def _ended(self, number: int) -> _Dates:
        """When all rounds before ``number`` have ended."""
        dates = _Dates(0, self.pool.head_since)
        for before in range(self.pool.head, number):
            dates = self._after(before, dates)
        return dates

    def _after(self, number: int, before: _Dates) -> _Dates:
        """When an announced or skipped round has ended."""
        expected = self.pool.closes[number]
        latest = max(expected, before.latest)
        if not self._is_void(number):
            expected, decided = self._finality(self.rounds[number])
            latest = self._withheld(decided, before.latest)
        latest = self.pool.void_at.get(number, latest)
        return _Dates(max(expected, before.expected), max(latest, self.now))

    def _finality(self, facts: RoundFacts) -> tuple[int, int]:
        """When a round that is not void has a final result, or is void, if everybody does his
        work, and when it has a final result at the latest, if ever."""
        challenge = self.timing.challenge
        if facts.status is Status.ANNOUNCED:
            due = facts.closes + facts.horizon
            return max(due, self.now) + self.timing.window, self._decided(due)
        if facts.status is Status.CHALLENGED:
            return facts.challenged_at + challenge + 1, facts.challenged_at + challenge
        if facts.status is Status.COMMITTED:
            return facts.final_at, facts.final_at + challenge - 1
        return facts.final_at, facts.final_at

    def _joined(self, number: int, previous_close: int, before: _Dates) -> tuple[int, _Dates]:
        """Close of a round that takes requests, and when its queue can be drained."""
        if self._has_lapsed(number):
            return 0, _Dates(self.now, self.now)
        if number > self.pool.last_announced:
            return 0, _Dates(0, self._latest_close(previous_close, before.latest))
        close = self.pool.closes[number]
        return close, _Dates(max(close, before.expected), max(close, before.latest))

    def _has_lapsed(self, number: int) -> bool:
        """Whether the round can be skipped now, and therefore not be announced any more."""
        pool = self.pool
        skips = number == pool.head > pool.last_announced
        return skips and self.now >= self._close(number - 1) + pool.clocks.skip_after

    def _latest_close(self, previous_close: int, head: int) -> int:
        """Of a round that is not announced, nor has lapsed, and is head from ``head`` on at the
        latest."""
        lapse = previous_close + self.pool.clocks.skip_after
        return max(lapse - 1, head) + self.timing.max_ahead

    def _decided(self, due: int) -> int:
        """When a round has a final result at the latest, if ever."""
        return due + self.timing.grace + self.timing.window + self.timing.challenge - 1

    def _withheld(self, decided: int, head: int) -> int:
        """Latest end of a round that has a final result and is head by then."""
        clocks = self.pool.clocks
        call_at = max(self.now, decided + clocks.settle_time, head + clocks.head_time)
        return call_at + clocks.rest_delay

    def _void_at(self, number: int) -> int:
        """When a round without a result in force is closed and void, if none comes before."""
        facts = self.rounds.get(number)
        if facts is None or facts.cancelled:
            return self.pool.closes[number]
        if not facts.final_at:
            return facts.closes + facts.horizon + self.timing.grace + 1
        return facts.challenged_at + self.timing.challenge + 1

    # --- shared ---

    def _target(self) -> int:
        if self.pool.wound_down:
            raise Refused("lens: wound down")
        return self.pool.target(self.now)

    def _close(self, number: int) -> int:
        return self.pool.closes.get(number, self.now)

    def _record(self, number: int, model: int) -> QueueRecord:
        return self.pool.queues.get(number, {}).get(model, QueueRecord())

    def _is_void(self, number: int) -> bool:
        return number in self.pool.skipped or self.rounds[number].status is Status.VOID

    def _clip_down(self, number: int) -> int:
        """The largest part of a stake that an announced or skipped round can burn."""
        return 0 if self._is_void(number) else self.rounds[number].clip_down


def _facts(oracle: ReferenceOracle, number: int, settled: bool, now: int) -> RoundFacts:
    announced, challenge = oracle.rounds[number], oracle.challenges.get(number)
    return RoundFacts(
        status=oracle.status(number, now),
        opens=announced.opens,
        closes=announced.closes,
        horizon=announced.horizon,
        clip_down=announced.template.clip_down,
        final_at=announced.final_at or 0,
        challenged_at=challenge.challenged_at if challenge else 0,
        cancelled=announced.cancelled,
        settled=settled,
    )


def _drained(stake: int, record: QueueRecord) -> tuple[int, int]:
    """A stake after a record, and what left."""
    lane, released = apply_record(Lane(stake), record)
    return lane.stake, released


def _paid(stake: int, waiting: QueueRecord, amount: int) -> int:
    """What a release pays that joins ``waiting``, on top of what waits there."""
    more = QueueRecord(waiting.deposit, min(waiting.release + amount, RELEASE_ALL))
    return _drained(stake, more)[1] - _drained(stake, waiting)[1]
