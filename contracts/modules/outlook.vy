# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title What a round still has before it
@license MIT
@notice A round's phase, the step that it waits for, and the dates by which it has ended: at the
        earliest that its timetable allows, and at the latest.
@dev No storage; two immutables. `block.timestamp` is now.

     Why the latest date is a bound, for somebody who takes every step of StakePool as soon as it
     is possible while all others do what delays him most. Round by round, from the head:
     - A round that is void, or was skipped, ends as soon as it is closed and the head.
     - Any other round has a final result by `decided`, or never: the commit may come until
       closes + horizon + grace, is final a window later, and may be challenged once before that
       second, which gives the operators another `challenge` to answer. A committed or challenged
       round has a part of that before it. A result that is final stays as it is.
     - If the result is withheld, the round can be called void at
       max(decided + settle_time, head + head_time), where `head` is when it became the head, and
       ends `rest_delay` later. Without a result it can end at max(decided + 1, head), which is
       earlier, and so it does if it is settled.
     The date never falls when `head` rises, so that the latest end of a round is the latest
     `head` of the next one. A round that nobody announced can be skipped at
     max(lapse, head), where lapse = previous close + skip_after. It may be announced before the
     lapse, and later as long as it is not the head, so until max(lapse - 1, head), and closes
     `max_ahead` later at the latest. Nothing else that anybody may do moves a date: cancelling
     leaves the close, clocks do not stop in a pause, and `wind_down`, when it comes first, lets
     everybody out through `exit`. Time that transactions need is not counted.
"""


from ..interfaces import IRoundOracleViews
from ..interfaces import IStakePoolViews


# @dev Phases of a round, for people.
UNKNOWN: constant(uint256) = 0
ANNOUNCED: constant(uint256) = 1
OPEN: constant(uint256) = 2
CLOSED: constant(uint256) = 3
DUE: constant(uint256) = 4
COMMITTED: constant(uint256) = 5
CHALLENGED: constant(uint256) = 6
FINAL: constant(uint256) = 7
SETTLING: constant(uint256) = 8
ENDED: constant(uint256) = 9
VOID: constant(uint256) = 10
ENDED_VOID: constant(uint256) = 11


# @dev Calls of StakePool that anyone may make to bring a round to its end.
NO_STEP: constant(uint256) = 0
SKIP: constant(uint256) = 1
DRAIN: constant(uint256) = 2
SETTLE: constant(uint256) = 3
CALL_VOID: constant(uint256) = 4
VOID_REST: constant(uint256) = 5
END_VOID: constant(uint256) = 6


# @dev Statuses of RoundOracle.
_S_UNKNOWN: constant(uint256) = 0
_S_ANNOUNCED: constant(uint256) = 1
_S_COMMITTED: constant(uint256) = 2
_S_FINAL: constant(uint256) = 3
_S_CHALLENGED: constant(uint256) = 4
_S_VOID: constant(uint256) = 5


# @dev What pool and oracle know of a round.
struct Facts:
    pool: IStakePoolViews.RoundState
    oracle: IRoundOracleViews.Round


# @dev The next step of a round and the block time in seconds from which it is possible; where the
# step needs scores that somebody may withhold, what can be done instead, and from when.
struct Steps:
    step: uint256
    step_at: uint256
    fallback_step: uint256
    fallback_at: uint256


# @dev When a round and all before it have ended, in seconds: `expected` if everybody does his
# work, `latest` if nobody but the reader does.
struct Dates:
    expected: uint256
    latest: uint256


_TIMING: immutable(IRoundOracleViews.Timing)
_CLOCKS: immutable(IStakePoolViews.Clocks)


@deploy
def __init__(timing: IRoundOracleViews.Timing, clocks: IStakePoolViews.Clocks):
    """
    @param timing The oracle's bounds.
    @param clocks The pool's times.
    """
    _TIMING = timing
    _CLOCKS = clocks


@internal
@view
def _phase(k: uint256, state: IStakePoolViews.State, facts: Facts) -> uint256:
    """
    @dev An ended round had all its scores if it began and no batch of it was given up. A begun
         round's clip and scale are not both zero.
    @param k Any round.
    @param state Where the pool is.
    @param facts What is known of the round.
    @return uint256 Its phase.
    """
    status: uint256 = facts.oracle.status
    if status == _S_UNKNOWN and not facts.pool.skipped:
        return UNKNOWN
    if k < state.head:
        began: bool = facts.pool.coefficients.up + facts.pool.coefficients.scale != 0
        return ENDED if began and facts.pool.cursor == empty(bytes32) else ENDED_VOID
    if k == state.head and state.begun:
        return SETTLING
    if self._is_void(facts):
        return VOID
    if status == _S_COMMITTED:
        return COMMITTED
    if status == _S_CHALLENGED:
        return CHALLENGED
    if status == _S_FINAL:
        return FINAL
    if block.timestamp < facts.oracle.opens:
        return ANNOUNCED
    if block.timestamp < facts.oracle.closes:
        return OPEN
    return CLOSED if block.timestamp < facts.oracle.closes + facts.oracle.horizon else DUE


@internal
@view
def _steps(
    k: uint256, state: IStakePoolViews.State, facts: Facts, previous_close: uint256
) -> Steps:
    """
    @dev Steps also need that the round is the head: for a later round they are possible once the
         rounds before it have ended, and not before the time given.
    @param k Any round.
    @param state Where the pool is.
    @param facts What is known of the round.
    @param previous_close The close of the round before it, in seconds.
    @return Steps Its next step, none for a round that has ended.
    """
    if state.wound_down or k < state.head or k > state.last_announced + 1:
        return empty(Steps)
    if k > state.last_announced:
        return self._step(SKIP, previous_close + _CLOCKS.skip_after)
    if facts.pool.queue_head != 0:
        return self._step(DRAIN, facts.pool.close)
    status: uint256 = facts.oracle.status
    if status != _S_COMMITTED and status != _S_FINAL:
        return self._step(END_VOID, self._void_at(facts))
    steps: Steps = self._step(SETTLE, facts.oracle.final_at)
    if facts.pool.void_at != 0:
        steps.fallback_step = VOID_REST
        steps.fallback_at = facts.pool.void_at
    else:
        steps.fallback_step = CALL_VOID
        steps.fallback_at = facts.oracle.final_at + _CLOCKS.settle_time
        if k == state.head:
            earliest: uint256 = state.head_since + _CLOCKS.head_time
            steps.fallback_at = max(steps.fallback_at, earliest)
    return steps


@internal
@view
def _after(before: Dates, facts: Facts) -> Dates:
    """
    @param before When the rounds before have ended; `latest` since when the round is head, if it
           is already.
    @param facts What is known of an announced or skipped round that has not ended.
    @return Dates When it has ended.
    """
    expected: uint256 = facts.pool.close
    latest: uint256 = max(facts.pool.close, before.latest)
    if not self._is_void(facts):
        round: IRoundOracleViews.Round = facts.oracle
        decided: uint256 = round.final_at
        expected = round.final_at
        if round.status == _S_ANNOUNCED:
            due: uint256 = round.closes + round.horizon
            expected = max(due, block.timestamp) + _TIMING.window
            decided = self._decided(due)
        elif round.status == _S_COMMITTED:
            decided += _TIMING.challenge - 1
        elif round.status == _S_CHALLENGED:
            decided = round.challenged_at + _TIMING.challenge
            expected = decided + 1
        latest = self._withheld(decided, before.latest)
    if facts.pool.void_at != 0:
        latest = facts.pool.void_at
    return Dates(
        expected=max(expected, before.expected), latest=max(latest, block.timestamp)
    )


@internal
@view
def _after_unannounced(before: Dates, close: uint256) -> uint256:
    """
    @param before When the rounds before have ended.
    @param close The latest close of a round that is not announced, in seconds.
    @return uint256 When it has ended, at the latest.
    """
    return self._withheld(self._decided(close + _TIMING.max_horizon), before.latest)


@internal
@view
def _has_lapsed(is_head: bool, previous_close: uint256) -> bool:
    """
    @param is_head Whether a round that is not announced is the head.
    @param previous_close The close of the round before.
    @return bool Whether it can be skipped now, and therefore not be announced any more.
    """
    return is_head and block.timestamp >= previous_close + _CLOCKS.skip_after


@internal
@view
def _latest_close(previous_close: uint256, head: uint256) -> uint256:
    """
    @param previous_close The close of the round before.
    @param head When a round that is not announced, nor has lapsed, becomes the head, at the
           latest.
    @return uint256 The latest close that it can have, in seconds.
    """
    return max(previous_close + _CLOCKS.skip_after - 1, head) + _TIMING.max_ahead


@internal
@view
def _is_void(facts: Facts) -> bool:
    """
    @param facts What is known of a round.
    @return bool Whether it will never have scores.
    """
    return facts.pool.skipped or facts.oracle.status == _S_VOID


@internal
@view
def _void_at(facts: Facts) -> uint256:
    """
    @param facts What is known of an announced or skipped round without a result in force.
    @return uint256 When it is closed and void, in seconds, unless a result comes before.
    """
    round: IRoundOracleViews.Round = facts.oracle
    if facts.pool.skipped or round.template_hash == empty(bytes32):
        # Skipped, or cancelled before it opened.
        return facts.pool.close
    if round.final_at == 0:
        return round.closes + round.horizon + _TIMING.grace + 1
    return round.challenged_at + _TIMING.challenge + 1


@internal
@view
def _decided(due: uint256) -> uint256:
    """
    @param due When a commit may come.
    @return uint256 When its round has a final result, at the latest, if ever.
    """
    return due + _TIMING.grace + _TIMING.window + _TIMING.challenge - 1


@internal
@view
def _withheld(decided: uint256, head: uint256) -> uint256:
    """
    @param decided When a round has a final result, at the latest, if ever.
    @param head When it becomes the head, at the latest.
    @return uint256 When it has ended, at the latest, in seconds.
    """
    callable_at: uint256 = max(decided + _CLOCKS.settle_time, head + _CLOCKS.head_time)
    return max(callable_at, block.timestamp) + _CLOCKS.rest_delay


@internal
@pure
def _step(step: uint256, step_at: uint256) -> Steps:
    """
    @param step A step that needs nobody's scores.
    @param step_at When it is possible.
    @return Steps The step alone.
    """
    return Steps(step=step, step_at=step_at, fallback_step=NO_STEP, fallback_at=0)
