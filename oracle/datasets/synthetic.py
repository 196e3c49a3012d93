"""A seeded generator of data in Numerai's Classic format, of any size.

Features are latent normal exposures in correlated groups, cut into quintiles. A few of them carry
signal: linear, plus one product that only a non-linear model finds. Its strength decays over the
eras and switches with a hidden regime. Each era has a random stream of its own, so memory holds
one era and an era's content does not depend on how many were written before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oracle.datasets.binning import MISSING_FEATURE, era_label, quintiles, row_ids, target_bins
from oracle.datasets.dataset import EMBARGO_ERAS, Dataset, DatasetError, Progress
from oracle.datasets.writer import EraBlock, Layout, write_dataset

NAME = "synthetic"
MIN_ROWS, MIN_FEATURES, MIN_ERAS = 20, 5, 10

VALIDATION_SHARE = 0.3
MISSING_FEATURE_SHARE = 0.01
MISSING_TARGET_SHARE = 0.02  # Of the 60-day targets.
_MISSING_ROWS = 1024  # Drawn at a time, to save memory.
GROUP_SIZE = 5
GROUP_CORRELATION = 0.4
SIGNAL = 0.20  # Standard deviation of the signal over that of the noise, in the first era.
DECAY = {20: 0.7, 60: 0.5}  # Share of that strength lost by the last era.
RAINIER = {"rows": 6_700, "features": 2_748, "eras": 1_200, "small": 42, "medium": 780}
"""Sizes of Numerai's own data of 2026, for `build_synthetic`."""
# What each hidden regime does to the signal, and how likely it is to end in an era.
REGIMES = (1.0, 0.4, -0.6)
REGIME_END = (0.05, 0.15, 0.35)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """What a seed decides for all eras.

    `informative` are feature positions and `weights` their effects (unit norm); `pair` are the two
    whose product matters too; `regimes` the regime of every era, live included.
    """

    features: int
    informative: NDArray[np.int64]
    weights: Array
    pair: tuple[int, int]
    regimes: NDArray[np.int64]
    subsets: dict[str, tuple[int, ...]]

    def strength(self, position: int, horizon: int) -> float:
        """Signal over noise in the era at `position`, for a target of `horizon` days."""
        age = position / max(len(self.regimes) - 1, 1)
        return SIGNAL * REGIMES[self.regimes[position]] * (1 - DECAY[horizon] * age)


def _stream(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *purpose))))


def _regimes(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """A Markov chain that starts in the first regime."""
    states = np.zeros(count, dtype=np.int64)
    for position in range(1, count):
        now = states[position - 1]
        others = [state for state in range(len(REGIMES)) if state != now]
        ends = random.random() < REGIME_END[now]
        states[position] = random.choice(others) if ends else now
    return states


def make_plan(
    seed: int, features: int, eras: int, small: int | None = None, medium: int | None = None
) -> Plan:
    """The generator's hidden truth for `features` columns and `eras` eras, live included.

    `small` and `medium` are the sizes of those feature sets, a fifth and half of all by default.
    """
    random = _stream(seed, 0)
    informative = np.sort(random.choice(features, size=max(3, features // 5), replace=False))
    weights = random.standard_normal(len(informative))
    weights = np.sign(weights) * (0.5 + np.abs(weights))
    order = random.permutation(features)
    return Plan(
        features=features,
        informative=informative,
        weights=weights / np.linalg.norm(weights),
        pair=(int(informative[0]), int(informative[-1])),
        regimes=_regimes(random, eras),
        subsets={
            "small": tuple(sorted(int(i) for i in order[: small or max(3, features // 5)])),
            "medium": tuple(sorted(int(i) for i in order[: medium or max(4, features // 2)])),
        },
    )


def _exposures(random: np.random.Generator, rows: int, features: int) -> NDArray[np.float32]:
    """Standard normal exposures (rows, features), correlated within groups of `GROUP_SIZE`."""
    groups = -(-features // GROUP_SIZE)
    shared = random.standard_normal((rows, groups), dtype=np.float32)
    exposures = random.standard_normal((rows, features), dtype=np.float32)
    # In float32 throughout: NumPy 2 would widen a product with a float64 scalar.
    shared *= np.float32(np.sqrt(GROUP_CORRELATION))
    exposures *= np.float32(np.sqrt(1 - GROUP_CORRELATION))
    for member in range(GROUP_SIZE):
        columns = exposures[:, member::GROUP_SIZE]
        columns += shared[:, : columns.shape[1]]
    return exposures


def _signal(plan: Plan, exposures: NDArray[np.float32]) -> Array:
    """The predictable part (rows,), of mean 0 and standard deviation 1."""
    linear = exposures[:, plan.informative].astype(np.float64) @ plan.weights
    first, second = (exposures[:, column].astype(np.float64) for column in plan.pair)
    signal = linear + 0.5 * first * second
    return (signal - signal.mean()) / signal.std()


def _returns(
    plan: Plan, position: int, random: np.random.Generator, exposures: NDArray[np.float32]
) -> Array:
    """Returns behind the targets (rows, targets): residual, raw and scaled, 20 then 60 days.

    As in a market: raw = beta * market + residual, residual = volatility * scaled, and the first
    20 of the 60 days are the 20-day target's.
    """
    rows = len(exposures)
    signal = _signal(plan, exposures)
    beta = 1 + 0.3 * exposures[:, 0].astype(np.float64)
    volatility = np.exp(0.4 * exposures[:, -1].astype(np.float64))
    early, late = random.standard_normal((2, rows))
    columns = []
    for horizon, noise, market in (
        (20, early, random.standard_normal()),
        (60, (early + np.sqrt(2) * late) / np.sqrt(3), random.standard_normal()),
    ):
        scaled = plan.strength(position, horizon) * signal + noise
        residual = volatility * scaled
        columns += [residual, residual + 0.5 * market * beta, scaled]
    return np.column_stack(columns)


def _parts(eras: int) -> list[tuple[str, str]]:
    """Split and label of each era: train, a gap of the embargo, validation, a gap, live."""
    validation = round(eras * VALIDATION_SHARE)
    parts = []
    for position in range(eras + 1):
        split = "live" if position == eras else "validation"
        split = "train" if position < eras - validation else split
        gaps = ("train", "validation", "live").index(split)
        parts.append((split, era_label(position + 1 + gaps * (EMBARGO_ERAS - 1))))
    return parts


def _block(plan: Plan, position: int, split: str, era: str, rows: int, seed: int) -> EraBlock:
    random = _stream(seed, 1, position)
    exposures = _exposures(random, rows, plan.features)
    binned = quintiles(exposures)
    targets = target_bins(_returns(plan, position, random, exposures))
    for start in range(0, rows, _MISSING_ROWS):
        some = binned[start : start + _MISSING_ROWS]
        some[random.random(some.shape, dtype=np.float32) < MISSING_FEATURE_SHARE] = MISSING_FEATURE
    targets[:, 3:][random.random((rows, 3)) < MISSING_TARGET_SHARE] = np.nan
    ids = row_ids(seed, NAME, era, [str(row) for row in range(rows)])
    return EraBlock(split, era, ids, binned, targets)


def _layout(plan: Plan, rows: int, eras: int) -> Layout:
    names = tuple(f"feature_{column:04d}" for column in range(plan.features))
    subsets = {name: tuple(names[c] for c in columns) for name, columns in plan.subsets.items()}
    return Layout(
        name=NAME,
        description=(
            f"Generated from a seed: {rows} rows in each of {eras} eras and the live one, "
            f"{plan.features} features. No market is behind it."
        ),
        feature_sets={**subsets, "all": names},
    )


def build_synthetic(
    out: Path,
    resolution: Path,
    *,
    rows: int,
    features: int,
    eras: int,
    seed: int,
    small: int | None = None,
    medium: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Generate a data set in `out`, and the live targets in `resolution`.

    `rows` are those of every era; `eras` those of train and validation together. `small` and
    `medium` are the sizes of those feature sets (default: a fifth and half of `features`). The
    same arguments give the same content, and the set sizes change nothing but `features.json`.

    Raises:
        DatasetError: an argument is too small, or a directory is in the way.
    """
    for name, value, least in (
        ("rows", rows, MIN_ROWS),
        ("features", features, MIN_FEATURES),
        ("eras", eras, MIN_ERAS),
        ("seed", seed, 0),
    ):
        if value < least:
            raise DatasetError(f"{name} is {value}", f"it must be at least {least}")
    plan = make_plan(seed, features, eras + 1, small, medium)
    _check_sets(plan)
    parts = _parts(eras)

    def blocks() -> Iterator[EraBlock]:
        for position, (split, era) in enumerate(parts):
            yield _block(plan, position, split, era, rows, seed)

    layout = _layout(plan, rows, eras)
    return write_dataset(out, resolution, layout, blocks(), total=len(parts), progress=progress)


def _check_sets(plan: Plan) -> None:
    small, medium = len(plan.subsets["small"]), len(plan.subsets["medium"])
    if not 0 < small < medium < plan.features:
        raise DatasetError(
            f"feature sets of {small} and {medium} of {plan.features} features",
            "make small smaller than medium, and medium smaller than all",
        )
