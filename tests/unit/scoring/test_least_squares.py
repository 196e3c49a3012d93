"""Least squares on features: exact products, one order of operations, true residuals."""

import pickle
from statistics import NormalDist

import naive_neutral
import naive_scores
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from neutral_digests import feature_sets, noise

from oracle.scoring import fine_quantiles as fine_quantiles_module
from oracle.scoring import least_squares
from oracle.scoring.errors import ScoringError
from oracle.scoring.exact_products import gram, products, subtract_fit
from oracle.scoring.fine_quantiles import QUANTILE_BITS, fine_quantiles
from oracle.scoring.least_squares import WORK_BITS, FeatureProjector, design_matrix, round_off
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.triangular import eliminate, solve


def plain_eliminate(squares: np.ndarray, floor: float, most: int) -> np.ndarray:
    size = len(squares)
    factor, kept = np.zeros((size, size)), 0
    for j in range(size):
        row = {}
        for k in range(j, size):
            value = squares[j, k]
            for i in range(j):
                value = value - factor[i, j] * factor[i, k]
            row[k] = value
        if row[j] > floor and kept < most:
            kept += 1
            for k, value in row.items():
                factor[j, k] = value / np.sqrt(row[j])
    return factor


def plain_solve(factor: np.ndarray, side: np.ndarray) -> np.ndarray:
    x, size = side.copy(), len(side)
    for k in range(size):
        for j in range(k):
            x[k] = x[k] - factor[j, k] * x[j]
        x[k] = x[k] / factor[k, k] if factor[k, k] else 0.0
    for k in reversed(range(size)):
        for j in reversed(range(k + 1, size)):
            x[k] = x[k] - factor[k, j] * x[j]
        x[k] = x[k] / factor[k, k] if factor[k, k] else 0.0
    return x


@pytest.mark.parametrize(("size", "most"), [(4, 9), (8, 5), (68, 99), (132, 60)])
def test_eliminate_and_solve__any_panels__bits_of_the_plain_loops(size, most):
    columns = (noise(1, 150, size) % 5 - 2).astype(np.float64)
    columns[:, size // 2] = columns[:, 1]
    squares = columns.T @ columns
    factor = eliminate(squares, 1e-6, most)
    plain = plain_eliminate(squares, 1e-6, most)
    assert (np.triu(factor) == plain).all()
    sides = (noise(2, size, 3) % 1001 - 500).astype(np.float64)
    expected = np.array([plain_solve(plain, side) for side in sides.T]).T
    solve(factor, sides)
    assert (sides == expected).all()


def test_solve__more_sides_than_a_panel__each_as_alone():
    columns = (noise(3, 40, 12) % 5 - 2).astype(np.float64)
    factor = eliminate(columns.T @ columns, 1e-6, 40)
    sides = (noise(4, 12, 600) % 1001).astype(np.float64)
    alone = [np.ascontiguousarray(sides[:, [m]]) for m in (0, 255, 256, 599)]
    solve(factor, sides)
    for m, side in zip((0, 255, 256, 599), alone, strict=True):
        solve(factor, side)
        assert (sides[:, m] == side[:, 0]).all()


@pytest.mark.parametrize("largest", [1, 2, 16])
def test_products__largest_entries__equal_integer_products(largest):
    rows, design = 2500, np.full((2500, 4), largest, np.int8)
    design[:, 1] = max(largest - 1, 1)  # odd, so that sums need their lowest bit
    design[:, 2:] = noise(5, rows, 2) % (2 * largest + 1) - largest
    assert (gram(design, largest) == design.astype(np.int64).T @ design.astype(np.int64)).all()
    values = noise(6, 3, rows) * 2**12 + noise(7, 3, rows) % 2**12  # up to 2**43
    values[0] = 2**43 - 1 - noise(8, rows) % 1000
    expected = (values @ design.astype(np.int64)).T
    assert (products(design, largest, values.astype(np.float64)) == expected).all()


def test_subtract_fit__coefficients_at_the_bound__equal_integer_products():
    design = (noise(8, 600, 8) % 5 - 2).astype(np.int8)
    coefficients = noise(9, 8, 3) * 2**17 - 2**47  # 8 of them, times 2, stay below 2**53
    shifts = np.array([0, 3, 10])
    residuals = noise(10, 3, 600)
    fit = (design.astype(np.int64) @ coefficients).T * 2 ** shifts[:, None]
    expected = residuals - fit
    subtract_fit(residuals, design, coefficients.astype(np.float64), shifts)
    assert (residuals == expected).all()


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=8), st.integers(1, 20))
def test_round_off__any_integers__half_to_even(values, bits):
    rounded = np.empty((1, len(values)), np.int64)
    round_off(np.array([values]), bits, rounded)
    assert rounded[0].tolist() == [
        round(value / naive_scores.Fraction(2**bits)) for value in values
    ]


@pytest.mark.parametrize("rows", [3, 4, 11, 40])
def test_fine_quantiles__every_entry__correctly_rounded(rows):
    table = fine_quantiles(rows)
    for rank in range(2, 2 * rows + 1):
        exact = naive_scores.gauss(rank, rows, power=False) * 2**QUANTILE_BITS
        assert table[rank] == naive_scores.half_even(exact)


def test_fine_quantiles__largest_universe__odd_increasing_and_as_the_coarse_table():
    table = fine_quantiles(20_000)
    assert (table[2:] == -table[2:][::-1]).all()
    assert (np.diff(table[2:]) > 0).all()
    assert np.abs(table).max() < 4.06 * 2**QUANTILE_BITS
    assert not table.flags.writeable


@pytest.mark.parametrize("error", [-2e-14, 2e-14])
def test_fine_quantiles__seed_of_another_machine__same_table(error, monkeypatch):
    class Other(NormalDist):
        def inv_cdf(self, p: float) -> float:
            return super().inv_cdf(p) + error

    expected = fine_quantiles(900)
    monkeypatch.setattr(fine_quantiles_module, "NormalDist", Other)
    assert (fine_quantiles.__wrapped__(900) == expected).all()


def matrices(rows: int) -> st.SearchStrategy[np.ndarray]:
    """Feature matrices of one to six columns, some of them equal, constant or sums of others."""
    column = st.lists(st.integers(0, 4), min_size=rows, max_size=rows)

    def with_dependent(columns: list[list[int]]) -> np.ndarray:
        matrix = np.array(columns).T
        return np.column_stack([matrix, matrix[:, 0], matrix.sum(axis=1) - 2])

    plain = st.lists(column, min_size=1, max_size=6).map(lambda columns: np.array(columns).T)
    return st.one_of(plain, st.lists(column, min_size=1, max_size=3).map(with_dependent))


@st.composite
def regressions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(3, 12))
    values = draw(st.lists(st.integers(0, 30), min_size=rows, max_size=rows))
    assume(min(values) < max(values))
    return doubled_ranks(np.array([values])), draw(matrices(rows))


@given(regressions())
def test_residuals__small_matrices__those_of_exact_projection(case):
    ranks, features = case
    found = FeatureProjector.of(features).residuals(fine_quantiles(ranks.size)[ranks])
    expected = naive_neutral.neutral_residual(ranks[0].tolist(), features.tolist())
    for got, exact in zip(found[0].tolist(), expected, strict=True):
        assert abs(got / naive_scores.CONTEXT.mpf(2**WORK_BITS) - exact) < 1e-11


@given(regressions(), st.randoms(), st.integers(-50, 50))
def test_residuals__rows_permuted_or_features_shifted__same_bits(case, random, shift):
    ranks, features = case
    values = fine_quantiles(ranks.size)[ranks]
    direct = FeatureProjector.of(features).residuals(values)
    order = list(range(ranks.size))
    random.shuffle(order)
    permuted = FeatureProjector.of(features[order] + shift).residuals(values[:, order])
    assert (permuted == direct[:, order]).all()
    assert (FeatureProjector.of(features).residuals(-values) == -direct).all()


@pytest.mark.parametrize("kind", ["independent", "near-duplicates"])
def test_residuals__hundreds_of_features__those_of_a_float_solver(kind):
    features = feature_sets(600, 300)[kind]
    values = fine_quantiles(600)[doubled_ranks(noise(20, 5, 600))]
    found = FeatureProjector.of(features).residuals(values) / 2.0**WORK_BITS
    design = np.column_stack([features, np.ones(600)])
    z = values.T / 2.0**QUANTILE_BITS
    fit = design @ np.linalg.lstsq(design, z, rcond=1e-6)[0]
    assert np.abs(found - (z - fit).T).max() < 3e-12


def test_projector__near_duplicates__fitted_twice_and_independent_ones_once():
    sets = feature_sets(600, 300)
    assert FeatureProjector.of(sets["independent"]).passes == 1
    assert FeatureProjector.of(sets["near-duplicates"]).passes == 2


def test_residuals__equal_rows__equal_residuals():
    features = np.repeat(noise(21, 100, 30) % 5, 2, axis=0)
    values = fine_quantiles(200)[doubled_ranks(np.repeat(noise(22, 4, 100), 2, axis=1))]
    found = FeatureProjector.of(features).residuals(values)
    assert (found[:, ::2] == found[:, 1::2]).all()
    assert (found[:, 0] != found[:, 2]).all()


def test_projector__constant_and_duplicated_features__left_out():
    features = (noise(23, 50, 6) % 5).astype(np.int8)
    features[:, 2], features[:, 4] = 3, features[:, 0]
    projector = FeatureProjector.of(features)
    assert projector.rank == 5  # the constant, and four features
    kept = FeatureProjector.of(features[:, [0, 1, 3, 5]])
    values = fine_quantiles(50)[doubled_ranks(noise(24, 3, 50))]
    assert np.abs(projector.residuals(values) - kept.residuals(values)).max() < 2**8


@pytest.mark.parametrize("count", [49, 60, 400])
def test_residuals__features_span_all_rows__zero(count):
    projector = FeatureProjector.of(noise(25, 50, count) % 5)
    assert projector.rank == 50
    assert not projector.residuals(fine_quantiles(50)[doubled_ranks(noise(26, 3, 50))]).any()


def test_residuals__wide_but_few_different_rows__those_of_the_rows_means():
    features = np.repeat(noise(27, 5, 40) % 5, 10, axis=0)  # five different rows, ten of each
    values = fine_quantiles(50)[doubled_ranks(noise(28, 2, 50))]
    found = FeatureProjector.of(features).residuals(values) / 2.0**WORK_BITS
    z = (values / 2.0**QUANTILE_BITS).reshape(2, 5, 10)
    assert np.abs(found - (z - z.mean(axis=2, keepdims=True)).reshape(2, 50)).max() < 1e-12


def test_projector__pickled__same_residuals():
    projector = FeatureProjector.of(noise(29, 60, 20) % 5)
    copy = pickle.loads(pickle.dumps(projector))
    values = fine_quantiles(60)[doubled_ranks(noise(30, 3, 60))]
    assert (copy.residuals(values) == projector.residuals(values)).all()
    assert (copy.rows, copy.rank, copy.passes) == (60, 21, projector.passes)


def test_design_matrix__odd_values__shifted_to_small_ones():
    design, largest = design_matrix(
        np.array([[10**12, -3, 7], [10**12 + 32, -3, 8], [10**12, -3, 7]])
    )
    assert design.tolist() == [[1, -16, 0, 0], [1, 16, 0, 1], [1, -16, 0, 0]]
    assert (design.dtype, largest) == (np.int8, 16)


GOOD = noise(31, 6, 2) % 5


@pytest.mark.parametrize(
    ("features", "code"),
    [
        (GOOD / 2, "dtype"),
        (np.where(GOOD > 2, np.nan, 1.0), "dtype"),
        (GOOD[:, 0], "shape"),
        (GOOD[:2], "too_few_rows"),
        (np.zeros((20_001, 1), np.int8), "too_many_rows"),
        (GOOD[:, :0], "feature_count"),
        (np.zeros((3, 3_001), np.int8), "feature_count"),
        (GOOD * 33, "feature_range"),
        (np.array([[-(2**63)], [2**63 - 1], [0]]), "feature_range"),
    ],
)
def test_projector__bad_features__named_error(features, code):
    with pytest.raises(ScoringError) as raised:
        FeatureProjector.of(features)
    assert raised.value.code == code


def test_projector__fit_beyond_the_error_allowed__named_error(monkeypatch):
    monkeypatch.setattr(least_squares, "WORST_ERROR", 0.0)
    with pytest.raises(ScoringError, match="too nearly dependent") as raised:
        FeatureProjector.of(GOOD)
    assert raised.value.code == "ill_conditioned"
