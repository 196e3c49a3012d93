"""The stake-weighted meta model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import blocks, require_matrix, require_ranks, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, STAKE_BITS
from oracle.scoring.ranks import doubled_ranks

SPLIT_BITS: Final = STAKE_BITS // 2


@dataclass(frozen=True, eq=False)
class StakeSums:
    """sum_j stake_j * rank_j of each row, exactly: high * 2**28 + low with 0 <= low < 2**28."""

    high: np.ndarray
    low: np.ndarray
    total_stake: int

    def ranks(self) -> np.ndarray:
        """Doubled ranks of the sums, int64 (N,)."""
        order = np.lexsort((self.low, self.high))
        high, low = self.high[order], self.low[order]
        is_new = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        position = np.zeros(order.size, np.int64)  # equal sums share one position
        position[order[1:]] = np.cumsum(is_new)
        return doubled_ranks(position)

    def values(self) -> np.ndarray:
        """Stake-weighted mean of the ranks (k - 1) / 2N in units of 1e-9, int64 (N,)."""
        stake = self.total_stake
        denominator = 2 * self.high.size * stake
        return np.array(
            [
                div_half_even(((high << SPLIT_BITS) + low - stake) * SCALE, denominator)
                for high, low in zip(self.high.tolist(), self.low.tolist(), strict=True)
            ],
            np.int64,
        )


def stake_sums(
    ranks: np.ndarray, stakes: Sequence[int], block_models: int | None = None
) -> StakeSums:
    """Stake-weighted sums of the doubled ranks (M, N), any integer type.

    A stake is cut into halves of 28 bits. Both running sums stay below M * 2**28 * 2N <
    2**60 for M = 100,000 and N = 20,000, so int64 holds them. ``block_models`` bounds the working
    memory only. Raises ScoringError: see docs/scoring.md; ``no_stake`` if the stakes sum to 0.
    """
    models, rows = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    if not sum(units):
        raise ScoringError("no_stake", "no model has stake: there is no meta model")
    high_stakes = np.array([stake >> SPLIT_BITS for stake in units], np.int64)
    low_stakes = np.array([stake & ((1 << SPLIT_BITS) - 1) for stake in units], np.int64)
    high, low = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for block in blocks(models, rows, block_models):
        require_ranks(ranks[block], block.start)
        wide = ranks[block].astype(np.int64)
        high += np.einsum("i,ij->j", high_stakes[block], wide)
        low += np.einsum("i,ij->j", low_stakes[block], wide)
    return StakeSums(
        high + (low >> SPLIT_BITS), low & ((1 << SPLIT_BITS) - 1), total_stake=sum(units)
    )


def meta_model(ranks: np.ndarray, stakes: Sequence[int]) -> np.ndarray:
    """Doubled ranks, int64 (N,), of the stake-weighted mean of the models' tie-kept ranks.

    ``ranks``: doubled ranks (M, N); ``stakes``: one non-negative integer a model, total below
    2**56. Exact: rows tie only if their means are equal. Raises ScoringError as `stake_sums`.
    """
    return stake_sums(ranks, stakes).ranks()


def meta_model_values(ranks: np.ndarray, stakes: Sequence[int]) -> np.ndarray:
    """The meta model as published: the stake-weighted mean of the tie-kept ranks (rank - 0.5) / N
    in units of 1e-9, rounded half to even, int64 (N,). Arguments and errors as `meta_model`."""
    return stake_sums(ranks, stakes).values()
