"""Units and bounds of scoring. docs/scoring.md proves that nothing overflows within them."""

from typing import Final

SCALE: Final = 10**9
"""Predictions, targets and published scores are integers in units of 1/SCALE."""

MIN_ROWS: Final = 3
"""Fewest rows of a universe: two points always correlate at +1 or -1."""

MAX_ROWS: Final = 20_000
MAX_MODELS: Final = 100_000

STAKE_BITS: Final = 56
"""Stakes are non-negative integers whose total is below 2**STAKE_BITS."""

TARGET_LIMIT: Final = 4 * SCALE
"""Largest absolute target value."""

TABLE_BITS: Final = 28
"""Fraction bits of the normal tables."""

POWER_BITS: Final = 32
"""The largest absolute entry of the powered target is 2**POWER_BITS."""

BLOCK_ELEMENTS: Final = 1 << 18
"""Elements processed at a time. Bounds the working memory; never affects a result."""

LIMB_BITS: Final = 16
"""Width of the lower limb of a factor, so that sums of products fit 64 bits."""

HALF_STAKE_BITS: Final = STAKE_BITS // 2
"""Stakes are summed in two halves of this width."""
