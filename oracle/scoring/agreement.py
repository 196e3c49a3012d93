"""What a hardening level is made of: the others' order of the rows, and a model's agreement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.scoring import agreement_kernels as kernels
from oracle.scoring.checks import rank_block
from oracle.scoring.meta_model import StakeSums, split_stakes
from oracle.scoring.ranks import sort_keys
from oracle.scoring.sums import joined
from oracle.scoring.tables import normal_table

FLIP = (1 << 16) - 1
"""Turns the rank in a key of `order_keys` around."""


@dataclass(frozen=True, eq=False)
class Others:
    """For each of A accounts, the meta model of all others: ``positions``, uint16 (A, N), the dense
    ranks 0, 1, .. of its sums; ``distinct``, how many of them differ; ``stake``, its stake."""

    positions: np.ndarray
    distinct: list[int]
    stake: list[int]


def chunks(batch: Sequence[list[int]], size: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """At most ``size`` models at a time of a batch of accounts, and the account of each, int64."""
    members = [model for group in batch for model in group]
    accounts = np.repeat(np.arange(len(batch)), [len(group) for group in batch])
    for start in range(0, len(members), size):
        yield members[start : start + size], accounts[start : start + size]


def without(
    total: StakeSums,
    ranks: np.ndarray,
    units: Mapping[int, int] | Sequence[int],
    batch: Sequence[list[int]],
    size: int,
) -> Others:
    """``total`` less what each account of the batch stakes; ``ranks`` (M, N) and ``units`` are the
    round's doubled ranks and stakes, by model, of which ``size`` are used at a time."""
    rows = total.high.size
    row_bits = (rows - 1).bit_length()
    high, low = (np.tile(half, (len(batch), 1)) for half in (total.high, total.low))
    for members, accounts in chunks(batch, size):
        halves = split_stakes([units[model] for model in members])
        kernels.subtract_stakes(rank_block(ranks[members]), *halves, accounts, high, low)
    stake = [total.total_stake - sum(units[model] for model in group) for group in batch]
    keys = np.empty(high.shape, np.int64)
    kernels.sum_keys(high, low, row_bits, keys)
    sort_keys(keys, row_bits, int(keys.max()).bit_length())
    positions, distinct = np.empty(high.shape, np.uint16), np.empty(len(batch), np.int64)
    kernels.positions_of_keys(keys, low, row_bits, positions, distinct)
    for clash in np.flatnonzero(distinct == 0).tolist():
        exact = StakeSums(high[clash], low[clash], stake[clash]).positions()
        positions[clash], distinct[clash] = exact, exact.max() + 1
    return Others(positions, distinct.tolist(), stake)


def agreements(ranks: np.ndarray, accounts: np.ndarray, others: Others) -> list[tuple[int, int]]:
    """rho of each model of ``ranks`` (B, N) as numerator and denominator > 0.

    ``accounts`` (B,): the account of each in ``others``. With g the quantiles of N untied rows and
    z a model's own, the denominator is twice the sum of z g, both ascending, and the numerator is
    the sum of z g with g in the others' order, once with the rows that tie there in the model's
    own order and once against it.
    """
    block = rank_block(ranks)
    rows = block.shape[1]
    table = normal_table(rows)[0]
    untied = np.array([count == rows for count in others.distinct])[accounts]
    double = [0] * len(block)
    _fill(double, untied, _agreement_untied(block[untied], accounts[untied], others, table))
    _fill(double, ~untied, _agreement_tied(block[~untied], accounts[~untied], others, table))
    return list(zip(double, (2 * most for most in _most(block, table)), strict=True))


def _fill(values: list[int], where: np.ndarray, found: Sequence[int]) -> None:
    for place, value in zip(np.flatnonzero(where).tolist(), found, strict=True):
        values[place] = value


def _agreement_untied(
    ranks: np.ndarray, accounts: np.ndarray, others: Others, table: np.ndarray
) -> list[int]:
    sums = np.empty((len(ranks), 2), np.int64)
    kernels.agreement_sums(ranks, accounts, others.positions, table, sums)
    return [2 * one for one in joined(sums)]


def _agreement_tied(
    ranks: np.ndarray, accounts: np.ndarray, others: Others, table: np.ndarray
) -> list[int]:
    along, against = np.empty((2, *ranks.shape), np.uint32)
    kernels.order_keys(ranks, accounts, others.positions, along, against)
    both = zip(_ordered(along, 0, table), _ordered(against, FLIP, table), strict=True)
    return [one + two for one, two in both]


def _most(ranks: np.ndarray, table: np.ndarray) -> list[int]:
    """The sum of z g of each model, both ascending: the largest there is."""
    rows = ranks.shape[1]
    tied = np.empty(len(ranks), np.bool_)
    kernels.find_ties(ranks, np.empty(2 * rows + 1, np.uint8), tied)
    plain = np.arange(2, 2 * rows + 1, 2, dtype=np.uint32).reshape(1, rows)
    most = _ordered(plain, 0, table) * len(ranks)
    _fill(most, tied, _ordered(ranks[tied].astype(np.uint32), 0, table))
    return most


def _ordered(keys: np.ndarray, flip: int, table: np.ndarray) -> list[int]:
    """The sums of z g in the order of the keys, which are sorted in place."""
    keys.sort(axis=1)
    sums = np.empty((len(keys), 2), np.int64)
    kernels.ordered_sums(keys, flip, table, sums)
    return joined(sums)
