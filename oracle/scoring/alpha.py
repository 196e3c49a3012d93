"""Alpha: what a signal's neutralised portfolio earns."""

import numpy as np

from oracle.scoring.checks import require_matrix, require_target
from oracle.scoring.errors import ScoringError
from oracle.scoring.neutral_weights import WeightRule, centred_target, model_products


def alpha(
    ranks: np.ndarray,
    neutralizers: np.ndarray,
    sample_weights: np.ndarray,
    target: np.ndarray,
    block_models: int | None = None,
) -> np.ndarray:
    """Alpha of each model, int64 (M,) in units of 1e-9.

    ``ranks``: doubled ranks (M, N), any integer type; in units of 1e-9 ``neutralizers``: (N, k),
    ``sample_weights``: (N,), not negative, and ``target``: (N,). With x the powered normal ranks, Q
    the neutralizers and v the sample weights, v * (x - Q Q' (v * x)) . centred target / N. Equals
    numerai-tools' ``alpha`` (0.6.0 and newer) up to rounding. ``block_models`` bounds the working
    memory only. Raises ScoringError: see docs/scoring.md.
    """
    rule = signal_rule(ranks, neutralizers, sample_weights, target)
    rows = target.size
    return model_products(ranks, rule.weights(centred_target(target)), rows, block_models)


def signal_rule(
    ranks: np.ndarray, neutralizers: np.ndarray, sample_weights: np.ndarray, target: np.ndarray
) -> WeightRule:
    """Check what Alpha and MPC take, all but the ranks' values."""
    _, rows = require_matrix(ranks, "ranks")
    rule = WeightRule.of(neutralizers, sample_weights)
    if rule.sample_weights.size != rows:
        raise ScoringError("shape", f"neutralizers of {rule.sample_weights.size} rows, not {rows}")
    require_target(target, rows)
    return rule
