"""All scores of a round in one call."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.scoring.checks import (
    blocks,
    reject,
    reject_constant,
    require_matrix,
    require_stakes,
    require_target,
)
from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import MetaStatus, stake_sums
from oracle.scoring.mmc import mmc
from oracle.scoring.ranks import doubled_ranks


@dataclass(frozen=True, eq=False)
class RoundScores:
    """Scores of a round; arrays are int64.

    ``corr`` and ``mmc``, (M,), and ``meta_values``, (N,), are in units of 1e-9; ``meta_ranks``,
    (N,), are the meta model's doubled ranks. ``meta_status`` is ``ok``, or why there is no MMC:
    ``no_stake`` (no counted model has stake) or ``constant`` (the stake-weighted mean is the same
    for every row). Then every MMC is 0, every meta rank N + 1 and every meta value one half.
    ``rho``, (M,), in units of 1e-9, ``levels``, (M,), and ``rho_statuses`` are those of
    `hardening`.
    """

    corr: np.ndarray
    mmc: np.ndarray
    meta_values: np.ndarray
    meta_ranks: np.ndarray
    meta_status: MetaStatus
    rho: np.ndarray
    levels: np.ndarray
    rho_statuses: tuple[MetaStatus, ...]


def score_round(
    predictions: np.ndarray,
    target: np.ndarray,
    stakes: Sequence[int],
    meta_models: Sequence[bool] | np.ndarray | None = None,
    *,
    accounts: Sequence[Hashable] | np.ndarray | None = None,
    block_models: int | None = None,
) -> RoundScores:
    """Score every model of a round.

    ``predictions``: (M, N) in units of 1e-9 within [0, 1], one model a row; ``target``: (N,) in
    the same units; ``stakes``: one non-negative integer a model, total below 2**56. Where
    ``meta_models``, (M,), is False the model has no weight in the meta model, as with stake 0,
    but is scored. ``accounts`` says whose model each is, for the hardening levels; without it each
    model is an account of its own. Beyond its input it needs 2 bytes an element for the ranks, and
    blocks of ``block_models`` models, whose size never affects a result. Raises ScoringError: see
    docs/scoring.md; a model's fault names its row in ``models``.
    """
    models, rows = require_matrix(predictions, "predictions")
    require_target(target, rows)
    weights = _meta_weights(require_stakes(stakes, models), meta_models)
    ranks = rank_predictions(predictions, block_models)
    meta_values, meta_ranks, status = _meta_model(ranks, weights, block_models)
    whose = range(models) if accounts is None else accounts
    hardened = hardening(ranks, weights, whose, block_models)
    return RoundScores(
        corr=corr(ranks, target, block_models),
        mmc=mmc(ranks, meta_ranks, target, block_models)
        if status == "ok"
        else np.zeros(models, np.int64),
        meta_values=meta_values,
        meta_ranks=meta_ranks,
        meta_status=status,
        rho=hardened.rho,
        levels=hardened.levels,
        rho_statuses=hardened.statuses,
    )


def rank_predictions(predictions: np.ndarray, block_models: int | None = None) -> np.ndarray:
    """Doubled ranks of ``predictions`` (M, N), as uint16: 2N <= 40,000 fits.

    Every faulty model is found before the error: ``prediction_range`` (outside [0, 1]), else
    ``constant_prediction``. Ranks do not depend on the target: a round computes them once.
    """
    models, rows = require_matrix(predictions, "predictions")
    ranks = np.empty((models, rows), np.uint16)
    outside, constant = np.zeros(models, bool), np.zeros(models, bool)
    for block in blocks(models, rows, block_models):
        values = predictions[block]
        low, high = values.min(axis=1), values.max(axis=1)
        outside[block] = (low < 0) | (high > SCALE)
        constant[block] = low == high
        ranks[block] = doubled_ranks(values)
    reject(outside, "prediction_range", f"predictions outside 0..{SCALE} (in units of 1e-9)")
    reject_constant(constant)
    return ranks


def _meta_weights(stakes: list[int], meta_models: Sequence[bool] | np.ndarray | None) -> list[int]:
    """The stakes of the models that count, 0 for the others."""
    if meta_models is None:
        return stakes
    counts = np.asarray(meta_models)
    if counts.dtype != bool:
        raise ScoringError("dtype", f"meta_models must be booleans, got {counts.dtype}")
    if counts.shape != (len(stakes),):
        raise ScoringError("shape", f"meta_models has shape {counts.shape}, not ({len(stakes)},)")
    return [stake if count else 0 for stake, count in zip(stakes, counts, strict=True)]


def _meta_model(
    ranks: np.ndarray, weights: list[int], block_models: int | None
) -> tuple[np.ndarray, np.ndarray, MetaStatus]:
    """Published values, doubled ranks and status of the meta model."""
    rows = ranks.shape[1]
    status: MetaStatus = "no_stake"
    if any(weights):
        sums = stake_sums(ranks, weights, block_models)
        meta_ranks = sums.ranks()
        if (meta_ranks != rows + 1).any():
            return sums.values(), meta_ranks, "ok"
        status = "constant"
    flat = np.ones(rows, np.int64)
    return flat * (SCALE // 2), flat * (rows + 1), status
