"""The portfolio against a general convex solver, its optimality conditions, and its gradient."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from portfolio_cases import (
    centred,
    clarabel_weights,
    dense_signal_gradient,
    floats,
    risk_problem,
    stream,
    with_fields,
)

from oracle.scoring import portfolio
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import (
    PortfolioProblem,
    Solver,
    plain_problem,
    solve_portfolio,
    verify_portfolio,
)
from oracle.scoring.portfolio_kernels import max_residual
from oracle.scoring.portfolio_signals import meta_signals
from oracle.scoring.ranks import doubled_ranks

WIDE = {"box": SCALE, "gross": SCALE // 10}
CASES = {
    "factors, boxes bind": risk_problem(60, 3, (3, 4)),
    "no factors": risk_problem(60, 0, ()),
    "gross binds": risk_problem(60, 3, (3,), **WIDE),
    "boxes and gross bind": risk_problem(250, 4, (5, 4), gross=SCALE // 3, box=SCALE // 200),
    "nothing binds": risk_problem(40, 2, (3,), box=SCALE, gross=10 * SCALE),
    "plain": plain_problem(50),
}


def signal_of(rows: int, name: str = "signal") -> np.ndarray:
    """sign(z) |z|^1.5 of a rounded bell, (rows,) float64."""
    z = centred(name, 3 * SCALE, rows) / SCALE
    return z * np.sqrt(np.abs(z))


def worst_condition(problem: PortfolioProblem, signal: np.ndarray, x, multipliers) -> float:
    """Largest violation of the conditions of optimality, from the primal problem's own terms."""
    b, omega, e, d, box, gross, gamma = floats(problem)
    price, lam = multipliers[b.shape[1] : -1], multipliers[-1]
    pull = signal - gamma * (d * x + (b * omega) @ (b.T @ x)) - e @ price
    inside, at_box = (x != 0) & (np.abs(x) < box), np.abs(x) >= box
    violations = [
        np.abs(e.T @ x),
        [max(0, np.abs(x).max() - box), max(0, np.abs(x).sum() - gross), max(0, -lam)],
        [lam * max(0, gross - np.abs(x).sum())],
        np.abs(pull - lam * np.sign(x))[inside],
        np.maximum(0, np.abs(pull) - lam)[x == 0],
        np.maximum(0, lam - np.sign(x) * pull)[at_box],
    ]
    return max(np.max(part, initial=0.0) for part in violations)


# ---------------------------------------------------------------------- the solution


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_solve__general_convex_solver__same_weights(name):
    problem = CASES[name]
    signal = signal_of(problem.rows)
    expected = clarabel_weights(problem, signal)
    assert np.abs(solve_portfolio(problem, signal).weights - expected).max() < 1e-9


@pytest.mark.parametrize("name", CASES)
def test_solve__each_kind__meets_the_conditions_of_optimality(name):
    problem = CASES[name]
    signal = signal_of(problem.rows)
    found = solve_portfolio(problem, signal)
    assert worst_condition(problem, signal, found.weights, found.multipliers) < 1e-12
    assert found.residual <= 1e-12


@pytest.mark.parametrize(
    ("name", "boxed", "gross"),
    [
        ("factors, boxes bind", True, False),
        ("gross binds", False, True),
        ("boxes and gross bind", True, True),
        ("nothing binds", False, False),
    ],
)
def test_solve__cases__are_of_the_kind_they_say(name, boxed, gross):
    problem = CASES[name]
    found = solve_portfolio(problem, signal_of(problem.rows))
    assert (np.abs(found.weights).max() == problem.box / SCALE) == boxed
    assert (found.multipliers[-1] > 0) == gross


@st.composite
def problems(draw: st.DrawFn) -> tuple[PortfolioProblem, np.ndarray]:
    """Small problems, some with one name a sector, coarse signals or signals of few names."""
    rows = draw(st.integers(3, 40))
    groups = draw(st.lists(st.integers(1, 9), max_size=2))
    problem = risk_problem(
        rows,
        draw(st.integers(0, 4)),
        tuple(groups),
        box=draw(st.integers(SCALE // 1000, SCALE)),
        gross=draw(st.integers(SCALE // 20, 3 * SCALE)),
        risk_aversion=draw(st.integers(10 * SCALE, 1000 * SCALE)),
    )
    entries = st.one_of(st.integers(-2, 2), st.floats(-4, 4))
    signal = np.array(draw(st.lists(entries, min_size=rows, max_size=rows)), float)
    return problem, signal


@given(problems())
def test_solve__small_problems__meet_the_conditions_of_optimality(case):
    problem, signal = case
    found = solve_portfolio(problem, signal)
    assert worst_condition(problem, signal, found.weights, found.multipliers) < 1e-11


@given(problems(), st.integers(0, 2**32))
def test_solve__another_feasible_portfolio__is_no_better(case, seed):
    problem, signal = case
    b, omega, e, d, box, gross, gamma = floats(problem)
    found = solve_portfolio(problem, signal).weights
    other = np.random.default_rng(seed).normal(size=problem.rows)
    for _ in range(2):
        other -= e @ np.linalg.lstsq(e, other, rcond=None)[0]
    assume(np.abs(other).max() > 1e-3)
    other *= 0.99 * min(box / np.abs(other).max(), gross / np.abs(other).sum())

    def utility(x: np.ndarray) -> float:
        return signal @ x - gamma / 2 * (d @ x**2 + omega @ (b.T @ x) ** 2)

    mixed = found + 0.1 * (other - found)
    assert utility(found) >= max(utility(other), utility(mixed)) - 1e-12


def test_solve__nothing_to_gain__holds_nothing():
    for signal in (np.zeros(40), np.full(40, 1.5)):
        assert np.abs(solve_portfolio(plain_problem(40), signal).weights).max() < 1e-15


def test_solve__every_name_its_own_sector__holds_nothing():
    problem = with_fields(plain_problem(12), equalities=np.eye(12, dtype=np.int64) * SCALE)
    signal = signal_of(12)
    assert np.abs(solve_portfolio(problem, signal).weights).max() < 1e-13


@pytest.mark.parametrize("name", CASES)
def test_solve__started_elsewhere__same_weights_but_for_rounding(name):
    problem = CASES[name]
    signal = signal_of(problem.rows)
    cold = solve_portfolio(problem, signal)
    begin = solve_portfolio(problem, signal_of(problem.rows, "another")).multipliers
    warm = solve_portfolio(problem, signal, begin)
    assert np.abs(cold.weights - warm.weights).max() < 1e-14


def test_solve__opposite_signal__opposite_weights():
    problem, signal = CASES["boxes and gross bind"], signal_of(250)
    flipped = solve_portfolio(problem, -signal).weights
    assert np.abs(flipped + solve_portfolio(problem, signal).weights).max() < 1e-14


# ---------------------------------------------------------------------- dependent columns


def test_equalities__market_is_the_sum_of_the_sectors__changes_no_byte():
    problem = CASES["boxes and gross bind"]
    sectors = problem.equalities[:, 1:6]
    market = sectors.sum(axis=1, keepdims=True)
    signal = signal_of(250)
    alone = solve_portfolio(with_fields(problem, equalities=sectors), signal)
    both = solve_portfolio(
        with_fields(problem, equalities=np.hstack([sectors, market, 0 * market])), signal
    )
    assert np.array_equal(alone.weights, both.weights)
    assert both.multipliers[-3:-1].tolist() == [0, 0]
    assert Solver(problem).dimension == 4 + 1 + 4 + 3 + 1  # a group of each kind depends


def test_equalities__equal_but_for_rounding__named_error():
    problem = plain_problem(50)
    nearly = problem.equalities + stream("noise", 50)[:, None] % 7
    both = with_fields(problem, equalities=np.hstack([problem.equalities, nearly]))
    for signal in (signal_of(50), np.zeros(50)):  # whatever is asked of the portfolio
        with pytest.raises(ScoringError) as caught:
            solve_portfolio(both, signal)
        assert caught.value.code == "dependent_equalities"


@given(
    st.integers(1, 5),
    st.lists(st.lists(st.integers(-9, 9), min_size=5, max_size=5), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_equalities__sums_of_others__never_refused(kept, combinations, seed):
    """Exactly dependent integers of any size: what rounding leaves of them is no reason."""
    entries = np.random.default_rng(seed).integers(-10 * SCALE, 10 * SCALE, (30, kept))
    dependent = entries @ np.array(combinations)[:, :kept].T
    problem = with_fields(plain_problem(30), equalities=np.hstack([entries, dependent]))
    assert Solver(problem).dimension == kept + 1
    assert solve_portfolio(problem, signal_of(30)).residual <= 1e-12


def test_equalities__hardly_different__still_both_met():
    """One name of 50 differs by 0.1 %: far above the threshold, so both must hold."""
    problem = plain_problem(50)
    other = problem.equalities.copy()
    other[3] += SCALE // 1000
    both = with_fields(problem, equalities=np.hstack([problem.equalities, other]))
    assert abs(solve_portfolio(both, signal_of(50)).weights[3]) < 1e-9


def test_exposures__copied_and_empty_factors__solved():
    problem = CASES["factors, boxes bind"]
    b, omega = problem.exposures, problem.factor_variances
    doubled = with_fields(
        problem,
        exposures=np.hstack([b, b, 0 * b]),
        factor_variances=np.concatenate([omega, omega, omega]),
    )
    once = with_fields(problem, factor_variances=2 * omega)
    signal = signal_of(60)
    found = solve_portfolio(doubled, signal)
    assert np.abs(found.weights - solve_portfolio(once, signal).weights).max() < 1e-14


# ---------------------------------------------------------------------- the certificate


@pytest.mark.parametrize("name", CASES)
def test_verify__the_solvers_multipliers__the_same_bytes(name):
    problem = CASES[name]
    signal = signal_of(problem.rows)
    found = solve_portfolio(problem, signal)
    x, residual = verify_portfolio(problem, signal, found.multipliers)
    assert x.tobytes() == found.weights.tobytes()
    assert residual == found.residual


@pytest.mark.parametrize("which", [0, 3, -1])
def test_verify__a_multiplier_moved__fails(which):
    problem, signal = CASES["gross binds"], signal_of(60)
    moved = solve_portfolio(problem, signal).multipliers.copy()
    moved[which] += 1e-6
    assert verify_portfolio(problem, signal, moved)[1] > 1e-9


def test_verify__gross_limit_not_met__fails_either_way():
    """With lam > 0 the whole of L must be used; with lam = 0 no more than L."""
    problem, signal = CASES["gross binds"], signal_of(60)
    multipliers = solve_portfolio(problem, signal).multipliers
    idle = with_fields(problem, gross=2 * problem.gross)
    assert verify_portfolio(idle, signal, multipliers)[1] == pytest.approx(0.5)
    free = solve_portfolio(with_fields(problem, gross=100 * SCALE), signal).multipliers
    assert free[-1] == 0
    assert verify_portfolio(problem, signal, free)[1] > 0.1


@pytest.mark.parametrize(
    ("signal", "multipliers", "code"),
    [
        (np.zeros(49), np.zeros(2), "signal"),
        (np.zeros(50, np.float32), np.zeros(2), "signal"),
        (np.full(50, np.nan), np.zeros(2), "signal"),
        (np.zeros(100)[::2], np.zeros(2), "signal"),
        ([0.0] * 50, np.zeros(2), "signal"),
        (np.zeros(50), np.zeros(3), "multipliers"),
        (np.zeros(50), np.array([np.inf, 0.0]), "multipliers"),
        (np.zeros(50), np.array([0.0, -1e-300]), "multipliers"),
    ],
)
def test_verify__no_finite_floats_of_the_shape__named_error(signal, multipliers, code):
    with pytest.raises(ScoringError) as caught:
        verify_portfolio(plain_problem(50), signal, multipliers)
    assert caught.value.code == code
    with pytest.raises(ScoringError) as caught:
        solve_portfolio(plain_problem(50), signal, multipliers)
    assert caught.value.code == code


@pytest.mark.parametrize(("rows", "step"), [(60, 1), (1_000, 5), (5_000, 200), (20_000, 2_000)])
def test_solve__signals_of_two_values__solved(rows, step):
    """Ordinary predictions: k names at the top, alike, and all others alike."""
    solver = Solver(plain_problem(rows))
    for top in range(1, rows, step):
        prediction = (np.arange(rows) < top).astype(np.int64)
        [signal] = meta_signals(doubled_ranks(prediction[None]), [1])
        found = solver.solve(signal.signal)
        assert found.residual <= max(1e-12, rows * 2.0**-51)
        assert found.steps < 200
        if step > 100:  # and from where another signal ends
            solver.solve(-signal.signal, found.multipliers)


@pytest.mark.parametrize("rows", [1_000, 5_000])
def test_solve__signals_of_few_values__solved(rows):
    solver = Solver(plain_problem(rows))
    for levels in range(2, 12):
        prediction = stream(f"levels {levels}", rows) % levels
        [signal] = meta_signals(doubled_ranks(prediction[None]), [1])
        assert solver.solve(signal.signal).steps < 200


def test_residual__many_names__limit_grows_with_the_rounding_of_a_sum():
    assert max_residual(3) == max_residual(2_000) == 1e-12
    assert max_residual(20_000) == 20_000 * 2.0**-51


def test_solve__no_solution_within_reach__named_error():
    """A risk aversion of 1e-9 leaves a linear programme, whose dual has no curvature."""
    problem = risk_problem(80, 2, (), risk_aversion=1, box=SCALE, gross=SCALE // 100)
    with pytest.raises(ScoringError) as caught:
        solve_portfolio(problem, signal_of(80))
    assert caught.value.code == "kkt_residual"


# ---------------------------------------------------------------------- the gradient


@pytest.mark.parametrize("name", CASES)
def test_signal_gradient__dense_system__same(name):
    problem = CASES[name]
    solver = Solver(problem)
    signal = signal_of(problem.rows)
    returns = centred("returns", SCALE, problem.rows) / SCALE
    found = solver.solve(signal)
    expected = dense_signal_gradient(problem, found.weights, returns)
    v = solver.signal_gradient(signal, found, returns)
    assert np.abs(v - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("name", CASES)
def test_signal_gradient__finite_differences__same(name):
    problem = CASES[name]
    solver = Solver(problem)
    signal = signal_of(problem.rows)
    returns = centred("returns", SCALE, problem.rows) / SCALE
    found = solver.solve(signal)
    v = solver.signal_gradient(signal, found, returns)
    for row in range(0, problem.rows, 7):
        step = np.zeros(problem.rows)
        step[row] = 1e-6
        up, down = (solver.solve(signal + sign * step).weights @ returns for sign in (1, -1))
        assert abs((up - down) / 2e-6 - v[row]) < 1e-8 * np.abs(v).max() + 1e-9


@pytest.mark.parametrize("risk_aversion", [SCALE, SCALE // 100])
def test_signal_gradient__gamma_so_small_that_all_are_pinned__zero(risk_aversion):
    problem = risk_problem(80, 3, (4,), risk_aversion=risk_aversion)
    solver = Solver(problem)
    signal = signal_of(80)
    assert not solver.signal_gradient(signal, solver.solve(signal), signal).any()


def test_signal_gradient__every_name_at_a_box__zero():
    """A signal of two values, too large for the boxes: a small change of it moves nothing."""
    problem = plain_problem(50)
    solver = Solver(problem)
    signal = np.where(np.arange(50) % 2 == 0, 3.0, -3.0)
    found = solver.solve(signal)
    assert solver.free(signal, found.multipliers).size == 0
    assert not solver.signal_gradient(signal, found, signal_of(50)).any()


def test_signal_gradient__as_many_free_names_as_dimensions__zero():
    """Three names, of which two are fixed by equalities: three free, a dual of four dimensions."""
    pairs = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 0]], np.int64) * SCALE
    problem = with_fields(plain_problem(3), equalities=pairs, box=SCALE)
    solver = Solver(problem)
    signal = signal_of(3)
    assert not solver.signal_gradient(signal, solver.solve(signal), signal).any()


# ---------------------------------------------------------------------- the problem


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"exposures": np.zeros((9, 1), np.int64)}, "shape"),
        ({"exposures": np.zeros(10, np.int64)}, "shape"),
        ({"exposures": np.zeros((10, 1))}, "dtype"),
        ({"exposures": np.full((10, 1), 1000 * SCALE + 1)}, "problem_range"),
        ({"factor_variances": np.ones(2, np.int64)}, "shape"),
        ({"factor_variances": np.zeros(1, np.int64)}, "problem_range"),
        ({"factor_variances": np.full(1, 10**15 + 1)}, "problem_range"),
        ({"equalities": np.zeros((11, 1), np.int64)}, "shape"),
        ({"equalities": np.full((10, 1), np.nan)}, "dtype"),
        ({"equalities": np.full((10, 1), -1000 * SCALE - 1)}, "problem_range"),
        ({"equalities": np.zeros((10, 512), np.int64)}, "too_many_columns"),
        ({"specific_variances": np.ones(2, np.int64)}, "too_few_rows"),
        ({"specific_variances": np.ones(20_001, np.int64)}, "too_many_rows"),
        ({"specific_variances": np.zeros(10, np.int64)}, "problem_range"),
        ({"box": 0}, "problem_range"),
        ({"box": 0.5}, "dtype"),
        ({"gross": -1}, "problem_range"),
        ({"gross": 10**18 + 1}, "problem_range"),
        ({"risk_aversion": 0}, "problem_range"),
        ({"scale": 0}, "problem_range"),
        ({"bags": 3}, "problem_range"),
        ({"bags": 1002}, "problem_range"),
        ({"bags": -2}, "problem_range"),
        ({"seed": 2**256}, "problem_range"),
        ({"seed": -1}, "problem_range"),
        ({"seed": "7"}, "dtype"),
    ],
)
def test_problem__a_field_out_of_bounds__named_error(fields, code):
    with pytest.raises(ScoringError) as caught:
        with_fields(risk_problem(10, 1, (2,)), **fields)
    assert caught.value.code == code


@pytest.mark.parametrize("rows", [50.0, "50", None])
def test_plain_problem__rows_are_no_integer__named_error(rows):
    with pytest.raises(ScoringError) as caught:
        plain_problem(rows)
    assert caught.value.code == "dtype"


@pytest.mark.parametrize("problem", [3, None, "plain"])
def test_solve__no_problem__named_error(problem):
    for call in (solve_portfolio, lambda *given: verify_portfolio(*given, np.zeros(2))):
        with pytest.raises(ScoringError) as caught:
            call(problem, signal_of(50))
        assert caught.value.code == "dtype"


def test_problem__arrays_changed_afterwards__are_copies():
    variances = np.full(10, SCALE, np.int64)
    problem = with_fields(plain_problem(10), specific_variances=variances)
    variances[0] = 1
    assert problem.specific_variances[0] == SCALE
    with pytest.raises(ValueError, match="read-only"):
        problem.specific_variances[0] = 1


def test_plain_problem__its_constants__as_documented():
    problem = plain_problem(10, seed=5, bags=20)
    assert problem.exposures.shape == (10, 0)
    assert problem.factor_variances.shape == (0,)
    assert problem.equalities.tolist() == [[SCALE]] * 10
    assert problem.specific_variances.tolist() == [SCALE] * 10
    assert (problem.box, problem.gross, problem.risk_aversion) == (5_000_000, SCALE, 300 * SCALE)
    assert (problem.bags, problem.seed, problem.scale) == (20, 5, SCALE)
    assert portfolio.DEFAULT_BAGS == plain_problem(10).bags == 100
