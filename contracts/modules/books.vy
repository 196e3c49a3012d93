# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title The pool's books
@license MIT
@notice Two words: the parts of what the pool holds, and where it is in its rounds.
@dev Holds storage. held = staked + queued + out + vault + burn owed, in U, stays below 2^56:
     `_check_capacity` guards what raises it, so every part fits its 56 bits.
"""


# @dev Slot A, in U except `hint`: the sum of all lanes, the deposits in queues, the sum of all
# out lanes, the vault that gains are paid from, and a round at or below `target()`.
struct Holdings:
    staked: uint256
    queued: uint256
    out: uint256
    vault: uint256
    hint: uint256


# @dev Slot B: U owed to the burn; the round to settle next, since when it is so and when the one
# before it was settled (seconds); of that round the next admissible word, the end of its words
# and whether it has begun; and the last announced round.
struct Progress:
    burn_owed: uint256
    head: uint256
    head_since: uint256
    last_terminal: uint256
    next_word: uint256
    words: uint256
    begun: bool
    last_announced: uint256


# @dev Parts of what the pool holds, in U.
struct Totals:
    staked: uint256
    queued: uint256
    out: uint256
    vault: uint256
    burn_owed: uint256


# @dev Progress without the burn: see there.
struct State:
    head: uint256
    head_since: uint256
    last_terminal: uint256
    next_word: uint256
    words: uint256
    begun: bool
    last_announced: uint256


_M19: constant(uint256) = 2**19 - 1
_M32: constant(uint256) = 2**32 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1


# @dev Slot A: staked 56 | queued 56 | out 56 | vault 56 | hint 32, from the lowest bit.
_holdings: uint256


# @dev Slot B: burn_owed 56 | head 32 | head_since 40 | last_terminal 40 | next_word 19 | words 19 |
# begun 1 | last_announced 32, from the lowest bit; 17 unused.
_progress: uint256


@external
@view
def totals() -> Totals:
    """
    @return Totals What the pool holds, by part, in U.
    """
    held: Holdings = self._load_holdings()
    return Totals(
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
    @return State Where the pool is in its rounds.
    """
    progress: Progress = self._load_progress()
    return State(
        head=progress.head,
        head_since=progress.head_since,
        last_terminal=progress.last_terminal,
        next_word=progress.next_word,
        words=progress.words,
        begun=progress.begun,
        last_announced=progress.last_announced,
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
    total: uint256 = held.staked + held.queued + held.out + held.vault + progress.burn_owed
    assert total + units <= _M56, "pool: capacity"


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
        hint=word >> 224,
    )


@internal
def _store_holdings(held: Holdings):
    """
    @param held The fields of slot A: parts of held, which is below 2^56, and a round.
    """
    self._holdings = (
        held.staked
        | (held.queued << 56)
        | (held.out << 112)
        | (held.vault << 168)
        | (held.hint << 224)
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
        last_terminal=(word >> 128) & _M40,
        next_word=(word >> 168) & _M19,
        words=(word >> 187) & _M19,
        begun=(word >> 206) & 1 == 1,
        last_announced=(word >> 207) & _M32,
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
        | (progress.last_terminal << 128)
        | (progress.next_word << 168)
        | (progress.words << 187)
        | (convert(progress.begun, uint256) << 206)
        | (progress.last_announced << 207)
    )
