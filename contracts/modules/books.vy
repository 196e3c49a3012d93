# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title The pool's books
@license MIT
@notice Two words: the parts of what the pool holds, and where it is in its rounds.
@dev Holds storage. held = staked + queued + out + vault + burn owed, in U, stays below 2^56:
     `_check_capacity` guards what raises it, so every part fits its 56 bits.
"""


from ..interfaces import IStakePool


# @dev Slot A, in U except the last: the sum of all lanes, the deposits in queues, the sum of all
# out lanes, the vault that gains are paid from, and the block time until which the pool is paused.
struct Holdings:
    staked: uint256
    queued: uint256
    out: uint256
    vault: uint256
    paused_until: uint256


# @dev Slot B: U owed to the burn; the round to settle next and since when it is so, which is when
# the one before it ended (seconds); of that round the next admissible word, the end of its words
# and whether it has begun; whether the pool was wound down; the last announced round; and a round
# at or below `target()`.
struct Progress:
    burn_owed: uint256
    head: uint256
    head_since: uint256
    next_word: uint256
    words: uint256
    begun: bool
    wound_down: bool
    last_announced: uint256
    hint: uint256


# @dev Progress without the burn, and the end of a pause: see there.
struct State:
    head: uint256
    head_since: uint256
    next_word: uint256
    words: uint256
    begun: bool
    wound_down: bool
    last_announced: uint256
    paused_until: uint256


_M19: constant(uint256) = 2**19 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1


# @dev Slot A: staked 56 | queued 56 | out 56 | vault 56 | paused_until 32, from the lowest bit.
_holdings: uint256


# @dev Slot B: burn_owed 56 | head 32 | head_since 40 | next_word 19 | words 19 | begun 1 |
# wound_down 1 | last_announced 32 | hint 32, from the lowest bit; 24 unused.
_progress: uint256


@external
@view
def totals() -> IStakePool.Totals:
    """
    @return Totals What the pool holds, by part, in U.
    """
    held: Holdings = self._load_holdings()
    return IStakePool.Totals(
        staked=held.staked,
        queued=held.queued,
        out=held.out,
        vault=held.vault,
        burn_owed=self._load_progress().burn_owed,
    )


@external
@view
def state() -> State:
    """
    @return State Where the pool is in its rounds, and until when it is paused.
    """
    progress: Progress = self._load_progress()
    return State(
        head=progress.head,
        head_since=progress.head_since,
        next_word=progress.next_word,
        words=progress.words,
        begun=progress.begun,
        wound_down=progress.wound_down,
        last_announced=progress.last_announced,
        paused_until=self._load_holdings().paused_until,
    )


@internal
@pure
def _check_capacity(held: Holdings, progress: Progress, units: uint256):
    """
    @dev Reverts unless held stays below 2^56 U.
    @param held Slot A.
    @param progress Slot B.
    @param units The amount to add, in U.
    """
    # Five numbers of 56 bits and one of wei over 10^9: no sum of them overflows.
    total: uint256 = unsafe_add(unsafe_add(held.staked, held.queued), held.out)
    total = unsafe_add(unsafe_add(total, held.vault), progress.burn_owed)
    assert unsafe_add(total, units) <= _M56, "pool: capacity"


@internal
@view
def _load_holdings() -> Holdings:
    """
    @return Holdings The fields of slot A.
    """
    word: uint256 = self._holdings
    return Holdings(
        staked=word & _M56,
        queued=(word >> 56) & _M56,
        out=(word >> 112) & _M56,
        vault=(word >> 168) & _M56,
        paused_until=word >> 224,
    )


@internal
def _store_holdings(held: Holdings):
    """
    @param held The fields of slot A: parts of held, which is below 2^56, and a time.
    """
    self._holdings = (
        held.staked
        | (held.queued << 56)
        | (held.out << 112)
        | (held.vault << 168)
        | (held.paused_until << 224)
    )


@internal
@view
def _load_progress() -> Progress:
    """
    @return Progress The fields of slot B.
    """
    word: uint256 = self._progress
    return Progress(
        burn_owed=word & _M56,
        head=(word >> 56) & _M32,
        head_since=(word >> 88) & _M40,
        next_word=(word >> 128) & _M19,
        words=(word >> 147) & _M19,
        begun=(word >> 166) & 1 == 1,
        wound_down=(word >> 167) & 1 == 1,
        last_announced=(word >> 168) & _M32,
        hint=(word >> 200) & _M32,
    )


@internal
def _store_progress(progress: Progress):
    """
    @param progress The fields of slot B, each inside its bits.
    """
    self._progress = (
        progress.burn_owed
        | (progress.head << 56)
        | (progress.head_since << 88)
        | (progress.next_word << 128)
        | (progress.words << 147)
        | (convert(progress.begun, uint256) << 166)
        | (convert(progress.wound_down, uint256) << 167)
        | (progress.last_announced << 168)
        | (progress.hint << 200)
    )


@internal
@view
def _advanced(progress: Progress) -> Progress:
    """
    @param progress Slot B.
    @return Progress The same with the head round ended now and the next one at the head, for the
            caller to store.
    """
    after: Progress = progress
    after.head += 1
    after.head_since = block.timestamp
    after.next_word = 0
    after.words = 0
    after.begun = False
    return after
