"""MMC: what a model adds to the meta model."""

import numpy as np

from oracle.scoring.arithmetic import div_half_even, dots, square_sums
from oracle.scoring.checks import (
    blocks,
    require_integers,
    require_matrix,
    require_ranks,
    require_target,
)
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import TABLE_BITS
from oracle.scoring.tables import normal_table
from oracle.scoring.target import contribution_factor


def mmc(
    ranks: np.ndarray,
    meta_ranks: np.ndarray,
    target: np.ndarray,
    block_models: int | None = None,
) -> np.ndarray:
    """MMC of each model, int64 (M,) in units of 1e-9, rounded half to even.

    ``ranks``: doubled ranks (M, N) and ``meta_ranks``: doubled ranks (N,), any integer type;
    ``target``: (N,) in units of 1e-9. Equals numerai-tools' ``correlation_contribution`` up to
    rounding, its factor 4 for targets within [0, 1] included. ``block_models`` bounds the working
    memory only. Raises ScoringError: see docs/scoring.md.
    """
    models, rows = require_matrix(ranks, "ranks")
    require_target(target, rows)
    meta = _meta_quantiles(meta_ranks, rows)
    factor = contribution_factor(target)
    sum_t = int(target.sum())
    target = target.astype(np.int64, copy=False)
    [meta_square] = square_sums(meta)
    # rows * dots(v, t) - sum(v) * sum(t) is v . u, u the centred target of target.centred.
    meta_u = rows * dots(meta, target)[0] - int(meta.sum()) * sum_t
    denominator = rows * rows * meta_square << TABLE_BITS
    table = normal_table(rows)[0]
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows, block_models):
        require_ranks(ranks[block], block.start)
        z = table[ranks[block].astype(np.intp)]
        sums = zip(z.sum(axis=1).tolist(), dots(z, target), dots(z, meta[0]), strict=True)
        scores[block] = [
            div_half_even(
                factor * ((rows * dot_t - sum_z * sum_t) * meta_square - meta_u * dot_meta),
                denominator,
            )
            for sum_z, dot_t, dot_meta in sums
        ]
    return scores


def _meta_quantiles(meta_ranks: np.ndarray, rows: int) -> np.ndarray:
    """The meta model's normal quantiles as one row, (1, N)."""
    require_integers(meta_ranks, "meta_ranks", (rows,))
    row = meta_ranks.reshape(1, rows)
    try:
        require_ranks(row)
    except ScoringError as error:
        if error.code == "constant_prediction":
            raise ScoringError("constant_meta_model", "the meta model is constant") from None
        raise ScoringError(error.code, "meta_ranks: not doubled ranks") from None
    return normal_table(rows)[0][row.astype(np.intp)]
