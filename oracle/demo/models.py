"""The demo's models: really trained on a data set, each predicting its live ids.

Every model learns from the train split only. One that needs another (a neutralised variant, an
ensemble) reuses it, so nothing is trained twice. Same data set, seed and library versions: same
predictions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oracle.datasets.binning import MISSING_FEATURE, unit_ranks
from oracle.datasets.dataset import ERA_COLUMN, MAIN_TARGET, Dataset, DatasetError, Progress
from oracle.datasets.files import count_rows, read_benchmarks, read_split
from oracle.errors import EnvironmentLacksError

PREDICTION = "prediction"
PREDICTION_PLACES = 9  # The oracle's resolution.
THREADS = 1  # As fast here as two on an idle machine, and several times faster on a busy one.
MAX_CELLS = 30_000_000  # Rows x features held for training (240 MB as float64).
RECENT_SHARE = 0.3
_TREES: dict[str, Any] = {
    "objective": "regression",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "feature_fraction": 0.3,
    "min_data_in_leaf": 40,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": THREADS,
    "verbosity": -1,
}
_ROUNDS = 100

Array = NDArray[np.float64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class TrainedModel:
    """A model's name, its kind, and its predictions in (0, 1) indexed by the live ids."""

    name: str
    kind: str
    predictions: pd.Series


@dataclass(frozen=True)
class Rows:
    """One era to predict: features (rows, features) and benchmark predictions (rows, models)."""

    features: Features
    benchmarks: pd.DataFrame


Predict = Callable[[Rows], Array]
"""Scores (rows,), in any unit: only their order within the era counts."""


@dataclass
class Workshop:
    """The training data in memory, and the models already trained on them."""

    dataset: Dataset
    seed: int
    trained: dict[str, Predict] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature columns: the largest set that fits `MAX_CELLS`, else the smallest."""
        rows = count_rows(self.dataset.root, "train")
        by_size = sorted(self.dataset.feature_sets.values(), key=len, reverse=True)
        fitting = (columns for columns in by_size if rows * len(columns) <= MAX_CELLS)
        return next(fitting, by_size[-1])

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Training rows; every k-th era where even the smallest feature set is too large."""
        if not self.dataset.eras.get("train"):
            raise DatasetError(f"{self.dataset.root}: no training eras")
        cells = count_rows(self.dataset.root, "train") * len(self.names)
        step = -(-cells // MAX_CELLS)
        eras = self.dataset.eras["train"][::step] if step > 1 else None
        columns = [ERA_COLUMN, *self.names, *self.dataset.targets]
        return read_split(self.dataset.root, "train", columns, eras)

    @cached_property
    def features(self) -> Features:
        return feature_matrix(self.frame, self.names)

    @cached_property
    def era_codes(self) -> NDArray[np.int64]:
        """0, 1, 2, ... by era, in file order, of every training row."""
        return pd.factorize(self.frame[ERA_COLUMN])[0]

    def recent(self) -> NDArray[np.bool_]:
        """Rows of the latest `RECENT_SHARE` of eras."""
        return self.era_codes >= (1 - RECENT_SHARE) * (self.era_codes.max() + 1)

    def columns(self, feature_set: str) -> NDArray[np.int64]:
        """Positions of a set's features among `names`; of all if the set is not there."""
        wanted = set(self.dataset.feature_sets.get(feature_set, self.names))
        found = [position for position, name in enumerate(self.names) if name in wanted]
        return np.array(found or range(len(self.names)))

    def labelled(
        self, target: str, rows: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], Array]:
        """Positions of the rows whose target is known, and their centred targets."""
        values = self.frame[target].to_numpy(np.float64)
        known = ~np.isnan(values) if rows is None else ~np.isnan(values) & rows
        if not known.any():
            raise DatasetError(f"{self.dataset.root}: {target} has no value in the train split")
        return np.flatnonzero(known), values[known] - 0.5


def feature_matrix(frame: pd.DataFrame, names: Sequence[str]) -> Features:
    """Features as float32 (rows, names), a missing one in the middle."""
    values = frame[list(names)].to_numpy(np.float32)
    return np.nan_to_num(values, copy=False, nan=MISSING_FEATURE)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise EnvironmentLacksError(
            "LightGBM, which trains the demo's models, is not installed", "run `make setup`"
        ) from error
    return lightgbm


def _linear_models() -> Any:
    try:
        from sklearn import linear_model
    except ImportError as error:
        raise EnvironmentLacksError(
            "scikit-learn, which trains the demo's models, is not installed", "run `make setup`"
        ) from error
    return linear_model


Fit = Callable[[Workshop], Predict]


def _trees(
    target: str, *, feature_set: str = "all", recent: bool = False, **parameters: Any
) -> Fit:
    """Gradient-boosted trees."""

    def fit(shop: Workshop) -> Predict:
        lightgbm = _lightgbm()
        columns = shop.columns(feature_set)
        rows, labels = shop.labelled(target, shop.recent() if recent else None)
        data = lightgbm.Dataset(shop.features[np.ix_(rows, columns)], labels)
        booster = lightgbm.train({**_TREES, "seed": shop.seed, **parameters}, data, _ROUNDS)
        return lambda era: booster.predict(era.features[:, columns])

    return fit


def _era_boosted(target: str, stages: int = 4) -> Fit:
    """Trees added in stages, each after the first on the half of eras predicted worst so far."""

    def fit(shop: Workshop) -> Predict:
        lightgbm = _lightgbm()
        positions, labels = shop.labelled(target)
        features, codes = shop.features[positions], shop.era_codes[positions]
        rows = np.ones(len(labels), dtype=bool)
        booster = None
        for _ in range(stages):
            data = lightgbm.Dataset(features[rows], labels[rows], free_raw_data=False)
            booster = lightgbm.train(
                {**_TREES, "seed": shop.seed}, data, _ROUNDS // stages, init_model=booster
            )
            scores = _era_correlations(booster.predict(features), labels, codes)
            rows = (scores <= np.median(scores))[codes]
        return lambda era: booster.predict(era.features)

    return fit


def _era_correlations(scores: Array, labels: Array, codes: NDArray[np.int64]) -> Array:
    """Correlation of scores with labels by era code; 0 for an era without rows or spread."""
    counts = np.maximum(np.bincount(codes), 1)

    def centred(values: Array) -> Array:
        return values - (np.bincount(codes, values) / counts)[codes]

    x, y = centred(scores), centred(labels)
    products, x_squares, y_squares = (np.bincount(codes, v) for v in (x * y, x * x, y * y))
    spread = np.sqrt(x_squares * y_squares)
    return np.divide(products, spread, out=np.zeros_like(spread), where=spread > 0)


def _linear(
    target: str, penalty: float | None, *, feature_set: str = "all", recent: bool = False
) -> Fit:
    """Ridge regression, or least squares where `penalty` (a multiple of the rows) is None."""

    def fit(shop: Workshop) -> Predict:
        models = _linear_models()
        columns = shop.columns(feature_set)
        rows, labels = shop.labelled(target, shop.recent() if recent else None)
        if penalty is None:
            model = models.LinearRegression()
        else:
            model = models.Ridge(alpha=penalty * len(rows), solver="cholesky")
        model.fit(shop.features[np.ix_(rows, columns)].astype(np.float64), labels)
        return lambda era: model.predict(era.features[:, columns].astype(np.float64))

    return fit


def _neutralised(base: str, proportion: float) -> Fit:
    """Another model's ranks less a share of what the small set's features explain of them."""

    def fit(shop: Workshop) -> Predict:
        columns = shop.columns("small")

        def predict(era: Rows) -> Array:
            # More regressors than a third of the rows would leave mostly noise.
            few = columns[: max(1, len(era.features) // 3)]
            ranks = unit_ranks(shop.trained[base](era)) - 0.5
            exposures = np.column_stack([era.features[:, few], np.ones(len(ranks))])
            explained = exposures @ np.linalg.lstsq(exposures, ranks, rcond=1e-6)[0]
            return ranks - proportion * explained

        return predict

    return fit


def _ensemble(*members: str) -> Fit:
    """Mean of other models' ranks."""

    def fit(shop: Workshop) -> Predict:
        return lambda era: np.mean([unit_ranks(shop.trained[m](era)) for m in members], axis=0)

    return fit


def _factor(feature: str) -> Fit:
    """A single feature, in the direction it has pointed in training."""

    def fit(shop: Workshop) -> Predict:
        column = shop.names.index(feature)
        rows, labels = shop.labelled(MAIN_TARGET)
        sign = 1.0 if shop.features[rows, column] @ labels >= 0 else -1.0
        return lambda era: sign * era.features[:, column].astype(np.float64)

    return fit


def _copycat(shop: Workshop) -> Predict:
    """The first benchmark model, as published."""
    return lambda era: era.benchmarks.iloc[:, 0].to_numpy(np.float64)


def _noise(shop: Workshop) -> Predict:
    """Chance, and nothing else."""
    return lambda era: np.random.default_rng(shop.seed).random(len(era.features))


@dataclass(frozen=True)
class Recipe:
    """How to train one model; a recipe may use the models of those before it."""

    name: str
    kind: str
    fit: Fit


def _factors(shop: Workshop) -> tuple[str, ...]:
    """Three features for the factor models: the classics, else those most telling in training."""
    wanted = ("momentum_skip_20_250", "reversal_5", "volatility_60")
    known = tuple(f"feature_{name}" for name in wanted if f"feature_{name}" in shop.names)
    rows, labels = shop.labelled(MAIN_TARGET)
    pull = np.abs(labels @ (shop.features[rows].astype(np.float64) - MISSING_FEATURE))
    telling = [shop.names[i] for i in np.argsort(-pull, kind="stable")]
    return (*known, *(name for name in telling if name not in known))[: len(wanted)]


def _of_horizon(dataset: Dataset, days: int) -> list[str]:
    """Target columns of a horizon, in the order of features.json; `target` if there are none."""
    return [t for t in dataset.targets if t.endswith(f"_{days}")] or [MAIN_TARGET]


def recipes(shop: Workshop) -> tuple[Recipe, ...]:
    """Every model of the demo, in training order."""
    short, long = _of_horizon(shop.dataset, 20), _of_horizon(shop.dataset, 60)
    other = [t for t in dict.fromkeys((*short[1:2], long[-1])) if t not in (MAIN_TARGET, long[0])]
    trees, linear = "lightgbm", "linear"
    return (
        Recipe("lgbm_20", trees, _trees(MAIN_TARGET)),
        Recipe("lgbm_60", trees, _trees(long[0])),
        *(Recipe(f"lgbm_{t.removeprefix('target_')}", trees, _trees(t)) for t in other),
        Recipe("lgbm_deep", trees, _trees(MAIN_TARGET, num_leaves=63, min_data_in_leaf=20)),
        Recipe("lgbm_stumps", trees, _trees(long[0], num_leaves=2)),
        Recipe("lgbm_small", trees, _trees(MAIN_TARGET, feature_set="small")),
        Recipe("lgbm_medium", trees, _trees(long[0], feature_set="medium")),
        Recipe("lgbm_recent", trees, _trees(MAIN_TARGET, recent=True)),
        Recipe("era_boosted", "era-boosted", _era_boosted(MAIN_TARGET)),
        Recipe("ridge_20", linear, _linear(MAIN_TARGET, 1.0)),
        Recipe("ridge_60", linear, _linear(long[0], 1.0)),
        Recipe("ridge_recent", linear, _linear(MAIN_TARGET, 1.0, recent=True)),
        Recipe("ridge_small", linear, _linear(long[0], 0.1, feature_set="small")),
        Recipe("least_squares", linear, _linear(MAIN_TARGET, None)),
        Recipe("lgbm_half_neutral", "neutralised", _neutralised("lgbm_60", 0.5)),
        Recipe("lgbm_neutral", "neutralised", _neutralised("lgbm_20", 1.0)),
        Recipe("ridge_neutral", "neutralised", _neutralised("ridge_20", 1.0)),
        Recipe("ensemble_trees", "ensemble", _ensemble("lgbm_20", "lgbm_60", "era_boosted")),
        Recipe("ensemble_mixed", "ensemble", _ensemble("lgbm_60", "ridge_60", "lgbm_medium")),
        *(
            Recipe(f"factor_{name.removeprefix('feature_')}", "factor", _factor(name))
            for name in _factors(shop)
        ),
        Recipe("copycat", "benchmark", _copycat),
        Recipe("noise", "noise", _noise),
    )


def train_workshop(
    dataset: Dataset, seed: int, progress: Progress | None = None
) -> tuple[Workshop, tuple[Recipe, ...]]:
    """Train every model; `trained` of the workshop then predicts any era of the data set.

    Raises as `train_models` does.
    """
    shop = Workshop(dataset, seed)
    planned = recipes(shop)
    for done, recipe in enumerate(planned, start=1):
        shop.trained[recipe.name] = recipe.fit(shop)
        if progress is not None:
            progress(done, len(planned), recipe.name)
    return shop, planned


def train_models(
    dataset: Dataset, seed: int, progress: Progress | None = None
) -> list[TrainedModel]:
    """Train the demo's models on the train split and predict the live rows.

    Predictions are tie-kept ranks in (0, 1), rounded to 10^-9.

    Raises:
        DatasetError: a file is missing or not in the format.
        EnvironmentLacksError: LightGBM or scikit-learn is not installed.
    """
    return predict_live(*train_workshop(dataset, seed, progress))


def predict_live(shop: Workshop, planned: Sequence[Recipe]) -> list[TrainedModel]:
    """Every model's predictions of the live rows."""
    return _predict(shop, planned, read_split(shop.dataset.root, "live", shop.names), "live")


def predict_past(
    shop: Workshop, planned: Sequence[Recipe], era: pd.DataFrame
) -> list[TrainedModel]:
    """The same of rows of the validation split; ``era`` has at least all features."""
    return _predict(shop, planned, era[list(shop.names)], "validation")


def _predict(
    shop: Workshop, planned: Sequence[Recipe], era: pd.DataFrame, split: str
) -> list[TrainedModel]:
    root = shop.dataset.root
    benchmarks = read_benchmarks(root, split).reindex(era.index)
    if benchmarks.isna().any(axis=None):
        raise DatasetError(f"{root}: the {split} benchmark models lack predictions of its ids")
    rows = Rows(feature_matrix(era, shop.names), benchmarks)
    return [
        TrainedModel(
            recipe.name,
            recipe.kind,
            pd.Series(
                unit_ranks(shop.trained[recipe.name](rows)).round(PREDICTION_PLACES),
                era.index,
                name=PREDICTION,
            ),
        )
        for recipe in planned
    ]
