"""Exact sums over table entries, as Python integers: what all rank scores are made of."""

from dataclasses import dataclass

import numpy as np

from oracle.scoring import kernels
from oracle.scoring.limits import LIMB_BITS, MAX_ROWS, POWER_BITS


@dataclass(frozen=True, eq=False)
class TableSums:
    """Over the rows of each of B models, x being the table's entry of the model's rank: the sums
    of x, of x^2, and for each vector v of x v. ``products`` holds B integers for each vector."""

    plain: list[int]
    square: list[int]
    products: list[list[int]]


def stacked(*vectors: np.ndarray) -> np.ndarray:
    """The integer vectors (N,) as an int64 matrix for `table_sums`; needs |v| <= 2**32."""
    matrix = np.array(vectors, np.int64)
    assert matrix.shape[1] <= MAX_ROWS
    assert np.abs(matrix).max() <= 1 << POWER_BITS
    return matrix


def table_sums(ranks: np.ndarray, table: np.ndarray, vectors: np.ndarray) -> TableSums:
    """Sums of each model of a block ``ranks`` (B, N), see `checks.rank_block`.

    ``table``: one of `normal_table`'s, read-only; ``vectors``: (V, N), V >= 0, from `stacked`.
    """
    models = ranks.shape[0]
    moments = np.empty((models, 4), np.int64)
    products = np.empty((models, vectors.shape[0], 2), np.int64)
    kernels.table_sums(ranks, table, vectors, moments, products)
    plain, high, mixed, low = (moments[:, part].tolist() for part in range(4))
    return TableSums(
        plain,
        [
            (hh << 2 * LIMB_BITS) + (hl << LIMB_BITS + 1) + ll
            for hh, hl, ll in zip(high, mixed, low, strict=True)
        ],
        [joined(products[:, which]) for which in range(vectors.shape[0])],
    )


def joined(limbs: np.ndarray) -> list[int]:
    """h * 2**16 + l for each row (h, l) of ``limbs`` (B, 2)."""
    return [(high << LIMB_BITS) + low for high, low in limbs.tolist()]


def vector_sums(vector: np.ndarray, *others: np.ndarray) -> TableSums:
    """Sums over one vector (N,), |v| <= 2**32: as of a model whose entries are the vector's."""
    table = stacked(vector)[0]
    table.flags.writeable = False
    places = np.arange(table.size, dtype=np.uint16).reshape(1, -1)
    return table_sums(places, table, stacked(*others) if others else np.empty((0, 0), np.int64))
