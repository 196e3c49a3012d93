"""One tournament's tables, kept in step with the finalized chain and the committed artefacts.

Each update goes on where the tables stand. What does not fit together (another chain, events that
were missing, a state that the reference model refuses) empties them, and they are filled anew: all
of it follows from chain and artefacts.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from oracle.chain.index import ChainIndex
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block, readable
from oracle.errors import AssayError, RefusedError
from oracle.evaluation.published import parse_batches
from oracle.ledger import snapshot
from oracle.ledger.batches import SettledBatches
from oracle.ledger.changes import Changes, Writer, forget
from oracle.ledger.decoding import Decoder
from oracle.ledger.folders import Folders
from oracle.ledger.replay import Replay
from oracle.ledger.results import read_result, write_result
from oracle.ledger.snapshot import Cursor, Snapshot
from oracle.records.rows import model_uuid
from oracle.records.schema import chain
from oracle.settlement.batches import Batch
from oracle.settlement.events import EventError
from oracle.store.artefacts import ArtefactError
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.verification.fetch import Source

_LOGS = 2_000
"""Logs that are applied in one transaction, about."""
_log = logging.getLogger("assay.ledger")


@dataclass(frozen=True, slots=True)
class Progress:
    """What an update did: events applied, rounds whose scores came; the finalized block."""

    events: int
    scored: tuple[int, ...]
    block: Block


class Ledger:
    """The tables of the tournament behind ``reader``; one thread at a time updates them.

    ``events`` is the index of its events, which ``home`` may lose; ``sources`` show artefacts.
    """

    def __init__(
        self,
        reader: PoolReader,
        database: Database,
        events: EventStore,
        sources: Sequence[Source],
        home: Path,
    ) -> None:
        self.reader, self._database, self._events = reader, database, events
        where = reader.addresses
        self.tournament, self._place = where.tournament, (where.chain_id, where.pool)
        self.index = ChainIndex(reader, events)
        self.folders = Folders(where.chain_id, where.pool, sources, home / "artefacts")
        self._decoder, self._gaps = Decoder(reader), 0
        self._writer = Writer(database, self.tournament)
        self._batches = SettledBatches(reader, self._published)
        self._replay: Replay | None = None
        self._claim()
        kept, self.wound_down = database.read(
            lambda connection: snapshot.outline(connection, self.tournament)
        )
        self.now = kept
        """Time of the newest block that was seen, finalized or not; before, of the block that the
        tables stand at; 0 without one."""
        self.is_whole = kept > 0
        """False while tables are filled from the beginning: they show a past that is over."""

    def update(self) -> Progress:
        """One step: index the finalized block, apply its events, take in scores that are final.

        Raises an ``AssayError`` where an endpoint fails; what was done until then stays.
        """
        self.now = self.reader.newest().timestamp
        block = self.reader.finalized()
        self.index.update(block)
        try:
            applied = self._follow()
        except EventError as error:
            self._begin_anew(str(error))
            raise
        scored = self._score(block)
        return Progress(applied, scored, block)

    # ------------------------------------------------------------------ events

    def _follow(self) -> int:
        head = self._events.head()
        if head is None:
            return 0
        if self.index.gaps != self._gaps:
            self._gaps = self.index.gaps
            self._begin_anew("the index of events was filled up")
        replay = self._replay or self._loaded()
        if not self._stands(replay.state.cursor):
            self._begin_anew("the chain is another one below the finalized block")
            replay = self._loaded()
        # Until it is written: what fails half-way is loaded anew.
        self._replay, applied = None, 0
        while replay.state.cursor.number < head.number:
            after = replay.state.cursor.number
            logs = self._events.after(after, head.number, _LOGS)
            is_last = len(logs) < _LOGS
            changes = replay.apply(self._decoder.events(logs))
            if is_last:
                replay.take_closes(head.timestamp, changes)
                replay.state.cursor = Cursor(head.number, head.hash, head.timestamp)
            else:
                last = logs[-1]  # no end of a block: by the time 0 the next process knows
                replay.state.cursor = Cursor(last.block_number, last.block_hash, 0)
            self._write(replay.state, changes)
            applied += len(logs)
        self._replay, self.is_whole = replay, True
        self.wound_down = replay.state.pool.wound_down
        return applied

    def _loaded(self) -> Replay:
        state = self._database.read(
            lambda connection: snapshot.load(connection, self.tournament, self.reader.clocks)
        )
        return Replay(
            state,
            announced=self.reader.announced,
            batch=self._batches.of,
            window=self.reader.timing["window"],
            uuid=lambda model: model_uuid(*self._place, model),
        )

    def _write(self, state: Snapshot, changes: Changes) -> None:
        with self._database.begin() as connection:
            self._writer.write(connection, changes, state.pool)
            snapshot.save(connection, self._database, self.tournament, self._place, state)

    def _stands(self, cursor: Cursor) -> bool:
        """Whether the block that the tables stand at is still the chain's."""
        if cursor.number < 0:
            return True
        stop = self._events.stop(cursor.number)
        if stop is not None:
            return stop.hash == cursor.hash
        # Not a stop of this index: it was made anew, or the tables stopped between two.
        with readable(self.reader.url):
            found = self.reader.web3.eth.get_block(cursor.number)
        return bytes(found["hash"]) == cursor.hash

    def _begin_anew(self, why: str) -> None:
        _log.warning("tournament %d: the tables are filled anew: %s", self.tournament, why)
        self._replay, self.is_whole = None, False
        with self._database.begin() as connection:
            forget(connection, self.tournament)

    def _claim(self) -> None:
        """Refuses a database whose rows of this number are another tournament's."""
        table = chain.tournaments

        def kept(connection: Connection) -> tuple[int, str] | None:
            query = select(table.c.chain_id, table.c.pool)
            row = connection.execute(query.where(table.c.tournament == self.tournament)).first()
            return None if row is None else (row.chain_id, row.pool)

        found = self._database.read(kept)
        if found not in (None, (self._place[0], self._place[1].lower())):
            raise RefusedError(
                f"the database has tournament {self.tournament} at pool {found[1]} on chain "
                f"{found[0]}",
                "give each deployment a database of its own",
            )

    # ------------------------------------------------------------------ artefacts

    def _score(self, block: Block) -> tuple[int, ...]:
        """Takes in the scores of results that are final and whose folders can be had."""
        done = []
        for number, manifest in self._unscored(block.timestamp):
            try:
                result = read_result(self.folders.bring(number, manifest))
            except (AssayError, ArtefactError) as error:
                _log.info("round %d: no scores yet: %s", number, error)
                continue
            with self._database.begin() as connection:
                write_result(connection, self.tournament, number, manifest, result)
            done.append(number)
        return tuple(done)

    def _unscored(self, now: int) -> list[tuple[int, bytes]]:
        rounds = chain.rounds
        query = (
            select(rounds.c.round, rounds.c.manifest)
            .where(
                rounds.c.tournament == self.tournament,
                rounds.c.manifest.is_not(None),
                rounds.c.final_at <= now,
                rounds.c.scored.is_distinct_from(rounds.c.manifest),
            )
            .order_by(rounds.c.round)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [(row.round, bytes(row.manifest)) for row in rows]

    def _published(self, number: int) -> list[Batch] | None:
        """The batches of a round's committed folder, for calls that nobody can read."""
        committed = self.reader.committed(number)
        if committed is None:
            return None
        folder = self.folders.try_bring(number, committed.manifest)
        return None if folder is None else parse_batches(folder.read("outputs/batches.json"))
