"""The diagnostics of models over the eras of a data set's validation split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.audit.eras import NO_TARGET, Era, stream_eras
from oracle.audit.predictions import (
    ABSENT,
    PREDICTION_COLUMNS,
    Ids,
    Predictions,
    read_predictions,
)
from oracle.datasets.dataset import (
    META_MODEL_COLUMN,
    META_MODEL_FILE,
    VALIDATION_EXAMPLE_FILE,
    Dataset,
    Progress,
    benchmark_file,
    split_file,
)
from oracle.errors import InputError
from oracle.scoring.diagnostics import (
    NAMES,
    EraDiagnostics,
    Reference,
    References,
    diagnose_era,
    rank_correlation,
)
from oracle.scoring.limits import MIN_ROWS, SCALE
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.series import Summary, summarise

SPLIT: Final = "validation"
SERIES: Final = (*NAMES, "churn")
"""What is reported of each era: `NAMES`, and the churn since the era before."""

REFERENCES: Final = ("meta_model", "benchmark", "example")


class Diagnostics:
    """One model over all eras.

    ``values`` maps each of `SERIES` to a number an era in units of 1e-9, None where there is none
    and ``reasons`` says why; ``levels`` are the hardening levels that go with rho.
    """

    def __init__(self, name: str, features: int) -> None:
        self.name = name
        self.values: dict[str, list[int | None]] = {name: [] for name in SERIES}
        self.reasons: dict[str, list[str | None]] = {name: [] for name in SERIES}
        self.levels: list[int] = []
        self._sums = np.zeros(features, np.int64)
        self._exposed_eras = 0
        self.largest_exposures = np.zeros(features, np.int64)
        """Each feature's exposure of the largest size, int64 (K,) in units of 1e-9."""

    @property
    def mean_exposures(self) -> NDArray[np.float64]:
        """Each feature's mean exposure over the eras that have one, float64 (K,)."""
        return self._sums / (SCALE * max(1, self._exposed_eras))

    def summary(self, name: str) -> Summary:
        """Statistics of one of `SERIES` over the eras."""
        return summarise(self.values[name])

    def missing(self, name: str) -> dict[str, int]:
        """How many eras have no such number, by reason."""
        return dict(Counter(reason for reason in self.reasons[name] if reason is not None))

    def add(self, name: str, value: int | None, reason: str | None) -> None:
        """One era's number."""
        self.values[name].append(value)
        self.reasons[name].append(reason)

    def add_scores(self, scores: EraDiagnostics, model: int) -> None:
        """All numbers of one era but churn."""
        for name in NAMES:
            self.add(name, scores.values[name][model], scores.reasons[name][model])
        self.levels.append(scores.levels[model])
        if scores.values["max_exposure"][model] is not None:
            exposures = scores.exposures[model]
            self._sums += exposures
            self.largest_exposures = np.where(
                np.abs(exposures) > np.abs(self.largest_exposures),
                exposures,
                self.largest_exposures,
            )
            self._exposed_eras += 1

    def add_nothing(self, reason: str) -> None:
        """An era without any number."""
        for name in NAMES:
            self.add(name, None, reason)
        self.levels.append(0)


@dataclass(frozen=True, eq=False)
class Report:
    """Models over the same eras; ``rows`` of each era that have a target."""

    feature_set: str
    features: tuple[str, ...]
    target: str
    benchmark: str | None
    eras: tuple[str, ...]
    rows: tuple[int, ...]
    models: tuple[Diagnostics, ...]


def feature_names(dataset: Dataset, feature_set: str) -> tuple[str, ...]:
    """Columns of a feature set. Raises `InputError` naming those there are."""
    try:
        return dataset.feature_sets[feature_set]
    except KeyError:
        raise InputError(
            f"{dataset.root}: no feature set {feature_set}",
            f"choose from {', '.join(sorted(dataset.feature_sets))}",
        ) from None


def load_references(dataset: Dataset) -> dict[str, Predictions | str]:
    """What the models are compared with, by the names of `References`, or why there is none."""
    wanted: Mapping[str, tuple[str, Sequence[str]]] = {
        "meta_model": (META_MODEL_FILE, (META_MODEL_COLUMN,)),
        "benchmark": (benchmark_file(SPLIT), ()),
        "example": (VALIDATION_EXAMPLE_FILE, PREDICTION_COLUMNS),
    }
    return {
        name: read_predictions(dataset.root / file, columns, gaps=True)
        if (dataset.root / file).exists()
        else f"no_{name}"
        for name, (file, columns) in wanted.items()
    }


def diagnose(
    dataset: Dataset,
    models: Sequence[Predictions],
    feature_set: str,
    target: str,
    progress: Progress | None = None,
) -> Report:
    """Streams the validation split once, era by era.

    Memory holds the predictions, one era, and two numbers a model and feature. Raises
    `InputError`: no validation split, an unknown feature set or target, predictions without any id
    of the split.
    """
    names = feature_names(dataset, feature_set)
    if SPLIT not in dataset.eras:
        raise InputError(f"{dataset.root}: no {split_file(SPLIT)}, so there are no past eras")
    if target not in dataset.targets:
        raise InputError(
            f"{dataset.root}: no target {target}", f"choose from {', '.join(dataset.targets)}"
        )
    references = load_references(dataset)
    found = [Diagnostics(model.name, len(names)) for model in models]
    churn = _Churn(models)
    eras: list[str] = []
    rows: list[int] = []
    matched = [0] * len(models)
    total = len(dataset.eras[SPLIT])
    for era in stream_eras(dataset.root / split_file(SPLIT), names, target):
        era = era.rows(era.target != NO_TARGET)
        values = [model.of(era.name, era.ids) for model in models]
        for model, row in enumerate(values):
            matched[model] += int((row != ABSENT).sum())
        _add_scores(found, era, values, references)
        churn.add(found, era, values)
        eras.append(era.name)
        rows.append(era.ids.size)
        if progress is not None:
            progress(len(eras), total, f"era {era.name}")
    for predictions, count in zip(models, matched, strict=True):
        if not count:
            raise InputError(
                f"{predictions.name}: none of its {predictions.rows} ids is in {split_file(SPLIT)}",
                "diagnostics are of predictions for the validation rows",
            )
    benchmark = references["benchmark"]
    return Report(
        feature_set,
        names,
        target,
        benchmark.column if isinstance(benchmark, Predictions) else None,
        tuple(eras),
        tuple(rows),
        tuple(found),
    )


def _add_scores(
    found: Sequence[Diagnostics],
    era: Era,
    values: Sequence[NDArray[np.int64]],
    references: Mapping[str, Predictions | str],
) -> None:
    reasons = [_why_not(era, row) for row in values]
    complete = [model for model, reason in enumerate(reasons) if reason is None]
    for model, reason in enumerate(reasons):
        if reason is not None:
            found[model].add_nothing(reason)
    if complete:
        compared = {name: _reference(name, source, era) for name, source in references.items()}
        matrix = np.stack([values[model] for model in complete])
        scores = diagnose_era(matrix, era.target, era.features, References(**compared))
        for position, model in enumerate(complete):
            found[model].add_scores(scores, position)


def _why_not(era: Era, values: NDArray[np.int64]) -> str | None:
    """Why a model has no scores in an era: every row with a target needs a prediction."""
    if not era.ids.size:
        return "no_targets"
    absent = values == ABSENT
    if absent.all():
        return "no_predictions"
    return "missing_ids" if absent.any() else None


def _reference(name: str, source: Predictions | str, era: Era) -> Reference:
    if isinstance(source, str):
        return source
    values = source.of(era.name, era.ids)
    absent = values == ABSENT
    if absent.all():
        return f"no_{name}"
    return f"{name}_lacks_ids" if absent.any() else values


class _Churn:
    """How much each model changes from era to era, on the ids of both."""

    def __init__(self, models: Sequence[Predictions]) -> None:
        self._models = models
        self._ids: Ids | None = None
        self._values: Sequence[NDArray[np.int64]] = ()

    def add(
        self, found: Sequence[Diagnostics], era: Era, values: Sequence[NDArray[np.int64]]
    ) -> None:
        """Adds the churn since the era before."""
        before, now = self._common(era)
        if now.size and not all(model.by_era for model in self._models):
            raise InputError(
                f"id {era.ids[now[0]].decode(errors='replace')} stands in era {era.name} and in "
                "the one before, so an id does not tell which prediction is meant",
                "add a column era to the predictions",
            )
        for model, row in enumerate(values):
            if self._ids is None:
                found[model].add("churn", None, "first_era")
            elif now.size < MIN_ROWS:
                found[model].add("churn", None, "no_common_ids")
            else:
                found[model].add("churn", *_churn(self._values[model][before], row[now]))
        self._ids, self._values = era.ids, values

    def _common(self, era: Era) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows in the era before, and in this one, of the ids that both have."""
        if self._ids is None:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        _, before, now = np.intersect1d(self._ids, era.ids, assume_unique=True, return_indices=True)
        return before, now


def _churn(before: NDArray[np.int64], now: NDArray[np.int64]) -> tuple[int | None, str | None]:
    """1 - Spearman's correlation in units of 1e-9, or why there is none."""
    there = (before != ABSENT) & (now != ABSENT)
    before, now = before[there], now[there]
    if before.size < MIN_ROWS:
        return None, "no_common_ids"
    if before.min() == before.max() or now.min() == now.max():
        return None, "constant_prediction"
    [correlation] = rank_correlation(doubled_ranks(now)[np.newaxis], doubled_ranks(before))
    return SCALE - int(correlation), None
