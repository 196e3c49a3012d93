"""Diagnostics of one era: the real scores, and a reason wherever there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_scores import doubled_ranks as naive_ranks
from naive_scores import exact_corr, exact_mmc, exact_rho
from scipy.stats import spearmanr
from scoring_strategies import vectors

from oracle.scoring.corr import corr
from oracle.scoring.diagnostics import (
    CORRELATIONS,
    NAMES,
    References,
    diagnose_era,
    rank_correlation,
    tail_corr,
    tail_size,
)
from oracle.scoring.errors import ScoringError
from oracle.scoring.fnc import FeatureProjector, fnc
from oracle.scoring.limits import SCALE
from oracle.scoring.ranks import doubled_ranks

ROWS, MODELS, FEATURES = 60, 4, 5
NOBODY = References("no_meta_model", "no_benchmark", "no_example")


def era(seed: int = 1, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, target and features at random."""
    rng = np.random.default_rng(seed)
    predictions = rng.integers(0, SCALE, (MODELS, rows))
    target = rng.choice([0, 250_000_000, 500_000_000, 750_000_000, SCALE], rows)
    return predictions, target, rng.integers(0, 5, (rows, FEATURES)).astype(np.int8)


def others(seed: int = 2, rows: int = ROWS) -> References:
    rng = np.random.default_rng(seed)
    return References(*(rng.integers(0, SCALE, rows) for _ in range(3)))


def test_diagnose_era__full_input__has_every_score_of_the_engine() -> None:
    predictions, target, features = era()
    references = others()
    found = diagnose_era(predictions, target, features, references)
    assert set(found.values) == set(NAMES)
    assert all(reason is None for name in NAMES for reason in found.reasons[name])
    ranks = doubled_ranks(predictions)
    lists, t = [naive_ranks(row) for row in predictions.tolist()], target.tolist()
    meta = naive_ranks(references.meta_model.tolist())
    benchmark = naive_ranks(references.benchmark.tolist())
    assert found.values["corr"] == [exact_corr(row, t) for row in lists]
    assert found.values["mmc"] == [exact_mmc(row, meta, t) for row in lists]
    assert found.values["bmc"] == [exact_mmc(row, benchmark, t) for row in lists]
    assert found.values["fnc"] == fnc(ranks, FeatureProjector.of(features), target).tolist()
    for model, row in enumerate(lists):
        rho, level, _ = exact_rho([row, meta], [0, 1], ["own", "others"], 0)
        assert (found.values["rho"][model], found.levels[model]) == (rho, level)


def test_diagnose_era__its_references__correlate_perfectly_with_themselves() -> None:
    _, target, features = era()
    references = others()
    same = np.stack([references.meta_model, references.benchmark, references.example])
    found = diagnose_era(same, target, features, references)
    for model, name in enumerate(CORRELATIONS):
        assert found.values[name][model] == SCALE
    assert found.values["mmc"][0] == 0
    assert found.values["bmc"][1] == 0
    assert (found.values["rho"][0], found.levels[0]) == (SCALE, 15)


def test_diagnose_era__exposures__agree_with_numpy() -> None:
    predictions, target, features = era()
    features[:, 2] = 3
    found = diagnose_era(predictions, target, features, NOBODY)
    for model in range(MODELS):
        for feature in (0, 1, 3, 4):
            wanted = np.corrcoef(predictions[model], features[:, feature])[0, 1]
            assert found.exposures[model, feature] / SCALE == pytest.approx(wanted, abs=2e-9)
        assert found.exposures[model, 2] == 0
        assert found.values["max_exposure"][model] == np.abs(found.exposures[model]).max()


def test_diagnose_era__one_constant_model__changes_no_other() -> None:
    predictions, target, features = era()
    references = others()
    alone = diagnose_era(predictions, target, features, references)
    predictions[2] = 7
    found = diagnose_era(predictions, target, features, references)
    for name in NAMES:
        for model in range(MODELS):
            if model == 2:
                assert found.values[name][model] is None
                assert found.reasons[name][model] == "constant_prediction"
            else:
                assert found.values[name][model] == alone.values[name][model]
    assert found.exposures[2].tolist() == [0] * FEATURES
    assert found.levels[2] == 0


def test_diagnose_era__no_references__say_so_and_the_rest_is_scored() -> None:
    predictions, target, features = era()
    found = diagnose_era(predictions, target, features, NOBODY)
    assert set(found.reasons["mmc"]) == {"no_meta_model"}
    assert set(found.reasons["rho"]) == {"no_meta_model"}
    assert set(found.reasons["bmc"]) == {"no_benchmark"}
    assert set(found.reasons["example_correlation"]) == {"no_example"}
    assert None not in found.values["corr"] + found.values["fnc"] + found.values["tb200"]


def test_diagnose_era__constant_reference__is_the_reason() -> None:
    predictions, target, features = era()
    flat = np.full(ROWS, SCALE // 2)
    found = diagnose_era(predictions, target, features, References(flat, flat, flat))
    assert set(found.reasons["mmc"]) == {"constant_meta_model"}
    assert set(found.reasons["rho"]) == {"constant_meta_model"}
    assert set(found.reasons["bmc"]) == {"constant_benchmark"}
    assert set(found.reasons["example_correlation"]) == {"constant_example"}


def test_diagnose_era__constant_target__no_scores_but_exposures() -> None:
    predictions, _, features = era()
    found = diagnose_era(predictions, np.full(ROWS, 5), features, others())
    for name in ("corr", "mmc", "bmc", "fnc", "tb200"):
        assert set(found.reasons[name]) == {"constant_target"}
    assert None not in found.values["max_exposure"] + found.values["rho"]


def test_diagnose_era__two_rows__too_few_for_anything() -> None:
    predictions, target, features = era(rows=2)
    found = diagnose_era(predictions, target, features, others(rows=2))
    assert all(set(found.reasons[name]) == {"too_few_rows"} for name in NAMES)
    assert all(set(found.values[name]) == {None} for name in NAMES)


def test_diagnose_era__no_features__no_fnc_and_no_exposure() -> None:
    predictions, target, features = era()
    found = diagnose_era(predictions, target, features[:, :0], NOBODY)
    assert set(found.reasons["fnc"]) == {"no_features"}
    assert set(found.reasons["max_exposure"]) == {"no_features"}
    assert None not in found.values["corr"]


def test_diagnose_era__more_features_than_rows__still_defined() -> None:
    predictions, target, _ = era(rows=12)
    features = np.random.default_rng(3).integers(0, 5, (12, 30)).astype(np.int8)
    found = diagnose_era(predictions, target, features, NOBODY)
    for value, reason in zip(found.values["fnc"], found.reasons["fnc"], strict=True):
        assert (value is None) == (reason is not None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p, t, f: (p.astype(float), t, f), "dtype"),
        (lambda p, t, f: (p, t[:-1], f), "shape"),
        (lambda p, t, f: (p, t, f[:-1]), "shape"),
        (lambda p, t, f: (p, t, f / 2), "dtype"),
    ],
)
def test_diagnose_era__misuse__is_an_error(change, code: str) -> None:
    with pytest.raises(ScoringError) as caught:
        diagnose_era(*change(*era()), NOBODY)
    assert caught.value.code == code


def test_diagnose_era__reference_of_other_length__is_an_error() -> None:
    with pytest.raises(ScoringError, match="shape"):
        diagnose_era(*era(), others(rows=ROWS - 1))


# ---------------------------------------------------------------------- TB200


@pytest.mark.parametrize(
    ("rows", "size"), [(3, 2), (50, 2), (75, 3), (126, 5), (4_999, 199), (5_000, 200), (6_700, 200)]
)
def test_tail_size__rows__one_in_25_up_to_200(rows: int, size: int) -> None:
    assert tail_size(rows) == size


def test_tail_corr__no_ties__is_corr_of_the_ends() -> None:
    predictions, target, _ = era(rows=100)
    order = np.argsort(predictions[0])
    ends = np.sort(np.concatenate([order[:4], order[-4:]]))
    wanted = corr(doubled_ranks(predictions[:1, ends]), target[ends])
    assert tail_corr(doubled_ranks(predictions[0]), target).tolist() == wanted.tolist()


@given(st.data())
def test_tail_corr__order_of_rows__does_not_matter(data: st.DataObject) -> None:
    rows = data.draw(st.integers(4, 60))
    ranks = doubled_ranks(data.draw(vectors(rows)))
    target = data.draw(vectors(rows))
    order = np.array(data.draw(st.permutations(range(rows))))

    def score(ranks: np.ndarray, target: np.ndarray) -> list[int] | str:
        try:
            return tail_corr(ranks, target).tolist()
        except ScoringError as error:
            return error.code

    assert score(ranks, target) == score(ranks[order], target[order])


# ---------------------------------------------------------------------- rank correlation


@given(st.data())
def test_rank_correlation__any_vectors__agrees_with_scipy(data: st.DataObject) -> None:
    rows = data.draw(st.integers(3, 30))
    first, second, other = (data.draw(vectors(rows)) for _ in range(3))
    found = rank_correlation(doubled_ranks(np.stack([first, second])), doubled_ranks(other))
    for values, score in zip((first, second), found.tolist(), strict=True):
        assert score / SCALE == pytest.approx(spearmanr(values, other).statistic, abs=2e-9)
        assert abs(score) <= SCALE


def test_rank_correlation__largest_size__does_not_overflow() -> None:
    ascending = 2 * np.arange(1, 20_001)
    assert rank_correlation(np.stack([ascending, ascending[::-1]]), ascending).tolist() == [
        SCALE,
        -SCALE,
    ]
    assert rank_correlation(ascending[np.newaxis].astype(np.uint16), ascending).tolist() == [SCALE]


@pytest.mark.parametrize("bad", [np.full(5, 6), np.arange(5), 2 * np.arange(2, 7)])
def test_rank_correlation__not_ranks__named_error(bad: np.ndarray) -> None:
    good = 2 * np.arange(1, 6)
    for ranks, other in ((bad, good), (good, bad)):
        with pytest.raises(ScoringError) as caught:
            rank_correlation(ranks[np.newaxis], other)
        assert caught.value.code in ("not_ranks", "constant_prediction")
