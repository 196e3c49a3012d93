"""Residuals of a least-squares regression on features, the same bits everywhere.

Products with the features are exact in any BLAS (`exact_products`); the equations between them
are solved in one fixed order (`triangular`); coefficients are rounded to a grid on which the
residuals are exact again. So rows with equal features and equal ranks have equal residuals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring.checks import require_integers, require_rows
from oracle.scoring.compiled import kernel
from oracle.scoring.errors import ScoringError
from oracle.scoring.exact_products import FLOAT_BITS, gram, products, subtract_fit
from oracle.scoring.fine_quantiles import QUANTILE_BITS
from oracle.scoring.triangular import GROUP, backward, eliminate, solve

MAX_FEATURES: Final = 3_000
FEATURE_RANGE: Final = 32
"""A feature's largest value less its smallest, at most."""

DEPENDENT: Final = 10**12
"""A column whose squared distance from the span of the earlier ones is at most the sum of all
squares divided by this is left out: numerai-tools' cut at 1e-6 of the largest singular value."""

WORK_BITS: Final = 48
"""Residuals are integers in units of 2**-WORK_BITS."""

PROBES: Final = 8
PROBE_BITS: Final = 18
SOLVE_ERROR: Final = 2.0**-44
"""Relative error of a fit at which no further pass is needed."""

GRID_ERROR: Final = 2.0**-40
"""Error by rounding coefficients at which no further pass is needed."""

WORST_ERROR: Final = 2.0**-12
"""Relative error of a single fit beyond which the features are refused."""


@dataclass(frozen=True, eq=False)
class FeatureProjector:
    """What least squares needs of a feature set and universe: built once, used for any model.

    ``design``: int8 (N, P), a column of ones, the features less their mid-value, columns of zeros;
    ``largest``: its largest absolute entry; ``factor``: R of `eliminate`; ``rank``: how many
    columns are independent; ``passes``: how often the residual is fitted. Holds N P + 8 P^2 bytes,
    and only arrays and integers, so that any process can take it.
    """

    design: np.ndarray
    largest: int
    factor: np.ndarray
    rank: int
    passes: int

    @classmethod
    def of(cls, features: np.ndarray) -> "FeatureProjector":
        """The projector of ``features`` (N, K), integers with max - min <= 32 in each column.

        N <= 20,000, 1 <= K <= 3,000; columns may be constant, equal or dependent, and K may exceed
        N. Raises ScoringError ``dtype``, ``shape``, ``too_few_rows``, ``too_many_rows``,
        ``feature_count``, ``feature_range``, or ``ill_conditioned`` where features are so nearly
        dependent that coefficients would be wrong in the fourth digit.
        """
        design, largest = design_matrix(features)
        squares = gram(design, largest)
        floor = float(np.trace(squares)) / DEPENDENT
        factor = eliminate(squares, floor, features.shape[0])
        rank = int(np.count_nonzero(factor.diagonal()))
        full = rank == features.shape[0]
        return cls(
            design, largest, factor, rank, 0 if full else _passes(design, largest, squares, factor)
        )

    @property
    def rows(self) -> int:
        return self.design.shape[0]

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """What regression on the features and a constant leaves of each model, int64 (M, N).

        ``values``: (M, N) int64 in units of 2**-40, |values| < 2**45, as of `fine_quantiles`. The
        result is in units of 2**-48. Where the features span all rows it is zero.
        """
        if not self.passes:
            return np.zeros(values.shape, np.int64)
        residuals = values << WORK_BITS - QUANTILE_BITS
        for _ in range(self.passes):
            self._fit(residuals)
        return residuals

    def _fit(self, residuals: np.ndarray) -> None:
        """Subtract the regression of ``residuals`` (M, N) on the design, in place."""
        rounded = np.empty(residuals.shape)
        round_off(residuals, WORK_BITS - QUANTILE_BITS, rounded)
        coefficients = products(self.design, self.largest, rounded).astype(np.float64)
        coefficients *= 2.0**-QUANTILE_BITS
        solve(self.factor, coefficients)
        bits = _grid(coefficients, self.largest)
        wide = np.flatnonzero(bits < WORK_BITS - 10)  # else |fit| < 2**63 in units of the residuals
        if wide.size:
            raise ScoringError("ill_conditioned", "coefficients too large to be represented")
        coefficients *= np.ldexp(1.0, bits)
        np.rint(coefficients, out=coefficients)
        subtract_fit(residuals, self.design, coefficients, WORK_BITS - bits)


def design_matrix(features: np.ndarray) -> tuple[np.ndarray, int]:
    """A column of ones and the features (N, K) less their mid-value, int8, and its largest |entry|.

    Columns of zeros fill it up to a multiple of 4. Raises ScoringError as `FeatureProjector.of`.
    """
    require_integers(features, "features", (None, None))
    rows, count = features.shape
    require_rows(rows)
    if not 1 <= count <= MAX_FEATURES:
        raise ScoringError("feature_count", f"{count} features, 1 to {MAX_FEATURES} are allowed")
    low, high = (edge.astype(np.int64) for edge in (features.min(axis=0), features.max(axis=0)))
    # Python's integers: a range of int64 may not fit int64.
    for column, (least, most) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if most - least > FEATURE_RANGE:
            raise ScoringError(
                "feature_range",
                f"feature {column} has values from {least} to {most}, "
                f"at most {FEATURE_RANGE} apart are allowed",
            )
    middle = low + ((high - low) >> 1)
    design = np.zeros((rows, -(-(count + 1) // GROUP) * GROUP), np.int8)
    design[:, 0] = 1
    np.subtract(features, middle, out=design[:, 1 : count + 1], casting="unsafe")
    return design, int(np.abs(design).max())


def _passes(design: np.ndarray, largest: int, squares: np.ndarray, factor: np.ndarray) -> int:
    """How many fits bring the residuals' error below what their rounding allows.

    Measured on probes: u is +1 or -1 by column, x = R^-1 u the coefficients of a vector that has
    the length 1 along each column of an orthonormal basis, as random models have on average; x is
    rounded to 18 bits, so that squares @ x is exact, and solved for again.
    """
    x = _signs(factor.shape[0])
    backward(factor, x, 0, PROBES)
    bits = _grid(x, largest)
    row_size = np.sqrt(np.max(np.einsum("ij,ij->i", design, design, dtype=np.int64)))
    grid_error = float(row_size * 2.0 ** -(int(bits.min()) + 2))
    exponents = PROBE_BITS - np.frexp(np.abs(x).max(axis=0))[1]
    x = np.rint(x * np.ldexp(1.0, exponents))
    assert np.abs(squares).max() * 2.0**PROBE_BITS * factor.shape[0] < 2.0**FLOAT_BITS
    solved = squares @ x
    solve(factor, solved)
    error = float(np.max(_lengths(factor, solved - x) / _lengths(factor, x)))
    if not error <= WORST_ERROR:
        raise ScoringError("ill_conditioned", "the features are too nearly dependent to be fitted")
    passes, remaining = 1, error
    while remaining > SOLVE_ERROR:
        passes += 1
        remaining *= error
    return max(passes, 1 if grid_error <= GRID_ERROR else 2)


def _signs(columns: int) -> np.ndarray:
    """(P, 8) of +1 and -1, fixed: the top bit of a multiplicative hash of 8 * column + probe."""
    index = np.arange(1, columns * PROBES + 1, dtype=np.uint64)
    mixed = index * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    signs = np.where(mixed >> np.uint64(63) == 1, 1.0, -1.0)
    return np.ascontiguousarray(signs.reshape(columns, PROBES))


def _grid(coefficients: np.ndarray, largest: int) -> np.ndarray:
    """Fraction bits, int64 (M,), on which the coefficients (P, M) of each model are rounded.

    As many, up to 48, as keep every partial sum of largest * |coefficients| below 2**52, and with
    half a unit a coefficient, at most 3,004 * 16 / 2, below 2**53.
    """
    sizes = np.zeros(coefficients.shape[1])
    _absolute_sums(coefficients, sizes)
    exponents: np.ndarray = np.frexp(sizes * largest)[1]
    return np.minimum(FLOAT_BITS - 1 - exponents.astype(np.int64), WORK_BITS)


@kernel
def _absolute_sums(values: np.ndarray, sums: np.ndarray) -> None:
    """Add |values[0]|, |values[1]|, .. (P, M) to ``sums`` (M,), in this order."""
    for p in range(values.shape[0]):
        row = values[p]
        for m in range(row.size):
            sums[m] = sums[m] + abs(row[m])


@kernel
def round_off(values: np.ndarray, bits: int, rounded: np.ndarray) -> None:
    """``values`` (M, N) int64 / 2**bits, bits >= 1, rounded half to even; int64 or float64."""
    half = np.int64(1) << (bits - 1)
    mask = (np.int64(1) << bits) - 1
    for m in range(values.shape[0]):
        source, to = values[m], rounded[m]
        for i in range(source.size):
            floor = source[i] >> bits
            # Up by the bits below half, and by one more where the floor is odd.
            carry = ((source[i] & mask) + half - 1 + (floor & 1)) >> bits
            to[i] = floor + carry


def _lengths(factor: np.ndarray, x: np.ndarray) -> np.ndarray:
    """|R x| of each column of ``x`` (P, B): the length of the fit with these coefficients."""
    squares = np.zeros(x.shape[1])
    _fit_squares(factor, x, squares)
    return np.sqrt(squares)


@kernel
def _fit_squares(factor: np.ndarray, x: np.ndarray, squares: np.ndarray) -> None:
    size, columns = x.shape
    for m in range(columns):
        for k in range(size):
            total = 0.0
            for j in range(k, size):
                total = total + factor[k, j] * x[j, m]
            squares[m] = squares[m] + total * total
