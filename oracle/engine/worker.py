"""What a worker process does with a block of models. The round's ranks are a file all share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import MADV_DONTNEED, mmap
from pathlib import Path
from typing import TypeAlias

import numpy as np

from oracle.engine.pool import end_with_parent
from oracle.scoring.block import (
    BlockScores,
    ScoreContext,
    ranked_block,
    score_block,
)
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import Hardened, hardened_batch
from oracle.scoring.meta_model import StakeSums, sum_stakes

Source: TypeAlias = Callable[[int, int], np.ndarray]
"""Gives the predictions (stop - start, N) in units of 1e-9 of models start..stop - 1."""


@dataclass(frozen=True, slots=True)
class RankFile:
    """Doubled ranks, uint16 (models, rows), in the file ``path``."""

    path: Path
    models: int
    rows: int

    def create(self) -> None:
        with self.path.open("xb") as file:
            file.truncate(2 * self.models * self.rows)

    def open(self) -> "Ranks":
        shape = (self.models, self.rows)
        if not self.models:
            return Ranks(np.empty(shape, np.uint16), None)
        with self.path.open("r+b") as file:
            mapped = mmap(file.fileno(), 0)
        return Ranks(np.frombuffer(mapped, np.uint16).reshape(shape), mapped)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of a round, uint16 (models, rows), and where they are mapped."""

    values: np.ndarray
    mapped: mmap | None

    def release(self) -> None:
        """Give back the pages that were looked at, which lie in the file: otherwise each process
        comes to count all of them as its own."""
        if self.mapped is not None:
            self.mapped.madvise(MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class Faults:
    """Numbers of the models of a block that cannot be ranked."""

    outside: list[int]
    constant: list[int]


_shared: dict[str, Ranks] = {}


def attach(file: RankFile) -> None:
    """Map the ranks, once in each process; end with the parent, however that ends."""
    _shared["ranks"] = file.open()
    end_with_parent(file.path.parent)


def rank_part(start: int, predictions: np.ndarray) -> Faults:
    """Rank models ``start`` and following into the file."""
    ranks = _shared["ranks"].values
    if getattr(predictions, "ndim", 0) == 2 and predictions.shape[1] != ranks.shape[1]:
        raise ScoringError(
            "shape", f"predictions of {predictions.shape[1]} rows, the round has {ranks.shape[1]}"
        )
    found = ranked_block(predictions)
    ranks[start : start + len(found.ranks)] = found.ranks
    _shared["ranks"].release()
    return Faults(
        (np.flatnonzero(found.outside) + start).tolist(),
        (np.flatnonzero(found.constant) + start).tolist(),
    )


def rank_source(start: int, stop: int, source: Source) -> Faults:
    """As `rank_part`, of predictions that the worker gets itself."""
    predictions = source(start, stop)
    if len(predictions) != stop - start:
        raise ScoringError("shape", f"{len(predictions)} predictions for {stop - start} models")
    return rank_part(start, predictions)


def sum_part(start: int, stop: int, stakes: list[int]) -> StakeSums:
    with _ranks() as ranks:
        return sum_stakes(ranks[start:stop], stakes, first_model=start)


def score_part(start: int, stop: int, context: ScoreContext) -> BlockScores:
    with _ranks() as ranks:
        return score_block(ranks[start:stop], context, start)


def harden_part(
    batch: list[list[int]], stakes: Mapping[int, int], total: StakeSums, block: int
) -> list[Hardened]:
    with _ranks() as ranks:
        return list(hardened_batch(ranks, stakes, batch, total, block))


@contextmanager
def _ranks() -> Iterator[np.ndarray]:
    try:
        yield _shared["ranks"].values
    finally:
        _shared["ranks"].release()
