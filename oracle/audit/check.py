"""The whole audit of a submission: its live rows, its past eras, and the stake on it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oracle.audit.diagnose import SPLIT, Diagnostics, Report, diagnose, feature_names
from oracle.audit.eras import stream_eras
from oracle.audit.live import Live, inspect_live
from oracle.audit.payouts import Payouts, require_past_scores, settle
from oracle.audit.predictions import ABSENT, Predictions, read_predictions
from oracle.datasets.dataset import Dataset, Progress, split_file
from oracle.errors import InputError
from oracle.settlement.payout import Template
from oracle.tournaments.rules import SubmissionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: ``stake`` and ``at_risk`` in U, ``phi`` at 10^-6."""

    file: Path
    history: Path | None
    meta_model: Path | None
    rules: SubmissionRules
    template: Template
    stake: int
    phi: int
    at_risk: int
    feature_set: str
    target: str


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found. ``live`` is None for a file without live rows; ``report`` and ``payouts``
    are None without predictions for past eras."""

    features: tuple[str, ...]
    live: Live | None
    report: Report | None
    payouts: Payouts | None

    @property
    def model(self) -> Diagnostics | None:
        """The one model of the report."""
        return self.report.models[0] if self.report else None


def audit(dataset: Dataset, question: Question, progress: Progress | None = None) -> Audit:
    """Inspects the live rows, then settles each past era as a round of its own.

    Past predictions are those of ``history``; without it those in ``file``, which then are all of
    it or stand beside the live ones. Raises `InputError`: a submission that the rules refuse, a
    file without a row of the data set, a template that past eras cannot tell.
    """
    features = feature_names(dataset, question.feature_set)
    require_past_scores(question.template)
    rules = question.rules
    submitted = read_predictions(question.file, rules.prediction_columns, rules.id_columns)
    holds_live, holds_past = _holds(dataset, submitted)
    if not holds_live and (question.history or not holds_past):
        raise InputError(
            f"{question.file}: none of its {submitted.rows} ids is a live one of {dataset.root}",
            "FILE is what you would submit for this round",
        )
    live = None
    if holds_live:
        live = inspect_live(dataset, question.file, features, rules, question.meta_model)
    past = submitted if holds_past else None
    if question.history:
        past = read_predictions(question.history, rules.prediction_columns, rules.id_columns)
    if past is None:
        return Audit(features, live, None, None)
    report = diagnose(dataset, [past], question.feature_set, question.target, progress)
    payouts = settle(
        report.eras,
        report.models[0],
        question.template,
        question.stake,
        question.phi,
        question.at_risk,
    )
    return Audit(features, live, report, payouts)


def _holds(dataset: Dataset, submitted: Predictions) -> tuple[bool, bool]:
    """Whether the predictions are of any live row, and of any row of a past era."""
    ids = np.array([name.encode() for name in dataset.live_ids], np.bytes_)
    live = any((submitted.of(era or "", ids) != ABSENT).any() for era in submitted.pools)
    if SPLIT not in dataset.eras:
        return live, False
    eras = stream_eras(dataset.root / split_file(SPLIT), (), None)
    return live, any((submitted.of(era.name, era.ids) != ABSENT).any() for era in eras)
