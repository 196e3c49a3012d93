"""MMC: what a model adds to the meta model; BMC: what it adds to a benchmark."""

from dataclasses import dataclass

import numpy as np

from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import (
    blocks,
    rank_block,
    require_integers,
    require_matrix,
    require_target,
)
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import TABLE_BITS
from oracle.scoring.sums import TableSums, stacked, table_sums, vector_sums
from oracle.scoring.tables import normal_table
from oracle.scoring.target import contribution_factor


@dataclass(frozen=True, eq=False)
class Contribution:
    """A meta model (or benchmark) and a target, for the models to be compared with.

    ``meta``: normal quantiles m, int64 (N,); ``meta_square``: sum m^2; ``meta_u``: sum m u, with u
    the centred target of `target.centred`; ``total``: sum t; ``factor``: that of the target.
    """

    meta: np.ndarray
    meta_square: int
    meta_u: int
    total: int
    factor: int

    @classmethod
    def of(cls, meta_ranks: np.ndarray, target: np.ndarray) -> "Contribution":
        """``meta_ranks``: doubled ranks (N,); ``target`` as checked by `require_target`."""
        rows = target.size
        meta = _meta_quantiles(meta_ranks, rows)
        sums = vector_sums(meta, target)
        total = int(target.sum())
        meta_u = rows * sums.products[0][0] - sums.plain[0] * total
        return cls(meta, sums.square[0], meta_u, total, contribution_factor(target))


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
    against = Contribution.of(meta_ranks, target)
    table, vectors = normal_table(rows)[0], stacked(target, against.meta)
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows, block_models):
        sums = table_sums(rank_block(ranks[block], block.start), table, vectors)
        scores[block] = contributions(sums, 0, 1, rows, against)
    return scores


def bmc(
    ranks: np.ndarray,
    benchmark_ranks: np.ndarray,
    target: np.ndarray,
    block_models: int | None = None,
) -> np.ndarray:
    """BMC of each model: `mmc` against a benchmark's doubled ranks (N,) in place of the meta model.

    The benchmark may be one model or several weighted ones (`meta_model.meta_model`). Errors as
    `mmc`: a benchmark that says nothing is a ``constant_meta_model``.
    """
    return mmc(ranks, benchmark_ranks, target, block_models)


def contributions(
    sums: TableSums, target: int, meta: int, rows: int, against: Contribution
) -> list[int]:
    """MMC of each model behind ``sums``; ``target`` and ``meta`` say which of the vectors t and m
    were. rows * (z . t) - sum(z) * sum(t) is z . u, u the centred target."""
    denominator = rows * rows * against.meta_square << TABLE_BITS
    return [
        div_half_even(
            against.factor
            * (
                (rows * dot_t - sum_z * against.total) * against.meta_square
                - against.meta_u * dot_meta
            ),
            denominator,
        )
        for sum_z, dot_t, dot_meta in zip(
            sums.plain, sums.products[target], sums.products[meta], strict=True
        )
    ]


def _meta_quantiles(meta_ranks: np.ndarray, rows: int) -> np.ndarray:
    """The meta model's normal quantiles, (N,)."""
    require_integers(meta_ranks, "meta_ranks", (rows,))
    try:
        row = rank_block(meta_ranks.reshape(1, rows))[0]
    except ScoringError as error:
        if error.code == "constant_prediction":
            raise ScoringError("constant_meta_model", "the meta model is constant") from None
        raise ScoringError(error.code, "meta_ranks: not doubled ranks") from None
    quantiles: np.ndarray = normal_table(rows)[0][row]
    return quantiles
