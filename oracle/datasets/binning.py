"""Ranks, quintiles, target bins and row ids: the parts of the format that are arithmetic."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.dataset import DatasetError

MISSING_FEATURE = 2  # The middle quintile, as in Numerai's int8 files.
_ID_HEX_DIGITS = 15


def _doubled_ranks(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """2 * average rank - 1 by column (an exact integer; NaN stays NaN), and the counts."""
    frame = pd.DataFrame(values)
    return 2.0 * frame.rank(axis=0).to_numpy() - 1.0, frame.notna().sum(axis=0).to_numpy()


def unit_ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Tie-kept ranks (rank - 1/2) / count of a vector, inside (0, 1)."""
    doubled, count = _doubled_ranks(np.asarray(values)[:, None])
    return doubled[:, 0] / (2 * count[0])


def quintiles(values: NDArray[np.floating]) -> NDArray[np.int8]:
    """Quintiles 0-4 of each column of (rows, columns); equal values share one, NaN becomes 2."""
    doubled, count = _doubled_ranks(values)
    bins = np.floor(5 * doubled / (2 * np.maximum(count, 1)))
    return np.where(np.isnan(bins), MISSING_FEATURE, bins).astype(np.int8)


def target_bins(values: NDArray[np.floating]) -> NDArray[np.float32]:
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
