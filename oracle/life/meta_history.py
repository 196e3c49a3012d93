"""Meta models of rounds that are over, published as data: one file a round."""

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from oracle.errors import AssayError, DifferenceError, UnreachableError
from oracle.evaluation.published import published_meta
from oracle.records.schema.chain import rounds
from oracle.settlement.merkle import EMPTY_ROOT, leaf, tree
from oracle.store.artefacts import ArtefactError, RoundFolder
from oracle.store.database import Database

NAME: Final = "meta_model.parquet"
COLUMN: Final = "numerai_meta_model"
"""What the field's scripts read."""

_ONE: Final = 10**9
_A_RUN: Final = 20


@dataclass(frozen=True)
class MetaHistory:
    """One tournament's. ``bring`` gives a round's committed folder, ``there`` the rounds that have
    the file, ``put`` publishes it."""

    database: Database
    tournament: int
    bring: Callable[[int, bytes], RoundFolder]
    there: Callable[[], Collection[int]]
    put: Callable[[int, bytes], None]

    def publish(self) -> int:
        """Publishes what is missing of settled rounds, some at a time; how many. A round whose
        folder cannot be had leaves the others alone, and is the error in the end."""
        done, wrong = 0, list[AssayError]()
        for number, manifest, root in self._missing():
            try:
                self.put(number, self._file(number, manifest, root))
                done += 1
            except AssayError as error:
                wrong.append(error)
            if done == _A_RUN:
                break
        if wrong:
            raise wrong[0]
        return done

    def _missing(self) -> Sequence[tuple[int, bytes, bytes]]:
        """Round, manifest and root of the meta model, the oldest first."""
        table = rounds.c
        query = (
            select(table.round, table.manifest, table.meta_root)
            .where(table.tournament == self.tournament, table.ended == "settled")
            .where(table.manifest.is_not(None), table.meta_root.is_not(None))
            .order_by(table.round)
        )
        rows = self.database.read(lambda connection: connection.execute(query).all())
        there = frozenset(self.there())
        return [
            (row.round, bytes(row.manifest), bytes(row.meta_root))
            for row in rows
            if row.round not in there
        ]

    def _file(self, number: int, manifest: bytes, root: bytes) -> bytes:
        try:
            rows = published_meta(self.bring(number, manifest).read)
        except ArtefactError as error:
            raise UnreachableError(f"round {number}: {error}") from None
        nodes = tree(leaf(number, row_id, value) for row_id, value in rows)
        if (nodes[0] if nodes else EMPTY_ROOT) != root:
            raise DifferenceError(f"the meta model of round {number} is not the committed one")
        return meta_model_bytes(number, rows)


def meta_model_bytes(number: int, rows: Sequence[tuple[str, int]]) -> bytes:
    """Parquet with ``id``, ``round`` and the meta model; ``rows`` are ids and values at 10^-9."""
    table = pa.table(
        {
            "id": pa.array([row_id for row_id, _ in rows], pa.string()),
            "round": pa.array([number] * len(rows), pa.int32()),
            COLUMN: pa.array([value / _ONE for _, value in rows], pa.float64()),
        }
    )
    pq.write_table(table, written := io.BytesIO())
    return written.getvalue()
