"""A round of signals in one call: the scores of the kernels, and a status where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from neutral_digests import noise

from oracle.scoring.alpha import alpha
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import meta_model_values
from oracle.scoring.mpc import mpc
from oracle.scoring.round import rank_predictions
from oracle.scoring.signal_round import LARGEST, SignalScores, SignalTarget, score_signals

ROWS, MODELS = 60, 5
PREDICTIONS = noise(80, MODELS, ROWS) % (SCALE + 1)
STAKES = [10**16, 1, 0, 2**40 + 1, 3 * 10**15]
NEUTRALIZERS = noise(81, ROWS, 4) % SCALE // 5 - SCALE // 10
GIVEN = SignalTarget(noise(83, ROWS) % SCALE, noise(82, ROWS) % SCALE, NEUTRALIZERS)
ACCOUNTS = ["a", "b", "a", "c", "d"]


def values(scores: SignalScores) -> list[object]:
    products = scores.products
    arrays = (products.alpha, products.mpc, scores.meta_values, scores.rho, scores.levels)
    statuses = (products.alpha_status, products.mpc_status, scores.meta_status)
    return [*(array.tolist() for array in arrays), *statuses]


def test_score_signals__everything__as_the_kernels_have_it() -> None:
    found = score_signals(PREDICTIONS, GIVEN, STAKES, accounts=ACCOUNTS)
    ranks = rank_predictions(PREDICTIONS)
    rest = (GIVEN.neutralizers, GIVEN.sample_weights, GIVEN.target)
    hardened = hardening(ranks, STAKES, ACCOUNTS)
    assert values(found) == [
        alpha(ranks, *rest).tolist(),
        mpc(ranks, STAKES, *rest).tolist(),
        meta_model_values(ranks, STAKES).tolist(),
        hardened.rho.tolist(),
        hardened.levels.tolist(),
        *("ok",) * 3,
    ]


@given(st.integers(1, MODELS + 1), st.permutations(range(ROWS)))
def test_score_signals__other_blocks_or_order_of_rows__same_bits(
    block: int, order: list[int]
) -> None:
    usual = score_signals(PREDICTIONS, GIVEN, STAKES, accounts=ACCOUNTS)
    moved = SignalTarget(
        GIVEN.target[order], GIVEN.sample_weights[order], GIVEN.neutralizers[order]
    )
    found = score_signals(
        PREDICTIONS[:, order], moved, STAKES, accounts=ACCOUNTS, block_models=block
    )
    assert found.meta_values.tolist() == usual.meta_values[order].tolist()
    assert values(found)[:2] + values(found)[3:] == values(usual)[:2] + values(usual)[3:]


@pytest.mark.parametrize(
    ("stakes", "weights", "status"),
    [([0] * MODELS, 1, "no_stake"), (STAKES, 0, "zero_portfolio")],
)
def test_score_signals__no_portfolio__mpc_of_zero_and_alpha_as_ever(
    stakes: list[int], weights: int, status: str
) -> None:
    given = SignalTarget(GIVEN.target, GIVEN.sample_weights * weights, GIVEN.neutralizers)
    found = score_signals(PREDICTIONS, given, stakes).products
    assert (found.mpc_status, found.alpha_status) == (status, "ok")
    assert found.mpc.tolist() == [0] * MODELS
    assert any(found.alpha) == bool(weights)


def _absurd(size: int) -> SignalTarget:
    """A neutralizer of entries up to ``size``, far from normalised."""
    column = np.arange(ROWS) * size * SCALE // ROWS
    return SignalTarget(GIVEN.target, np.full(ROWS, 10**3 * SCALE), column[:, None])


def _alpha(given: SignalTarget) -> np.ndarray:
    ranks = rank_predictions(PREDICTIONS)
    return alpha(ranks, given.neutralizers, given.sample_weights, given.target)


def test_score_signals__scores_beyond_what_is_published__zero_with_the_reason() -> None:
    """Between 2^53 and 64 bits, and beyond those, which the kernel refuses."""
    within, beyond = _absurd(30), _absurd(10**6)
    assert np.abs(_alpha(within)).max() >= LARGEST
    with pytest.raises(ScoringError, match="does not fit 64 bits"):
        _alpha(beyond)
    for absurd in (within, beyond):
        found = score_signals(PREDICTIONS, absurd, STAKES).products
        assert (found.alpha_status, found.alpha.tolist()) == ("score_range", [0] * MODELS)


BELOW_ZERO = GIVEN.sample_weights - SCALE


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (SignalTarget(np.ones(ROWS, int), GIVEN.sample_weights, NEUTRALIZERS), "constant_target"),
        (SignalTarget(GIVEN.target[1:], GIVEN.sample_weights, NEUTRALIZERS), "shape"),
        (SignalTarget(GIVEN.target, BELOW_ZERO, NEUTRALIZERS), "sample_weight_range"),
    ],
)
def test_score_signals__what_cannot_be_scored_by__raises(given: SignalTarget, code: str) -> None:
    with pytest.raises(ScoringError) as caught:
        score_signals(PREDICTIONS, given, STAKES)
    assert caught.value.code == code
