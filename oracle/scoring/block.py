"""A round in blocks of models: rank a block, add up its stake, score it against a context.

Each step takes one block and depends on no other, so blocks can be of any size, in any order and
on any machine. Nothing here holds more than a block.

    ranks   = ranked_block(predictions).ranks       once a round, at its close
    sums    = sums.plus(sum_stakes(ranks, stakes))  over all blocks: the meta model
    scores  = score_block(ranks, context)           for each new target
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oracle.scoring.checks import (
    rank_block,
    reject,
    reject_constant,
    require_matrix,
    require_target,
)
from oracle.scoring.corr import Reference, correlations, meta_reference
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE
from oracle.scoring.meta_model import MetaStatus, StakeSums
from oracle.scoring.mmc import Contribution, contributions
from oracle.scoring.ranks import extremes, narrow_ranks, plain
from oracle.scoring.sums import stacked, table_sums
from oracle.scoring.tables import normal_table
from oracle.scoring.target import powered


@dataclass(frozen=True, eq=False)
class RankedBlock:
    """``ranks``: doubled ranks, uint16 (B, N). A model that cannot be ranked is flagged in
    ``outside`` (predictions outside [0, 1]) or ``constant``, bool (B,)."""

    ranks: np.ndarray
    outside: np.ndarray
    constant: np.ndarray


def ranked_block(predictions: np.ndarray) -> RankedBlock:
    """Rank a block of predictions (B, N) in units of 1e-9, and say which models are at fault.

    Raises ScoringError ``dtype``, ``shape``, ``too_few_rows``, ``too_many_rows``; never for a
    model's fault, so that the caller can name the faulty models of all blocks: `reject_faulty`.
    """
    require_matrix(predictions, "predictions")
    values = plain(predictions)
    low, high = extremes(values)
    return RankedBlock(narrow_ranks(values, low, high), (low < 0) | (high > SCALE), low == high)


def reject_faulty(outside: np.ndarray, constant: np.ndarray) -> None:
    """Raise for the flagged models of a whole round: ``prediction_range``, else
    ``constant_prediction``."""
    reject(outside, "prediction_range", f"predictions outside 0..{SCALE} (in units of 1e-9)")
    reject_constant(constant)


@dataclass(frozen=True, eq=False)
class ScoreContext:
    """What the models of a round are scored against; made by `score_context`. Can be pickled.

    ``corr`` and ``cwmm`` are vectors for the powered ranks, ``mmc`` and ``bmc`` for the plain ones;
    None where there is nothing to compare with.
    """

    rows: int
    target: np.ndarray
    corr: Reference
    cwmm: Reference | None
    mmc: Contribution | None
    bmc: Contribution | None


@dataclass(frozen=True, eq=False)
class BlockScores:
    """Scores of a block's models, int64 (B,) in units of 1e-9. ``mmc`` and ``cwmm`` are 0 where
    there is no meta model; ``bmc`` is None without a benchmark."""

    corr: np.ndarray
    mmc: np.ndarray
    cwmm: np.ndarray
    bmc: np.ndarray | None


def score_context(
    target: np.ndarray,
    meta: StakeSums | None = None,
    meta_ranks: np.ndarray | None = None,
    benchmark_ranks: np.ndarray | None = None,
    *,
    cwmm: bool = True,
) -> ScoreContext:
    """What `score_block` needs: made once for each target, in milliseconds.

    ``target``: (N,) in units of 1e-9; ``meta``: the round's stake sums, ``meta_ranks``: their
    `ranks`, if known; a constant or missing meta model gives MMC and CWMM of 0, and so does
    ``cwmm=False`` for CWMM. ``benchmark_ranks``: doubled ranks (N,) for BMC. Raises ScoringError as
    `corr`, `mmc` and `cwmm`.
    """
    rows = target.shape[0] if getattr(target, "ndim", 0) == 1 else 0
    require_target(target, rows)
    status = meta_status(meta)
    cwmm_reference = mmc_reference = None
    if meta is not None and status == "ok":
        if meta.high.shape != target.shape:
            raise ScoringError("shape", f"meta model of {meta.high.size} rows, target of {rows}")
        cwmm_reference = meta_reference(meta.shape(), rows) if cwmm else None
        known = meta.ranks() if meta_ranks is None else meta_ranks
        mmc_reference = Contribution.of(known, target)
    benchmark = None if benchmark_ranks is None else Contribution.of(benchmark_ranks, target)
    powered_target = Reference.of(powered(target))
    return ScoreContext(rows, target, powered_target, cwmm_reference, mmc_reference, benchmark)


def meta_status(meta: StakeSums | None) -> MetaStatus:
    """Whether there is a meta model to compare with."""
    if meta is None or not meta.total_stake:
        return "no_stake"
    same = (meta.high == meta.high[0]).all() and (meta.low == meta.low[0]).all()
    return "constant" if same else "ok"


def score_block(ranks: np.ndarray, context: ScoreContext, first_model: int = 0) -> BlockScores:
    """Scores of each model of a block of doubled ranks (B, N), any integer type.

    ``first_model``: the number of the first in the round, for errors. Raises ScoringError: see
    docs/scoring.md. Working memory: a few kilobytes beside the scores.
    """
    models, rows = require_matrix(ranks, "ranks")
    if rows != context.rows:
        raise ScoringError("shape", f"ranks of {rows} rows, target of {context.rows}")
    block = rank_block(ranks, first_model)
    gauss, powered_gauss = normal_table(rows)
    references = [context.corr, *([context.cwmm] if context.cwmm else [])]
    sums = table_sums(block, powered_gauss, stacked(*(part.vector for part in references)))
    found = [correlations(sums, place, rows, part) for place, part in enumerate(references)]
    against = [part for part in (context.mmc, context.bmc) if part]
    if against:
        vectors = stacked(context.target, *(part.meta for part in against))
        sums = table_sums(block, gauss, vectors)
        found += [contributions(sums, 0, 1 + at, rows, part) for at, part in enumerate(against)]
    scores = iter(np.array(column, np.int64) for column in found)
    corr, zero = next(scores), np.zeros(models, np.int64)
    cwmm = next(scores) if context.cwmm else zero
    mmc = next(scores) if context.mmc else zero
    return BlockScores(corr, mmc, cwmm, next(scores) if context.bmc else None)


def joined_scores(parts: Sequence[BlockScores], context: ScoreContext) -> BlockScores:
    """The scores of all blocks, which are in the round's order."""
    none = np.zeros(0, np.int64)
    bmc = [part.bmc for part in parts if part.bmc is not None]
    return BlockScores(
        corr=np.concatenate([none, *(part.corr for part in parts)]),
        mmc=np.concatenate([none, *(part.mmc for part in parts)]),
        cwmm=np.concatenate([none, *(part.cwmm for part in parts)]),
        bmc=np.concatenate([none, *bmc]) if context.bmc else None,
    )
