"""Meta models as portfolio signals: exact sums of all models and of dropout bags."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import shake_256
from math import gcd
from typing import Final

import numpy as np

from oracle.scoring.checks import blocks, rank_block, require_matrix, require_stakes
from oracle.scoring.compiled import kernel
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import HALF_STAKE_BITS
from oracle.scoring.meta_model import split_stakes
from oracle.scoring.tables import normal_table

MASK_DOMAIN: Final = b"assay/true-contribution/dropout/1"
SEED_BYTES: Final = 32

GROUP: Final = 4
"""Models whose 2**4 partial sums are formed once for all masks."""

TILE: Final = 128
"""Names summed at a time: what is worked on stays in the cache."""


@dataclass(frozen=True, eq=False)
class MetaSignal:
    """One meta model as the portfolio sees it.

    With m_i = sum_k s_k G[k_i], an integer: ``z``, (N,) float64, is sqrt(N) m / |m|; ``signal`` is
    a = sign(z) |z|^1.5. m is first divided by its greatest common divisor, in which common factors
    of all stakes cancel.
    """

    z: np.ndarray
    signal: np.ndarray


def dropout_masks(models: int, pairs: int, seed: int) -> np.ndarray:
    """Who stays in bags 0, 2, 4, ..: bool (pairs, models). Bag 2p + 1 keeps who leaves bag 2p.

    Bit k (the lowest of a byte first) of SHAKE-256(MASK_DOMAIN, seed as 32 bytes, p as 4 bytes,
    both big-endian) is model k's.
    """
    size = -(-models // 8)
    head = MASK_DOMAIN + seed.to_bytes(SEED_BYTES, "big")
    stream = b"".join(
        shake_256(head + pair.to_bytes(4, "big")).digest(size) for pair in range(pairs)
    )
    octets = np.frombuffer(stream, np.uint8).reshape(pairs, size)
    return np.unpackbits(octets, axis=1, count=models, bitorder="little").astype(bool)


@dataclass(frozen=True, eq=False)
class MaskedSums:
    """sum_k s_k G[k_i] as high * 2**28 + low, int64 (1 + P, N): of all models, then of each mask's.

    Sums of parts of a round add up to those of the round: `plus`.
    """

    high: np.ndarray
    low: np.ndarray

    def plus(self, other: "MaskedSums") -> "MaskedSums":
        """The sums of both parts."""
        return MaskedSums(self.high + other.high, self.low + other.low)


def meta_signals(
    ranks: np.ndarray,
    stakes: Sequence[int],
    bags: int = 0,
    seed: int = 0,
    block_models: int | None = None,
) -> list[MetaSignal | None]:
    """The signal of all models, then of bags 0, 1, .. of `dropout_masks`.

    ``ranks``: doubled ranks (M, N); ``stakes``: one non-negative integer a model, total below
    2**56. A bag without stake, or whose meta model is constant, is None. Masks are drawn for the
    models with stake, in their order, so that the others change nothing. Raises ScoringError
    ``no_stake`` or ``constant_meta_model`` where that is so of all models.
    """
    models, rows = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    staked = [model for model, stake in enumerate(units) if stake]
    masks = np.zeros((bags // 2, models), bool)
    masks[:, staked] = dropout_masks(len(staked), bags // 2, seed)
    sums = MaskedSums(*np.zeros((2, len(masks) + 1, rows), np.int64))
    for block in blocks(models, rows, block_models):
        part = masked_sums(ranks[block], units[block], masks[:, block], block.start)
        sums = sums.plus(part)
    return signals_of(sums, units)


def masked_sums(
    ranks: np.ndarray, stakes: Sequence[int], masks: np.ndarray, first_model: int = 0
) -> MaskedSums:
    """What a block of models, doubled ranks (B, N), adds to the sums of a round.

    ``masks``: bool (P, B), the block's part of `dropout_masks`; ``first_model``: the number of the
    first in the round, for errors.
    """
    plain = rank_block(ranks, first_model)
    staked = [model for model, stake in enumerate(stakes) if stake]
    members = np.concatenate([np.ones((1, len(staked)), bool), masks[:, staked]])
    shape = (len(members), ranks.shape[1])
    sums = MaskedSums(np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    if staked:
        picks = np.packbits(members, axis=1, bitorder="little")
        add_masked_stakes(
            plain[staked],
            normal_table(ranks.shape[1])[0],
            *split_stakes([stakes[model] for model in staked]),
            np.stack([picks & 15, picks >> 4], axis=2).reshape(len(members), -1),
            sums.high,
            sums.low,
        )
    return sums


def signals_of(sums: MaskedSums, stakes: Sequence[int]) -> list[MetaSignal | None]:
    """`meta_signals` of the sums and stakes of a whole round."""
    if not any(stakes):
        raise ScoringError("no_stake", "no model has stake: there is no meta model")
    full = meta_signal(sums.high[0], sums.low[0])
    if full is None:
        raise ScoringError("constant_meta_model", "the meta model is constant")
    signals: list[MetaSignal | None] = [full]
    for high, low in zip(sums.high[1:], sums.low[1:], strict=True):
        signals.append(meta_signal(high, low))
        signals.append(meta_signal(sums.high[0] - high, sums.low[0] - low))
    return signals


def meta_signal(high: np.ndarray, low: np.ndarray) -> MetaSignal | None:
    """The signal of m = high * 2**28 + low, both int64 (N,); None if m is constant."""
    pairs = zip(high.tolist(), low.tolist(), strict=True)
    sums = [(above << HALF_STAKE_BITS) + below for above, below in pairs]
    if min(sums) == max(sums):
        return None
    divisor = reduce(gcd, sums)
    return MetaSignal(*powered_signal(np.array([float(value // divisor) for value in sums])))


@kernel
def add_masked_stakes(
    ranks: np.ndarray,
    table: np.ndarray,
    stakes_high: np.ndarray,
    stakes_low: np.ndarray,
    picks: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    half_bits: int = HALF_STAKE_BITS,
) -> None:
    """Add s_k G[k_i] to each row of ``high`` * 2**28 + ``low`` whose mask picks the model.

    Bit b of ``picks[row, group]`` is for model 4 * group + b. Integers, so in any order the same:
    |G| < 2**31 and s = high * 2**28 + low with high, low < 2**28, so a product's two parts are
    below 2**59. Of the lower one all but 28 bits are carried, so that over 100,000 models ``low``
    stays below 2**45, the carries below 2**48, and ``high``, as the stakes' high parts sum to at
    most 2**28, below 2**60.
    """
    models, rows = ranks.shape
    part_high = np.zeros((1 << GROUP, TILE), np.int64)
    part_low = np.zeros((1 << GROUP, TILE), np.int64)
    for start in range(0, rows, TILE):
        width = min(TILE, rows - start)
        for first in range(0, models, GROUP):
            size = min(GROUP, models - first)
            for b in range(size):
                model = first + b
                bit = 1 << b
                for i in range(width):
                    g = table[ranks[model, start + i]]
                    lower = g * stakes_low[model]
                    carry = lower >> half_bits
                    part_high[bit, i] = g * stakes_high[model] + carry
                    part_low[bit, i] = lower - (carry << half_bits)
                for code in range(1, bit):
                    for i in range(width):
                        part_high[bit + code, i] = part_high[bit, i] + part_high[code, i]
                        part_low[bit + code, i] = part_low[bit, i] + part_low[code, i]
            everyone = (1 << size) - 1
            for row in range(picks.shape[0]):
                code = picks[row, first // GROUP] & everyone
                if code:
                    for i in range(width):
                        high[row, start + i] += part_high[code, i]
                        low[row, start + i] += part_low[code, i]


@kernel
def powered_signal(m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z = sqrt(N) m / |m|, and sign(z) |z|^1.5; the sum by ascending index."""
    square = 0.0
    for i in range(m.size):
        square += m[i] * m[i]
    stretch = np.sqrt(float(m.size)) / np.sqrt(square)
    z = np.empty(m.size)
    signal = np.empty(m.size)
    for i in range(m.size):
        z[i] = stretch * m[i]
        signal[i] = z[i] * np.sqrt(abs(z[i]))
    return z, signal
