"""A round's inputs as this operator has them: from the chain, the data provider and the journal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oracle.errors import RefusedError
from oracle.evaluation.evaluate import Entry, RoundInputs
from oracle.operator.context import Context
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.receipts import counted, on_time
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Announcement


@dataclass(frozen=True, slots=True)
class _AtClose:
    """The tournament at a round's close block, which is final: read once."""

    announcement: Announcement
    block: CloseBlock
    stakes: Stakes
    owners: list[str]


@dataclass
class Inputs:
    """Gathers what a round's evaluation needs."""

    context: Context
    _at_close: dict[int, _AtClose] = field(default_factory=dict)

    def of(self, number: int, entries: Sequence[Entry] | None = None) -> RoundInputs:
        """The round's inputs as of now, or with ``entries`` in the place of the submissions that
        count by the receipts kept here; raises ``RefusedError`` while some are not there."""
        context = self.context
        targets = context.data.targets(number)
        if targets is None:
            raise RefusedError(f"round {number} has no targets yet")
        close = self._closed(number)
        if entries is None:
            entries = self._entries(number, close.announcement.closes)
        where = context.reader.addresses
        models = {entry.model for entry in entries if entry.model < close.stakes.models}
        return RoundInputs(
            chain_id=where.chain_id,
            oracle=where.oracle,
            announcement=close.announcement,
            close_block=close.block,
            stakes=close.stakes,
            owners={model: close.owners[model] for model in models},
            universe=context.data.universe(number),
            targets=targets,
            entries=entries,
        )

    def closes(self, number: int) -> int:
        """When the round closed."""
        return self._closed(number).announcement.closes

    def _closed(self, number: int) -> _AtClose:
        if number not in self._at_close:
            reader = self.context.reader
            announced = reader.announced(number)
            if announced is None:
                raise RefusedError(f"round {number} is not announced")
            block = reader.close_block(announced.closes)
            stakes = reader.stakes(number, block)
            self._at_close[number] = _AtClose(announced, block, stakes, reader.owners(block.number))
        return self._at_close[number]

    def _entries(self, number: int, closes: int) -> list[Entry]:
        """Submissions that enough operators have receipts for."""
        journal, needed = self.context.journal, self.context.terms(number).receipts_needed
        receipts = list(journal.receipts(number))
        known, in_time = counted(receipts, needed), on_time(receipts, closes, needed)
        return [
            Entry(s.key.model, s.key.sha256, s.key.sequence, s.key in in_time, s.signature, s.size)
            for s in journal.listed(number)
            if s.key in known
        ]

    def read(self, number: int) -> Callable[[bytes], bytes]:
        """The plain bytes of the round's submissions, by their SHA-256."""
        context = self.context
        return lambda sha256: context.identity.open(context.journal.sealed(number, sha256))

    def forget_before(self, number: int) -> None:
        self._at_close = {n: at for n, at in self._at_close.items() if n >= number}
