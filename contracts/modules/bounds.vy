# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Bounds of an announcement
@license MIT
@notice What an announcer may choose. No storage.
"""


# @dev Bounds of every round, in seconds. Production values:
# notice      24 h   from the announcement to the close, at least
# gap         20 h   from one close to the next, at least
# max_ahead   14 d   from the announcement to the close, at most
# max_horizon 90 d   from the close to the scores, at most (60 trading days)
# grace        7 d   in which the commit is taken once the horizon has passed
# window       2 d   from the commit to its finality
# challenge    5 d   from a challenge to its answer, at most
struct Timing:
    notice: uint256
    gap: uint256
    max_ahead: uint256
    max_horizon: uint256
    grace: uint256
    window: uint256
    challenge: uint256


# @dev Phi is at 10^-6: in [0.5, 1], at most 0.1 from one round to the next.
ONE: constant(uint256) = 10**6
_MIN_PHI: constant(uint256) = 500_000
_MAX_PHI_STEP: constant(uint256) = 100_000


# @dev A year; none of the times above is longer.
_MAX_SECONDS: constant(uint256) = 365 * 86_400


# @dev Block times are stored in 32 bits.
_LAST_TIME: constant(uint256) = 2**32 - 1


@internal
@pure
def _check_timing(timing: Timing):
    """
    @dev Every bound is between a second and a year, and a round with enough notice can be
         announced.
    @param timing The bounds.
    """
    for seconds: uint256 in [
        timing.notice,
        timing.gap,
        timing.max_ahead,
        timing.max_horizon,
        timing.grace,
        timing.window,
        timing.challenge,
    ]:
        assert seconds != 0 and seconds <= _MAX_SECONDS, "bounds: bad timing"
    assert timing.notice <= timing.max_ahead, "bounds: notice beyond max ahead"


@internal
@view
def _check_times(
    timing: Timing, previous_close: uint256, opens: uint256, closes: uint256, horizon: uint256
):
    """
    @dev Reverts unless a round's times lie inside the bounds, and all it may come to in 32 bits.
    @param timing The bounds.
    @param previous_close The close of the last announced round, 0 before the first.
    @param opens The block time in seconds at which it opens.
    @param closes The block time in seconds at which it closes.
    @param horizon Seconds from the close until the commit may come.
    """
    assert opens >= block.timestamp, "bounds: opens in the past"
    assert opens < closes, "bounds: closes before it opens"
    assert closes >= block.timestamp + timing.notice, "bounds: notice too short"
    assert closes >= previous_close + timing.gap, "bounds: gap too short"
    assert closes <= block.timestamp + timing.max_ahead, "bounds: too far ahead"
    assert horizon != 0 and horizon <= timing.max_horizon, "bounds: bad horizon"
    last_answer: uint256 = (
        closes + horizon + timing.grace + timing.window + timing.challenge
    )
    assert last_answer <= _LAST_TIME, "bounds: beyond the last time"


@internal
@pure
def _check_phi(previous: uint256, phi: uint256, series_hash: bytes32):
    """
    @dev Reverts unless phi lies in [0.5, 1], within 0.1 of the last one, and names its series.
    @param previous Phi of the last announced round, at 10^-6.
    @param phi The new phi, at 10^-6.
    @param series_hash Hash of the volatility series behind it.
    """
    assert phi >= _MIN_PHI and phi <= ONE, "bounds: bad phi"
    assert max(phi, previous) - min(phi, previous) <= _MAX_PHI_STEP, "bounds: phi step"
    assert phi == ONE or series_hash != empty(bytes32), "bounds: phi without series"
