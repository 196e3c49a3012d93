"""The definitions of docs/scoring.md once more, row by row, in Fraction and mpmath only.

Nothing here is shared with the engine: quantiles come from root finding, not from a seed.
"""

from fractions import Fraction
from functools import cache
from math import floor

import mpmath

SCALE = 10**9
CONTEXT = mpmath.MPContext()
CONTEXT.dps = 60


def half_even(value: mpmath.mpf) -> int:
    """``value`` to the nearest integer; a tie would need more digits than the context has."""
    below = int(CONTEXT.floor(value))
    rest = value - below
    assert abs(rest - 0.5) > CONTEXT.mpf(10) ** -30 or rest == 0.5
    return below + (rest > 0.5 or (rest == 0.5 and below % 2 == 1))


def doubled_ranks(values: list[int]) -> list[int]:
    return [
        2 * sum(other < value for other in values) + sum(other == value for other in values) + 1
        for value in values
    ]


@cache
def quantile(numerator: int, denominator: int) -> mpmath.mpf:
    """Phi^-1(numerator / denominator) by bisection on the normal distribution function."""
    probability = CONTEXT.mpf(numerator) / denominator
    low, high = CONTEXT.mpf(-6), CONTEXT.mpf(6)
    for _ in range(190):
        middle = (low + high) / 2
        if CONTEXT.ncdf(middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def signed_power(value: mpmath.mpf) -> mpmath.mpf:
    return CONTEXT.sign(value) * abs(value) ** CONTEXT.mpf("1.5")


def gauss(rank: int, rows: int, power: bool) -> mpmath.mpf:
    z = quantile(rank - 1, 2 * rows) if rank != rows + 1 else CONTEXT.mpf(0)
    return signed_power(z) if power else z


def pearson(xs: list, ys: list) -> mpmath.mpf:
    count = len(xs)
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    spread = sum((x - mean_x) ** 2 for x in xs) * sum((y - mean_y) ** 2 for y in ys)
    return covariance / CONTEXT.sqrt(spread)


def residual_covariance(zs: list, ms: list, ts: list) -> mpmath.mpf:
    """Mean of t times the part of z orthogonal to m, with t already centred and scaled."""
    slope = sum(z * m for z, m in zip(zs, ms, strict=True)) / sum(m * m for m in ms)
    rows = zip(zs, ms, ts, strict=True)
    return sum((z - slope * m) * t for z, m, t in rows) / len(zs)


def centred_target(target: list[int]) -> list[Fraction]:
    mean = Fraction(sum(target), len(target))
    return [(value - mean) / SCALE for value in target]


def real(value: Fraction) -> mpmath.mpf:
    return CONTEXT.mpf(value.numerator) / value.denominator


def contribution_target(target: list[int]) -> list[mpmath.mpf]:
    factor = 4 if all(0 <= value <= SCALE for value in target) else 1
    return [factor * real(value) for value in centred_target(target)]


def ideal_corr(ranks: list[int], target: list[int]) -> mpmath.mpf:
    """CORR of the reals, with no table."""
    xs = [gauss(rank, len(ranks), power=True) for rank in ranks]
    return pearson(xs, [signed_power(real(value)) for value in centred_target(target)])


def ideal_mmc(ranks: list[int], meta_ranks: list[int], target: list[int]) -> mpmath.mpf:
    """MMC of the reals, with no table."""
    zs, ms = ([gauss(rank, len(ranks), power=False) for rank in row] for row in (ranks, meta_ranks))
    return residual_covariance(zs, ms, contribution_target(target))


def table_entry(rank: int, rows: int, power: bool) -> int:
    return half_even(gauss(rank, rows, power) * 2**28)


def exact_corr(ranks: list[int], target: list[int]) -> int:
    """CORR as specified: tables and powered target rounded first."""
    xs = [CONTEXT.mpf(table_entry(rank, len(ranks), power=True)) for rank in ranks]
    us = centred_target(target)
    largest = max(abs(u) for u in us)
    ys = [CONTEXT.mpf(half_even(signed_power(real(u / largest)) * 2**32)) for u in us]
    return half_even(pearson(xs, ys) * SCALE)


def exact_mmc(ranks: list[int], meta_ranks: list[int], target: list[int]) -> int:
    """MMC as specified: tables rounded first; a ratio of integers, so in Fraction to the end."""
    zs, ms = (
        [Fraction(table_entry(rank, len(ranks), power=False), 2**28) for rank in row]
        for row in (ranks, meta_ranks)
    )
    factor = 4 if all(0 <= value <= SCALE for value in target) else 1
    score = residual_covariance(zs, ms, [factor * value for value in centred_target(target)])
    return fraction_half_even(score * SCALE)


def fraction_half_even(value: Fraction) -> int:
    below = floor(value)
    rest = value - below
    return below + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1))


def mean_ranks(ranks: list[list[int]], stakes: list[int]) -> list[Fraction]:
    """Stake-weighted mean of the tie-kept ranks (rank - 0.5) / N of each row."""
    rows = len(ranks[0])
    return [
        sum(
            stake * Fraction(rank - 1, 2 * rows) for stake, rank in zip(stakes, column, strict=True)
        )
        / sum(stakes)
        for column in zip(*ranks, strict=True)
    ]


def exact_rho(
    ranks: list[list[int]], stakes: list[int], accounts: list, model: int
) -> tuple[int, int, str]:
    """rho at 1e-9, hardening level and status of one model, as specified."""
    others = [
        (stake, row)
        for stake, row, account in zip(stakes, ranks, accounts, strict=True)
        if account != accounts[model] and stake
    ]
    if not others:
        return 0, 0, "no_stake"
    own = ranks[model]
    means = [sum(stake * row[place] for stake, row in others) for place in range(len(own))]
    if len(set(means)) == 1:
        return 0, 0, "constant"
    quantiles = [table_entry(2 * place, len(own), power=False) for place in range(1, len(own) + 1)]

    def agreement(order: list[int]) -> int:
        zs = (table_entry(rank, len(own), power=False) for rank in order)
        return sum(z * g for z, g in zip(zs, quantiles, strict=True))

    pairs = list(zip(means, own, strict=True))
    along = agreement([rank for _, rank in sorted(pairs)])
    against = agreement([rank for _, rank in sorted(pairs, key=lambda pair: (pair[0], -pair[1]))])
    rho = Fraction(along + against, 2 * agreement(sorted(own)))
    above = 15 * (rho - Fraction(6, 10)) / Fraction(4, 10)
    return fraction_half_even(rho * SCALE), max(0, floor(above + Fraction(1, 2))), "ok"
