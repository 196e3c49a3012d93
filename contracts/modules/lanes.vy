# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Stakes and claimable amounts of models
@license MIT
@notice Four models share a word: model m is in word m >> 2, at bit 64 * (m & 3).
@dev Holds storage. Amounts are in U unless said otherwise; each is a part of what the pool holds,
     which is below 2^56 U, so no sum here overflows its lane.
"""


MAX_MODELS: constant(uint256) = 2**20
MAX_WORDS: constant(uint256) = 2**18
PAGE: constant(uint256) = 1024


# @dev Modes of a model: gains stay in the stake, or leave it.
COMPOUND: constant(uint256) = 1
TAKE_PROFIT: constant(uint256) = 2


M56: constant(uint256) = 2**56 - 1
M64: constant(uint256) = 2**64 - 1


# @dev The take-profit bit of a lane, and of each lane of a word.
_TAKE_PROFIT_BIT: constant(uint256) = 2**63
TAKE_PROFIT_BITS: constant(uint256) = 2**63 | 2**127 | 2**191 | 2**255


_UNIT: constant(uint256) = 10**9


# @dev Stake of model m: word m >> 2, bit 64 * (m & 3): stake 56 | unused 7 | take-profit 1.
_lanes: uint256[MAX_WORDS]


# @dev Claimable U of model m, in the same place, 64 bits.
_out_lanes: uint256[MAX_WORDS]


@external
@view
def stake_of(model: uint256) -> uint256:
    """
    @param model The model's id, below 2^20.
    @return uint256 The model's stake in wei, without what is queued.
    """
    assert model < MAX_MODELS, "pool: unknown model"
    return ((self._lanes[model >> 2] >> (64 * (model & 3))) & M56) * _UNIT


@external
@view
def claimable_of(model: uint256) -> uint256:
    """
    @param model The model's id, below 2^20.
    @return uint256 What `claim` pays now, in wei.
    """
    assert model < MAX_MODELS, "pool: unknown model"
    return ((self._out_lanes[model >> 2] >> (64 * (model & 3))) & M64) * _UNIT


@external
@view
def lane_words(start: uint256, n: uint256) -> DynArray[uint256, PAGE]:
    """
    @param start Index of the first word; model m is in word m >> 2, at bit 64 * (m & 3).
    @param n How many words, up to 1,024.
    @return DynArray The words: per lane stake 56 (U) | unused 7 | take-profit 1.
    """
    self._check_page(start, n)
    page: DynArray[uint256, PAGE] = []
    for i: uint256 in range(n, bound=PAGE):
        page.append(self._lanes[start + i])
    return page


@external
@view
def out_words(start: uint256, n: uint256) -> DynArray[uint256, PAGE]:
    """
    @param start Index of the first word; model m is in word m >> 2, at bit 64 * (m & 3).
    @param n How many words, up to 1,024.
    @return DynArray The words: per lane claimable 64 (U).
    """
    self._check_page(start, n)
    page: DynArray[uint256, PAGE] = []
    for i: uint256 in range(n, bound=PAGE):
        page.append(self._out_lanes[start + i])
    return page


@internal
def _change(
    model: uint256, mode: uint256, deposited: uint256, requested: uint256
) -> uint256:
    """
    @dev Applies a request in its fixed order: mode, deposit, release.
    @param model The model's id.
    @param mode 0 unchanged, 1 compound, 2 take-profit.
    @param deposited What comes in.
    @param requested What is to leave; no more than there is does.
    @return uint256 What left for the out lane.
    """
    offset: uint256 = 64 * (model & 3)
    word: uint256 = self._lanes[model >> 2]
    if mode == COMPOUND:
        word &= ~(_TAKE_PROFIT_BIT << offset)
    elif mode == TAKE_PROFIT:
        word |= _TAKE_PROFIT_BIT << offset
    stake: uint256 = ((word >> offset) & M56) + deposited
    released: uint256 = min(requested, stake)
    word &= ~(M56 << offset)
    self._lanes[model >> 2] = word | ((stake - released) << offset)
    if released != 0:
        self._out_lanes[model >> 2] += released << offset
    return released


@internal
def _take(model: uint256) -> uint256:
    """
    @dev Empties an out lane.
    @param model The model's id.
    @return uint256 What was in it.
    """
    offset: uint256 = 64 * (model & 3)
    word: uint256 = self._out_lanes[model >> 2]
    units: uint256 = (word >> offset) & M64
    self._out_lanes[model >> 2] = word - (units << offset)
    return units


@internal
def _empty(model: uint256) -> uint256:
    """
    @dev Empties a lane, its mode included.
    @param model The model's id.
    @return uint256 The stake that was in it.
    """
    offset: uint256 = 64 * (model & 3)
    word: uint256 = self._lanes[model >> 2]
    self._lanes[model >> 2] = word & ~(M64 << offset)
    return (word >> offset) & M56


@internal
@pure
def _check_page(start: uint256, n: uint256):
    """
    @param start Index of a page's first word.
    @param n Its words.
    """
    assert n <= PAGE, "pool: page too long"
    assert start <= MAX_WORDS - n, "pool: no such word"
