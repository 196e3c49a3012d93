"""What Alpha and MPC share: neutralised portfolio weights, and exact products with models.

With D the diagonal matrix of the sample weights and Q the neutralizers, a model's powered normal
ranks x become the weights A x, A = D - D Q Q' D (numerai-tools' ``generate_neutralized_weights``).
A is symmetric, so (A x) . t = x . (A t): both scores are products of x with one vector a round.
Its float operations are sums by `math.fsum`, which rounds the exact sum, and elementwise + - * /,
so it is the same on every machine and for every order of the rows; the rest is integers.
"""

from dataclasses import dataclass
from math import fsum
from typing import Final

import numpy as np

from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import blocks, rank_block, reject, require_integers, require_rows
from oracle.scoring.compiled import kernel
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, TABLE_BITS
from oracle.scoring.sums import stacked, table_sums
from oracle.scoring.tables import normal_table

WEIGHT_LIMIT: Final = 10**6 * SCALE
"""Largest absolute neutralizer and largest sample weight."""

MAX_NEUTRALIZERS: Final = 1_000

VECTOR_BITS: Final = 55
"""A vector is rounded so that its largest absolute entry is about 2**VECTOR_BITS."""

PART_BITS: Final = 24
"""Width of the lower part of such an entry; the upper one is at most 2**31."""


@dataclass(frozen=True, eq=False)
class WeightRule:
    """How ranks become portfolio weights: ``neutralizers`` (N, k) and ``sample_weights`` (N,),
    float64 without NaN or infinity."""

    neutralizers: np.ndarray
    sample_weights: np.ndarray

    @classmethod
    def of(cls, neutralizers: np.ndarray, sample_weights: np.ndarray) -> "WeightRule":
        """From integers in units of 1e-9, (N, k) with k <= 1,000 and (N,): at most 1e6 in size, the
        sample weights not negative. Raises ScoringError ``dtype``, ``shape``, ``too_few_rows``,
        ``too_many_rows``, ``neutralizer_count``, ``neutralizer_range`` or ``sample_weight_range``.
        """
        require_integers(neutralizers, "neutralizers", (None, None))
        rows, count = neutralizers.shape
        require_rows(rows)
        require_integers(sample_weights, "sample_weights", (rows,))
        if count > MAX_NEUTRALIZERS:
            why = f"{count} neutralizers, at most {MAX_NEUTRALIZERS} are allowed"
            raise ScoringError("neutralizer_count", why)
        if ((neutralizers < -WEIGHT_LIMIT) | (neutralizers > WEIGHT_LIMIT)).any():
            why = f"neutralizers beyond {WEIGHT_LIMIT} either way (in units of 1e-9)"
            raise ScoringError("neutralizer_range", why)
        if ((sample_weights < 0) | (sample_weights > WEIGHT_LIMIT)).any():
            why = f"sample weights outside 0..{WEIGHT_LIMIT} (in units of 1e-9)"
            raise ScoringError("sample_weight_range", why)
        return cls(neutralizers / float(SCALE), sample_weights / float(SCALE))

    def weights(self, x: np.ndarray) -> np.ndarray:
        """A x, float64 (N,), of ``x`` float64 (N,)."""
        weighted = x * self.sample_weights
        neutral = x.copy()
        for column in self.neutralizers.T:
            neutral -= column * total(column * weighted)
        return np.asarray(neutral * self.sample_weights, np.float64)


def total(values: np.ndarray) -> float:
    """The sum of float64 ``values`` (N,), exact and then rounded once.

    `add_up` is within b = N^2 2^-104 sum |x| of it: rounding errors of the plain sum add up to at
    most N u sum |x|, u = 2^-53, and their own sum is off by N u of that; the factor 4 is room for
    the rounding of b, of the bounds below and of sum |x|. Rounding is monotone: if both ends of the
    interval round to one number, so does the sum. Otherwise `fsum` decides.
    """
    parts = np.empty(3)
    add_up(np.ascontiguousarray(values), parts)
    plain, error, size = parts.tolist()
    bound = values.size**2 * 2.0**-104 * size
    least, most = plain + (error - bound), plain + (error + bound)
    return float(least) if least == most else fsum(values.tolist())


@kernel
def add_up(values: np.ndarray, parts: np.ndarray) -> None:
    """The sum of ``values``, one after the other; the sum of what it rounded off, each term of
    which is exact (Knuth's two-sum); and the sum of the sizes."""
    plain = 0.0
    error = 0.0
    size = 0.0
    for x in values:
        following = plain + x
        taken = following - plain
        error += (plain - (following - taken)) + (x - taken)
        plain = following
        size += abs(x)
    parts[0], parts[1], parts[2] = plain, error, size


def centred_target(target: np.ndarray) -> np.ndarray:
    """The target (N,) in units of 1e-9 less its mean, float64: each entry rounded once.

    N t - sum(t) is below 2 * 20,000 * 4e9 < 2**53.
    """
    values = target.astype(np.int64)
    deviations = values.size * values - values.sum()
    return np.asarray(deviations / float(values.size * SCALE), np.float64)


def model_products(
    ranks: np.ndarray, vector: np.ndarray, divisor: int, block_models: int | None = None
) -> np.ndarray:
    """x . vector / divisor of each model, int64 (M,) in units of 1e-9, rounded half to even.

    ``ranks``: doubled ranks (M, N), their shape checked; x: their powered quantiles H / 2**28;
    ``vector``: float64 (N,), finite. It is rounded to integers of 55 bits, half to even; the rest
    is exact. Raises ScoringError ``not_ranks``, ``constant_prediction``, ``score_range``.
    """
    models, rows = ranks.shape
    largest = float(np.abs(vector).max())
    bits = VECTOR_BITS - int(np.frexp(largest)[1]) if largest else 0
    integers = np.rint(np.ldexp(vector, bits)).astype(np.int64)
    high, low = integers >> PART_BITS, integers & ((1 << PART_BITS) - 1)
    vectors, table = stacked(high, low), normal_table(rows)[1]
    shift = TABLE_BITS + bits  # sum(H * integers) / 2**shift / divisor is the result
    numerator, denominator = SCALE << max(-shift, 0), divisor << max(shift, 0)
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows, block_models):
        sums = table_sums(rank_block(ranks[block], block.start), table, vectors)
        exact = [
            div_half_even(((above << PART_BITS) + below) * numerator, denominator)
            for above, below in zip(*sums.products, strict=True)
        ]
        beyond = np.array([abs(score) >> 63 != 0 for score in exact], bool)
        reject(beyond, "score_range", "the score does not fit 64 bits", block.start)
        scores[block] = exact
    return scores
