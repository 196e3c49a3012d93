"""FNC: CORR of what the features leave of a model."""

import numpy as np

from oracle.scoring.checks import blocks, rank_block, require_matrix, require_target
from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.fine_quantiles import fine_quantiles
from oracle.scoring.least_squares import WORK_BITS, FeatureProjector, round_off
from oracle.scoring.ranks import doubled_ranks

TIE_BITS = 36
"""Residuals are ranked in units of 2**-TIE_BITS, 1.5e-11."""

PROJECTION_ELEMENTS = 1 << 21
"""Elements projected at a time: enough models to make products fast, 16 MB an array."""


def fnc(
    ranks: np.ndarray,
    projector: FeatureProjector,
    target: np.ndarray,
    block_models: int | None = None,
) -> np.ndarray:
    """FNC of each model, int64 (M,) in units of 1e-9.

    ``ranks``: doubled ranks (M, N), any integer type; ``target``: (N,) in units of 1e-9. It is
    CORR of `neutral_ranks`, and 0 for a model of which the features leave nothing. Equals
    numerai-tools' ``feature_neutral_corr`` up to rounding where that is well posed
    (docs/scoring.md). ``block_models`` bounds the working memory only. Raises ScoringError: see
    docs/scoring.md.
    """
    _, rows = require_matrix(ranks, "ranks")
    require_target(target, rows)
    return neutral_corr(neutral_ranks(ranks, projector, block_models), target, block_models)


def neutral_corr(
    neutral: np.ndarray, target: np.ndarray, block_models: int | None = None
) -> np.ndarray:
    """FNC from `neutral_ranks`, int64 (M,): for a new target, without projecting again."""
    models, rows = require_matrix(neutral, "neutral")
    require_target(target, rows)
    scores = np.zeros(models, np.int64)
    left = np.flatnonzero((neutral != rows + 1).any(axis=1))
    scores[left] = corr(neutral[left], target, block_models)
    return scores


def neutral_ranks(
    ranks: np.ndarray, projector: FeatureProjector, block_models: int | None = None
) -> np.ndarray:
    """Doubled ranks, uint16 (M, N), of the models' normal quantiles neutralised to the features.

    They do not depend on the target: a round computes them once. A row of N + 1 throughout means
    that the model lies in the span of the features and nothing is left. Arguments and errors as
    `fnc`.
    """
    models, rows = require_matrix(ranks, "ranks")
    if rows != projector.rows:
        raise ScoringError("shape", f"ranks of {rows} rows, features of {projector.rows}")
    table = fine_quantiles(rows)
    neutral = np.empty((models, rows), np.uint16)
    if block_models is None:
        block_models = max(1, PROJECTION_ELEMENTS // rows)
    for block in blocks(models, rows, block_models):
        known = rank_block(ranks[block], block.start)
        residuals = projector.residuals(table[known])
        for part in blocks(len(residuals), rows):
            keys = np.empty(residuals[part].shape, np.int64)
            round_off(residuals[part], WORK_BITS - TIE_BITS, keys)
            neutral[block][part] = doubled_ranks(keys)
    return neutral
