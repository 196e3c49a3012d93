"""True Contribution: what a model adds to the return of the meta model's portfolio."""

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
from oracle.scoring.limits import POWER_BITS, SCALE, TABLE_BITS
from oracle.scoring.portfolio import Portfolio, PortfolioProblem, Solver, require_problem
from oracle.scoring.portfolio_signals import MetaSignal, meta_signals
from oracle.scoring.sums import stacked, table_sums
from oracle.scoring.tables import normal_table

RETURN_LIMIT: Final = 1000 * SCALE
"""Largest absolute return: 1,000, in units of 1e-9."""

UNIT: Final = 2.0**-TABLE_BITS
"""One unit of the normal table."""

Job = MetaSignal | None
"""The signal of a bag."""

MapBags = Callable[["Callable[[Job], Bag | None]", Iterable[Job]], "Iterable[Bag | None]"]
"""The built-in ``map``, or one that shares the work: results in the order of the arguments."""


@dataclass(frozen=True, eq=False)
class Bag:
    """A portfolio, and the gradient of its return.

    ``gradient``, (N,) float64: |m| / sqrt(N) dR / dm in units of 2**-28, so that a model's score is
    its product with the model's table entries.
    """

    portfolio: Portfolio
    gradient: np.ndarray


@dataclass(frozen=True, eq=False)
class WeightGradient:
    """|m| / sqrt(N) dR / dm in integers.

    A model's score is nint(scale * sum_i G[k_i] entries_i / 2**shift). ``entries``, (N,) int64, the
    largest at least 2**31 and at most 2**32 in size, or all zero; ``scale`` in units of 1e-9.
    """

    entries: np.ndarray
    shift: int
    scale: int

    @classmethod
    def rounded(cls, gradient: np.ndarray, scale: int) -> "WeightGradient":
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

    ``mean``: over the bags; ``plain``: without dropout; ``portfolio``: x* of the full meta model,
    both None where none was found; ``bags``: the portfolios of bags 0, 1, .., None where the mean
    leaves a bag out: without stake, with a constant meta model, or with no portfolio found.
    """

    mean: WeightGradient
    plain: WeightGradient | None
    portfolio: Portfolio | None
    bags: tuple[Portfolio | None, ...]


@dataclass(frozen=True, eq=False)
class TrueContribution:
    """True Contribution of a round's models, and what shows how it came about.

    ``scores``: int64 (M,) in units of 1e-9, the mean over the bags. ``signal``, (N,) float64: what
    the full meta model asked of its portfolio. ``ranks``: those it was computed of, not copied.
    """

    scores: np.ndarray
    signal: np.ndarray
    gradient: PortfolioGradient
    ranks: np.ndarray

    @property
    def plain(self) -> np.ndarray:
        """The scores without dropout, computed when asked for.

        Raises ScoringError ``kkt_residual`` where there is no full portfolio, ``score_range``.
        """
        if self.gradient.plain is None:
            raise ScoringError("kkt_residual", "no portfolio of the full meta model was found")
        return self.gradient.plain.scores(self.ranks)


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
        signal=full.signal,
        gradient=gradient,
        ranks=ranks,
    )


def require_universe(returns: np.ndarray, problem: PortfolioProblem, rows: int) -> None:
    """``returns`` and ``problem`` must be of ``rows`` names, the returns within bounds."""
    require_problem(problem)
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

    Each bag is solved from the full portfolio's multipliers, or from zeros where none was found, so
    their order cannot matter. Raises ScoringError ``kkt_residual`` where fewer than half of the
    bags are left for the mean, or there are no bags and no full portfolio.
    """
    full = signals[0]
    assert full is not None
    require_universe(returns, problem, full.z.size)
    payoff = returns.astype(np.float64) / SCALE
    solver = Solver(problem)
    whole = _bag(solver, payoff, full)
    job = partial(
        _bag, solver, payoff, start=None if whole is None else whole.portfolio.multipliers
    )
    bags = list(map_bags(job, signals[1:]))
    averaged = bags or [whole]
    used = [bag.gradient for bag in averaged if bag is not None]
    if 2 * len(used) < len(averaged):
        missing = len(averaged) - len(used)
        raise ScoringError("kkt_residual", f"{missing} of {len(averaged)} portfolios not found")
    return PortfolioGradient(
        mean=WeightGradient.rounded(mean_of_rows(np.array(used)), problem.scale),
        plain=None if whole is None else WeightGradient.rounded(whole.gradient, problem.scale),
        portfolio=None if whole is None else whole.portfolio,
        bags=tuple(None if bag is None else bag.portfolio for bag in bags),
    )


def _bag(
    solver: Solver, payoff: np.ndarray, meta: MetaSignal | None, start: np.ndarray | None = None
) -> Bag | None:
    """None where there is no signal, or no portfolio of it is found."""
    if meta is None:
        return None
    try:
        portfolio = solver.solve(meta.signal, start)
    except ScoringError as error:
        if error.code != "kkt_residual":
            raise
        return None
    slope = solver.signal_gradient(meta.signal, portfolio, payoff)
    return Bag(portfolio, UNIT * weight_gradient(slope, meta.z))


@kernel
def weight_gradient(v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """|m| / sqrt(N) dR / dm from v = dR / da, (N,): through the power and the normalisation of m.

    g - z (z'g) / N, g = 1.5 sqrt|z| v. The sum is by ascending index.
    """
    along = 0.0
    g = np.empty(v.size)
    for i in range(v.size):
        g[i] = 1.5 * np.sqrt(abs(z[i])) * v[i]
        along += z[i] * g[i]
    along /= float(v.size)
    for i in range(v.size):
        g[i] = g[i] - z[i] * along
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
