"""MCWNM and APCWNM: how much each submission is like the others of its round.

Both are made of Pearson correlations of two models' normal ranks, z = G[k], not powered. With
b = N sum z^2 - (sum z)^2 that of i and j is (N z_i.z_j - sum z_i sum z_j) / sqrt(b_i b_j).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from oracle.scoring import kernels
from oracle.scoring.arithmetic import div_half_even, div_sqrt_half_even
from oracle.scoring.checks import blocks, rank_block, reject, require_matrix
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, TABLE_BITS
from oracle.scoring.sums import stacked, table_sums
from oracle.scoring.tables import normal_table

MAX_PAIRWISE_MODELS: Final = 5_000
"""Most models of a round for pairwise scores: the work grows with their square."""

TILE_ELEMENTS: Final = 1 << 22
"""Elements of a block of models as floats, 32 MiB; two such blocks are held at a time."""

WEIGHT_BITS: Final = 32
"""Fraction bits of a model's weight in APCWNM."""

HALF_WEIGHT_BITS: Final = 20
"""Weights, below 2**40, are summed in two halves of this width."""


@dataclass(frozen=True, eq=False)
class _Spreads:
    """Of each model z: sum z, and b = N sum z^2 - (sum z)^2 > 0, as Python integers."""

    plain: list[int]
    spread: list[int]

    @classmethod
    def of(cls, ranks: np.ndarray) -> "_Spreads":
        models, rows = ranks.shape
        table, none = normal_table(rows)[0], np.empty((0, 0), np.int64)
        plain: list[int] = []
        spread: list[int] = []
        for block in blocks(models, rows):
            sums = table_sums(rank_block(ranks[block], block.start), table, none)
            plain += sums.plain
            spread += [
                rows * square - total**2
                for total, square in zip(sums.plain, sums.square, strict=True)
            ]
        return cls(plain, spread)


def mcwnm(ranks: np.ndarray) -> np.ndarray:
    """Largest Pearson correlation of each model with another, int64 (M,) in units of 1e-9.

    ``ranks``: doubled ranks (M, N), any integer type, M <= 5,000. Correctly rounded, half to even,
    whatever BLAS is there: floats of known error say which correlation is the largest and how it
    rounds, and where they cannot, integers do. O(M^2 N) operations, about 70 MB beside the ranks.
    Raises ScoringError ``one_model``, ``too_many_models`` and as `corr`.
    """
    models = _require_models(ranks)
    spreads = _Spreads.of(ranks)
    best = np.full(models, -np.inf)
    for one, two, near in _tiles(ranks, spreads):
        best[one] = np.maximum(best[one], near.max(axis=1))
        best[two] = np.maximum(best[two], near.max(axis=0))
    scaled = best * SCALE
    rounded = np.rint(scaled)
    # The true maximum is within the error of `best`: only near a half can that matter.
    doubtful = 0.5 - np.abs(scaled - rounded) <= _error(ranks.shape[1]) * SCALE + 1e-6
    scores: np.ndarray = rounded.astype(np.int64)
    for model in np.flatnonzero(doubtful).tolist():
        scores[model] = _settled(ranks, spreads, model, best[model])
    return scores


def apcwnm(ranks: np.ndarray) -> np.ndarray:
    """Mean Pearson correlation of each model with all others, int64 (M,) in units of 1e-9.

    ``ranks`` and errors as `mcwnm`. The mean of correlations is the correlation with a sum of
    equally long vectors, so that it takes O(M N) integer operations: with w = 2**60 N / sqrt(b)
    rounded, S = sum_j w_j z_j and T = sum_j w_j sum z_j, it is, rounded half to even,
    w (N z.S - T sum z - w b) / ((M - 1) 2**120 N^2).
    """
    models = _require_models(ranks)
    rows = ranks.shape[1]
    table = normal_table(rows)[0]
    spreads = _Spreads.of(ranks)
    weights = _weights(rows, spreads)
    total = _weighted_sum(ranks, weights, table)
    whole = sum(w * plain for w, plain in zip(weights, spreads.plain, strict=True))
    limbs = _limbs(total)
    denominator = (models - 1) * rows * rows << 2 * (TABLE_BITS + WEIGHT_BITS)
    scores = np.empty(models, np.int64)
    for block in blocks(models, rows):
        sums = table_sums(rank_block(ranks[block]), table, limbs)
        for place, model in enumerate(range(block.start, block.stop)):
            dot = sum(column[place] << 32 * limb for limb, column in enumerate(sums.products))
            plain, spread, weight = sums.plain[place], spreads.spread[model], weights[model]
            inner = rows * dot - plain * whole - weight * spread
            scores[model] = div_half_even(weight * inner * SCALE, denominator)
    return scores


def _require_models(ranks: np.ndarray) -> int:
    models, _ = require_matrix(ranks, "ranks")
    if models == 1:
        raise ScoringError("one_model", "one model alone has no others to be compared with", (0,))
    if models > MAX_PAIRWISE_MODELS:
        raise ScoringError(
            "too_many_models", f"{models} models, pairwise scores take {MAX_PAIRWISE_MODELS}"
        )
    return models


def _error(rows: int) -> float:
    """Bound on the error of a correlation from `_tiles`.

    Two unit vectors of N entries, each off by a few roundings: in any order of summation, with
    fused operations or without, their product is off by at most (N + 31) roundings of 2**-53 times
    sum |x y| <= 1.
    """
    return (rows + 32) * 2.0**-53


def _units(ranks: np.ndarray, spreads: _Spreads, block: slice) -> np.ndarray:
    """Unit vectors (N z - sum z) / sqrt(N b) of a block's models, float64 (B, N)."""
    rows = ranks.shape[1]
    table = normal_table(rows)[0]
    plain = np.array(spreads.plain[block], np.int64)
    scale = np.array([1 / math.sqrt(rows * spread) for spread in spreads.spread[block]])
    units = np.empty(ranks[block].shape)
    kernels.unit_rows(rank_block(ranks[block]), table, plain, scale, units)
    return units


def _tiles(ranks: np.ndarray, spreads: _Spreads) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Correlations of all pairs in tiles, float64, the upper triangle; -inf with itself."""
    models, rows = ranks.shape
    cuts = list(blocks(models, rows, max(1, TILE_ELEMENTS // rows)))
    for place, one in enumerate(cuts):
        left = _units(ranks, spreads, one)
        for two in cuts[place:]:
            right = left if two is one else _units(ranks, spreads, two)
            near = left @ right.T
            if two is one:
                np.fill_diagonal(near, -np.inf)
            yield one, two, near


def _settled(ranks: np.ndarray, spreads: _Spreads, model: int, best: float) -> int:
    """The largest correlation of one model in integers, over all that may be the largest.

    ``best`` is the largest from `_tiles`, so the true one is at least ``best`` less the error, and
    no candidate for it is found below ``best`` less twice the error.
    """
    models, rows = ranks.shape
    table = normal_table(rows)[0]
    own = slice(model, model + 1)
    unit = _units(ranks, spreads, own)[0]
    vector = stacked(table[rank_block(ranks[own])[0]])
    plain, spread = spreads.plain[model], spreads.spread[model]
    found = []
    for block in blocks(models, rows):
        near = _units(ranks, spreads, block) @ unit
        close = np.flatnonzero(near >= best - 2 * _error(rows)) + block.start
        others = [int(other) for other in close if other != model]
        dots = table_sums(rank_block(ranks[others]), table, vector).products[0]
        found += [
            div_sqrt_half_even(
                (rows * dot - plain * spreads.plain[other]) * SCALE,
                spread * spreads.spread[other],
            )
            for other, dot in zip(others, dots, strict=True)
        ]
    return max(found)


def _weights(rows: int, spreads: _Spreads) -> list[int]:
    """w = 2**60 N / sqrt(b) of each model, rounded.

    Of N ranks that are not one tie, the highest and the lowest differ by a probability of at least
    1/2, so z by 1.34 * 2**28; hence b > 0.89 N 2**56 and w < 2**39.3. No ranking is refused so.
    """
    top = rows << TABLE_BITS + WEIGHT_BITS
    weights = [div_sqrt_half_even(top, spread) for spread in spreads.spread]
    wide = np.array([weight >> 2 * HALF_WEIGHT_BITS > 0 for weight in weights], bool)
    reject(wide, "not_ranks", "not doubled ranks (see ranks.doubled_ranks)")
    return weights


def _weighted_sum(ranks: np.ndarray, weights: list[int], table: np.ndarray) -> list[int]:
    """S: for each row the sum of w z over the models."""
    models, rows = ranks.shape
    high, low = np.zeros((2, rows), np.int64)
    halves = np.array(weights, np.int64)
    above, below = halves >> HALF_WEIGHT_BITS, halves & ((1 << HALF_WEIGHT_BITS) - 1)
    for block in blocks(models, rows):
        part = rank_block(ranks[block])
        kernels.add_weighted(part, table, above[block], below[block], high, low)
    pairs = zip(high.tolist(), low.tolist(), strict=True)
    return [(upper << HALF_WEIGHT_BITS) + lower for upper, lower in pairs]


def _limbs(total: list[int]) -> np.ndarray:
    """S, below 2**83 in size, as vectors for `table_sums`: l0 + l1 2**32 + l2 2**64."""
    mask = (1 << 32) - 1
    return stacked(
        np.array([value & mask for value in total], np.int64),
        np.array([value >> 32 & mask for value in total], np.int64),
        np.array([value >> 64 for value in total], np.int64),
    )
