"""All diagnostics of one era for many models at once; `series` sums them up over eras.

Scores and correlations are exact integers as in a round. What cannot be scored leaves a reason, a
stable code, and nothing else: no model changes what is said of another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from oracle.scoring.arithmetic import div_sqrt_half_even
from oracle.scoring.checks import require_integers, require_matrix, require_ranks
from oracle.scoring.corr import corr
from oracle.scoring.errors import ScoringError
from oracle.scoring.exposure import exposures
from oracle.scoring.fnc import FeatureProjector, fnc
from oracle.scoring.hardening import Hardening, hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.mmc import mmc
from oracle.scoring.ranks import doubled_ranks

TAIL: Final = 200
TAIL_SHARE: Final = 25
"""TB200 looks at 200 rows a side: one in 25 of the 5,000 that an era had when it was made. Of a
smaller era it looks at one row in 25 a side."""

MIN_TAIL: Final = 2

SCORES: Final = ("corr", "mmc", "bmc", "fnc", "tb200")
CORRELATIONS: Final = ("meta_model_correlation", "benchmark_correlation", "example_correlation")
NAMES: Final = (*SCORES, "rho", *CORRELATIONS, "max_exposure")

_MISUSE: Final = frozenset({"dtype", "shape", "block"})
"""Errors of the caller. All others are of the data, and the reason why a score is missing."""

Reference = np.ndarray | str
"""Predictions to compare with, int64 (N,) in units of 1e-9, or the reason why there are none."""


@dataclass(frozen=True, eq=False)
class References:
    """What the models of an era are compared with."""

    meta_model: Reference
    benchmark: Reference
    example: Reference


@dataclass(frozen=True, eq=False)
class EraDiagnostics:
    """Of each of `NAMES`: M scores in units of 1e-9, None where there is none, and M reasons,
    None where there is a score.

    ``levels``: the hardening level that goes with each rho, 0 without one. ``exposures``: int64
    (M, K) in units of 1e-9, 0 for models without exposures, whose max_exposure is None.
    """

    values: dict[str, list[int | None]]
    reasons: dict[str, list[str | None]]
    levels: list[int]
    exposures: np.ndarray


def diagnose_era(
    predictions: np.ndarray, target: np.ndarray, features: np.ndarray, references: References
) -> EraDiagnostics:
    """Scores and correlations of M models in one era.

    ``predictions``: (M, N) in units of 1e-9, one model a row; ``target``: (N,) in the same units;
    ``features``: int8 (N, K), to neutralise to. CORR of all rows and of the TB200 rows, MMC
    against the meta model and (BMC) the benchmark, FNC, the rank correlations with the references,
    rho and hardening level as if all other stake were on the meta model, and the exposure to each
    feature with its largest size. Raises ScoringError ``dtype`` or ``shape``; every other fault is
    a reason.
    """
    require_integers(predictions, "predictions", (None, None))
    models, rows = predictions.shape
    require_integers(target, "target", (rows,))
    require_integers(features, "features", (rows, None))
    table = _Table(models, features.shape[1])
    try:
        ranks = doubled_ranks(predictions)
    except ScoringError as error:
        return table.without_scores(error.code)
    varied = table.unless_constant(ranks)

    @cache
    def projector() -> FeatureProjector:
        _require_features(features)
        return FeatureProjector.of(features)

    @cache
    def reference(name: str) -> np.ndarray:
        return _reference_ranks(name, getattr(references, name), rows)

    def rho(of: list[int]) -> np.ndarray:
        found = hardened(ranks[of], reference("meta_model"))
        for model, level in zip(of, found.levels.tolist(), strict=False):
            table.levels[model] = level
        return np.asarray(found.rho[: len(of)])

    def largest_exposure(of: list[int]) -> np.ndarray:
        _require_features(features)
        table.exposures[of] = exposures(predictions[of], features)
        return np.asarray(np.abs(table.exposures[of]).max(axis=1))

    def correlation_with(name: str) -> Callable[[list[int]], np.ndarray]:
        return lambda of: rank_correlation(ranks[of], reference(name))

    table.fill("corr", varied, lambda of: corr(ranks[of], target))
    table.fill("mmc", varied, lambda of: mmc(ranks[of], reference("meta_model"), target))
    table.fill("bmc", varied, lambda of: mmc(ranks[of], reference("benchmark"), target))
    table.fill("fnc", varied, lambda of: fnc(ranks[of], projector(), target))
    table.fill("rho", varied, rho)
    table.fill("max_exposure", varied, largest_exposure)
    for name in CORRELATIONS:
        table.fill(name, varied, correlation_with(name.removesuffix("_correlation")))
    for model in varied:
        table.fill("tb200", [model], lambda of: tail_corr(ranks[of[0]], target))
    return table.done()


def hardened(ranks: np.ndarray, meta_model: np.ndarray) -> Hardening:
    """`hardening` of M models, each alone against all stake on one meta model.

    ``ranks``: doubled ranks (M, N); ``meta_model``: doubled ranks (N,). The result has one entry
    more than there are models, the meta model's own.
    """
    models = ranks.shape[0]
    return hardening(np.vstack([ranks, meta_model]), [0] * models + [1], range(models + 1))


def tail_size(rows: int) -> int:
    """How many rows a side TB200 looks at in an era of ``rows``."""
    return min(TAIL, max(MIN_TAIL, rows // TAIL_SHARE))


def tail_corr(ranks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """TB200 of one model, int64 (1,) in units of 1e-9: CORR of its highest and lowest rows.

    ``ranks``: doubled ranks (N,); ``target``: (N,) in units of 1e-9. Rows that tie with the last
    one of a side are all in, so that no order of the rows matters. Raises ScoringError as `corr`.
    """
    size = tail_size(ranks.size)
    ascending = np.sort(ranks)
    chosen = (ranks <= ascending[size - 1]) | (ranks >= ascending[-size])
    return corr(doubled_ranks(ranks[chosen])[np.newaxis], target[chosen])


def rank_correlation(ranks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman correlation of each model with one other, int64 (M,) in units of 1e-9.

    ``ranks``: doubled ranks (M, N); ``others``: doubled ranks (N,), neither constant. Exact: the
    sums of N <= 20,000 products of ranks up to 40,000 stay below 2**45. Raises ScoringError.
    """
    models, rows = require_matrix(ranks, "ranks")
    require_integers(others, "others", (rows,))
    require_ranks(ranks)
    require_ranks(others[np.newaxis])
    total = rows * (rows + 1)  # of the ranks of anybody
    wide, other = ranks.astype(np.int64), others.astype(np.int64)
    spread = rows * int(other @ other) - total * total
    products = (wide @ other).tolist()
    squares = np.einsum("ij,ij->i", wide, wide).tolist()
    return np.array(
        [
            div_sqrt_half_even(
                (rows * product - total * total) * SCALE, (rows * square - total * total) * spread
            )
            for product, square in zip(products, squares, strict=True)
        ],
        np.int64,
    ).reshape(models)


def _require_features(features: np.ndarray) -> None:
    if not features.shape[1]:
        raise ScoringError("no_features", "there are no features to compare with")


def _reference_ranks(name: str, reference: Reference, rows: int) -> np.ndarray:
    if isinstance(reference, str):
        raise ScoringError(reference, f"no predictions of the {name}")
    require_integers(reference, name, (rows,))
    if reference.min() == reference.max():
        raise ScoringError(f"constant_{name}", f"all predictions of the {name} are equal")
    return doubled_ranks(reference)


class _Table:
    """Scores and reasons by name and model."""

    def __init__(self, models: int, features: int) -> None:
        self._models = range(models)
        self.values: dict[str, list[int | None]] = {name: [None] * models for name in NAMES}
        self.reasons: dict[str, list[str | None]] = {name: [None] * models for name in NAMES}
        self.levels = [0] * models
        self.exposures = np.zeros((models, features), np.int64)

    def done(self) -> EraDiagnostics:
        return EraDiagnostics(self.values, self.reasons, self.levels, self.exposures)

    def fill(
        self,
        name: str,
        models: Sequence[int],
        score: Callable[[list[int]], np.ndarray],
    ) -> None:
        """Scores of ``models``. Those at fault get the reason, and the others are tried again."""
        left = list(models)
        while left:
            try:
                scores = score(left)
            except ScoringError as error:
                if error.code in _MISUSE:
                    raise
                at_fault = {left[position] for position in error.models} or set(left)
                for model in at_fault:
                    self.reasons[name][model] = error.code
                left = [model for model in left if model not in at_fault]
            else:
                for model, value in zip(left, scores.tolist(), strict=True):
                    self.values[name][model] = value
                return

    def unless_constant(self, ranks: np.ndarray) -> list[int]:
        """The models that can be scored; the others have their reason now."""
        constant = ranks.min(axis=1) == ranks.max(axis=1)
        for model in np.flatnonzero(constant).tolist():
            for name in NAMES:
                self.reasons[name][model] = "constant_prediction"
        return [model for model in self._models if not constant[model]]

    def without_scores(self, code: str) -> EraDiagnostics:
        """No score at all, for one reason."""
        if code in _MISUSE:
            raise ScoringError(code, "predictions cannot be ranked")
        for reasons in self.reasons.values():
            reasons[:] = [code] * len(reasons)
        return self.done()
