"""What the float helpers (`tools`, `churn`) share: checks, exact ranks of floats, correlations.

Values are (N,) or (M, N), one model a row; every matrix in here is (M, N) float64 and finite.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from oracle.scoring.checks import reject, reject_constant, require_rows
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, TABLE_BITS, TARGET_LIMIT
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.tables import normal_table

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def matrix_of(values: npt.ArrayLike, name: str = "values") -> Floats:
    """``values`` as (M, N) float64: real, finite, with at least one row."""
    array = _real(values, name)
    if array.ndim not in (1, 2):
        raise ScoringError("shape", f"{name} must have one or two dimensions, got {array.ndim}")
    matrix = np.atleast_2d(array)
    if matrix.shape[1] == 0:
        raise ScoringError("too_few_rows", f"{name} have no rows")
    reject(~np.isfinite(matrix).all(axis=1), "not_finite", f"{name} contain NaN or infinity")
    return matrix


def vector_of(values: npt.ArrayLike, length: int | None, name: str) -> Floats:
    """``values`` as (length,) float64, real and finite."""
    array = _real(values, name)
    if array.ndim != 1 or length not in (None, array.size):
        raise ScoringError("shape", f"{name} must have shape ({length},), got {array.shape}")
    if not np.isfinite(array).all():
        raise ScoringError("not_finite", f"{name} contains NaN or infinity")
    return array


def features_of(features: npt.ArrayLike, rows: int) -> Floats:
    """``features`` as (N, F) float64, real and finite; (N,) is one feature."""
    array = _real(features, "features")
    columns = array.reshape(-1, 1) if array.ndim == 1 else array
    if columns.ndim != 2 or columns.shape[0] != rows:
        raise ScoringError("shape", f"features must have shape ({rows}, F), got {array.shape}")
    if not np.isfinite(columns).all():
        raise ScoringError("not_finite", "features contain NaN or infinity")
    return columns


def _real(values: npt.ArrayLike, name: str) -> Floats:
    try:
        array = np.asarray(values)
    except ValueError as error:  # ragged lists
        raise ScoringError("shape", f"{name}: {error}") from None
    if array.dtype.kind not in "buif":
        raise ScoringError("dtype", f"{name} must be real numbers, got {array.dtype}")
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def finite(array: npt.ArrayLike) -> Floats:
    """``array``, whose input was finite, unless a result does not fit a float: ``overflow``."""
    result = np.asarray(array, np.float64)
    if not np.isfinite(result).all():
        raise ScoringError("overflow", "values too large or too small to compute with in floats")
    return result


def like(matrix: Floats, values: npt.ArrayLike) -> Floats:
    """``matrix``, (M, N), in the shape of ``values``."""
    return matrix.reshape(np.shape(values))


def by_model(function: Callable[[Floats], Floats], values: npt.ArrayLike) -> Floats:
    """``function`` of the (M, N) matrix of ``values``, in their shape; never NaN or infinity."""
    matrix = matrix_of(values)
    with np.errstate(all="ignore"):
        return finite(function(matrix)).reshape(np.shape(values))


def per_model(scores: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """``scores``, (M,), or a scalar array where ``values`` are one model."""
    return finite(scores).reshape(np.shape(values)[:-1])


def refuse_constant(matrix: Floats) -> None:
    reject_constant(matrix.min(axis=1, initial=np.inf) == matrix.max(axis=1, initial=-np.inf))


def float_ranks(matrix: Floats) -> Integers:
    """Doubled ranks of finite floats, exactly: their bits, read as integers, are in their order."""
    require_rows(matrix.shape[1])
    bits = (matrix + 0.0).view(np.int64)  # -0.0 + 0.0 is 0.0, so both zeros tie
    return doubled_ranks(np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits))


def quantiles(ranks: Integers, power: int = 0) -> Floats:
    """Normal quantiles of doubled ranks, or with ``power`` 1 their 1.5 power, within 2**-29."""
    return np.asarray(normal_table(ranks.shape[-1])[power][ranks] / 2.0**TABLE_BITS)


def target_units(target: npt.ArrayLike, rows: int) -> Integers:
    """``target`` (N,) in units of 1e-9, rounded half to even: int64 within TARGET_LIMIT."""
    values = vector_of(target, rows, "target")
    if np.abs(values).max(initial=0) > TARGET_LIMIT / SCALE:
        raise ScoringError("target_range", f"targets must lie within +-{TARGET_LIMIT // SCALE}")
    units: Integers = np.rint(values * SCALE).astype(np.int64)
    _refuse_constant_target(units)
    return units


def real_target(target: npt.ArrayLike, rows: int) -> Floats:
    """``target`` (N,) as float64, not constant."""
    values = vector_of(target, rows, "target")
    _refuse_constant_target(values)
    return values


def _refuse_constant_target(target: npt.NDArray[np.float64] | Integers) -> None:
    if target.size == 0 or target.min() == target.max():
        raise ScoringError("constant_target", "all target values are equal: nothing to score")


def deviations(matrix: Floats) -> Floats:
    """Each row less its mean, over its largest absolute deviation: squares of it neither overflow
    nor vanish. The row must not be constant."""
    with np.errstate(all="ignore"):
        scaled = matrix / np.abs(matrix).max(axis=1, keepdims=True)
        centred = scaled - scaled.mean(axis=1, keepdims=True)
        return finite(centred / np.abs(centred).max(axis=1, keepdims=True))


def unit_rows(matrix: Floats) -> Floats:
    """Each row less its mean, with length 1. The row must not be constant."""
    centred = deviations(matrix)
    return np.asarray(centred / np.sqrt((centred * centred).sum(axis=1, keepdims=True)))


def standard_deviations(matrix: Floats) -> Floats:
    """(M, 1): standard deviation (ddof 0) of each row, which must not be constant."""
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    return np.asarray(largest * (matrix / largest).std(axis=1, keepdims=True))


def pearson(first: Floats, second: Floats) -> Floats:
    """Correlation of each row of ``first`` with the row of ``second``, both (M, N): (M,).

    ``constant_prediction`` and ``constant_target`` where a row of either is constant.
    """
    refuse_constant(first)
    if (second.min(axis=1, initial=np.inf) == second.max(axis=1, initial=-np.inf)).any():
        raise ScoringError("constant_target", "all target values are equal: nothing to score")
    products = (unit_rows(first) * unit_rows(second)).sum(axis=1)
    return np.asarray(np.clip(products, -1, 1))


def top_bottom_rows(matrix: Floats, count: int) -> npt.NDArray[np.intp]:
    """Rows of each model's ``count`` lowest and highest values, (M, 2 count), lowest first.

    Among equal values the first rows count as lower. ``top_bottom`` unless 1 <= count <= N / 2.
    """
    if not 1 <= count <= matrix.shape[1] // 2:
        raise ScoringError("top_bottom", f"cannot take {count} from each end of {matrix.shape[1]}")
    order = np.argsort(matrix, axis=1, kind="stable")
    return np.hstack((order[:, :count], order[:, -count:]))
