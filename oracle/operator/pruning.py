"""The database keeps the sealed files of a round as long as anything may need them, no longer.

They are needed until the round has ended: for the evaluation, for peers, for the answer to a
challenge. From then on its folder holds what counted, and shows it to whoever may see it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from oracle.chain.rpc import Block
from oracle.operator.context import Context
from oracle.operator.folders import manifest_digest
from oracle.settlement.rounds import Status
from oracle.store.artefacts import ArtefactError, RoundFolder
from oracle.store.pruning import drop_files, rounds_with_files

_EVERY_SECONDS = 3600.0
_SLICE_SECONDS = 2.0
"""Of dropping at a time; other duties wait no longer."""
_log = structlog.get_logger("pruning")


@dataclass
class Pruning:
    """Drops files ``keep`` seconds after the end of the round's horizon, by block time; never
    without ``keep``."""

    context: Context
    keep: float | None = None
    clock: Callable[[], float] = time.monotonic
    _next: float = float("-inf")
    _safe: set[int] = field(default_factory=set)
    _kept: set[int] = field(default_factory=set)

    def prune(self, head: int, block: Block) -> None:
        """To be called now and then; looks once an hour, and goes on soon with what is unfinished.

        ``head`` is the first round that has not ended.
        """
        if self.keep is None or self.clock() < self._next:
            return
        self._next = self.clock() + _EVERY_SECONDS
        database, until = self.context.journal.database, self.clock() + _SLICE_SECONDS
        for number in rounds_with_files(database, head):
            if not self._is_over(number, block):
                continue
            if number not in self._safe and not self._is_safe(number, head, block):
                continue
            self._safe.add(number)
            while drop_files(database, number):
                if self.clock() >= until:
                    self._next = float("-inf")
                    return
            self._safe.remove(number)
            _log.info("dropped the files of a round from the database", round=number)

    def _is_over(self, number: int, block: Block) -> bool:
        announced = self.context.reader.announced(number)
        if announced is None or self.keep is None:
            return False
        return block.timestamp >= announced.closes + announced.horizon + self.keep

    def _is_safe(self, number: int, head: int, block: Block) -> bool:
        """Whether the folder holds the result in force, complete and disclosed, or there is none:
        the round is void."""
        reader = self.context.reader
        if reader.facts(number, block, head).status is Status.VOID:
            return True
        committed = reader.committed(number, block.number)
        folder = self.context.folder(number)
        if committed is None or manifest_digest(folder) != committed.manifest:
            return self._stays(number, "its folder does not hold the result in force")
        try:
            artefacts = RoundFolder(folder)
            artefacts.check()
            if artefacts.disclosed() is None:
                return self._stays(number, "its folder is not disclosed")
        except ArtefactError as error:
            return self._stays(number, str(error))
        return True

    def _stays(self, number: int, why: str) -> bool:
        if number not in self._kept:
            self._kept.add(number)
            _log.warning("keeps a round's files in the database", round=number, why=why)
        return False
