"""Scores of rounds from day to day, until the final ones are there.

The data provider puts what targets are so far into ``<round>/daily/<day>.csv``, in the form of
``targets.csv``. A day is scored by the very code that operators score with, on the submissions that
came through this server; so it says nothing final, and scores that depend on other models (MMC, TC,
MPC) differ from the final ones where others were sent past this server.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from oracle.errors import AssayError, InputError
from oracle.evaluation.evaluate import Evaluation, EvaluationError, RoundInputs, Scorer, evaluate
from oracle.evaluation.published import published_rows
from oracle.evaluation.score_sets import score_set
from oracle.files.blobs import Blobs, read_whole
from oracle.life.closing import Closing, announcement_of
from oracle.life.scores import day_ends
from oracle.records.asking import among, parts
from oracle.records.rows import RoundRow
from oracle.records.schema.life import daily_results, daily_rounds, daily_scores
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.specs import spec_of
from oracle.store.database import Database
from oracle.tournaments.percentiles import placed_scores
from oracle.tournaments.score_configs import score_days
from oracle.tournaments.universe import UniverseError

FOLDER: Final = "daily"
_NAME = re.compile(r"([1-9][0-9]{0,4})\.csv")
_BUSY_SECONDS: Final = 60.0
"""After so long a run leaves the rest to the next one."""

_ROWS = 500
_log = logging.getLogger("assay.life")


@dataclass(frozen=True, slots=True)
class Day:
    """A day's targets as they lie there."""

    round: RoundRow
    number: int
    raw: bytes
    sha256: bytes


@dataclass
class DailyScoring:
    """Scores one tournament's days. ``data``: the provider's folder; ``close_block``: the block at
    a round's close, from which chance in scores is drawn; ``where``: chain id, pool and oracle;
    ``now``: the chain's time."""

    database: Database
    tournament: int
    data: Path
    blobs: Blobs
    most: int
    close_block: Callable[[int], CloseBlock]
    where: tuple[int, str, str]
    now: Callable[[], int]
    scorer: Scorer = field(default_factory=Scorer)
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[tuple[int, int], bytes]] = field(default_factory=dict)

    def run(self) -> int:
        """Scores what is new; the number of days that were. What is wrong with a day leaves the
        others alone, and is an ``InputError`` in the end."""
        done, until, wrong = 0, self.clock() + _BUSY_SECONDS, []
        files = self._files(Closing(self.database, self.tournament).rounds())
        known = self._known({row.number for row, _, _ in files})
        for row, number, path in files:
            if self.clock() > until:
                break
            try:
                day = self._new(row, number, path, known.get((row.number, number)))
                if day is not None:
                    self._score(day)
                    done += 1
            except (AssayError, EvaluationError, UniverseError) as error:
                wrong.append(f"round {row.number}, {FOLDER}/{path.name}: {error}")
        present = {path for _, _, path in files}
        self._seen = {path: seen for path, seen in self._seen.items() if path in present}
        if wrong:
            raise InputError("; ".join(wrong), "correct the file, or take it away")
        return done

    # ------------------------------------------------------------------ what is there

    def _files(self, rows: Iterable[RoundRow]) -> list[tuple[RoundRow, int, Path]]:
        """Rounds, days and where their targets lie."""
        found = []
        for row in rows:
            try:
                paths = list((self.data / str(row.number) / FOLDER).iterdir())
            except OSError:
                continue
            named = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name))]
            days = sorted((int(match[1]), path) for match, path in named)
            found += [(row, number, path) for number, path in days]
        return found

    def _new(self, row: RoundRow, number: int, path: Path, known: bytes | None) -> Day | None:
        """The day, None where it was scored by these very targets."""
        last = score_days(row.horizon or 0)
        if number > last:
            raise InputError(f"the round has {last} days, no day {number}")
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if known is not None and self._seen.get(path) == (stamp, known):
                return None
            raw = path.read_bytes()
        except OSError as error:
            raise InputError(f"it cannot be read: {error.strerror}") from None
        sha256 = hashlib.sha256(raw).digest()
        self._seen[path] = (stamp, sha256)
        return None if sha256 == known else Day(row, number, raw, sha256)

    def _known(self, numbers: Collection[int]) -> dict[tuple[int, int], bytes]:
        """SHA-256 of the targets of days that were scored, by round and day."""
        table = daily_rounds
        query = select(table.c.round, table.c.day, table.c.targets)
        query = query.where(table.c.tournament == self.tournament)

        def work(connection: Connection) -> dict[tuple[int, int], bytes]:
            return {
                (row.round, row.day): bytes(row.targets)
                for condition in among(table.c.round, numbers)
                for row in connection.execute(query.where(condition))
            }

        return self.database.read(work)

    # ------------------------------------------------------------------ one day

    def _score(self, day: Day) -> None:
        result, at_risk = self._evaluated(day)
        spec = spec_of(day.round.spec_hash or b"")
        assert spec is not None  # else it would not have been evaluated
        scored_on = score_set(spec, self.tournament)
        rows = published_rows(result.files.__getitem__, scored_on)
        self._keep(day, rows, placed_scores(rows, scored_on.scores), at_risk)
        _log.info(
            "tournament %d, round %d, day %d: %d models scored",
            self.tournament,
            day.round.number,
            day.number,
            len(rows),
        )

    def _evaluated(self, day: Day) -> tuple[Evaluation, int]:
        """The round as if these were its targets, and all stake at its close."""
        closing, row = Closing(self.database, self.tournament), day.round
        chain_id, pool, oracle = self.where
        announcement = announcement_of(row, pool)
        if announcement is None:
            raise InputError("the round was not announced")
        sent = closing.sent(row.number)
        keys = {one.entry.sha256: one.key for one in sent}
        stakes = closing.stakes(row)
        inputs = RoundInputs(
            chain_id=chain_id,
            oracle=oracle,
            announcement=announcement,
            close_block=self.close_block(row.closes),
            stakes=stakes,
            owners=closing.owners({one.entry.model for one in sent}, row.closes),
            universe=self._universe(row.number),
            targets=day.raw,
            entries=[one.entry for one in sent],
        )

        def read(sha256: bytes) -> bytes:
            return read_whole(self.blobs, keys[sha256], self.most)

        return evaluate(inputs, read, scorer=self.scorer), sum(stakes.stakes.values())

    def _universe(self, number: int) -> bytes:
        try:
            return (self.data / str(number) / "universe.csv").read_bytes()
        except OSError as error:
            raise InputError(f"universe.csv cannot be read: {error.strerror}") from None

    def _keep(
        self, day: Day, rows: list[dict[str, int]], scores: list[dict[str, Any]], at_risk: int
    ) -> None:
        """Puts the day's rows in the place of those that were there."""
        row = day.round
        date = day_ends(row.closes, row.horizon or 0, day.number)
        here = {"tournament": self.tournament, "round": row.number, "day": day.number}
        results = [
            {**here, "model": one["model"], "at_risk": one["stake"], "level": one["level"]}
            for one in rows
        ]
        whole = {
            "date": date,
            "targets": day.sha256,
            "models": len(rows),
            "at_risk": at_risk,
            "scored_at": self.now(),
        }
        with self.database.begin() as connection:
            for table in (daily_rounds, daily_results, daily_scores):
                connection.execute(delete(table).where(*(table.c[n] == v for n, v in here.items())))
            connection.execute(insert(daily_rounds), [{**here, **whole}])
            for part in parts(results, _ROWS):
                connection.execute(insert(daily_results), part)
            for part in parts(scores, _ROWS):
                connection.execute(
                    insert(daily_scores), [{**here, "date": date, **s} for s in part]
                )
