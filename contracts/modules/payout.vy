# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title A round's payout arithmetic
@license MIT
@notice Turns a round's terms into the few numbers that settling needs. The formulas are those of
        docs/formats.md, section 5.
@dev No storage. The checks bound what StakePool computes without overflow checks; RoundOracle
     keeps narrower bounds, but the pool's safety does not rest on them.
"""


from ..interfaces import IRoundOracle


# @dev A round's arithmetic: score coefficients at 10^-6, clips at 10^-12, hardening per level at
# 2^-16 and the scale of gains at 2^-40.
struct Coefficients:
    c1: uint256
    c2: uint256
    c3: uint256
    up: uint256
    down: uint256
    hk: uint256
    scale: uint256


MILLIONTH: constant(uint256) = 10**6
RATE_ONE: constant(uint256) = 10**12
SCALE_ONE: constant(uint256) = 2**40
HARDENING_ONE: constant(uint256) = 2**16
MAX_LEVEL: constant(uint256) = 15
MAX_SCORE: constant(uint256) = 2**19 - 1


# @dev Bits of a coefficient, and of hardening per level (at most 65536 / 15).
_COEFFICIENT_BITS: constant(uint256) = 40
_M15: constant(uint256) = 2**15 - 1
_M40: constant(uint256) = 2**40 - 1


@internal
@pure
def _coefficients(
    terms: IRoundOracle.Settlement, staked: uint256, vault: uint256
) -> Coefficients:
    """
    @dev Gains are scaled so that they cannot exceed the vault: rates are at most `up`, the stakes
         sum to `staked`, and scale / 2^40 <= vault / ceil(staked * up).
    @param terms The round's terms.
    @param staked The sum of all lanes when the round begins, in U.
    @param vault What gains can be paid from, in U.
    @return Coefficients The round's arithmetic.
    """
    assert max(terms.clip_up, terms.clip_down) <= RATE_ONE, "payout: clip"
    assert terms.kappa <= MILLIONTH, "payout: kappa"
    c: Coefficients = empty(Coefficients)
    c.c1 = self._coefficient(terms.multipliers[0], terms)
    c.c2 = self._coefficient(terms.multipliers[1], terms)
    c.c3 = self._coefficient(terms.multipliers[2], terms)
    c.up = min(terms.clip_up, (c.c1 + c.c2 + c.c3) * MAX_SCORE)
    c.down = terms.clip_down
    c.hk = terms.kappa * HARDENING_ONE // (MAX_LEVEL * MILLIONTH)
    c.scale = SCALE_ONE
    need: uint256 = (staked * c.up + RATE_ONE - 1) // RATE_ONE
    if vault < need:
        c.scale = vault * SCALE_ONE // need
    return c


@internal
@pure
def _coefficient(multiplier: uint256, terms: IRoundOracle.Settlement) -> uint256:
    """
    @dev Multiplier times phi times the payout factor min(1, threshold / at risk), rounded down
         once.
    @param multiplier A score's multiplier at 10^-6.
    @param terms The round's terms.
    @return uint256 The coefficient at 10^-6, below 2^40.
    """
    coefficient: uint256 = multiplier * terms.phi
    if terms.at_risk <= terms.threshold:
        coefficient = coefficient // MILLIONTH
    else:
        coefficient = coefficient * terms.threshold // (MILLIONTH * terms.at_risk)
    assert coefficient >> _COEFFICIENT_BITS == 0, "payout: coefficient"
    return coefficient


@internal
@pure
def _pack(c: Coefficients) -> uint256:
    """
    @param c A round's arithmetic: coefficients below 2^40, clips at most 10^12, hk below 2^15,
           scale at most 2^40.
    @return uint256 Its word: c1 40 | c2 40 | c3 40 | up 40 | down 40 | hk 15 | scale 41.
    """
    return (
        c.c1
        | (c.c2 << 40)
        | (c.c3 << 80)
        | (c.up << 120)
        | (c.down << 160)
        | (c.hk << 200)
        | (c.scale << 215)
    )


@internal
@pure
def _unpack(word: uint256) -> Coefficients:
    """
    @param word What `_pack` made, or zero.
    @return Coefficients The round's arithmetic.
    """
    return Coefficients(
        c1=word & _M40,
        c2=(word >> 40) & _M40,
        c3=(word >> 80) & _M40,
        up=(word >> 120) & _M40,
        down=(word >> 160) & _M40,
        hk=(word >> 200) & _M15,
        scale=word >> 215,
    )
