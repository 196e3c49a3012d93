"""A committed round's folder, as far as one submission's scores need it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oracle.cli.score import scores
from oracle.errors import InputError
from oracle.scoring.errors import ScoringError
from oracle.settlement.manifest import TARGETS
from oracle.tournaments import by_number
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.universe import Universe, UniverseError, parse_targets, parse_universe

_UNIVERSE, _META, _SCORES = "inputs/universe.csv", "outputs/meta_model.csv", "outputs/scores.csv"
_CLASSIC = 8


@dataclass(frozen=True)
class ScoredRound:
    """``meta``: the published meta model at 10^-9, (N,); None where the round had none."""

    folder: Path
    rules: SubmissionRules
    universe: Universe
    target: NDArray[np.int64]
    meta: NDArray[np.int64] | None

    @cached_property
    def meta_is_exact(self) -> bool:
        """Whether the published values have the meta model's own order. They are rounded to 10^-9,
        which keeps the order of values unless they are equal after it."""
        return self.meta is not None and len(np.unique(self.meta)) == self.meta.size

    def scores(self, raw: bytes) -> Mapping[str, int]:
        """CORR and, where there is a meta model, MMC of a submission, at 10^-9."""
        try:
            made = parse_submission(raw, self.universe.ids, self.rules, self.universe.names)
            values = made.over(len(self.universe.ids))
            rows = [values] if self.meta is None else [values, self.meta]
            return scores(np.stack(rows), self.target)
        except (SubmissionError, ScoringError) as error:
            raise InputError(str(error)) from None

    def committed(self, model: int) -> Mapping[str, int]:
        """What the operators found of a model, at 10^-9. Raises ``InputError``: it has no score."""
        for row in csv.DictReader(_text(self.folder, _SCORES).splitlines()):
            if row.get("model") == str(model):
                return {name: int(value) for name, value in row.items()}
        raise InputError(
            f"{self.folder}: model {model} has no score in this round",
            "the round's results say why: assay models submissions",
        )


def open_round(folder: Path) -> ScoredRound:
    """Raises ``InputError`` where a file is missing or damaged, or targets are not open."""
    rules = by_number(_CLASSIC)
    try:
        universe = Universe(parse_universe(_text(folder, _UNIVERSE).encode()))
        target = parse_targets(_text(folder, TARGETS).encode(), universe.ids)
        return ScoredRound(folder, rules, universe, target, _meta(folder, universe))
    except UniverseError as error:
        raise InputError(f"{folder}: {error}") from None


def _meta(folder: Path, universe: Universe) -> NDArray[np.int64] | None:
    rows = [line.split(",") for line in _text(folder, _META).splitlines()[1:]]
    if not rows:
        return None
    try:
        ids, values = zip(*rows, strict=True)
        if ids != tuple(universe.ids):
            raise InputError(f"{folder / _META}: its ids are not those of {_UNIVERSE}")
        return np.array([int(value) for value in values], np.int64)
    except ValueError:
        raise InputError(f"{folder / _META} is not a table of id,value") from None


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text()
    except OSError as error:
        closed = name == TARGETS and (folder / _UNIVERSE).exists()
        fix = "its targets are not open yet" if closed else "name the folder of a committed round"
        raise InputError(f"cannot read {folder / name}: {error.strerror}", fix) from None
    except UnicodeDecodeError:
        raise InputError(f"{folder / name} is not text") from None
