"""Alpha against its definition in high precision, and its laws."""

import naive_neutral
import numpy as np
import pytest
from hypothesis import given
from neutral_digests import noise
from signal_strategies import Signals, signals

from oracle.scoring.alpha import alpha
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE

ROWS = 60
RANKS = np.argsort(noise(60, 5, ROWS), axis=1) * 2 + 2
NEUTRALIZERS = noise(61, ROWS, 4) % SCALE - SCALE // 2
WEIGHTS = noise(62, ROWS) % SCALE
TARGET = noise(63, ROWS) % SCALE


@given(signals())
def test_alpha__small_rounds__within_1e_8_of_the_definition(case: Signals):
    found = alpha(case.ranks, case.neutralizers, case.weights, case.target)
    for score, row in zip(found.tolist(), case.ranks.tolist(), strict=True):
        exact = naive_neutral.alpha(
            row, case.neutralizers.tolist(), case.weights.tolist(), case.target.tolist()
        )
        assert abs(score / SCALE - exact) <= 1e-8 * max(1, abs(exact))


@given(signals())
def test_alpha__negated_predictions__negated_scores(case: Signals):
    rest = (case.neutralizers, case.weights, case.target)
    opposite = 2 * case.target.size + 2 - case.ranks
    assert (alpha(opposite, *rest) == -alpha(case.ranks, *rest)).all()


@pytest.mark.parametrize("block", [1, 2, 100])
def test_alpha__rows_permuted_or_other_blocks__same_bits(block):
    order = np.argsort(noise(64, ROWS))
    whole = alpha(RANKS, NEUTRALIZERS, WEIGHTS, TARGET)
    assert whole.dtype == np.int64
    assert (alpha(RANKS, NEUTRALIZERS, WEIGHTS, TARGET, block) == whole).all()
    permuted = (array[order] for array in (NEUTRALIZERS, WEIGHTS, TARGET))
    assert (alpha(RANKS[:, order], *permuted) == whole).all()


def test_alpha__no_neutralizer_and_equal_weights__mean_of_products():
    ones = np.full(ROWS, SCALE)
    exact = naive_neutral.dot(
        naive_neutral.powered(RANKS[0].tolist()), naive_neutral.centred_target(TARGET.tolist())
    )
    found = alpha(RANKS[:1], NEUTRALIZERS[:, :0], ones, TARGET)[0]
    assert abs(found - exact * SCALE / ROWS) < 2


def test_alpha__no_sample_weight__zero():
    assert not alpha(RANKS, NEUTRALIZERS, WEIGHTS * 0, TARGET).any()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ranks": RANKS / 2}, "dtype"),
        ({"ranks": RANKS[0]}, "shape"),
        ({"ranks": RANKS + 1}, "not_ranks"),
        ({"ranks": np.full((1, ROWS), ROWS + 1)}, "constant_prediction"),
        ({"ranks": RANKS[:, :9]}, "shape"),
        ({"neutralizers": NEUTRALIZERS / SCALE}, "dtype"),
        ({"neutralizers": np.where(NEUTRALIZERS > 0, np.nan, 1.0)}, "dtype"),
        ({"neutralizers": NEUTRALIZERS[:9]}, "shape"),
        ({"neutralizers": NEUTRALIZERS[:, 0]}, "shape"),
        ({"neutralizers": NEUTRALIZERS[:2]}, "too_few_rows"),
        ({"neutralizers": np.zeros((ROWS, 1001), int)}, "neutralizer_count"),
        ({"neutralizers": NEUTRALIZERS * 10**7}, "neutralizer_range"),
        ({"sample_weights": WEIGHTS[:9]}, "shape"),
        ({"sample_weights": WEIGHTS / SCALE}, "dtype"),
        ({"sample_weights": -WEIGHTS}, "sample_weight_range"),
        ({"sample_weights": WEIGHTS * 10**7}, "sample_weight_range"),
        ({"target": TARGET[:9]}, "shape"),
        ({"target": TARGET * 0}, "constant_target"),
        ({"target": TARGET * 9}, "target_range"),
        ({"block_models": 0}, "block"),
        ({"neutralizers": NEUTRALIZERS * 10**5, "sample_weights": WEIGHTS * 10**5}, "score_range"),
    ],
)
def test_alpha__bad_input__named_error(change, code):
    given_ = {
        "ranks": RANKS,
        "neutralizers": NEUTRALIZERS,
        "sample_weights": WEIGHTS,
        "target": TARGET,
    }
    with pytest.raises(ScoringError) as raised:
        alpha(**given_ | change)
    assert raised.value.code == code
