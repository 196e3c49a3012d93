"""The portfolio of a signal: a convex problem with published constants, solved and checked.

    x* = argmax  a'x - gamma/2 (x'Dx + sum_j Omega_j (B_j'x)^2)
         subject to  E'x = 0,  |x_i| <= u,  |x|_1 <= L

x = 0 is always feasible and D > 0, so there is one solution. docs/scoring.md has the method.
"""

from dataclasses import dataclass, field
from operator import index
from typing import Final

import numpy as np

from oracle.scoring.checks import require_integers, require_rows
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio_kernels import (
    cholesky_backward,
    cholesky_forward,
    cholesky_in_order,
    dual_gradient,
    dual_hessian,
    dual_weights,
    free_names,
    implicit_gradient,
    kkt_residual,
    max_residual,
    minimise_dual,
    signal_minus_columns,
)

MAX_COLUMNS: Final = 512
"""Most factors and equalities together."""

DEPENDENT: Final = 2.0**-44
"""Part of a dependent equality's largest entry that the others may leave of it."""

FITS: Final = 3
"""Least squares that find what they leave, each of what the one before left."""

MAX_BAGS: Final = 1000
SEED_BITS: Final = 256
EXPOSURE_LIMIT: Final = 1000 * SCALE
VARIANCE_LIMIT: Final = 10**6 * SCALE
NUMBER_LIMIT: Final = 10**9 * SCALE

DEFAULT_RISK_AVERSION: Final = 300 * SCALE
DEFAULT_BOX: Final = SCALE // 200
DEFAULT_GROSS: Final = SCALE
DEFAULT_BAGS: Final = 100


@dataclass(frozen=True, eq=False)
class PortfolioProblem:
    """The published constants of True Contribution for a universe of N names.

    Every number but ``bags`` and ``seed`` is an integer in units of 1e-9; arrays are kept as
    read-only int64 copies. Raises ScoringError ``dtype``, ``shape``, ``too_few_rows``,
    ``too_many_rows``, ``too_many_columns`` or ``problem_range``.

    - ``exposures``: B, (N, kb), of each name to each factor, up to 1,000 either way; kb may be 0.
    - ``factor_variances``: the diagonal of Omega, (kb,), above 0 and up to 10^6. (Correlated
      factors are published as uncorrelated combinations of them.)
    - ``equalities``: E, (N, q), up to 1,000 either way: ones for the market, dummies of countries
      and sectors. Columns that depend on earlier ones are allowed and change nothing.
    - ``specific_variances``: the diagonal of D, (N,), bounds as of ``factor_variances``.
    - ``box``: u, ``gross``: L, ``risk_aversion``: gamma, above 0 and up to 10^9.
    - ``bags``: dropout draws the score is the mean of, even, up to 1,000; 0 for none.
    - ``seed``: of the dropout masks, 0 <= seed < 2**256.
    - ``scale``: what the gradient is multiplied by, bounds as of ``box``.
    """

    exposures: np.ndarray
    factor_variances: np.ndarray
    equalities: np.ndarray
    specific_variances: np.ndarray
    box: int = DEFAULT_BOX
    gross: int = DEFAULT_GROSS
    risk_aversion: int = DEFAULT_RISK_AVERSION
    bags: int = DEFAULT_BAGS
    seed: int = 0
    scale: int = SCALE

    def __post_init__(self) -> None:
        require_integers(self.specific_variances, "specific_variances", (None,))
        rows = self.specific_variances.size
        require_rows(rows)
        require_integers(self.exposures, "exposures", (rows, None))
        require_integers(self.factor_variances, "factor_variances", (self.exposures.shape[1],))
        require_integers(self.equalities, "equalities", (rows, None))
        columns = self.exposures.shape[1] + self.equalities.shape[1]
        if columns > MAX_COLUMNS:
            raise ScoringError(
                "too_many_columns", f"{columns} factors and equalities, at most {MAX_COLUMNS} fit"
            )
        self._keep("exposures", -EXPOSURE_LIMIT, EXPOSURE_LIMIT)
        self._keep("equalities", -EXPOSURE_LIMIT, EXPOSURE_LIMIT)
        self._keep("factor_variances", 1, VARIANCE_LIMIT)
        self._keep("specific_variances", 1, VARIANCE_LIMIT)
        for name in ("box", "gross", "risk_aversion", "scale"):
            self._number(name, 1, NUMBER_LIMIT)
        self._number("seed", 0, (1 << SEED_BITS) - 1)
        self._number("bags", 0, MAX_BAGS)
        if self.bags % 2:
            raise ScoringError("problem_range", f"bags come in pairs, got {self.bags}")

    @property
    def rows(self) -> int:
        """N."""
        return self.specific_variances.size

    def _keep(self, name: str, low: int, high: int) -> None:
        kept = np.array(getattr(self, name), np.int64, order="C")
        if kept.size and not (low <= kept.min() and kept.max() <= high):
            raise ScoringError("problem_range", f"{name} must lie in {low}..{high}, in 1e-9")
        kept.flags.writeable = False
        object.__setattr__(self, name, kept)

    def _number(self, name: str, low: int, high: int) -> None:
        try:
            value = index(getattr(self, name))
        except TypeError:
            raise ScoringError("dtype", f"{name} must be an integer") from None
        if not low <= value <= high:
            raise ScoringError("problem_range", f"{name} is {value}, not in {low}..{high}")
        object.__setattr__(self, name, value)


def plain_problem(rows: int, *, seed: int = 0, bags: int = DEFAULT_BAGS) -> PortfolioProblem:
    """The default problem of ``rows`` names without a risk model: market neutral and no more.

    D = 1, no factors, gamma = 300, u = 1/200, L = 1, scale 1.
    """
    try:
        rows = index(rows)
    except TypeError:
        raise ScoringError("dtype", f"rows must be an integer, got {rows!r}") from None
    require_rows(rows)
    ones = np.full(rows, SCALE, np.int64)
    none = np.empty(0, np.int64)
    return PortfolioProblem(
        none.reshape(rows, 0), none, ones.reshape(rows, 1), ones, seed=seed, bags=bags
    )


def require_problem(problem: PortfolioProblem) -> None:
    """``problem`` must be a PortfolioProblem."""
    if not isinstance(problem, PortfolioProblem):
        raise ScoringError("dtype", f"the portfolio is a {type(problem)}, not a PortfolioProblem")


@dataclass(frozen=True, eq=False)
class Portfolio:
    """x* of a signal, (N,) float64, and what proves it.

    ``multipliers``, (kb + q + 1,) float64: of the factors, the equalities (0 for a column that
    depends on earlier ones) and the gross limit. ``residual``: see `verify_portfolio`.
    """

    weights: np.ndarray
    multipliers: np.ndarray
    residual: float
    steps: int = field(compare=False)


def solve_portfolio(
    problem: PortfolioProblem, signal: np.ndarray, start: np.ndarray | None = None
) -> Portfolio:
    """x* of ``signal``, (N,) float64. ``start``: multipliers to begin from, zeros by default.

    Raises ScoringError ``kkt_residual`` where no solution within `max_residual` was found,
    ``dependent_equalities`` where an equality depends on others but for its rounding, ``dtype``
    where ``problem`` is none.
    """
    return Solver(problem).solve(signal, start)


def verify_portfolio(
    problem: PortfolioProblem, signal: np.ndarray, multipliers: np.ndarray
) -> tuple[np.ndarray, float]:
    """The weights, (N,) float64, that follow from published multipliers, and their residual.

    One pass, no solving: the weights maximise the Lagrangian of any multipliers, so they are x* if
    they meet the constraints. The residual is the largest violation: of E_j'x = 0 and of
    y_j = gamma Omega_j B_j'x (as B_j'x - y_j / (gamma Omega_j)), each divided by the column's
    largest |C_ij|, and of |x|_1 = L (of |x|_1 <= L if the last multiplier is 0); all divided by L.
    Raises ScoringError ``signal`` or ``multipliers`` where these are no finite numbers of the right
    shape, or the last multiplier is negative.
    """
    return Solver(problem).verify(signal, multipliers)


class Solver:
    """A problem in floats, ready for many signals. Immutable: it may be shared and sent about."""

    def __init__(self, problem: PortfolioProblem) -> None:
        require_problem(problem)
        factors = problem.exposures.shape[1]
        gamma = problem.risk_aversion / SCALE
        self.rows = np.hstack([problem.exposures, problem.equalities]) / SCALE
        self.columns = np.ascontiguousarray(self.rows.T)
        self.inverse = 1.0 / (gamma * (problem.specific_variances / SCALE))
        self.ridge = np.zeros(self.rows.shape[1])
        self.ridge[:factors] = 1.0 / (gamma * (problem.factor_variances / SCALE))
        self.sizes = np.abs(self.rows).max(axis=0)
        self.box = problem.box / SCALE
        self.gross = problem.gross / SCALE
        self.kept = np.ones(self.ridge.size + 1, np.bool_)
        self.kept[factors:-1] = independent(self.rows[:, factors:])
        kept = self.kept[:-1]
        self._rows = np.ascontiguousarray(self.rows[:, kept])
        self._columns = np.ascontiguousarray(self.rows[:, kept].T)

    @property
    def dimension(self) -> int:
        """Multipliers of the dual problem: factors, independent equalities, and the gross limit."""
        return int(self.kept.sum())

    def solve(self, signal: np.ndarray, start: np.ndarray | None = None) -> Portfolio:
        """As `solve_portfolio`."""
        self._require(signal, "signal", self.inverse.size)
        begin = np.zeros(self.kept.size)
        if start is not None:
            self._require(start, "multipliers", self.kept.size)
            begin = np.where(self.kept, start, 0.0)
        kept = self.kept[:-1]
        found, error, steps = minimise_dual(
            signal,
            self._rows,
            self._columns,
            self.inverse,
            self.ridge[kept],
            self.sizes[kept],
            self.box,
            self.gross,
            begin[self.kept],
        )
        self._require_residual(error, steps, signal.size)
        multipliers = np.zeros(self.kept.size)
        multipliers[self.kept] = found
        x, error = self.verify(signal, multipliers)
        self._require_residual(error, steps, signal.size)
        return Portfolio(x, multipliers, error, steps)

    def verify(self, signal: np.ndarray, multipliers: np.ndarray) -> tuple[np.ndarray, float]:
        """As `verify_portfolio`."""
        self._require(signal, "signal", self.inverse.size)
        self._require(multipliers, "multipliers", self.kept.size)
        lam = float(multipliers[-1])
        q = signal_minus_columns(signal, self.columns, multipliers)
        x = dual_weights(q, lam, self.inverse, self.box)
        slope = dual_gradient(x, self.rows, self.ridge, self.gross, multipliers)
        return x, kkt_residual(slope, lam, self.gross, self.sizes)

    def free(self, signal: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """Indices of the names neither at a bound nor held at zero, ascending."""
        q = signal_minus_columns(signal, self.columns, multipliers)
        return free_names(q, float(multipliers[-1]), self.inverse, self.box)

    def signal_gradient(
        self, signal: np.ndarray, portfolio: Portfolio, returns: np.ndarray
    ) -> np.ndarray:
        """d(r'x*) / da, (N,) float64, for ``returns`` r, (N,) float64.

        All zero unless more names are free than the dual problem has dimensions: the constraints
        then hold x* where it is, or leave it so little room that this is how it is defined.
        """
        lam = float(portfolio.multipliers[-1])
        q = signal_minus_columns(signal, self.columns, portfolio.multipliers)
        count = free_names(q, lam, self.inverse, self.box).size
        if count <= self.dimension:
            return np.zeros(q.size)
        kept = self.kept[:-1]
        return implicit_gradient(
            returns, self._rows, q, lam, self.inverse, self.ridge[kept], self.box
        )

    def _require_residual(self, error: float, steps: int, rows: int) -> None:
        limit = max_residual(rows)
        if not error <= limit:
            raise ScoringError(
                "kkt_residual", f"no portfolio found within {limit}: {error} after {steps} steps"
            )

    def _require(self, values: np.ndarray, name: str, size: int) -> None:
        fits = (
            isinstance(values, np.ndarray)
            and values.dtype == np.float64
            and values.shape == (size,)
            and values.flags.c_contiguous
        )
        if not fits or not np.isfinite(values).all():
            raise ScoringError(name, f"{name} must be {size} finite numbers, a float64 array")
        if name == "multipliers" and values[-1] < 0.0:
            raise ScoringError(name, "the multiplier of the gross limit is negative")


def independent(columns: np.ndarray) -> np.ndarray:
    """Which of the ``columns`` (N, q) do not depend on earlier ones, (q,) bool.

    By the pivots of their Gram matrix: see portfolio_kernels.PIVOT. Raises ScoringError
    ``dependent_equalities`` where least squares by the others leave more of a column than rounding.
    """
    rows, count = columns.shape
    everything = np.arange(rows)
    ones = np.ones(rows)
    gram = dual_hessian(np.ascontiguousarray(columns), ones, everything, ones, np.zeros(count))
    work, holds = cholesky_in_order(gram)
    holds[count] = False  # the column of signs
    across = np.ascontiguousarray(columns.T)
    none = np.zeros(count)
    for j in np.flatnonzero(~holds[:count]):
        left = across[j]
        for _ in range(FITS):
            right = -dual_gradient(left, np.ascontiguousarray(columns), none, 0.0, none)
            parts = cholesky_backward(work, holds, cholesky_forward(work, holds, right), 0)
            left = signal_minus_columns(left, across, parts)
        if np.abs(left).max() > DEPENDENT * np.abs(across[j]).max():
            raise ScoringError(
                "dependent_equalities",
                f"equality {j} depends on others, but they leave {np.abs(left).max()} of it",
            )
    return holds[:count]
