"""CORR: Pearson correlation of the powered normal ranks with the powered target."""

import numpy as np

from oracle.scoring.arithmetic import div_sqrt_half_even, dots, square_sums
from oracle.scoring.checks import (
    blocks,
    require_matrix,
    require_ranks,
    require_target,
)
from oracle.scoring.limits import SCALE
from oracle.scoring.tables import normal_table
from oracle.scoring.target import powered


def corr(ranks: np.ndarray, target: np.ndarray, block_models: int | None = None) -> np.ndarray:
    """CORR of each model, int64 (M,) in units of 1e-9, rounded half to even.

    ``ranks``: doubled ranks (M, N), any integer type; ``target``: (N,) in units of 1e-9. Equals
    numerai-tools' ``numerai_corr`` up to rounding. ``block_models`` bounds the working memory
    only. Raises ScoringError: see docs/scoring.md.
    """
    models, rows = require_matrix(ranks, "ranks")
    require_target(target, rows)
    y = powered(target)
    sum_y = int(y.sum())
    spread_y = rows * sum(value * value for value in y.tolist()) - sum_y**2
    table = normal_table(rows)[1]
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows, block_models):
        require_ranks(ranks[block], block.start)
        x = table[ranks[block].astype(np.intp)]
        sums = zip(x.sum(axis=1).tolist(), square_sums(x), dots(x, y), strict=True)
        scores[block] = [
            div_sqrt_half_even(
                (rows * sum_xy - sum_x * sum_y) * SCALE,
                (rows * sum_xx - sum_x**2) * spread_y,
            )
            for sum_x, sum_xx, sum_xy in sums
        ]
    return scores
