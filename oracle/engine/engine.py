"""A round's ranks, kept in one file, and what is computed from them in blocks."""

import os
import shutil
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from types import TracebackType

import numpy as np

from oracle.engine import worker
from oracle.engine.pool import Pool
from oracle.engine.worker import Faults, RankFile, Source
from oracle.scoring.block import (
    BlockScores,
    ScoreContext,
    joined_scores,
    reject_faulty,
    score_context,
)
from oracle.scoring.checks import block_size, blocks, require_rows, require_stakes
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import Hardening, account_groups, batches
from oracle.scoring.limits import MAX_MODELS
from oracle.scoring.meta_model import MetaStatus, StakeSums
from oracle.scoring.portfolio import PortfolioProblem
from oracle.scoring.round import RoundScores, contribution, meta_weights, published_meta_model
from oracle.scoring.signal_round import SignalScores, SignalTarget, signal_products


class ScoringEngine:
    """Scores ``models`` models of ``rows`` rows with ``workers`` processes.

        with ScoringEngine(models, rows, workers=2) as engine:
            engine.rank_from(source)                    # or engine.rank(iterator of blocks)
            scores = engine.score_round(target, stakes, accounts=accounts)

    The results are those of `score_round`, bit for bit, whatever ``workers`` and ``block_models``
    are. Beside 2 bytes for each rank, in a file under ``folder`` (by default the system's folder
    for temporary files), memory holds a few blocks for each process. The file and the processes are
    gone when the ``with`` block is left, also by an exception.

    The processes import the program's main module: a script needs ``if __name__ == "__main__":``.
    """

    def __init__(
        self,
        models: int,
        rows: int,
        *,
        workers: int | None = None,
        block_models: int | None = None,
        folder: Path | None = None,
    ) -> None:
        """Raises ScoringError ``too_few_rows``, ``too_many_rows``, ``too_many_models``, ``block``,
        ``workers``."""
        require_rows(rows)
        if models > MAX_MODELS:
            raise ScoringError("too_many_models", f"{models} models, at most {MAX_MODELS} a round")
        count = len(os.sched_getaffinity(0)) if workers is None else workers
        if count < 1:
            raise ScoringError("workers", f"at least one process is needed, got {count}")
        self._block = block_size(rows, block_models)
        self._models = models
        self._rows = rows
        self._ranked = False
        self._folder = Path(tempfile.mkdtemp(prefix="assay-ranks-", dir=folder))
        try:
            self._file = RankFile(self._folder / "ranks", models, rows)
            self._file.create()
            self._pool = Pool(count, worker.attach, self._file)
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def __enter__(self) -> "ScoringEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and remove the ranks. More than once does no harm."""
        self._pool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def rank(self, predictions: Iterable[np.ndarray]) -> None:
        """Rank all models from blocks of predictions, (B, N) in units of 1e-9, of any sizes.

        Blocks are taken one by one as the processes get on. Raises as `rank_predictions`, naming
        all faulty models of the round, ``shape`` if the blocks are not the round's models, and
        EngineError.
        """
        self._rank(self._pool.run("ranking", worker.rank_part, self._numbered(predictions)))

    def rank_from(self, source: Source) -> None:
        """As `rank`, each process calling ``source(start, stop)`` for the blocks it ranks.

        ``source`` must be importable by other processes: a module's function, or a ``partial`` or
        an instance made of what can be pickled. Other errors of it are raised as EngineError.
        """
        tasks = ((cut.start, cut.stop, source) for cut in self._cuts())
        self._rank(self._pool.run("ranking", worker.rank_source, tasks))

    def _rank(self, found: Iterator[Faults]) -> None:
        # From here on the file holds a mixture, until all blocks are there and good.
        self._ranked = False
        outside, constant = np.zeros((2, self._models), bool)
        for faults in found:
            outside[faults.outside] = True
            constant[faults.constant] = True
        reject_faulty(outside, constant)
        self._ranked = True

    def _numbered(self, parts: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        start = 0
        for part in parts:
            if start + len(part) > self._models:
                raise ScoringError("shape", f"predictions of more than {self._models} models")
            if len(part):
                yield start, part
            start += len(part)
        if start != self._models:
            raise ScoringError("shape", f"predictions of {start} models, not {self._models}")

    def stake_sums(self, stakes: Sequence[int]) -> StakeSums:
        """`sum_stakes` of the round: one non-negative integer a model, total below 2**56."""
        self._require_ranks()
        units = require_stakes(stakes, self._models)
        tasks = ((cut.start, cut.stop, units[cut]) for cut in self._cuts() if any(units[cut]))
        parts = self._pool.run("summing stakes", worker.sum_part, tasks)
        return reduce(StakeSums.plus, parts, StakeSums.zero(self._rows))

    def score(self, context: ScoreContext) -> BlockScores:
        """`score_block` of all models. The ranks stay: each day's target is one more call."""
        self._require_ranks()
        tasks = ((cut.start, cut.stop, context) for cut in self._cuts())
        parts = list(self._pool.run("scoring", worker.score_part, tasks))
        return joined_scores(parts, context)

    def hardening(self, stakes: Sequence[int], accounts: Sequence[Hashable]) -> Hardening:
        """`hardening` of the round."""
        self._require_ranks()
        units = require_stakes(stakes, self._models)
        groups = account_groups(accounts, self._models)
        rho, levels = np.zeros((2, self._models), np.int64)
        total = self.stake_sums(units)
        statuses: list[MetaStatus] = ["ok" if total.total_stake else "no_stake"] * self._models
        if not total.total_stake:
            return Hardening(rho, levels, tuple(statuses))
        tasks = (
            (batch, {model: units[model] for group in batch for model in group}, total, self._block)
            for batch in batches(groups, self._block)
        )
        for part in self._pool.run("hardening", worker.harden_part, tasks):
            for found in part:
                rho[found.model], levels[found.model] = found.rho, found.level
                statuses[found.model] = found.status
        return Hardening(rho, levels, tuple(statuses))

    def score_round(
        self,
        target: np.ndarray,
        stakes: Sequence[int],
        meta_models: Sequence[bool] | np.ndarray | None = None,
        *,
        accounts: Sequence[Hashable] | None = None,
        portfolio: PortfolioProblem | None = None,
    ) -> RoundScores:
        """The scores of `oracle.scoring.round.score_round`, bit for bit, from the ranks.

        True Contribution, two passes over the mapped ranks, is computed in this process.
        """
        weights = meta_weights(require_stakes(stakes, self._models), meta_models)
        sums = self.stake_sums(weights)
        meta_values, meta_ranks, status = published_meta_model(sums)
        found = self.score(score_context(target, sums, meta_ranks, cwmm=False))
        hardened = self.hardening(weights, range(self._models) if accounts is None else accounts)
        ranks = self._file.open().values
        tc, tc_status = contribution(ranks, weights, target, portfolio, self._block)
        return RoundScores(
            corr=found.corr,
            mmc=found.mmc,
            meta_values=meta_values,
            meta_ranks=meta_ranks,
            meta_status=status,
            rho=hardened.rho,
            levels=hardened.levels,
            rho_statuses=hardened.statuses,
            tc=tc,
            tc_status=tc_status,
        )

    def score_signals(
        self, given: SignalTarget, stakes: Sequence[int], *, accounts: Sequence[Hashable]
    ) -> SignalScores:
        """The scores of `oracle.scoring.signal_round.score_signals`, bit for bit, from the ranks.

        Alpha and MPC, three passes over the mapped ranks, are computed in this process.
        """
        weights = require_stakes(stakes, self._models)
        meta_values, _, status = published_meta_model(self.stake_sums(weights))
        hardened = self.hardening(weights, accounts)
        ranks = self._file.open().values
        return SignalScores(
            products=signal_products(ranks, weights, given, self._block),
            meta_values=meta_values,
            meta_status=status,
            rho=hardened.rho,
            levels=hardened.levels,
        )

    def _cuts(self) -> Iterator[slice]:
        return blocks(self._models, self._rows, self._block)

    def _require_ranks(self) -> None:
        if not self._ranked:
            raise ScoringError("not_ranked", "no predictions were ranked: call rank or rank_from")
