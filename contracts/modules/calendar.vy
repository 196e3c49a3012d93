# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title The pool's calendar
@license MIT
@notice Which round requests join, and how rounds end that get no scores, or only some of theirs,
        so that nobody's silence keeps a stake in. Rounds that end with all their scores are
        StakePool's business.
@dev All calls here may be made by anyone, except those that RoundOracle passes on.
"""


from ..interfaces import IRoundOracle


from . import books
from . import requests
uses: books
uses: requests


# @dev Times in seconds, fixed at construction. Production values:
# skip_after      14 d   from the last close to the skipping of a round nobody announced
# settle_time      3 d   from a commit's finality to calling its round void
# head_time        4 h   for which a round is head before it is called void, at least
# rest_delay       2 h   from that call to giving up the batches that are left
# wind_down_after 150 d  from the end of the last round to the end of the pool
# pause            7 d   for which a pause lasts, at most
# pause_cooldown  30 d   from the end of a pause to the next one, at least
struct Clocks:
    skip_after: uint256
    settle_time: uint256
    head_time: uint256
    rest_delay: uint256
    wind_down_after: uint256
    pause: uint256
    pause_cooldown: uint256


# @dev Rounds from the head to the last announced one, at most.
_MAX_PENDING: constant(uint256) = 96


# @dev Seconds of a clock, and the latest close: sums of the two stay far inside 40 bits.
_MAX_CLOCK: constant(uint256) = 2**30
_MAX_CLOSE: constant(uint256) = 2**32 - 1


# @dev The tournament's RoundOracle.
ORACLE: public(immutable(address))


_CLOCKS: immutable(Clocks)


event RoundScheduled:
    round: indexed(uint256)
    close: uint256


event RoundSkipped:
    round: indexed(uint256)


event VoidCalled:
    round: indexed(uint256)
    void_at: uint256


event RoundVoided:
    round: indexed(uint256)


event Paused:
    until: uint256


event WoundDown:
    pass


@deploy
def __init__(oracle: address, clocks: Clocks):
    """
    @param oracle The tournament's RoundOracle.
    @param clocks The times, none zero.
    """
    for seconds: uint256 in [
        clocks.skip_after,
        clocks.settle_time,
        clocks.head_time,
        clocks.rest_delay,
        clocks.wind_down_after,
        clocks.pause,
        clocks.pause_cooldown,
    ]:
        assert seconds != 0 and seconds <= _MAX_CLOCK, "pool: bad clock"
    assert clocks.wind_down_after > clocks.skip_after, "pool: wound down before skipped"
    ORACLE = oracle
    _CLOCKS = clocks
    # The first round may be skipped as if round 0 had closed at construction.
    round: requests.Round = empty(requests.Round)
    round.close = block.timestamp
    requests._store_round(0, round)
    progress: books.Progress = empty(books.Progress)
    progress.head = 1
    progress.head_since = block.timestamp
    books._store_progress(progress)


@external
def schedule(k: uint256, close: uint256):
    """
    @notice Makes round `k` known to the pool. Only the oracle, when it announces the round.
    @param k The round, one above the last one announced or skipped.
    @param close The block time in seconds from which the round takes no more requests.
    """
    assert msg.sender == ORACLE, "pool: not oracle"
    self._check_not_paused(books._load_holdings())
    progress: books.Progress = self._running()
    assert k == progress.last_announced + 1, "pool: round order"
    assert k < progress.head + _MAX_PENDING, "pool: too many pending"
    last_close: uint256 = requests._close(k - 1)
    assert close > max(block.timestamp, last_close), "pool: close in the past"
    # A break that was never skipped would count towards winding down; so `skip` ends it first.
    lapsed: bool = block.timestamp >= last_close + _CLOCKS.skip_after
    assert k != progress.head or not lapsed, "pool: skip first"
    assert close <= _MAX_CLOSE, "pool: bad close"
    # What waits for the round so far waits on.
    round: requests.Round = requests._load_round(k)
    round.close = close
    requests._store_round(k, round)
    progress.hint = self._target(progress)
    progress.last_announced = k
    books._store_progress(progress)
    log RoundScheduled(round=k, close=close)


@external
def pause():
    """
    @notice Stops deposits, funding and announcements for a while; nothing else ever stops, and no
            clock does. Only the oracle, for its guardian.
    """
    assert msg.sender == ORACLE, "pool: not oracle"
    held: books.Holdings = books._load_holdings()
    assert block.timestamp >= held.paused_until + _CLOCKS.pause_cooldown, "pool: paused lately"
    held.paused_until = block.timestamp + _CLOCKS.pause
    books._store_holdings(held)
    log Paused(until=held.paused_until)


@external
def unpause():
    """
    @notice Ends a pause early. Only the oracle, for its guardian.
    """
    assert msg.sender == ORACLE, "pool: not oracle"
    held: books.Holdings = books._load_holdings()
    assert block.timestamp < held.paused_until, "pool: not paused"
    held.paused_until = block.timestamp
    books._store_holdings(held)
    log Paused(until=block.timestamp)


@external
def skip(k: uint256):
    """
    @notice Closes the head round now, without scores, if nobody announced it: its requests can be
            drained, then `end_void` ends it.
    @param k The head round.
    """
    progress: books.Progress = self._running()
    assert k == progress.head, "pool: not head"
    assert k == progress.last_announced + 1, "pool: announced"
    assert block.timestamp >= requests._close(k - 1) + _CLOCKS.skip_after, "pool: too early"
    round: requests.Round = requests._load_round(k)
    round.close = block.timestamp
    round.skipped = True
    requests._store_round(k, round)
    progress.last_announced = k
    books._store_progress(progress)
    log RoundSkipped(round=k)


@external
def end_void(k: uint256):
    """
    @notice Ends the head round without scores: it was skipped, or the oracle says that it gets
            none. Its queue must be empty.
    @param k The head round.
    """
    progress: books.Progress = self._unbegun_head(k)
    round: requests.Round = requests._load_round(k)
    assert k <= progress.last_announced and block.timestamp >= round.close, "pool: open"
    assert round.first == 0, "pool: queue"
    assert round.skipped or staticcall IRoundOracle(ORACLE).is_void(k), "pool: not void"
    self._give_up(k, progress)


@external
def call_void(k: uint256):
    """
    @notice Says that the head round's scores are withheld: they are final and were not settled in
            time. `settle` still works until `void_rest` gives up what is left of them.
    @param k The head round.
    """
    progress: books.Progress = self._running()
    assert k == progress.head, "pool: not head"
    round: requests.Round = requests._load_round(k)
    assert round.void_at == 0, "pool: void called"
    final_at: uint256 = (staticcall IRoundOracle(ORACLE).settlement(k)).final_at
    deadline: uint256 = max(
        final_at + _CLOCKS.settle_time, progress.head_since + _CLOCKS.head_time
    )
    assert block.timestamp >= deadline, "pool: too early"
    round.void_at = block.timestamp + _CLOCKS.rest_delay
    requests._store_round(k, round)
    log VoidCalled(round=k, void_at=round.void_at)


@external
def void_rest(k: uint256):
    """
    @notice Ends the head round without the batches that are left of it, some time after
            `call_void`. What was settled of it stands. Its queue must be empty.
    @param k The head round.
    """
    progress: books.Progress = self._running()
    assert k == progress.head, "pool: not head"
    round: requests.Round = requests._load_round(k)
    assert round.void_at != 0, "pool: void not called"
    assert block.timestamp >= round.void_at, "pool: too early"
    assert round.first == 0, "pool: queue"
    self._give_up(k, progress)


@external
def wind_down():
    """
    @notice Ends the pool for good when no round has ended for a long time, whatever the reason:
            from now on `exit` pays out stakes, claimable amounts and undrained deposits. Reads
            nothing but the pool's own storage.
    """
    progress: books.Progress = self._running()
    assert (
        block.timestamp >= progress.head_since + _CLOCKS.wind_down_after
    ), "pool: too early"
    progress.wound_down = True
    books._store_progress(progress)
    log WoundDown()


@external
@view
def target() -> uint256:
    """
    @notice The round that requests join now: the first announced one that is not closed, else
            the one after the last announced.
    @return uint256 The round.
    """
    return self._target(books._load_progress())


@external
@view
def clocks() -> Clocks:
    """
    @return Clocks The times, in seconds.
    """
    return _CLOCKS


@internal
@view
def _running() -> books.Progress:
    """
    @dev Reverts once the pool is wound down.
    @return Progress Slot B.
    """
    progress: books.Progress = books._load_progress()
    assert not progress.wound_down, "pool: wound down"
    return progress


@internal
@view
def _unbegun_head(k: uint256) -> books.Progress:
    """
    @dev Reverts unless a round is the head and was not begun.
    @param k The round.
    @return Progress Slot B.
    """
    progress: books.Progress = self._running()
    assert k == progress.head, "pool: not head"
    assert not progress.begun, "pool: begun"
    return progress


@internal
@view
def _check_not_paused(held: books.Holdings):
    """
    @param held Slot A.
    """
    assert block.timestamp >= held.paused_until, "pool: paused"


@internal
@view
def _target(progress: books.Progress) -> uint256:
    """
    @dev Rounds below the hint are closed: it was the target once. So are rounds below the head.
         From the head to the last announced round there are at most `_MAX_PENDING`.
    @param progress Slot B.
    @return uint256 The round that requests join now.
    """
    round: uint256 = max(progress.hint, progress.head)
    for _: uint256 in range(_MAX_PENDING):
        if round > progress.last_announced or block.timestamp < requests._close(round):
            break
        round += 1
    return round


@internal
def _give_up(k: uint256, progress: books.Progress):
    """
    @dev Ends the head round as it is.
    @param k The head round.
    @param progress Slot B.
    """
    books._store_progress(books._advanced(progress))
    log RoundVoided(round=k)
