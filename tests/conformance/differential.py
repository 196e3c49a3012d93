"""Each shared score by numerai-tools' newest release and by ours, on the same rounds.

Prints JSON: score -> the largest difference, the case it occurs in, how many cases were compared,
and how many numerai-tools refused. Runs in the environment of requirements-conformance.lock.
"""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import isfinite

import numpy as np
import pandas as pd
import shim
from cases import Case, all_cases
from numerai_tools import scoring as theirs
from numerai_tools import signals

from oracle.scoring import fnc
from oracle.scoring.alpha import alpha
from oracle.scoring.corr import cwmm
from oracle.scoring.exposure import max_exposure
from oracle.scoring.float_arrays import float_ranks
from oracle.scoring.least_squares import FeatureProjector
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import stake_sums
from oracle.scoring.mpc import mpc
from oracle.scoring.pairwise import apcwnm, mcwnm
from oracle.scoring.round import score_round

Pair = tuple[object, object]
Compared = Callable[[Case], Pair | None]
STAKE_UNIT = 10**6
ILL_POSED_FNC = "FNC of models with residuals less than 3e-11 apart"

SCORES: dict[str, Compared] = {}
"""Score -> function of a case: numerai-tools' value and ours, or None where it does not apply."""


@dataclass
class Tally:
    cases: int = 0
    refused: int = 0
    difference: float = 0.0
    case: str = ""
    ours: list[str] = field(default_factory=list)


def score(name: str) -> Callable[[Compared], Compared]:
    def register(function: Compared) -> Compared:
        SCORES[name] = function
        return function

    return register


def ranks_of(case: Case) -> np.ndarray:
    """Doubled ranks, one model a row: what the paid scores start from."""
    return float_ranks(shim.values_of(case.predictions))


def units(frame: shim.Frame) -> np.ndarray:
    return np.rint(frame.to_numpy() * SCALE).astype(np.int64)


def stakes_of(case: Case) -> list[int]:
    return [round(stake * STAKE_UNIT) for stake in case.stakes]


def meta_model(case: Case) -> pd.Series:
    """numerai-tools' stake-weighted ranks, cleared of rounding noise so that equal means tie."""
    found = theirs.stake_weight(theirs.tie_kept_rank(case.predictions), case.stakes).round(12)
    return found.rename("meta_model")


def round_of(case: Case) -> object:
    """The whole round as the engine scores it, from integers."""
    predictions = ranks_of(case) * (SCALE // (2 * case.rows + 1))  # same order, within [0, 1]
    return score_round(predictions, units(case.target), stakes_of(case))


# Paid scores, by the exact engine


@score("CORR (numerai_corr)")
def _(case: Case) -> Pair:
    return theirs.numerai_corr(case.predictions, case.target), round_of(case).corr / SCALE


@score("MMC (correlation_contribution to the stake-weighted meta model)")
def _(case: Case) -> Pair | None:
    meta = meta_model(case)
    if meta.min() == meta.max():
        return None
    wanted = theirs.correlation_contribution(case.predictions, meta, case.target)
    return wanted, round_of(case).mmc / SCALE


@score("meta model (stake_weight of tie_kept_rank)")
def _(case: Case) -> Pair:
    return meta_model(case), round_of(case).meta_values / SCALE


@score("BMC (correlation_contribution to one model)")
def _(case: Case) -> Pair:
    benchmark = case.predictions["model_0"].rename("benchmark")
    arguments = (case.predictions, benchmark, case.target)
    return theirs.correlation_contribution(*arguments), shim.correlation_contribution(*arguments)


@score("CWMM (pearson_correlation of tie_kept_rank__gaussianize__pow_1_5)")
def _(case: Case) -> Pair | None:
    meta = meta_model(case)
    if meta.min() == meta.max():
        return None
    powered = theirs.tie_kept_rank__gaussianize__pow_1_5(case.predictions)
    wanted = powered.apply(lambda column: theirs.pearson_correlation(meta, column))
    ranks = ranks_of(case)
    return wanted, cwmm(ranks, stake_sums(ranks, stakes_of(case)).shape()) / SCALE


def others(case: Case) -> np.ndarray:
    """Correlations of each model with the others of the round, (M, M - 1), by their functions."""
    normal = theirs.gaussian(theirs.tie_kept_rank(case.predictions))
    found = [
        [theirs.pearson_correlation(normal[a], normal[b]) for b in normal if a != b] for a in normal
    ]
    return np.array(found)


@score("MCWNM (largest pearson_correlation of gaussian of tie_kept_rank)")
def _(case: Case) -> Pair:
    return others(case).max(axis=1), mcwnm(ranks_of(case)) / SCALE


@score("APCWNM (mean of these)")
def _(case: Case) -> Pair:
    return others(case).mean(axis=1), apcwnm(ranks_of(case)) / SCALE


def fnc_where(case: Case, close: bool) -> Pair | None:
    """FNC of the models whose residuals are, or are not, closer than the engine's unit of them.

    Closer residuals tie for the engine; numerai-tools ranks them, be they apart by noise only.
    """
    if case.rows < 100:
        return None  # with so few rows most residuals tie but for noise
    residuals = theirs.neutralize(
        theirs.gaussian(theirs.tie_kept_rank(case.predictions)), case.features
    )
    gaps = np.diff(np.sort(residuals.to_numpy(), axis=0), axis=0).min(axis=0)
    chosen = (gaps < 2 * 2.0**-fnc.TIE_BITS) == close
    if not chosen.any():
        return None
    projector = FeatureProjector.of(shim.values_of(case.features).T.astype(np.int8))
    found = fnc.fnc(ranks_of(case), projector, units(case.target))[chosen] / SCALE
    predictions = case.predictions.loc[:, chosen]
    return theirs.feature_neutral_corr(predictions, case.features, case.target), found


@score("FNC (feature_neutral_corr)")
def _(case: Case) -> Pair | None:
    return fnc_where(case, close=False)


@score(ILL_POSED_FNC)
def _(case: Case) -> Pair | None:
    return fnc_where(case, close=True)


@score("Alpha (alpha)")
def _(case: Case) -> Pair:
    wanted = theirs.alpha(case.predictions, case.neutralizers, case.weights, case.target)
    arguments = (units(case.neutralizers), units(case.weights), units(case.target))
    return wanted, alpha(ranks_of(case), *arguments) / SCALE


@score("MPC (meta_portfolio_contribution)")
def _(case: Case) -> Pair:
    wanted = theirs.meta_portfolio_contribution(
        case.predictions, case.stakes, case.neutralizers, case.weights, case.target
    )
    arguments = (units(case.neutralizers), units(case.weights), units(case.target))
    return wanted, mpc(ranks_of(case), stakes_of(case), *arguments) / SCALE


@score("max feature exposure (max_feature_correlation)")
def _(case: Case) -> Pair | None:
    varied = case.features.loc[:, case.features.nunique() > 1]
    if varied.empty or "mixed" in case.name:
        return None  # constant features are NaN there; mixed values have more than nine decimals
    wanted = [
        theirs.max_feature_correlation(case.predictions[m], varied)[1] for m in case.stakes.index
    ]
    values = units(case.predictions).T
    found = max_exposure(np.ascontiguousarray(values), shim.values_of(varied).T.astype(np.int8))
    return wanted, found.value / SCALE


# Helpers, in floats: the same function of both


def same(name: str, *columns: str, **options: object) -> None:
    """Compare numerai_tools.scoring's function ``name`` with the shim's on fields of the case."""

    def compare(case: Case) -> Pair:
        arguments = [getattr(case, column) for column in columns]
        return (
            getattr(theirs, name)(*arguments, **options),
            getattr(shim, name)(*arguments, **options),
        )

    listed = ", ".join(f"{key}={value}" for key, value in options.items())
    SCORES[f"{name}({listed})" if listed else name] = compare


for helper in (
    "tie_kept_rank",
    "tie_broken_rank",
    "center",
    "standardize",
    "variance_normalize",
    "tie_kept_rank__gaussianize__pow_1_5",
    "weight_normalize",
):
    same(helper, "predictions")
same("power", "predictions", p=1.5)
same("numerai_corr", "predictions", "target", target_pow15=False)
same("neutralize", "predictions", "features")
same("neutralize", "predictions", "features", proportion=0.5)
same("stake_weight", "predictions", "stakes")
same("generate_neutralized_weights", "predictions", "neutralizers", "weights")
same(
    "generate_neutralized_weights",
    "predictions",
    "neutralizers",
    "weights",
    center_and_normalize=True,
)
same("alpha", "predictions", "neutralizers", "weights", "target")
same("meta_portfolio_contribution", "predictions", "stakes", "neutralizers", "weights", "target")


@score("gaussian of tie_kept_rank")
def _(case: Case) -> Pair:
    ranks = theirs.tie_kept_rank(case.predictions)
    return theirs.gaussian(ranks), shim.gaussian(ranks)


@score("orthogonalize")
def _(case: Case) -> Pair:
    values = case.predictions.to_numpy()
    reference = case.weights.to_numpy()
    return theirs.orthogonalize(values, reference), shim.orthogonalize(values, reference)


@score("numerai_corr(top_bottom=N // 10)")
def _(case: Case) -> Pair | None:
    if case.rows < 100 or "plain" not in case.name or "returns" in case.name:
        return None
    options = {"top_bottom": case.rows // 10}
    return (
        theirs.numerai_corr(case.predictions, case.target, **options),
        shim.numerai_corr(case.predictions, case.target, **options),
    )


@score("correlation_contribution(top_bottom=N // 10)")
def _(case: Case) -> Pair | None:
    if case.rows < 100 or "plain" not in case.name:
        return None
    meta = case.predictions["model_0"].rename("benchmark")
    arguments = (case.predictions.iloc[:, 1:], meta, case.target)
    options = {"top_bottom": case.rows // 10}
    return (
        theirs.correlation_contribution(*arguments, **options),
        shim.correlation_contribution(*arguments, **options),
    )


@score("feature_neutral_corr in floats")
def _(case: Case) -> Pair | None:
    if case.rows < 100 or "plain" not in case.name:
        return None
    arguments = (case.predictions, case.features, case.target)
    return theirs.feature_neutral_corr(*arguments), shim.feature_neutral_corr(*arguments)


@score("neutral_correlation")
def _(case: Case) -> Pair | None:
    if case.rows < 20:
        return None  # next to nothing is left of some models
    arguments = (case.predictions, case.features, case.target)
    return theirs.neutral_correlation(*arguments), shim.neutral_correlation(*arguments)


@score("neutral_contribution")
def _(case: Case) -> Pair | None:
    if case.rows < 20:
        return None
    meta = case.predictions["model_0"].rename("meta_model")
    arguments = (case.predictions, meta, case.features, case.target)
    return theirs.neutral_contribution(*arguments), shim.neutral_contribution(*arguments)


def by_model(function: Callable[[pd.Series, pd.Series], float], case: Case) -> list[float]:
    return [function(case.predictions[name], case.earlier[name]) for name in case.predictions]


@score("churn")
def _(case: Case) -> Pair | None:
    if any(case.predictions[name][case.rows // 12 :].nunique() < 2 for name in case.predictions):
        return None
    return by_model(signals.churn, case), by_model(shim.churn, case)


@score("churn(top_bottom=N // 5)")
def _(case: Case) -> Pair | None:
    if case.rows < 5 or "plain" not in case.name:
        return None  # elsewhere ties are cut in the order of rows, which numerai-tools keeps
    ends = case.rows // 5
    return (
        by_model(lambda new, old: signals.churn(new, old, ends), case),
        by_model(lambda new, old: shim.churn(new, old, ends), case),
    )


@score("turnover")
def _(case: Case) -> Pair:
    return by_model(signals.turnover, case), by_model(shim.turnover, case)


@score("max_feature_correlation")
def _(case: Case) -> Pair:
    varied = case.features.loc[:, case.features.nunique() > 1]
    if varied.empty:
        varied = case.neutralizers
    columns = [case.predictions[name] for name in case.predictions]
    return (
        [theirs.max_feature_correlation(column, varied)[1] for column in columns],
        [shim.max_feature_correlation(column, varied)[1] for column in columns],
    )


@score("spearman_correlation, tie_broken_rank_correlation")
def _(case: Case) -> Pair:
    functions = ("spearman_correlation", "tie_broken_rank_correlation")
    pairs = [
        tuple(getattr(module, name)(case.target, case.predictions["model_2"]) for name in functions)
        for module in (theirs, shim)
    ]
    return pairs[0], pairs[1]


def submissions(case: Case) -> tuple:
    """Arguments of the Signals gate: a submission and two earlier ones in the same universe."""
    subs = [case.predictions[name].rename_axis("numerai_ticker") for name in case.predictions][:3]
    features = case.neutralizers.rename_axis("numerai_ticker")
    weights = case.weights.rename_axis("numerai_ticker")
    ranked = [sub.rank(pct=True).clip(0.001, 0.999).rename("signal") for sub in subs]
    dates = ("20260101", "20260108")
    return (
        ranked[0],
        features,
        weights,
        dict(zip(dates, ranked[1:], strict=True)),
        dict.fromkeys(dates, features),
        dict.fromkeys(dates, weights),
    )


@score("calculate_max_churn_and_turnover")
def _(case: Case) -> Pair | None:
    if case.rows < 100:
        return None  # it asks for 100 tickers
    arguments = submissions(case)
    return (
        signals.calculate_max_churn_and_turnover(*arguments),
        shim.calculate_max_churn_and_turnover(*arguments),
    )


@score("calculate_mean_neutral_churn")
def _(case: Case) -> Pair | None:
    if case.rows < 100 or "plain" not in case.name:
        return None
    arguments = submissions(case)
    return (
        signals.calculate_mean_neutral_churn(*arguments),
        shim.calculate_mean_neutral_churn(*arguments),
    )


def difference(wanted: object, found: object) -> float:
    """The largest absolute difference of two arrays of one shape; infinity where only one is NaN
    or infinite."""
    first, second = (np.asarray(side, dtype=float) for side in (wanted, found))
    assert first.shape == second.shape, (first.shape, second.shape)
    unlike = np.isfinite(first) != np.isfinite(second)
    if unlike.any():
        return float("inf")
    return float(np.abs(first - second)[np.isfinite(first)].max(initial=0))


def compare_all() -> dict[str, Tally]:
    tallies = {name: Tally() for name in SCORES}
    for case in all_cases():
        for name, function in SCORES.items():
            tally = tallies[name]
            try:
                pair = function(case)
            except shim.Refused as error:
                tally.ours.append(f"{case.name}: {error.code}")
                continue
            except AssertionError:
                tally.refused += 1
                continue
            if pair is None:
                continue
            tally.cases += 1
            apart = difference(*pair)
            if apart >= tally.difference:
                tally.difference, tally.case = apart, case.name
            if not isfinite(apart):
                tally.ours.append(f"{case.name}: not finite")
    return tallies


def main() -> None:
    warnings.simplefilter("ignore")
    found = {name: asdict(tally) for name, tally in compare_all().items()}
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
