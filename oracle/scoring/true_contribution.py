"""True Contribution: what a model's stake adds to the return of the meta model's portfolio."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import frexp, ldexp
from typing import Final

import numpy as np

from oracle.scoring.arithmetic import div_half_even
from oracle.scoring.checks import blocks, rank_block, require_integers, require_matrix
from oracle.scoring.compiled import kernel
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import POWER_BITS, SCALE
from oracle.scoring.portfolio import Portfolio, PortfolioProblem, Solver
from oracle.scoring.portfolio_signals import MetaSignal, meta_signals
from oracle.scoring.sums import stacked, table_sums
from oracle.scoring.tables import normal_table

RETURN_LIMIT: Final = 1000 * SCALE
"""Largest absolute return: 1,000, in units of 1e-9."""

Job = tuple[int, MetaSignal | None]
"""A bag's number and its signal."""

MapBags = Callable[["Callable[[Job], Bag | None]", Iterable[Job]], "Iterable[Bag | None]"]
"""The built-in ``map``, or one that shares the work: results in the order of the arguments."""


@dataclass(frozen=True, eq=False)
class Bag:
    """A portfolio, and the gradient of its return.

    ``gradient``, (N,) float64: S dR / dm, m in units of 2**-28, so that S dR / ds_k is its product
    with model k's table entries.
    """

    portfolio: Portfolio
    gradient: np.ndarray


@dataclass(frozen=True, eq=False)
class StakeGradient:
    """S dR / dm in integers: a model's score is nint(scale * sum_i G[k_i] entries_i / 2**shift).

    ``entries``, (N,) int64, the largest at least 2**31 and at most 2**32 in size, or all zero;
    ``scale`` in units of 1e-9.
    """

    entries: np.ndarray
    shift: int
    scale: int

    @classmethod
    def rounded(cls, gradient: np.ndarray, scale: int) -> "StakeGradient":
        """Of ``gradient``, (N,) float64, rounded half to even."""
        largest = float(np.abs(gradient).max())
        shift = POWER_BITS - frexp(largest)[1]
        entries = np.rint(gradient * ldexp(1.0, shift)).astype(np.int64)
        return cls(entries, shift, scale)

    def scores(self, ranks: np.ndarray, block_models: int | None = None) -> np.ndarray:
        """Of the models with doubled ``ranks`` (M, N), int64 (M,) in units of 1e-9."""
        models, rows = ranks.shape
        table, vectors = normal_table(rows)[0], stacked(self.entries)
        up, down = self.scale << max(0, -self.shift), 1 << max(0, self.shift)
        scores = np.empty(models, np.int64)
        for block in blocks(models, rows, block_models):
            sums = table_sums(rank_block(ranks[block], block.start), table, vectors)
            values = [div_half_even(value * up, down) for value in sums.products[0]]
            if max(map(abs, values)) >> 63:
                raise ScoringError("score_range", "a score does not fit 64 bits: lower the scale")
            scores[block] = values
        return scores


@dataclass(frozen=True, eq=False)
class PortfolioGradient:
    """What True Contribution needs of a round besides a model's own ranks, and its certificates.

    ``mean``: over the bags; ``plain``: without dropout; ``portfolio``: x* of the full meta model;
    ``bags``: the portfolios of bags 0, 1, .., None for one without stake or whose meta model is
    constant, which the mean leaves out.
    """

    mean: StakeGradient
    plain: StakeGradient
    portfolio: Portfolio
    bags: tuple[Portfolio | None, ...]


@dataclass(frozen=True, eq=False)
class TrueContribution:
    """True Contribution of a round's models, and what shows how it came about.

    ``scores``: int64 (M,) in units of 1e-9, the mean over the bags; ``plain``: the same without
    dropout. ``signal``, (N,) float64: what the full meta model asked of its portfolio.
    """

    scores: np.ndarray
    plain: np.ndarray
    signal: np.ndarray
    gradient: PortfolioGradient


def true_contribution(
    ranks: np.ndarray,
    stakes: Sequence[int],
    returns: np.ndarray,
    problem: PortfolioProblem,
    block_models: int | None = None,
    map_bags: MapBags = map,
) -> TrueContribution:
    """True Contribution of each model, with or without stake.

    ``ranks``: doubled ranks (M, N), any integer type; ``stakes``: one non-negative integer a model,
    total below 2**56; ``returns``: (N,) in units of 1e-9, up to 1,000 either way. The scores are
    multiplied by ``problem.scale``. ``block_models`` bounds the working memory, ``map_bags`` (for
    example a thread pool's ``map``) says who does the bags' work; neither affects a result. Raises
    ScoringError: see docs/scoring.md.
    """
    _, rows = require_matrix(ranks, "ranks")
    require_universe(returns, problem, rows)
    signals = meta_signals(ranks, stakes, problem.bags, problem.seed, block_models)
    gradient = portfolio_gradient(signals, returns, problem, map_bags)
    full = signals[0]
    assert full is not None
    return TrueContribution(
        scores=gradient.mean.scores(ranks, block_models),
        plain=gradient.plain.scores(ranks, block_models),
        signal=full.signal,
        gradient=gradient,
    )


def require_universe(returns: np.ndarray, problem: PortfolioProblem, rows: int) -> None:
    """``returns`` and ``problem`` must be of ``rows`` names, the returns within bounds."""
    if rows != problem.rows:
        raise ScoringError("shape", f"ranks have {rows} rows, the portfolio {problem.rows}")
    require_integers(returns, "returns", (rows,))
    outside = np.flatnonzero((returns < -RETURN_LIMIT) | (returns > RETURN_LIMIT))
    if outside.size:
        row = int(outside[0])
        raise ScoringError(
            "return_range",
            f"return row {row} is {int(returns[row])}, the limit is {RETURN_LIMIT} either way",
        )


def portfolio_gradient(
    signals: Sequence[MetaSignal | None],
    returns: np.ndarray,
    problem: PortfolioProblem,
    map_bags: MapBags = map,
) -> PortfolioGradient:
    """The portfolios of `meta_signals`, and the gradient of their returns.

    Each bag is solved from the full portfolio's multipliers, so their order cannot matter.
    """
    full = signals[0]
    assert full is not None
    require_universe(returns, problem, full.z.size)
    payoff = returns.astype(np.float64) / SCALE
    solver = Solver(problem)
    whole = _bag(solver, payoff, full, None)
    job = partial(_numbered_bag, solver, payoff, whole.portfolio.multipliers)
    bags = list(map_bags(job, enumerate(signals[1:])))
    used = [bag.gradient for bag in bags if bag is not None] or [whole.gradient]
    return PortfolioGradient(
        mean=StakeGradient.rounded(mean_of_rows(np.array(used)), problem.scale),
        plain=StakeGradient.rounded(whole.gradient, problem.scale),
        portfolio=whole.portfolio,
        bags=tuple(None if bag is None else bag.portfolio for bag in bags),
    )


def _numbered_bag(
    solver: Solver, payoff: np.ndarray, start: np.ndarray, numbered: Job
) -> Bag | None:
    number, signal = numbered
    if signal is None:
        return None
    try:
        return _bag(solver, payoff, signal, start)
    except ScoringError as error:
        raise ScoringError(error.code, f"dropout bag {number}: {error.message}") from None


def _bag(solver: Solver, payoff: np.ndarray, meta: MetaSignal, start: np.ndarray | None) -> Bag:
    portfolio = solver.solve(meta.signal, start)
    slope = solver.signal_gradient(meta.signal, portfolio, payoff)
    return Bag(portfolio, stake_gradient(slope, meta.z, meta.stretch, meta.share))


@kernel
def stake_gradient(v: np.ndarray, z: np.ndarray, stretch: float, share: float) -> np.ndarray:
    """S dR / dm from v = dR / da, (N,): through the power and the normalisation of m.

    g_z = 1.5 sqrt|z| v;  dR / dm = stretch (g_z - z (z'g_z) / N). The sum is by ascending index.
    """
    along = 0.0
    g = np.empty(v.size)
    for i in range(v.size):
        g[i] = 1.5 * np.sqrt(abs(z[i])) * v[i]
        along += z[i] * g[i]
    along /= float(v.size)
    factor = share * stretch
    for i in range(v.size):
        g[i] = factor * (g[i] - z[i] * along)
    return g


@kernel
def mean_of_rows(vectors: np.ndarray) -> np.ndarray:
    """Mean of the rows of ``vectors`` (B, N), added in their order."""
    total = np.zeros(vectors.shape[1])
    for b in range(vectors.shape[0]):
        for i in range(total.size):
            total[i] += vectors[b, i]
    for i in range(total.size):
        total[i] /= float(vectors.shape[0])
    return total
