"""A submission for the live rows: is it valid, what is it exposed to, whom does it follow?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oracle.audit.eras import stream_eras
from oracle.audit.predictions import (
    ABSENT,
    PREDICTION_COLUMNS,
    Ids,
    Predictions,
    read_predictions,
)
from oracle.datasets.dataset import (
    LIVE_EXAMPLE_FILE,
    Dataset,
    benchmark_file,
    split_file,
)
from oracle.errors import InputError
from oracle.scoring.diagnostics import hardened, rank_correlation
from oracle.scoring.errors import ScoringError
from oracle.scoring.exposure import exposures
from oracle.scoring.ranks import doubled_ranks
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import Submission, SubmissionError, parse_submission

SPLIT = "live"


@dataclass(frozen=True, eq=False)
class Live:
    """A valid submission on the live rows.

    ``exposures``: int64 (K,) in units of 1e-9. The correlations and rho are in the same units;
    each is None where ``reasons`` says why.
    """

    rows: int
    ignored_ids: int
    exposures: NDArray[np.int64]
    values: dict[str, int | None]
    reasons: dict[str, str | None]
    level: int | None

    @property
    def max_exposure(self) -> int:
        return int(np.abs(self.exposures).max())


def inspect_live(
    dataset: Dataset,
    path: Path,
    features: Sequence[str],
    rules: SubmissionRules,
    meta_model: Path | None,
) -> Live:
    """Judges the submission in ``path`` as an operator would, and compares it.

    ``meta_model``: a file of predictions for the live rows, against which rho and hardening level
    are taken as if all other stake were on it. Raises `InputError` with the reason of the rules.
    """
    submission = _parse(dataset, path, rules)
    ids, matrix = _live_rows(dataset, features, submission)
    try:
        ranks = doubled_ranks(submission.values)[np.newaxis]
        exposed = exposures(submission.values[np.newaxis], matrix)[0]
    except ScoringError as error:
        raise InputError(f"{path}: {error}") from None
    sources: dict[str, Predictions | None] = {
        "meta_model": read_predictions(meta_model) if meta_model else None,
        "benchmark": _optional(dataset.root / benchmark_file(SPLIT), ()),
        "example": _optional(dataset.root / LIVE_EXAMPLE_FILE, PREDICTION_COLUMNS),
    }
    values: dict[str, int | None] = {}
    reasons: dict[str, str | None] = {"rho": "no_meta_model"}
    level = None
    for name, source in sources.items():
        other = _ranks_of(name, source, ids)
        if isinstance(other, str):
            values[f"{name}_correlation"], reasons[f"{name}_correlation"] = None, other
        else:
            values[f"{name}_correlation"] = int(rank_correlation(ranks, other)[0])
            reasons[f"{name}_correlation"] = None
        if name == "meta_model":
            reasons["rho"] = other if isinstance(other, str) else None
            values["rho"] = None
            if not isinstance(other, str):
                found = hardened(ranks, other)
                values["rho"], level = int(found.rho[0]), int(found.levels[0])
    return Live(
        rows=submission.values.size,
        ignored_ids=len(submission.ignored_ids),
        exposures=exposed,
        values=values,
        reasons=reasons,
        level=level,
    )


def _parse(dataset: Dataset, path: Path, rules: SubmissionRules) -> Submission:
    try:
        return parse_submission(path.read_bytes(), dataset.live_ids, rules)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except SubmissionError as error:
        raise InputError(
            f"{path}: the operators would refuse it: {error}", "the rules: docs/submissions.md"
        ) from None


def _live_rows(
    dataset: Dataset, features: Sequence[str], submission: Submission
) -> tuple[Ids, NDArray[np.int8]]:
    """Ids and features of the rows that the submission predicts, in its order."""
    eras = list(stream_eras(dataset.root / split_file(SPLIT), features, None))
    ids = np.concatenate([era.ids for era in eras])
    matrix = np.concatenate([era.features for era in eras])
    return ids[submission.positions], matrix[submission.positions]


def _optional(path: Path, columns: Sequence[str]) -> Predictions | None:
    return read_predictions(path, columns, gaps=True) if path.exists() else None


def _ranks_of(name: str, source: Predictions | None, ids: Ids) -> NDArray[np.int64] | str:
    """Doubled ranks of a reference, or why there are none."""
    if source is None:
        return f"no_{name}"
    # The live rows are of one era; whatever a file calls it, their ids are theirs.
    values = np.full(ids.size, ABSENT, np.int64)
    for era in source.pools:
        found = source.of(era or "", ids)
        values = np.where(found == ABSENT, values, found)
    if (values == ABSENT).all():
        return f"no_{name}"
    if (values == ABSENT).any():
        return f"{name}_lacks_ids"
    if values.min() == values.max():
        return f"constant_{name}"
    ranks: NDArray[np.int64] = doubled_ranks(values)
    return ranks
