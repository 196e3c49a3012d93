"""All scores of a round in one call."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring.block import (
    joined_scores,
    meta_status,
    ranked_block,
    reject_faulty,
    score_block,
    score_context,
)
from oracle.scoring.checks import blocks, require_matrix, require_stakes, require_target
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import MetaStatus, StakeSums, sum_stakes
from oracle.scoring.portfolio import PortfolioProblem
from oracle.scoring.true_contribution import true_contribution

NO_CONTRIBUTION: Final = frozenset(
    {"no_stake", "constant_meta_model", "kkt_residual", "score_range"}
)
"""Errors of True Contribution that a round's own stakes and predictions can lead to: then every
TC is 0, and the status says which it was."""


@dataclass(frozen=True, eq=False)
class RoundScores:
    """Scores of a round; arrays are int64.

    ``corr`` and ``mmc``, (M,), and ``meta_values``, (N,), are in units of 1e-9; ``meta_ranks``,
    (N,), are the meta model's doubled ranks. ``meta_status`` is ``ok``, or why there is no MMC:
    ``no_stake`` (no counted model has stake) or ``constant`` (the stake-weighted mean is the same
    for every row). Then every MMC is 0, every meta rank N + 1 and every meta value one half.
    ``rho``, (M,), in units of 1e-9, ``levels``, (M,), and ``rho_statuses`` are those of
    `hardening`. ``tc``, (M,), in units of 1e-9: True Contribution, 0 unless ``tc_status`` is
    ``ok``: otherwise it is ``not_asked`` or one of `NO_CONTRIBUTION`.
    """

    corr: np.ndarray
    mmc: np.ndarray
    meta_values: np.ndarray
    meta_ranks: np.ndarray
    meta_status: MetaStatus
    rho: np.ndarray
    levels: np.ndarray
    rho_statuses: tuple[MetaStatus, ...]
    tc: np.ndarray
    tc_status: str


def score_round(
    predictions: np.ndarray,
    target: np.ndarray,
    stakes: Sequence[int],
    meta_models: Sequence[bool] | np.ndarray | None = None,
    *,
    accounts: Sequence[Hashable] | np.ndarray | None = None,
    portfolio: PortfolioProblem | None = None,
    block_models: int | None = None,
) -> RoundScores:
    """Score every model of a round.

    ``predictions``: (M, N) in units of 1e-9 within [0, 1], one model a row; ``target``: (N,) in
    the same units; ``stakes``: one non-negative integer a model, total below 2**56. Where
    ``meta_models``, (M,), is False the model has no weight in the meta model, as with stake 0,
    but is scored. ``accounts`` says whose model each is, for the hardening levels; without it each
    model is an account of its own. ``portfolio`` is that of True Contribution, with the target as
    returns; without it there is none. Beyond its input it needs 2 bytes an element for the ranks,
    and blocks of ``block_models`` models, whose size never affects a result. Raises ScoringError:
    see docs/scoring.md; a model's fault names its row in ``models``.
    """
    models, rows = require_matrix(predictions, "predictions")
    require_target(target, rows)
    weights = meta_weights(require_stakes(stakes, models), meta_models)
    ranks = rank_predictions(predictions, block_models)
    whose = range(models) if accounts is None else accounts
    hardened = hardening(ranks, weights, whose, block_models)
    sums = sum_stakes(ranks, weights, block_models)
    meta_values, meta_ranks, status = published_meta_model(sums)
    context = score_context(target, sums, meta_ranks, cwmm=False)
    parts = [
        score_block(ranks[block], context, block.start)
        for block in blocks(models, rows, block_models)
    ]
    found = joined_scores(parts, context)
    tc, tc_status = contribution(ranks, weights, target, portfolio, block_models)
    return RoundScores(
        corr=found.corr,
        mmc=found.mmc,
        meta_values=meta_values,
        meta_ranks=meta_ranks,
        meta_status=status,
        rho=hardened.rho,
        levels=hardened.levels,
        rho_statuses=hardened.statuses,
        tc=tc,
        tc_status=tc_status,
    )


def contribution(
    ranks: np.ndarray,
    weights: list[int],
    target: np.ndarray,
    portfolio: PortfolioProblem | None,
    block_models: int | None,
) -> tuple[np.ndarray, str]:
    """True Contribution and its status, as in `RoundScores`."""
    status = "not_asked"
    if portfolio is not None:
        try:
            found = true_contribution(ranks, weights, target, portfolio, block_models)
            return found.scores, "ok"
        except ScoringError as error:
            if error.code not in NO_CONTRIBUTION:
                raise
            status = error.code
    return np.zeros(len(weights), np.int64), status


def rank_predictions(predictions: np.ndarray, block_models: int | None = None) -> np.ndarray:
    """Doubled ranks of ``predictions`` (M, N), as uint16: 2N <= 40,000 fits.

    Every faulty model is found before the error: ``prediction_range`` (outside [0, 1]), else
    ``constant_prediction``. Ranks do not depend on the target: a round computes them once.
    """
    models, rows = require_matrix(predictions, "predictions")
    ranks = np.empty((models, rows), np.uint16)
    outside, constant = np.zeros((2, models), bool)
    for block in blocks(models, rows, block_models):
        found = ranked_block(predictions[block])
        ranks[block], outside[block], constant[block] = found.ranks, found.outside, found.constant
    reject_faulty(outside, constant)
    return ranks


def meta_weights(stakes: list[int], meta_models: Sequence[bool] | np.ndarray | None) -> list[int]:
    """The stakes of the models that count, 0 for the others."""
    if meta_models is None:
        return stakes
    counts = np.asarray(meta_models)
    if counts.dtype != bool:
        raise ScoringError("dtype", f"meta_models must be booleans, got {counts.dtype}")
    if counts.shape != (len(stakes),):
        raise ScoringError("shape", f"meta_models has shape {counts.shape}, not ({len(stakes)},)")
    return [stake if count else 0 for stake, count in zip(stakes, counts, strict=True)]


def published_meta_model(sums: StakeSums) -> tuple[np.ndarray, np.ndarray, MetaStatus]:
    """Published values, doubled ranks and status of the meta model, as in `RoundScores`."""
    status = meta_status(sums)
    if status == "ok":
        return sums.values(), sums.ranks(), status
    rows = sums.high.size
    flat = np.ones(rows, np.int64)
    return flat * (SCALE // 2), flat * (rows + 1), status
