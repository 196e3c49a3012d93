"""From the counted predictions of a round to what is published of each model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from oracle.evaluation.score_sets import FORECASTS, PORTFOLIOS, ScoreSet
from oracle.evaluation.scorer import Work
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.signal_round import SignalTarget


@dataclass(frozen=True, slots=True)
class Counted:
    """The submissions that count, in order of their models: ``numbers`` of their predictions, the
    models' stakes and accounts."""

    numbers: Sequence[int]
    stakes: Sequence[int]
    accounts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Found:
    """``rows``: of each counted model the integers by column of the round's `ScoreSet`; ``meta``:
    the meta model's value of each id, empty where there is none."""

    rows: Sequence[Mapping[str, int]]
    meta: Sequence[int]
    statuses: Mapping[str, str]


Scoring: TypeAlias = Callable[[Work, Counted, Any, int], Found]
"""Of the counted predictions, by the tournament's targets and the seed of whatever is drawn."""


def scoring_of(scored: ScoreSet) -> Scoring:
    """How a tournament with these scores is scored."""
    return _SCORINGS[scored]


def _forecasts(work: Work, counted: Counted, target: np.ndarray, seed: int) -> Found:
    if not counted.numbers:
        return _nobody(FORECASTS)
    problem = plain_problem(len(target), seed=seed)
    scores = work.score(counted.numbers, target, counted.stakes, counted.accounts, problem)
    return Found(
        _rows(FORECASTS, scores.corr, scores.mmc, scores.tc, scores.rho, scores.levels),
        scores.meta_values.tolist() if scores.meta_status == "ok" else [],
        {"meta_model": scores.meta_status, "tc": scores.tc_status},
    )


def _portfolios(work: Work, counted: Counted, given: SignalTarget, _: int) -> Found:
    if not counted.numbers:
        return _nobody(PORTFOLIOS)
    scores = work.score_signals(counted.numbers, given, counted.stakes, counted.accounts)
    made = scores.products
    return Found(
        _rows(PORTFOLIOS, made.alpha, made.mpc, scores.rho, scores.levels),
        scores.meta_values.tolist() if scores.meta_status == "ok" else [],
        {
            "meta_model": scores.meta_status,
            "alpha": made.alpha_status,
            "mpc": made.mpc_status,
        },
    )


def _nobody(scored: ScoreSet) -> Found:
    return Found([], [], dict.fromkeys(scored.statuses, "no_submission"))


def _rows(scored: ScoreSet, *columns: np.ndarray) -> list[dict[str, int]]:
    lists = [column.tolist() for column in columns]
    return [dict(zip(scored.columns, row, strict=True)) for row in zip(*lists, strict=True)]


_SCORINGS: Final[Mapping[ScoreSet, Scoring]] = {FORECASTS: _forecasts, PORTFOLIOS: _portfolios}
