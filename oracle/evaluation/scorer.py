"""Files to predictions to scores, in bounded memory, in one process or several.

A small round is parsed and scored in this process. For a larger one a pool of processes checks
signatures and parses files, predictions wait in a file without a name, and the engine scores them
from a file of ranks. The results are the same, bit for bit.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import starmap
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np

from oracle.engine import EngineError, ScoringEngine
from oracle.engine.pool import Pool, end_with_parent
from oracle.evaluation.inputs import Entry, EvaluationError
from oracle.evaluation.selection import Invalid
from oracle.scoring.checks import blocks
from oracle.scoring.portfolio import PortfolioProblem
from oracle.scoring.round import RoundScores, score_round
from oracle.scoring.signal_round import SignalScores, SignalTarget, score_signals
from oracle.settlement.submitters import submitter
from oracle.settlement.typed_data import Domain, Submission
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.universe import Universe

ProcessError = EngineError
"""A process that worked on the round ended before it was done."""

IN_MEMORY: Final = 1 << 22
"""Predictions up to which starting processes costs more than they save."""

_SIGNATURES: Final = 256
_FILES, _BYTES = 32, 4 << 20
"""How much work a process is given at a time: signatures, files, and bytes of files."""

_FORM: Final = np.dtype("<u4")
"""Predictions at 10^-9 are at most 10^9."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """How a round is worked on, which never shows in its result.

    ``workers``: processes for a round of more than ``in_memory`` predictions, by default one a
    processor; ``folder``: where its temporary files lie, by default the system's folder for them.
    """

    workers: int | None = None
    in_memory: int = IN_MEMORY
    folder: Path | None = None

    @contextmanager
    def work(self, models: int, rows: int) -> Iterator["Work"]:
        """Work on a round of at most ``models`` scored models."""
        if models * rows <= self.in_memory:
            yield Work(self, _Here(), Predictions(BytesIO(), rows))
            return
        count = self.workers or len(os.sched_getaffinity(0))
        with tempfile.TemporaryFile(dir=self.folder) as file:
            pool = Pool(count, end_with_parent)
            try:
                yield Work(self, pool, Predictions(file, rows), pool.close)
            finally:
                pool.close()


class _Runs(Protocol):
    def run(
        self, what: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]: ...


class _Here:
    """Runs tasks one after the other, in this process."""

    def run(
        self, what: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        return starmap(function, tasks)


class Predictions:
    """Rows of predictions in a file, each found again by its number."""

    def __init__(self, file: IO[bytes], rows: int) -> None:
        self._file, self._size, self._count = file, rows * _FORM.itemsize, 0

    def add(self, values: np.ndarray) -> int:
        """Keeps ``values``, (N,) at 10^-9; returns their number."""
        self._file.seek(self._count * self._size)
        self._file.write(values.astype(_FORM).tobytes())
        self._count += 1
        return self._count - 1

    def block(self, numbers: Sequence[int]) -> np.ndarray:
        """The rows with these numbers, int64 (B, N)."""
        return np.stack([self._row(number) for number in numbers])

    def _row(self, number: int) -> np.ndarray:
        self._file.seek(number * self._size)
        return np.frombuffer(self._file.read(self._size), _FORM).astype(np.int64)


@dataclass
class Work:
    """One round's work: `signed`, then `examine` as often as needed, then `score` once."""

    scorer: Scorer
    runs: _Runs
    predictions: Predictions
    finish_pool: Callable[[], None] | None = None

    def signed(
        self, entries: Sequence[Entry], round_number: int, domain: Domain
    ) -> Iterator[str | None]:
        """Who signed each entry, in lower case; None where nobody did."""
        tasks = (
            (entries[start : start + _SIGNATURES], round_number, domain)
            for start in range(0, len(entries), _SIGNATURES)
        )
        for part in self.runs.run("checking signatures", _signers, tasks):
            yield from part

    def examine(
        self,
        entries: Sequence[Entry],
        read: Callable[[bytes], bytes],
        universe: Universe,
        rules: SubmissionRules,
    ) -> Iterator[int | Invalid]:
        """The number of each entry's row in ``predictions``, or why it has none."""
        tasks = ((part, universe, rules) for part in _parts(entries, read))
        for part in self.runs.run("parsing", _parsed, tasks):
            for found in part:
                yield found if isinstance(found, Invalid) else self.predictions.add(found)

    def score(
        self,
        numbers: Sequence[int],
        target: np.ndarray,
        stakes: Sequence[int],
        accounts: Sequence[str],
        portfolio: PortfolioProblem,
    ) -> RoundScores:
        """`score_round` of the rows with these numbers."""
        if self.finish_pool is None:
            values = self.predictions.block(numbers)
            return score_round(values, target, stakes, accounts=accounts, portfolio=portfolio)
        with self._ranked(numbers, len(target)) as engine:
            return engine.score_round(target, stakes, accounts=accounts, portfolio=portfolio)

    def score_signals(
        self,
        numbers: Sequence[int],
        given: SignalTarget,
        stakes: Sequence[int],
        accounts: Sequence[str],
    ) -> SignalScores:
        """`score_signals` of the rows with these numbers."""
        if self.finish_pool is None:
            values = self.predictions.block(numbers)
            return score_signals(values, given, stakes, accounts=accounts)
        with self._ranked(numbers, len(given.target)) as engine:
            return engine.score_signals(given, stakes, accounts=accounts)

    @contextmanager
    def _ranked(self, numbers: Sequence[int], rows: int) -> Iterator[ScoringEngine]:
        """An engine with these rows ranked, in place of the pool, which would only hold memory."""
        if self.finish_pool is not None:
            self.finish_pool()
        models, workers, folder = len(numbers), self.scorer.workers, self.scorer.folder
        with ScoringEngine(models, rows, workers=workers, folder=folder) as engine:
            engine.rank(self.predictions.block(numbers[cut]) for cut in blocks(models, rows))
            yield engine


def _parts(entries: Sequence[Entry], read: Callable[[bytes], bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for entry in entries:
        raw = read(entry.sha256)
        if len(raw) != entry.size or hashlib.sha256(raw).digest() != entry.sha256:
            raise EvaluationError(
                f"model {entry.model}: what was read is not {entry.size} bytes "
                f"of SHA-256 {entry.sha256.hex()}"
            )
        part.append(raw)
        size += len(raw)
        if len(part) == _FILES or size > _BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _signers(entries: Sequence[Entry], round_number: int, domain: Domain) -> list[str | None]:
    found = []
    for entry in entries:
        said = Submission(round_number, entry.model, entry.sha256, entry.sequence)
        signer = submitter(said, domain, entry.signature)
        found.append(signer and signer.lower())
    return found


def _parsed(
    part: Sequence[bytes], universe: Universe, rules: SubmissionRules
) -> list[np.ndarray | Invalid]:
    """Predictions of each file, (N,) at 10^-9 as they are kept, or why there are none."""
    found: list[np.ndarray | Invalid] = []
    for raw in part:
        try:
            submission = parse_submission(raw, universe.ids, rules, universe.names)
            found.append(submission.over(len(universe.ids)).astype(_FORM))
        except SubmissionError as error:
            found.append(Invalid(error))
    return found
