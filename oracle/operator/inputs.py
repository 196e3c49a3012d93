"""A round's inputs as this operator has them: from the chain, the data provider and the journal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oracle.errors import RefusedError
from oracle.evaluation.evaluate import Entry, RoundInputs
from oracle.operator.context import Context
from oracle.settlement.manifest import CloseBlock
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

    def of(
        self, number: int, entries: Sequence[Entry], targets: bytes | None = None
    ) -> RoundInputs:
        """The round's inputs with these submissions, and with these targets or those that stand
        now; raises ``RefusedError`` while some are not there."""
        context = self.context
        if targets is None:
            targets = context.data.targets(number)
        if targets is None:
            raise RefusedError(f"round {number} has no targets yet")
        close = self._closed(number)
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

    def read(self, number: int) -> Callable[[bytes], bytes]:
        """The plain bytes of the round's submissions, by their SHA-256."""
        context = self.context
        return lambda sha256: context.identity.open(context.journal.sealed(number, sha256))

    def forget_before(self, number: int) -> None:
        self._at_close = {n: at for n, at in self._at_close.items() if n >= number}
