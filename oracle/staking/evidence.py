"""Why a model's stake changed as it did in a round: everything, down to the operators' commit.

The hashes lead from the model's score word to the link that the commit names, and payout and burn
follow from word, stake and coefficients by the pool's own arithmetic; both are tried before
anything is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from oracle.chain.reader import PoolReader
from oracle.errors import DifferenceError, InputError, RefusedError, UnreachableError
from oracle.evaluation.published import parse_batches
from oracle.ledger.folders import Folders
from oracle.records.rounds import Rounds
from oracle.records.rows import RoundRow, Settlement
from oracle.records.stakes import Stakes
from oracle.settlement import payout
from oracle.settlement.batches import Batch
from oracle.settlement.settled import SettledModel, settled_model
from oracle.settlement.typed_data import Commit
from oracle.store.artefacts import ArtefactError
from oracle.store.database import Database

_BATCHES = "outputs/batches.json"
_REMEMBERED = 128
"""Rounds whose batches are kept in memory, each at most a few hundred kilobytes: more than one
answer shows."""


@dataclass(frozen=True, slots=True)
class SettlementEvidence:
    """A model in a round. ``settlement`` is None while the round is not settled, or where the model
    had nothing at stake; the commit's fields are those of ``round``."""

    round: RoundRow
    settled: SettledModel
    settlement: Settlement | None

    @property
    def commit(self) -> dict[str, object]:
        row = self.round
        return {name: getattr(row, name) for name in Commit.fields if hasattr(row, name)}


class Evidence:
    """Of one tournament: from the tables, and from folders that the chain's digests vouch for."""

    def __init__(
        self, tournament: int, database: Database, reader: PoolReader, folders: Folders
    ) -> None:
        self.tournament, self.reader, self._folders = tournament, reader, folders
        self._rounds, self._stakes = Rounds(database), Stakes(database)
        # Several requests may ask at once, and a result that is final never changes.
        self._batches: Callable[[int, bytes, bytes], Sequence[Batch]]
        self._batches = lru_cache(_REMEMBERED)(self._read)

    def of(self, number: int, model: int) -> SettlementEvidence:
        """Raises ``InputError`` for an unknown round, ``RefusedError`` for one without a committed
        result, ``UnreachableError`` where nobody shows its folder."""
        found = self._rounds.get(self.tournament, number)
        if found is None:
            raise InputError(f"tournament {self.tournament} has no round {number}")
        settlements = self._stakes.settlements(self.tournament, models=[model], rounds=[number])
        return self.shown(found, model, settlements[0] if settlements else None)

    def shown(self, row: RoundRow, model: int, settlement: Settlement | None) -> SettlementEvidence:
        """The same for a round and what it settled, where both are known."""
        if row.manifest is None or row.chain_head is None:
            raise RefusedError(f"round {row.number} has no committed result")
        settled = settled_model(self._batches(row.number, row.manifest, row.chain_head), model)
        found = SettlementEvidence(row, settled, settlement)
        _require_whole(found)
        return found

    def _read(self, number: int, manifest: bytes, chain_head: bytes) -> Sequence[Batch]:
        folder = self._folders.bring(number, manifest)
        try:
            batches = parse_batches(folder.read(_BATCHES))
        except ArtefactError as error:
            raise UnreachableError(f"round {number}: {error}") from None
        path = settled_model(batches, batches[0].start * 4).path
        if path is not None and path.head() != chain_head:
            raise DifferenceError(f"the batches of round {number} are not those of the commit")
        return batches


def _require_whole(shown: SettlementEvidence) -> None:
    """Raises ``DifferenceError`` where the evidence does not prove what it is shown for."""
    path, row, settlement = shown.settled.path, shown.round, shown.settlement
    where = f"model {shown.settled.model} in round {row.number}"
    if path is not None and path.head() != row.chain_head:
        raise DifferenceError(f"{where}: the hashes do not lead to the commit")
    if settlement is None or row.coefficients is None:
        return
    if payout.change(row.coefficients, settlement.stake, shown.settled.lane) != settlement.change:
        raise DifferenceError(f"{where}: the change does not follow from the scores")
