"""What a worker process does with a block of models. The round's ranks are a file all share."""

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import TypeAlias

import numpy as np

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

    def open(self) -> np.ndarray:
        if not self.models:
            return np.empty((0, self.rows), np.uint16)
        return np.asarray(np.memmap(self.path, np.uint16, "r+", shape=(self.models, self.rows)))


@dataclass(frozen=True, slots=True)
class Faults:
    """Numbers of the models of a block that cannot be ranked."""

    outside: list[int]
    constant: list[int]


_shared: dict[str, np.ndarray] = {}


def attach(file: RankFile) -> None:
    """Map the ranks, once in each process; end with the parent, however that ends."""
    _shared["ranks"] = file.open()
    threading.Thread(target=_end_with_parent, args=(file.path.parent,), daemon=True).start()


def _end_with_parent(folder: Path) -> None:
    """A parent that was killed can neither stop its processes nor remove its files."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def rank_part(start: int, predictions: np.ndarray) -> Faults:
    """Rank models ``start`` and following into the file."""
    ranks = _shared["ranks"]
    if getattr(predictions, "ndim", 0) == 2 and predictions.shape[1] != ranks.shape[1]:
        raise ScoringError(
            "shape", f"predictions of {predictions.shape[1]} rows, the round has {ranks.shape[1]}"
        )
    found = ranked_block(predictions)
    ranks[start : start + len(found.ranks)] = found.ranks
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
    return sum_stakes(_shared["ranks"][start:stop], stakes, first_model=start)


def score_part(start: int, stop: int, context: ScoreContext) -> BlockScores:
    return score_block(_shared["ranks"][start:stop], context, start)


def harden_part(
    batch: list[list[int]], stakes: Mapping[int, int], total: StakeSums, block: int
) -> list[Hardened]:
    return list(hardened_batch(_shared["ranks"], stakes, batch, total, block))
