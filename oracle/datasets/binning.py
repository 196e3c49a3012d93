"""Ranks, quintiles, target bins and row ids: the parts of the format that are arithmetic."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.dataset import DatasetError

Floats = NDArray[np.floating[Any]]

MISSING_FEATURE = 2  # The middle quintile, as in Numerai's int8 files.
_ID_HEX_DIGITS = 15
_BLOCK_VALUES = 2**21


def _doubled_ranks(values: Floats) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """2 * average rank - 1 by column (an exact integer; NaN stays NaN), and the counts."""
    frame = pd.DataFrame(values)
    return 2.0 * frame.rank(axis=0).to_numpy() - 1.0, frame.notna().sum(axis=0).to_numpy()


def unit_ranks(values: Floats) -> NDArray[np.float64]:
    """Tie-kept ranks (rank - 1/2) / count of a vector, inside (0, 1)."""
    doubled, count = _doubled_ranks(np.asarray(values)[:, None])
    ranks: NDArray[np.float64] = doubled[:, 0] / (2 * count[0])
    return ranks


def quintiles(values: Floats) -> NDArray[np.int8]:
    """Quintiles 0-4 of each column of (rows, columns); equal values share one, NaN becomes 2.

    A value below `a` values and at or above `b` of `n` is in quintile floor(5 (a + b) / 2n), by
    integers. Columns are sorted in blocks, so that working memory stays small beside the input's.
    """
    rows, columns = values.shape
    bins = np.empty((rows, columns), np.int8)
    step = max(1, _BLOCK_VALUES // max(rows, 1))
    for start in range(0, columns, step):
        block = np.ascontiguousarray(values[:, start : start + step].T)
        bins[:, start : start + step] = _quintiles_of_rows(block).T
    return bins


def _quintiles_of_rows(values: Floats) -> NDArray[np.int8]:
    """`quintiles` of each row of (columns, rows): how many of four thresholds a value reaches."""
    ordered = np.sort(values, axis=1)  # NaN last.
    counts = np.count_nonzero(ordered == ordered, axis=1)  # NaN differs from itself.
    bins = np.zeros(values.shape, np.int8)
    for level in range(1, 5):
        bins += values >= _thresholds(ordered, counts, level)[:, None]
    bins[np.isnan(values)] = MISSING_FEATURE
    return bins


def _thresholds(ordered: Floats, counts: NDArray[np.int64], level: int) -> Floats:
    """The least value of each ascending row whose quintile is `level` or higher, else NaN.

    Without ties, 5 (2i + 1) / 2n >= level first holds at i = ceil((2 n level - 5) / 10). A group of
    equal values there may still lie below: then the next value is the threshold.
    """
    positions = -((5 - 2 * counts * level) // 10)
    columns = ordered.shape[1]
    found = np.full(len(ordered), np.nan, ordered.dtype)
    inside = np.flatnonzero(positions < counts)
    at = positions[inside]
    found[inside] = ordered[inside, at]
    before = (at > 0) & (ordered[inside, np.maximum(at - 1, 0)] == found[inside])
    after = (at + 1 < columns) & (ordered[inside, np.minimum(at + 1, columns - 1)] == found[inside])
    for row in inside[before | after].tolist():
        known, count = ordered[row], int(counts[row])
        below, up_to = (
            int(np.searchsorted(known[:count], found[row], side)) for side in ("left", "right")
        )
        if 5 * (below + up_to) < 2 * count * level:
            found[row] = known[up_to] if up_to < count else np.nan
    return found


def target_bins(values: Floats) -> NDArray[np.float32]:
    """Targets 0, .25, .5, .75, 1 at 5/20/50/20/5 % of each column of (rows, columns).

    Equal values share a bin, NaN stays NaN, and negating the values mirrors the bins: the
    comparisons are of integers, so no boundary hangs on a rounding.
    """
    doubled, count = _doubled_ranks(values)
    bins = np.full(doubled.shape, np.nan, dtype=np.float32)
    known = ~np.isnan(doubled)
    level = (
        (10 * doubled > count).astype(np.int64)
        + (2 * doubled > count)
        + (2 * doubled >= 3 * count)
        + (10 * doubled >= 19 * count)
    )
    bins[known] = level[known] / 4
    return bins


def era_label(number: int) -> str:
    """Four digits, as in Numerai's files."""
    if not 0 < number <= 9999:
        raise DatasetError(f"era {number} does not fit four digits", "ask for fewer eras")
    return f"{number:04d}"


def row_ids(seed: int, source: str, era: str, names: Sequence[str]) -> list[str]:
    """Ids "n" + 15 hex digits of `names` in `era`, by a keyed hash.

    Without the seed, two eras' ids of one name cannot be linked. A tournament that needs that
    takes a long random seed and keeps it.
    """
    if seed < 0:
        raise DatasetError(f"seed {seed} is negative", "give a whole number of at least 0")
    key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
    return [
        "n"
        + hashlib.blake2b(f"{source}|{era}|{name}".encode(), key=key).hexdigest()[:_ID_HEX_DIGITS]
        for name in names
    ]
