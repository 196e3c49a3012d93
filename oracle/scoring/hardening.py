"""Burn-hardening: how close each model is to the meta model without its own account."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.scoring.arithmetic import div_half_even, dots
from oracle.scoring.checks import blocks, require_matrix, require_ranks, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import MetaStatus, stake_sums
from oracle.scoring.tables import normal_table


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
    groups = _groups(accounts, models)
    for block in blocks(models, rows, block_models):
        require_ranks(ranks[block], block.start)
    rho, levels = np.zeros(models, np.int64), np.zeros(models, np.int64)
    if not any(units):
        return Hardening(rho, levels, ("no_stake",) * models)
    total = stake_sums(ranks, units, block_models)
    statuses: list[MetaStatus] = ["ok"] * models
    for group in groups:
        cuts = [group[cut] for cut in blocks(len(group), rows, block_models)]
        others = total
        for members in cuts:
            others = others.without(ranks[members], [units[model] for model in members])
        positions = others.positions()
        if not positions.any():
            for model in group:
                statuses[model] = "constant" if others.total_stake else "no_stake"
            continue
        for members in cuts:
            ratios = _correlations(ranks[members], positions)
            for model, (numerator, denominator) in zip(members, ratios, strict=True):
                rho[model] = div_half_even(numerator * SCALE, denominator)
                levels[model] = level(numerator, denominator)
    return Hardening(rho, levels, tuple(statuses))


def level(numerator: int, denominator: int) -> int:
    """The hardening level of rho = ``numerator / denominator``, from -1 to 1, exactly.

    The nearest of sixteen, 15 (rho - 0.6) / 0.4 + 1/2 rounded down, at least 0. That is
    (75 rho - 44) / 2, in which only floor(75 rho) matters.
    """
    return max(0, (75 * numerator // denominator - 44) // 2)


def _groups(accounts: Sequence[Hashable] | np.ndarray, models: int) -> list[list[int]]:
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


def _correlations(ranks: np.ndarray, positions: np.ndarray) -> list[tuple[int, int]]:
    """rho of each row of ``ranks`` (B, N) as numerator and denominator > 0.

    ``positions`` (N,): dense ranks 0, 1, .. of the others' sums. With g the quantiles of N untied
    rows and z a model's own, the denominator is twice the sum of z g, both ascending, and the
    numerator is the sum of z g with g in the others' order, once with the rows that tie there in
    the model's own order and once against it. |z|, |g| < 2**32: `dots` takes them. A sort key is
    at most N (2N + 1) < 2**30.
    """
    rows = positions.size
    table = normal_table(rows)[0]
    untied = table[2::2]
    ascending = dots(table[np.sort(ranks, axis=1).astype(np.intp)], untied)
    own = ranks.astype(np.intp)
    if positions.max() == rows - 1:
        along = against = dots(table[own], untied[positions])
    else:
        along, against = (
            dots(table[np.take_along_axis(own, np.argsort(key, axis=1), axis=1)], untied)
            for key in (positions * (2 * rows + 1) + own, positions * (2 * rows + 1) - own)
        )
    return [(a + b, 2 * c) for a, b, c in zip(along, against, ascending, strict=True)]
