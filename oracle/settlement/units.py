"""Units and bounds of the protocol (docs/formats.md, section 1)."""

from typing import Final

WEI_PER_UNIT: Final = 10**9
"""One unit U of stake is 10^9 wei, a billionth of one NMR."""

UNITS_PER_NMR: Final = 10**9

MIN_STAKE: Final = UNITS_PER_NMR // 10
"""Smallest deposit or partial release, in U."""

MILLIONTH: Final = 10**6
RATE_ONE: Final = 10**12
SCALE_BITS: Final = 40
SCALE_ONE: Final = 1 << SCALE_BITS

AMOUNT_BITS: Final = 56
MAX_AMOUNT: Final = (1 << AMOUNT_BITS) - 1
RELEASE_ALL: Final = MAX_AMOUNT

SCORE_BITS: Final = 20
MAX_SCORE: Final = (1 << (SCORE_BITS - 1)) - 1
PUBLISHED_PER_PACKED: Final = 1000
MAX_LEVEL: Final = 15

MAX_MODELS: Final = 1 << 20
LANES_PER_WORD: Final = 4

COMPOUND: Final = 1
TAKE_PROFIT: Final = 2


def nmr(units: int) -> str:
    """Exact decimal text of ``units`` (U) in NMR, without trailing zeros."""
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), UNITS_PER_NMR)
    return f"{sign}{whole}" + (f".{rest:09d}".rstrip("0") if rest else "")


def words_for(models: int) -> int:
    """Number of four-lane words that hold ``models`` models."""
    return -(-models // LANES_PER_WORD)
