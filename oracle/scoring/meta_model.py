"""The stake-weighted meta model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from oracle.scoring import kernels
from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import blocks, rank_block, require_matrix, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import HALF_STAKE_BITS, POWER_BITS, SCALE
from oracle.scoring.ranks import doubled_ranks

MetaStatus = Literal["ok", "no_stake", "constant"]
"""Whether stake says anything about the rows: all of it is 0, or its mean is the same for all."""


@dataclass(frozen=True, eq=False)
class StakeSums:
    """sum_j stake_j * rank_j of each row, exactly: high * 2**28 + low with 0 <= low < 2**28.

    Sums of parts of a round add up to those of the round: `plus`.
    """

    high: np.ndarray
    low: np.ndarray
    total_stake: int

    @classmethod
    def zero(cls, rows: int) -> "StakeSums":
        """The sums of no model."""
        return cls(np.zeros(rows, np.int64), np.zeros(rows, np.int64), 0)

    def plus(self, other: "StakeSums") -> "StakeSums":
        """The sums of both; the stakes of a round together stay below 2**56."""
        total = self.total_stake + other.total_stake
        return _joined(self.high + other.high, self.low + other.low, total)

    def without(self, ranks: np.ndarray, stakes: Sequence[int]) -> "StakeSums":
        """The sums less what ``stakes`` on the doubled ``ranks`` (B, N) add to them."""
        gone = _block_sums(rank_block(ranks), stakes)
        total = self.total_stake - gone.total_stake
        return _joined(self.high - gone.high, self.low - gone.low, total)

    def positions(self) -> np.ndarray:
        """Dense ranks of the sums, int64 (N,): 0 for the lowest, equal sums share one."""
        order = np.lexsort((self.low, self.high))
        high, low = self.high[order], self.low[order]
        is_new = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        position = np.zeros(order.size, np.int64)
        position[order[1:]] = np.cumsum(is_new)
        return position

    def ranks(self) -> np.ndarray:
        """Doubled ranks of the sums, int64 (N,)."""
        return doubled_ranks(self.positions())

    def values(self) -> np.ndarray:
        """Stake-weighted mean of the ranks (k - 1) / 2N in units of 1e-9, int64 (N,)."""
        stake = self.total_stake
        denominator = 2 * self.high.size * stake
        return np.array(
            [div_half_even((total - stake) * SCALE, denominator) for total in self._totals()],
            np.int64,
        )

    def shape(self) -> np.ndarray:
        """The mean's deviation from its own mean, int64 (N,), the largest of them 2**32 in size,
        rounded half to even: what `corr.cwmm` takes. ``constant_meta_model`` if all are equal."""
        totals = self._totals()
        whole = sum(totals)
        deviations = [len(totals) * total - whole for total in totals]
        largest = max(map(abs, deviations))
        if not largest:
            raise ScoringError("constant_meta_model", "the meta model is constant")
        return np.array([div_half_even(d << POWER_BITS, largest) for d in deviations], np.int64)

    def _totals(self) -> list[int]:
        pairs = zip(self.high.tolist(), self.low.tolist(), strict=True)
        return [(high << HALF_STAKE_BITS) + low for high, low in pairs]


def stake_sums(
    ranks: np.ndarray, stakes: Sequence[int], block_models: int | None = None
) -> StakeSums:
    """Stake-weighted sums of the doubled ranks (M, N), any integer type.

    ``block_models`` bounds the working memory only. Raises ScoringError: see docs/scoring.md;
    ``no_stake`` if the stakes sum to 0.
    """
    models, _ = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    if not sum(units):
        raise ScoringError("no_stake", "no model has stake: there is no meta model")
    return sum_stakes(ranks, units, block_models)


def sum_stakes(
    ranks: np.ndarray,
    stakes: Sequence[int],
    block_models: int | None = None,
    first_model: int = 0,
) -> StakeSums:
    """As `stake_sums`, for a part of a round: stakes may all be 0.

    ``first_model``: the number in the round of the first model, for errors.
    """
    models, rows = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    total = StakeSums.zero(rows)
    for block in blocks(models, rows, block_models):
        part = rank_block(ranks[block], first_model + block.start)
        total = total.plus(_block_sums(part, units[block]))
    return total


def split_stakes(stakes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The upper and the lower 28 bits of the stakes, int64."""
    units = np.array(stakes, np.int64)
    return units >> HALF_STAKE_BITS, units & ((1 << HALF_STAKE_BITS) - 1)


def _block_sums(ranks: np.ndarray, stakes: Sequence[int]) -> StakeSums:
    high, low = np.zeros((2, ranks.shape[1]), np.int64)
    kernels.add_stakes(ranks, *split_stakes(stakes), high, low)
    return _joined(high, low, sum(stakes))


def _joined(high: np.ndarray, low: np.ndarray, total_stake: int) -> StakeSums:
    """high * 2**28 + low of any int64 ``low``, which is brought below 2**28."""
    mask = (1 << HALF_STAKE_BITS) - 1
    return StakeSums(high + (low >> HALF_STAKE_BITS), low & mask, total_stake)


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
