"""MPC against its definition in high precision, and its laws."""

import naive_neutral
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from neutral_digests import noise
from signal_strategies import Signals, signals

from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.mpc import mpc

ROWS = 60
RANKS = np.argsort(noise(70, 5, ROWS), axis=1) * 2 + 2
STAKES = [10**16, 1, 0, 2**40 + 1, 3 * 10**15]
NEUTRALIZERS = noise(71, ROWS, 4) % SCALE // 5 - SCALE // 10
WEIGHTS = noise(72, ROWS) % SCALE
TARGET = noise(73, ROWS) % SCALE
REST = (NEUTRALIZERS, WEIGHTS, TARGET)


def score(case: Signals) -> np.ndarray:
    try:
        return mpc(case.ranks, case.stakes, case.neutralizers, case.weights, case.target)
    except ScoringError as error:
        assume(error.code != "zero_portfolio")
        raise


@given(signals())
def test_mpc__small_rounds__within_1e_8_of_the_definition(case: Signals):
    found = score(case)
    exact = naive_neutral.mpc(
        case.ranks.tolist(),
        case.stakes,
        case.neutralizers.tolist(),
        case.weights.tolist(),
        case.target.tolist(),
    )
    for got, value in zip(found.tolist(), exact, strict=True):
        assert abs(got / SCALE - value) <= 1e-8 * max(1, abs(value))


@given(signals(), st.integers(1, 100))
def test_mpc__stakes_in_another_unit__same_bits(case: Signals, factor):
    more = [stake * factor for stake in case.stakes]
    scaled = Signals(case.ranks, more, case.neutralizers, case.weights, case.target)
    assert (score(scaled) == score(case)).all()


@pytest.mark.parametrize("block", [1, 2, 100])
def test_mpc__rows_or_models_permuted_or_other_blocks__same_bits(block):
    whole = mpc(RANKS, STAKES, NEUTRALIZERS, WEIGHTS, TARGET)
    assert whole.dtype == np.int64
    assert (mpc(RANKS, STAKES, NEUTRALIZERS, WEIGHTS, TARGET, block) == whole).all()
    order = np.argsort(noise(74, ROWS))
    permuted = (array[order] for array in (NEUTRALIZERS, WEIGHTS, TARGET))
    backwards = mpc(RANKS[::-1, order], STAKES[::-1], *permuted)
    assert (backwards[::-1] == whole).all()


def test_mpc__stake_split_over_identical_models__same_bits():
    split = mpc(np.vstack([RANKS, RANKS[:1]]), [10**16 - 7, *STAKES[1:], 7], *REST)
    assert (split[:-1] == mpc(RANKS, STAKES, *REST)).all()
    assert split[-1] == split[0]


def test_mpc__the_only_staked_model__zero():
    """Its own weights are the portfolio: nothing is orthogonal to it."""
    found = mpc(RANKS, [0, 5, 0, 0, 0], *REST)
    assert found[1] == 0
    assert (found[[0, 2, 3, 4]] != 0).all()


def test_mpc__largest_stakes__as_smaller_ones_of_the_same_shares():
    many = [2**54 - 1, 2**54 - 1, 2**54 - 1, 2**54 - 1, 0]
    assert (mpc(RANKS, many, *REST) == mpc(RANKS, [1, 1, 1, 1, 0], *REST)).all()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"stakes": [0] * 5}, "no_stake"),
        ({"stakes": [1] * 4}, "shape"),
        ({"stakes": [1, 1, -1, 1, 1]}, "negative_stake"),
        ({"stakes": [1, 1, 0.5, 1, 1]}, "dtype"),
        ({"stakes": [2**55, 2**55, 0, 0, 0]}, "stakes_total"),
        (
            {"ranks": np.vstack([RANKS[0], 2 * ROWS + 2 - RANKS[0]]), "stakes": [5, 5]},
            "zero_portfolio",
        ),
        ({"sample_weights": WEIGHTS * 0}, "zero_portfolio"),
        ({"ranks": np.full((5, ROWS), ROWS + 1)}, "constant_prediction"),
        ({"target": TARGET * 0}, "constant_target"),
        ({"neutralizers": NEUTRALIZERS * 10**8}, "neutralizer_range"),
        ({"block_models": 0}, "block"),
    ],
)
def test_mpc__bad_input__named_error(change, code):
    given_ = {
        "ranks": RANKS,
        "stakes": STAKES,
        "neutralizers": NEUTRALIZERS,
        "sample_weights": WEIGHTS,
        "target": TARGET,
    }
    with pytest.raises(ScoringError) as raised:
        mpc(**given_ | change)
    assert raised.value.code == code


def test_mpc__portfolio_that_the_neutralizer_removes__named_error():
    """A single neutralizer along the only staked model leaves rounding errors, not a portfolio."""
    x = naive_neutral.powered(RANKS[1].tolist())
    unit = np.array([float(value) for value in x])
    along = unit / np.sqrt(unit @ unit)
    ones = np.full(ROWS, SCALE)
    neutralizer = np.rint(along * SCALE).astype(np.int64)[:, None]
    found = mpc(RANKS, [0, 1, 0, 0, 0], neutralizer, ones, TARGET)  # at 1e-9 something is left
    assert found[1] == 0
    exact = np.zeros((ROWS, 1), np.int64)
    exact[[3, 8]] = SCALE  # the two rows that alone have sample weight
    only = np.where(exact[:, 0] > 0, SCALE, 0)
    with pytest.raises(ScoringError) as raised:
        mpc(RANKS, STAKES, np.diag(only), only, TARGET)
    assert raised.value.code == "zero_portfolio"
