"""Rounds for the differential run: random and adversarial, the same on every machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

SEED = 20_261_122
TINY = (3, 4, 5, 7)
SIZES = (20, 101, 500, 5_000)
MODELS = 5


@dataclass(frozen=True)
class Case:
    """One round; all frames share ``predictions``' sorted index of N ids.

    ``features`` are integers 0..4; ``neutralizers``, orthonormal columns, and ``weights`` are those
    of a portfolio; ``earlier`` is another submission of each model, on an index that lacks some ids
    and has some more. All but the predictions has at most nine decimals, as the engine
    takes it.
    """

    name: str
    predictions: pd.DataFrame
    target: pd.Series
    stakes: pd.Series
    features: pd.DataFrame
    neutralizers: pd.DataFrame
    weights: pd.Series
    earlier: pd.DataFrame

    @property
    def rows(self) -> int:
        return len(self.predictions)


Draw = Callable[[np.random.Generator, int], np.ndarray]


def binned(random: np.random.Generator, rows: int) -> np.ndarray:
    """0, .25, .5, .75, 1 for 5, 20, 50, 20, 5 % of the rows; of few rows all buckets at random."""
    if rows < 20:
        return random.integers(0, 5, rows) / 4
    shares = np.searchsorted([0.05, 0.25, 0.75, 0.95], np.arange(rows) / rows, side="right")
    return random.permutation(shares) / 4


def continuous(random: np.random.Generator, rows: int) -> np.ndarray:
    return random.random(rows)


def returns(random: np.random.Generator, rows: int) -> np.ndarray:
    """Both signs and fat tails, so that no factor 4 applies."""
    return np.clip(0.03 * random.standard_t(4, rows), -0.9, 0.9)


def two_values(random: np.random.Generator, rows: int) -> np.ndarray:
    return random.integers(0, 2, rows).astype(float)


def coarse(random: np.random.Generator, rows: int) -> np.ndarray:
    """Three values: almost all rows tie."""
    return random.integers(0, 3, rows) / 2


def outlier(random: np.random.Generator, rows: int) -> np.ndarray:
    """All rows but a few equal."""
    values = np.full(rows, 0.5)
    few = random.choice(rows, max(1, rows // 50), replace=False)
    values[few] = random.random(few.size)
    return values


def mixed(random: np.random.Generator, rows: int) -> np.ndarray:
    """Half of the values on a grid, half next to each other in float64."""
    grid = random.integers(0, 10, rows) / 10
    return np.where(random.random(rows) < 0.5, grid, np.nextafter(grid, 2))


TARGETS: dict[str, Draw] = {
    "binned": binned,
    "continuous": continuous,
    "returns": returns,
    "two values": two_values,
}
PREDICTIONS: dict[str, Draw] = {
    "plain": continuous,
    "coarse": coarse,
    "outlier": outlier,
    "mixed": mixed,
}


def varied(draw: Draw, random: np.random.Generator, rows: int) -> np.ndarray:
    """A draw that is not constant."""
    while True:
        values = np.round(draw(random, rows), 9) if draw is not mixed else draw(random, rows)
        if values.min() < values.max():
            return values


def make_case(name: str, draw: Draw, target: Draw, rows: int) -> Case:
    random = np.random.default_rng([SEED, *name.encode()])
    index = pd.Index([f"n{row:07d}" for row in range(rows)], name="id")
    models = [f"model_{model}" for model in range(MODELS)]
    columns = {model: varied(draw, random, rows) for model in models}
    stakes = 10.0 ** random.uniform(-3, 6, MODELS) * random.integers(1, 100, MODELS)
    stakes[1] = 0
    features = random.integers(0, 5, (rows, min(20, max(1, rows // 6))))
    if features.shape[1] > 3:
        features[:, 1] = features[:, 0]  # one twice, one constant
        features[:, 2] = 3
    weights = np.round(random.uniform(0.2, 1, rows), 9)
    width = min(8, max(1, rows // 4))
    neutralizers = np.linalg.qr(random.standard_normal((rows, width)))[0].round(9)
    moved = pd.DataFrame(columns, index=index).iloc[rows // 12 :]
    extra = pd.DataFrame(
        {model: random.random(rows // 12) for model in models},
        index=pd.Index([f"x{row:07d}" for row in range(rows // 12)], name="id"),
    )
    earlier = pd.concat([moved + 0.3 * random.random(moved.shape), extra]).sample(
        frac=1, random_state=1
    )
    return Case(
        name=name,
        predictions=pd.DataFrame(columns, index=index),
        target=pd.Series(varied(target, random, rows), index=index, name="target"),
        stakes=pd.Series(np.round(stakes * 1e6) / 1e6, index=models),
        features=pd.DataFrame(features, index=index).add_prefix("feature_"),
        neutralizers=pd.DataFrame(neutralizers, index=index).add_prefix("neutralizer_"),
        weights=pd.Series(weights, index=index, name="weight"),
        earlier=earlier,
    )


def all_cases() -> Iterator[Case]:
    for rows in TINY + SIZES:
        for shape, draw in PREDICTIONS.items():
            for kind, target in TARGETS.items():
                for copy in range(2 if rows in TINY else 1):
                    yield make_case(f"{rows} {shape} {kind} {copy}", draw, target, rows)
