"""FNC against its definition in high precision, against a float solver, and its laws."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import naive_neutral
import naive_scores
import neutral_digests
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from neutral_digests import feature_sets, noise
from scipy.stats import norm, rankdata
from scoring_strategies import rounds
from test_least_squares import matrices

from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.fnc import TIE_BITS, FeatureProjector, fnc, neutral_corr, neutral_ranks
from oracle.scoring.limits import SCALE
from oracle.scoring.ranks import doubled_ranks

ROOT = Path(__file__).resolve().parents[3]
ROWS = 300
FEATURES = feature_sets(ROWS, 24)
PROJECTOR = FeatureProjector.of(FEATURES["independent"])
RANKS = doubled_ranks(noise(40, 7, ROWS))
TARGET = noise(41, ROWS) % 5 * (SCALE // 4)

GOLDEN = {
    "fnc independent": "b04b8f6c625b8b5299532545d5473a5ab405e3bf1f18dcd0e9deabcdc45bf960",
    "residuals independent": "28ddcd0e6110c03086065bd9082b4a0cacc72073b21697a939822405007fba8d",
    "exposures independent": "f33989177179c0d1289876d834417ad7c42b7fda3c1571be3e4a8d8300fffbeb",
    "fnc near-duplicates": "fc046fdd4bf30e6337a0f057e4152ac1c8cb23832d3ca38092f3f4daaccb6cdd",
    "residuals near-duplicates": "f72ee544ef0f399c97129433ac57dd64f447ffcf8436f5af1a9ed56c66510956",
    "exposures near-duplicates": "d43984b0db22ce889d82813976a3d0e289ef969a287062ba21b05712f676d62d",
    "alpha": "f34e9dc9c5ee41c215dbd61a2a67e2c79e399a38ff2491edc5efc1962e7dffed",
    "mpc": "5469a49bf10f73cff00f1ab458807cc60d9d5e020dc91f09305bb315d7ddba2e",
}


def exact_fnc(ranks: list[int], features: list[list[int]], target: list[int]) -> int | None:
    """As specified; None where residuals lie so close together, or equal ones so near the edge of
    a cell of ties, that the errors allowed (a tenth of a cell) could order them either way."""
    cells = [value * 2**TIE_BITS for value in naive_neutral.neutral_residual(ranks, features)]
    ascending = sorted(cells)
    for low, high in pairwise(ascending):
        same = high - low < 1e-12
        on_edge = abs(low - naive_scores.CONTEXT.floor(low) - 0.5) < 0.1
        if (same and on_edge) or (not same and high - low < 2):
            return None
    neutral = naive_scores.doubled_ranks([int(naive_scores.CONTEXT.nint(cell)) for cell in cells])
    return naive_scores.exact_corr(neutral, target) if len(set(neutral)) > 1 else 0


def float_fnc(ranks: np.ndarray, features: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """numerai-tools' steps in SciPy; and the smallest gap between two residuals."""
    z = norm.ppf((ranks - 1) / (2 * ranks.size))
    design = np.column_stack([features, np.ones(ranks.size)])
    residuals = z - design @ np.linalg.lstsq(design, z, rcond=1e-6)[0]
    x = norm.ppf((rankdata(residuals) - 0.5) / ranks.size)
    y = target - target.mean()
    x, y = (np.sign(side) * np.abs(side) ** 1.5 for side in (x, y))
    return float(np.corrcoef(x, y)[0, 1]), float(np.diff(np.sort(residuals)).min())


@given(rounds(max_models=1, max_rows=12), st.data())
def test_fnc__small_rounds__equal_the_independent_definition(case, data):
    features = data.draw(matrices(case.target.size))
    ranks = doubled_ranks(case.predictions)
    expected = exact_fnc(ranks[0].tolist(), features.tolist(), case.target.tolist())
    assume(expected is not None)
    assert fnc(ranks, FeatureProjector.of(features), case.target)[0] == expected


@pytest.mark.parametrize(
    ("rows", "count"), [(30, 5), (200, 60), (300, 24), (300, 280), (150, 147), (1500, 300)]
)
@pytest.mark.parametrize("levels", [2, 5, 17])
def test_fnc__untied_residuals__within_1e_8_of_a_float_solver(rows, count, levels):
    features = noise(42, rows, count) % levels
    predictions = noise(43, 6, rows)
    predictions[:2] += features[:, 0] * 2**29
    predictions[2:4] //= 2**27  # sixteen different values
    ranks, target = doubled_ranks(predictions), noise(44, rows)
    found = fnc(ranks, FeatureProjector.of(features), target)
    compared = 0
    for model, row in enumerate(ranks):
        expected, gap = float_fnc(row, features, target)
        if gap > 1e-10:
            assert abs(found[model] / SCALE - expected) < 1e-8
            compared += 1
    assert compared >= 2


def test_fnc__rows_that_features_isolate__tie_exactly():
    """Each of them is fitted exactly, so that only rounding could order their residuals."""
    features = np.zeros((40, 12), np.int8)
    features[np.arange(12), np.arange(12)] = 1
    projector = FeatureProjector.of(np.column_stack([features, noise(45, 40) % 5]))
    neutral = neutral_ranks(doubled_ranks(noise(46, 9, 40)), projector)
    assert (neutral[:, :12] == neutral[:, [0]]).all()


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize("kind", FEATURES)
def test_fnc__block_sizes__same_bits(kind, block):
    projector = FeatureProjector.of(FEATURES[kind])
    whole = neutral_ranks(RANKS, projector)
    assert (neutral_ranks(RANKS, projector, block) == whole).all()
    assert (fnc(RANKS, projector, TARGET, block) == fnc(RANKS, projector, TARGET)).all()


def test_fnc__rows_permuted_or_ranks_in_16_bits__same_scores():
    order = np.argsort(noise(47, ROWS))
    projector = FeatureProjector.of(FEATURES["independent"][order])
    scores = fnc(RANKS, PROJECTOR, TARGET)
    assert (fnc(RANKS[:, order], projector, TARGET[order]) == scores).all()
    assert (fnc(RANKS.astype(np.uint16), PROJECTOR, TARGET) == scores).all()


def test_fnc__negated_predictions__negated_scores():
    opposite = 2 * ROWS + 2 - RANKS
    assert (fnc(opposite, PROJECTOR, TARGET) == -fnc(RANKS, PROJECTOR, TARGET)).all()


def test_fnc__constant_feature_only__corr():
    nothing = FeatureProjector.of(np.full((ROWS, 1), 2))
    assert (neutral_ranks(RANKS, nothing) == RANKS).all()
    assert (fnc(RANKS, nothing, TARGET) == corr(RANKS, TARGET)).all()


def test_neutral_corr__another_target__fnc_without_projecting_again():
    neutral, other = neutral_ranks(RANKS, PROJECTOR), noise(48, ROWS)
    assert (neutral_corr(neutral, other) == fnc(RANKS, PROJECTOR, other)).all()


def test_fnc__model_within_the_features__zero_and_one_tie():
    features = np.column_stack([np.arange(20) % 2, noise(49, 20, 3) % 5])
    ranks = doubled_ranks(np.array([np.arange(20) % 2, np.arange(20)]))
    projector = FeatureProjector.of(features)
    neutral = neutral_ranks(ranks, projector)
    assert (neutral[0] == 21).all()
    assert (neutral[1] != 21).any()
    scores = fnc(ranks, projector, np.arange(20))
    assert scores[0] == 0
    assert scores[1] == fnc(ranks[1:], projector, np.arange(20))[0] != 0


@pytest.mark.parametrize("count", [ROWS - 1, ROWS, 2 * ROWS])
def test_fnc__more_features_than_rows__zero(count):
    projector = FeatureProjector.of(noise(50, ROWS, count) % 5)
    assert not fnc(RANKS, projector, TARGET).any()


def test_fnc__no_model__no_score():
    assert fnc(RANKS[:0], PROJECTOR, TARGET).shape == (0,)


@pytest.mark.parametrize(
    ("ranks", "target", "block", "code"),
    [
        (RANKS / 2, TARGET, None, "dtype"),
        (RANKS[0], TARGET, None, "shape"),
        (RANKS[:, :-1], TARGET[:-1], None, "shape"),
        (RANKS, TARGET[:-1], None, "shape"),
        (RANKS, TARGET * 0, None, "constant_target"),
        (RANKS, TARGET * 9, None, "target_range"),
        (RANKS + 1, TARGET, None, "not_ranks"),
        (np.full((1, ROWS), ROWS + 1), TARGET, None, "constant_prediction"),
        (RANKS, TARGET, 0, "block"),
    ],
)
def test_fnc__bad_input__named_error(ranks, target, block, code):
    with pytest.raises(ScoringError) as raised:
        fnc(ranks, PROJECTOR, target, block)
    assert raised.value.code == code


def test_fnc__constant_model_in_a_later_block__named_by_its_index():
    ranks = np.vstack([RANKS[:5], np.full((1, ROWS), ROWS + 1)])
    with pytest.raises(ScoringError, match="model 5: ") as raised:
        fnc(ranks, PROJECTOR, TARGET, 2)
    assert raised.value.models == (5,)


def test_digests__this_machine__golden():
    assert neutral_digests.all_digests() == GOLDEN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("core", "threads", "processor"),
    [("Haswell", 2, None), ("SkylakeX", 1, None), ("Nehalem", 2, None), ("Prescott", 1, "generic")],
)
def test_digests__other_blas_threads_and_processor__golden(core, threads, processor, tmp_path):
    environment = os.environ | {
        "OPENBLAS_CORETYPE": core,
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONPATH": str(ROOT),
    }
    if processor:
        environment |= {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
        environment |= {"NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, str(Path(neutral_digests.__file__))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == GOLDEN
