"""The stake-weighted meta model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import blocks, require_matrix, require_ranks, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, STAKE_BITS
from oracle.scoring.ranks import doubled_ranks

SPLIT_BITS: Final = STAKE_BITS // 2

MetaStatus = Literal["ok", "no_stake", "constant"]
"""Whether stake says anything about the rows: all of it is 0, or its mean is the same for all."""


@dataclass(frozen=True, eq=False)
class StakeSums:
    """sum_j stake_j * rank_j of each row, exactly: high * 2**28 + low with 0 <= low < 2**28."""

    high: np.ndarray
    low: np.ndarray
    total_stake: int

    def without(self, ranks: np.ndarray, stakes: Sequence[int]) -> "StakeSums":
        """The sums less what ``stakes`` on the doubled ``ranks`` (B, N) add to them."""
        high, low = _halves(ranks, stakes)
        return _joined(self.high - high, self.low - low, self.total_stake - sum(stakes))

    def positions(self) -> np.ndarray:
        """Dense ranks of the sums, int64 (N,): 0 for the lowest, equal sums share one."""
        order = self._order()
        high, low = self.high[order], self.low[order]
        is_new = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        position = np.zeros(order.size, np.int64)
        position[order[1:]] = np.cumsum(is_new)
        return position

    def _order(self) -> np.ndarray:
        """A sorting permutation of the sums; the order of equal ones is free.

        By one key of 63 bits, which is several times as fast as by ``high`` and ``low``: as the
        sums are below 2**71.4, it takes ``high`` and at least 19 bits of ``low``. Where sums of one
        key differ in the other bits, by both.
        """
        above = self.high - self.high.min()
        room = min(SPLIT_BITS, 63 - int(above.max()).bit_length())
        key = above << room | self.low >> SPLIT_BITS - room
        order = np.argsort(key)
        key, low = key[order], self.low[order]
        if ((key[1:] == key[:-1]) & (low[1:] != low[:-1])).any():
            return np.lexsort((self.low, self.high))
        return order

    def ranks(self) -> np.ndarray:
        """Doubled ranks of the sums, int64 (N,)."""
        return doubled_ranks(self.positions())

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

    ``block_models`` bounds the working memory only. Raises ScoringError: see docs/scoring.md;
    ``no_stake`` if the stakes sum to 0.
    """
    models, rows = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    if not sum(units):
        raise ScoringError("no_stake", "no model has stake: there is no meta model")
    high, low = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for block in blocks(models, rows, block_models):
        require_ranks(ranks[block], block.start)
        more = _halves(ranks[block], units[block])
        high += more[0]
        low += more[1]
    return _joined(high, low, sum(units))


def _halves(ranks: np.ndarray, stakes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the ranks (B, N) weighted by the upper and by the lower 28 bits of the stakes.

    Summed over a whole round either stays below M * 2**28 * 2N < 2**60.3 for M = 100,000 and
    N = 20,000, so int64 holds it, and differences of such sums.
    """
    wide = ranks.astype(np.int64)
    high = np.array([stake >> SPLIT_BITS for stake in stakes], np.int64)
    low = np.array([stake & ((1 << SPLIT_BITS) - 1) for stake in stakes], np.int64)
    return np.einsum("i,ij->j", high, wide), np.einsum("i,ij->j", low, wide)


def _joined(high: np.ndarray, low: np.ndarray, total_stake: int) -> StakeSums:
    """high * 2**28 + low of any int64 ``low``, which is brought below 2**28."""
    return StakeSums(high + (low >> SPLIT_BITS), low & ((1 << SPLIT_BITS) - 1), total_stake)


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
