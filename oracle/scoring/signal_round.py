"""All scores of a round of signals: Alpha and MPC, beside the meta model and rho."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring.alpha import alpha
from oracle.scoring.checks import require_matrix, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.meta_model import MetaStatus, sum_stakes
from oracle.scoring.mpc import mpc
from oracle.scoring.round import published_meta_model, rank_predictions

NO_SCORE: Final = frozenset({"no_stake", "zero_portfolio", "score_range"})
"""Errors of Alpha and MPC that a round's own stakes, predictions and weights can lead to: then
every such score is 0, and the status says which it was."""

LARGEST: Final = 2**53
"""Scores are published as whole numbers below this; Alpha and MPC know no bound of their own."""


@dataclass(frozen=True, eq=False)
class SignalTarget:
    """What a round of signals is scored by, integers in units of 1e-9: ``target`` (N,),
    ``sample_weights`` (N,), not negative, and ``neutralizers`` (N, k)."""

    target: np.ndarray
    sample_weights: np.ndarray
    neutralizers: np.ndarray


@dataclass(frozen=True, eq=False)
class SignalProducts:
    """``alpha`` and ``mpc``, int64 (M,) in units of 1e-9, and their statuses: ``ok``, or one of
    `NO_SCORE`, and then all are 0."""

    alpha: np.ndarray
    alpha_status: str
    mpc: np.ndarray
    mpc_status: str


@dataclass(frozen=True, eq=False)
class SignalScores:
    """Scores of a round of signals. The meta model, ``rho`` and ``levels`` are those of
    `score_round`."""

    products: SignalProducts
    meta_values: np.ndarray
    meta_status: MetaStatus
    rho: np.ndarray
    levels: np.ndarray


def score_signals(
    predictions: np.ndarray,
    given: SignalTarget,
    stakes: Sequence[int],
    *,
    accounts: Sequence[Hashable] | np.ndarray | None = None,
    block_models: int | None = None,
) -> SignalScores:
    """Score every model of a round of signals.

    ``predictions``: (M, N) in units of 1e-9 within [0, 1], one model a row; ``stakes``: one
    non-negative integer a model, total below 2**56; ``accounts``: whose each model is, by default
    an account of its own. ``block_models`` bounds the working memory only. Raises ScoringError: see
    docs/scoring.md; what may come of stakes and predictions is a status.
    """
    models, _ = require_matrix(predictions, "predictions")
    weights = require_stakes(stakes, models)
    ranks = rank_predictions(predictions, block_models)
    whose = range(models) if accounts is None else accounts
    hardened = hardening(ranks, weights, whose, block_models)
    meta_values, _, status = published_meta_model(sum_stakes(ranks, weights, block_models))
    return SignalScores(
        products=signal_products(ranks, weights, given, block_models),
        meta_values=meta_values,
        meta_status=status,
        rho=hardened.rho,
        levels=hardened.levels,
    )


def signal_products(
    ranks: np.ndarray, weights: Sequence[int], given: SignalTarget, block_models: int | None = None
) -> SignalProducts:
    """Alpha and MPC of doubled ranks (M, N), any integer type."""
    fixed = (given.neutralizers, given.sample_weights, given.target, block_models)
    alphas, alpha_status = _unless(lambda: alpha(ranks, *fixed), len(weights))
    mpcs, mpc_status = _unless(lambda: mpc(ranks, weights, *fixed), len(weights))
    return SignalProducts(alphas, alpha_status, mpcs, mpc_status)


def _unless(score: Callable[[], np.ndarray], models: int) -> tuple[np.ndarray, str]:
    try:
        found, status = score(), "ok"
        if bool(((found <= -LARGEST) | (found >= LARGEST)).any()):
            status = "score_range"
    except ScoringError as error:
        if error.code not in NO_SCORE:
            raise
        status = error.code
    return (found if status == "ok" else np.zeros(models, np.int64)), status
