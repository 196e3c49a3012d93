"""CORR: Pearson correlation of the powered normal ranks with the powered target.

CWMM is the same with the meta model in place of the target.
"""

from dataclasses import dataclass

import numpy as np

from oracle.scoring.arithmetic import div_sqrt_half_even
from oracle.scoring.checks import (
    blocks,
    rank_block,
    require_integers,
    require_matrix,
    require_target,
)
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import POWER_BITS, SCALE
from oracle.scoring.sums import TableSums, stacked, table_sums, vector_sums
from oracle.scoring.tables import normal_table
from oracle.scoring.target import powered


@dataclass(frozen=True, eq=False)
class Reference:
    """What models are correlated with: int64 (N,), |v| <= 2**32, its sum, and N sum v^2 - (sum v)^2
    > 0."""

    vector: np.ndarray
    total: int
    spread: int

    @classmethod
    def of(cls, vector: np.ndarray) -> "Reference":
        sums = vector_sums(vector)
        [total], [square] = sums.plain, sums.square
        return cls(vector, total, vector.size * square - total**2)


def corr(ranks: np.ndarray, target: np.ndarray, block_models: int | None = None) -> np.ndarray:
    """CORR of each model, int64 (M,) in units of 1e-9, rounded half to even.

    ``ranks``: doubled ranks (M, N), any integer type; ``target``: (N,) in units of 1e-9. Equals
    numerai-tools' ``numerai_corr`` up to rounding. ``block_models`` bounds the working memory
    only. Raises ScoringError: see docs/scoring.md.
    """
    _, rows = require_matrix(ranks, "ranks")
    require_target(target, rows)
    return _with_reference(ranks, Reference.of(powered(target)), block_models)


def cwmm(ranks: np.ndarray, meta: np.ndarray, block_models: int | None = None) -> np.ndarray:
    """Correlation with the meta model of each model, int64 (M,) in units of 1e-9, half to even.

    Pearson's correlation of the powered normal ranks with ``meta`` as it is: neither ranked nor
    powered, as Numerai computes it. ``ranks``: doubled ranks (M, N), any integer type; ``meta``:
    integers (N,) within 2**32 of 0, from `StakeSums.shape`, or a published meta model in units of
    1e-9. Only its shape counts, not its scale or mean. Raises ScoringError ``constant_meta_model``,
    ``meta_range``, and as `corr`.
    """
    _, rows = require_matrix(ranks, "ranks")
    return _with_reference(ranks, meta_reference(meta, rows), block_models)


def meta_reference(meta: np.ndarray, rows: int) -> Reference:
    """The meta model as `cwmm` takes it, checked."""
    require_integers(meta, "meta", (rows,))
    low, high = int(meta.min()), int(meta.max())
    if low == high:
        raise ScoringError("constant_meta_model", "the meta model is constant")
    if max(-low, high) > 1 << POWER_BITS:
        raise ScoringError("meta_range", f"meta model beyond 2**{POWER_BITS} either way")
    return Reference.of(meta.astype(np.int64, copy=False))


def _with_reference(
    ranks: np.ndarray, reference: Reference, block_models: int | None
) -> np.ndarray:
    models, rows = ranks.shape
    table, vectors = normal_table(rows)[1], stacked(reference.vector)
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows, block_models):
        sums = table_sums(rank_block(ranks[block], block.start), table, vectors)
        scores[block] = correlations(sums, 0, rows, reference)
    return scores


def correlations(sums: TableSums, which: int, rows: int, reference: Reference) -> list[int]:
    """Pearson's correlation of each model behind ``sums`` with the reference, which was number
    ``which`` of the vectors."""
    return [
        div_sqrt_half_even(
            (rows * dot - sum_x * reference.total) * SCALE,
            (rows * sum_xx - sum_x**2) * reference.spread,
        )
        for sum_x, sum_xx, dot in zip(sums.plain, sums.square, sums.products[which], strict=True)
    ]
