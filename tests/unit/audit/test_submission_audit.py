"""The whole audit: what a file's rows decide, and the live rows' numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.audit.check import Audit, Question, audit
from oracle.datasets.dataset import Dataset
from oracle.datasets.files import read_split
from oracle.errors import InputError
from oracle.scoring.hardening import hardening
from oracle.scoring.ranks import doubled_ranks
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.tournaments import by_number

KINDS = (SCORE_KINDS["CORR"], SCORE_KINDS["MMC"], SCORE_KINDS["NONE"])
TEMPLATE = Template(KINDS, (750_000, 2_250_000, 0), RATE_ONE // 20, RATE_ONE // 20, 0, 0)


@pytest.fixture
def question(tmp_path: Path) -> Question:
    return Question(
        file=tmp_path / "live.csv",
        history=None,
        meta_model=None,
        rules=by_number(8),
        template=TEMPLATE,
        stake=UNITS_PER_NMR,
        phi=MILLIONTH,
        at_risk=0,
        feature_set="all",
        target="target",
    )


def predictions(data: Dataset, *splits: str, seed: int = 1) -> pd.Series:
    ids = np.concatenate([read_split(data.root, split, ["era"]).index for split in splits])
    rng = np.random.default_rng(seed)
    return pd.Series(rng.integers(0, 10**9, len(ids)) / 10**9, ids, name="prediction")


def write(path: Path, values: pd.Series) -> Path:
    values.rename_axis("id").to_frame().to_csv(path)
    return path


def test_audit__live_rows_only__no_past(data: Dataset, question: Question) -> None:
    write(question.file, predictions(data, "live"))
    found = audit(data, question)
    assert (found.report, found.payouts, found.model) == (None, None, None)
    assert found.live is not None
    assert (found.live.rows, found.live.ignored_ids) == (60, 0)
    assert found.live.reasons["rho"] == "no_meta_model"
    assert found.live.level is None


def test_audit__live_rows__exposures_and_correlations_of_numpy_and_pandas(
    data: Dataset, question: Question
) -> None:
    values = predictions(data, "live")
    write(question.file, values.sample(frac=1, random_state=1))
    live = audit(data, question).live
    assert live is not None
    rows = read_split(data.root, "live")
    features = rows[list(data.features)].to_numpy()
    wanted = [np.corrcoef(values.loc[rows.index], column)[0, 1] for column in features.T]
    assert live.exposures / 1e9 == pytest.approx(wanted, abs=2e-9)
    benchmark = pd.read_parquet(data.root / "live_benchmark_models.parquet")
    spearman = values.corr(benchmark.iloc[:, 1], method="spearman")
    assert live.values["benchmark_correlation"] / 1e9 == pytest.approx(spearman, abs=2e-9)


def test_audit__meta_model_of_the_live_rows__rho_and_level(
    data: Dataset, question: Question, tmp_path: Path
) -> None:
    values = predictions(data, "live")
    meta = (values + predictions(data, "live", seed=2) / 2) / 2
    write(question.file, values)
    path = write(tmp_path / "meta.csv", meta.round(9))
    live = audit(data, replace(question, meta_model=path)).live
    assert live is not None
    both = np.stack([values, meta])
    ranks = doubled_ranks((both * 1e9).round().astype(np.int64))
    wanted = hardening(ranks, [0, 1], ["own", "others"])
    assert (live.values["rho"], live.level) == (wanted.rho[0], wanted.levels[0])
    assert live.level > 0
    copy = audit(data, replace(question, file=path, meta_model=path)).live
    assert copy is not None
    assert (copy.values["rho"], copy.level) == (10**9, 15)


def test_audit__history__same_as_both_in_one_file(
    data: Dataset, question: Question, tmp_path: Path
) -> None:
    values = predictions(data, "live", "validation")
    write(question.file, values)
    together = audit(data, question)
    write(question.file, values.iloc[:60])
    history = write(tmp_path / "past.csv", values.iloc[60:])
    apart = audit(data, replace(question, history=history))
    assert together.live is not None
    assert apart.live is not None
    assert together.live.ignored_ids == len(values) - 60
    assert (together.live.exposures == apart.live.exposures).all()
    assert together.payouts == apart.payouts
    assert together.payouts is not None
    assert len(together.payouts.outcomes) == len(data.eras["validation"])


def test_audit__past_rows_only__no_live(data: Dataset, question: Question) -> None:
    write(question.file, predictions(data, "validation"))
    found: Audit = audit(data, question)
    assert found.live is None
    assert found.payouts is not None


def test_audit__meta_model_alone__its_mmc_is_zero_and_burns_with_its_corr(
    data: Dataset, question: Question
) -> None:
    meta = pd.read_parquet(data.root / "meta_model.parquet")["numerai_meta_model"]
    write(question.file, meta.rename("prediction"))
    found = audit(data, replace(question, template=replace(TEMPLATE, kappa=MILLIONTH)))
    assert found.payouts is not None
    for outcome in found.payouts.outcomes:
        assert outcome.scores[1] == 0
        assert outcome.level == 15
        assert (outcome.change < 0) == (outcome.scores[0] < 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.iloc[1:], "invalid_submission_ids: 1 of 60 live ids are missing"),
        (lambda s: s * 0, "invalid_submission_values: the predictions are constant"),
        (lambda s: s.rename("probability2"), "needs a column id and one of prediction"),
    ],
)
def test_audit__submission_the_rules_refuse__refused_with_their_reason(
    data: Dataset, question: Question, change, reason: str
) -> None:
    write(question.file, change(predictions(data, "live")))
    with pytest.raises(InputError, match=reason):
        audit(data, question)


def test_audit__ids_of_nothing__refused(data: Dataset, question: Question) -> None:
    write(question.file, pd.Series([0.1, 0.9], ["x", "y"], name="prediction"))
    with pytest.raises(InputError, match="none of its 2 ids is a live one"):
        audit(data, question)


def test_audit__history_but_no_live_row__refused(
    data: Dataset, question: Question, tmp_path: Path
) -> None:
    past = write(tmp_path / "past.csv", predictions(data, "validation"))
    with pytest.raises(InputError, match="is a live one"):
        audit(data, replace(question, file=past, history=past))
