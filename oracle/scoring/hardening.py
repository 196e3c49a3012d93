"""Burn-hardening: how close each model is to the meta model without its own account."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.scoring.agreement import agreements, chunks, without
from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import block_size, require_matrix, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import MetaStatus, StakeSums, sum_stakes


@dataclass(frozen=True, eq=False)
class Hardening:
    """``rho`` in units of 1e-9 and ``levels`` 0..15, both int64 (M,), and each model's status.

    A status is ``ok``, or why there is nothing to compare the model with, so that its rho and its
    level are 0: ``no_stake`` (no other account has stake) or ``constant`` (the others' weighted
    mean is the same for every row).
    """

    rho: np.ndarray
    levels: np.ndarray
    statuses: tuple[MetaStatus, ...]


def hardening(
    ranks: np.ndarray,
    stakes: Sequence[int],
    accounts: Sequence[Hashable] | np.ndarray,
    block_models: int | None = None,
) -> Hardening:
    """Correlation of each model with the meta model of all other accounts, and its level.

    ``ranks``: doubled ranks (M, N), any integer type; ``stakes``: one non-negative integer a
    model, total below 2**56; ``accounts``: whose model each is. The others' sums are those of all
    less the account's: O(M N) additions, and one sort of N rows an account (two more a model where
    the others' sums tie). rho is rounded half to even; the level follows from the exact value.
    ``block_models`` bounds the working memory only. Raises ScoringError: see docs/scoring.md.
    """
    models, rows = require_matrix(ranks, "ranks")
    units = require_stakes(stakes, models)
    groups = account_groups(accounts, models)
    total = sum_stakes(ranks, units, block_models)
    rho, levels = np.zeros(models, np.int64), np.zeros(models, np.int64)
    statuses: list[MetaStatus] = ["ok" if total.total_stake else "no_stake"] * models
    if not total.total_stake:
        return Hardening(rho, levels, tuple(statuses))
    for batch in batches(groups, block_size(rows, block_models)):
        for found in hardened_batch(ranks, units, batch, total, block_models):
            rho[found.model], levels[found.model] = found.rho, found.level
            statuses[found.model] = found.status
    return Hardening(rho, levels, tuple(statuses))


@dataclass(frozen=True, slots=True)
class Hardened:
    """One model's part of a `Hardening`."""

    model: int
    rho: int
    level: int
    status: MetaStatus


def hardened_batch(
    ranks: np.ndarray,
    stakes: Mapping[int, int] | Sequence[int],
    batch: Sequence[list[int]],
    total: StakeSums,
    block_models: int | None = None,
) -> Iterator[Hardened]:
    """The models of some accounts: each member of ``batch`` lists an account's.

    ``ranks``: doubled ranks (M, N) of the round, of which those models are read, ``stakes`` theirs;
    ``total``: the round's sums. Independent of all other batches. Errors as `hardening`.
    """
    size = block_size(ranks.shape[1], block_models)
    others = without(total, ranks, stakes, batch, size)
    for members, whose in chunks(batch, size):
        ratios = agreements(ranks[members], whose, others)
        for model, account, ratio in zip(members, whose.tolist(), ratios, strict=True):
            if others.distinct[account] == 1:
                yield Hardened(model, 0, 0, "constant" if others.stake[account] else "no_stake")
            else:
                rho = div_half_even(ratio[0] * SCALE, ratio[1])
                yield Hardened(model, rho, level(*ratio), "ok")


def batches(groups: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    """At most ``size`` accounts at a time."""
    for start in range(0, len(groups), size):
        yield groups[start : start + size]


def level(numerator: int, denominator: int) -> int:
    """The hardening level of rho = ``numerator / denominator``, from -1 to 1, exactly.

    The nearest of sixteen, 15 (rho - 0.6) / 0.4 + 1/2 rounded down, at least 0. That is
    (75 rho - 44) / 2, in which only floor(75 rho) matters.
    """
    return max(0, (75 * numerator // denominator - 44) // 2)


def account_groups(accounts: Sequence[Hashable] | np.ndarray, models: int) -> list[list[int]]:
    """The models of each account."""
    if len(accounts) != models:
        raise ScoringError("shape", f"{len(accounts)} accounts for {models} models")
    groups: dict[Hashable, list[int]] = {}
    try:
        for model, account in enumerate(accounts):
            groups.setdefault(account, []).append(model)
    except TypeError as error:
        raise ScoringError("dtype", f"accounts must be hashable: {error}") from None
    return list(groups.values())
