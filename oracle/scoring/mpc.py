"""MPC: how more stake on a signal would change what the stake-weighted portfolio earns."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

import numpy as np

from oracle.scoring.alpha import signal_rule
from oracle.scoring.checks import blocks, rank_block, require_stakes
from oracle.scoring.compiled import kernel
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import TABLE_BITS
from oracle.scoring.neutral_weights import centred_target, model_products, total
from oracle.scoring.tables import normal_table

DIVISOR: Final = 50
"""Numerai's scale of MPC."""

HIGH_BITS: Final = 28
MIDDLE_BITS: Final = 14
"""A stake is high * 2**28 + middle * 2**14 + low."""

VANISHED: Final = 1e-12
"""A portfolio whose norm is at most this part of its size before neutralisation is rounding."""


def mpc(
    ranks: np.ndarray,
    stakes: Sequence[int],
    neutralizers: np.ndarray,
    sample_weights: np.ndarray,
    target: np.ndarray,
    block_models: int | None = None,
) -> np.ndarray:
    """MPC of each model, int64 (M,) in units of 1e-9.

    Arguments as `alpha`, and ``stakes``: one non-negative integer a model, total below 2**56. With
    W the models' centred neutralised weights, V = W s / sum(s) the portfolio and t the centred
    target, (W_j - V (V . W_j) / (V . V)) . t / |V| / 50. Equals numerai-tools'
    ``meta_portfolio_contribution`` (0.6.0 and newer) up to rounding. Raises ScoringError:
    ``no_stake``, ``zero_portfolio``, and see docs/scoring.md.
    """
    rule = signal_rule(ranks, neutralizers, sample_weights, target)
    units = require_stakes(stakes, len(ranks))
    if not sum(units):
        raise ScoringError("no_stake", "no model has stake: there is no portfolio")
    t = centred_target(target)
    signal = _stake_weighted(ranks, units, block_models)
    portfolio = rule.weights(signal)
    portfolio -= total(portfolio) / portfolio.size
    square = total(portfolio * portfolio)
    before = signal * rule.sample_weights
    if square <= VANISHED**2 * total(before * before):
        raise ScoringError("zero_portfolio", "the stake-weighted portfolio is zero in every row")
    slope = total(portfolio * t) / square
    vector = (rule.weights(t) - rule.weights(portfolio) * slope) / sqrt(square)
    return model_products(ranks, vector, DIVISOR, block_models)


def _stake_weighted(ranks: np.ndarray, stakes: list[int], block_models: int | None) -> np.ndarray:
    """The stake-weighted mean of the models' powered normal ranks, float64 (N,).

    The sums are exact, so that opposite signals of equal stake cancel; their quotient by the total
    stake and 2**28 is rounded once.
    """
    models, rows = ranks.shape
    units = np.array(stakes, np.int64)
    limbs = np.stack(
        [
            units >> HIGH_BITS,
            units >> MIDDLE_BITS & ((1 << MIDDLE_BITS) - 1),
            units & ((1 << MIDDLE_BITS) - 1),
        ],
        axis=1,
    )
    sums = np.zeros((3, rows), np.int64)
    for block in blocks(models, rows, block_models):
        known = rank_block(ranks[block], block.start)
        add_limbs(known, normal_table(rows)[1], limbs[block], sums)
    divisor = sum(stakes) << TABLE_BITS
    columns = zip(*sums.tolist(), strict=True)
    return np.array(
        [((h << HIGH_BITS) + (m << MIDDLE_BITS) + low) / divisor for h, m, low in columns]
    )


@kernel
def add_limbs(ranks: np.ndarray, table: np.ndarray, limbs: np.ndarray, sums: np.ndarray) -> None:
    """Add x = table[rank], ranks (B, N), times each of the ``limbs`` (B, 3) to ``sums`` (3, N).

    |x| < 2**31.1. The high limbs sum to less than 2**28; the others are below 2**14 each, so
    100,000 models reach 2**(16.7 + 14 + 31.1) < 2**62.
    """
    for model in range(ranks.shape[0]):
        row = ranks[model]
        high, middle, low = limbs[model, 0], limbs[model, 1], limbs[model, 2]
        for i in range(row.size):
            x = table[row[i]]
            sums[0, i] += high * x
            sums[1, i] += middle * x
            sums[2, i] += low * x
