"""An operator's database from what is left without it: the chain, and rounds' artefacts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oracle.chain.index import ChainIndex
from oracle.chain.reader import PoolReader
from oracle.evaluation.published import inputs_of
from oracle.operator.guard import Guard, Settled
from oracle.settlement.manifest import ManifestError, submission_path
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, parse_receipts
from oracle.settlement.typed_data import Domain, Submission, recover
from oracle.settlement.wire import receipt_of
from oracle.store.artefacts import ArtefactError, RoundFolder, read_file, round_path
from oracle.store.event_index import EventStore
from oracle.store.journal import Journal, StoredSubmission
from oracle.store.mirror import get_round, round_key
from oracle.store.objects import ObjectStore
from oracle.store.sealed_index import sealed_path
from oracle.store.sealing import Identity, seal


@dataclass
class Rebuilt:
    """What was found. ``rounds`` were read, ``fetched`` are those brought from another place;
    ``problems`` name rounds that could not be read, and why."""

    block: int = 0
    events: int = 0
    rounds: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    submissions: int = 0
    receipts: int = 0
    problems: list[str] = field(default_factory=list)
    guard: Settled = field(default_factory=Settled)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """``sources`` are asked, in their order, for rounds that ``artefacts`` lacks."""

    reader: PoolReader
    journal: Journal
    artefacts: Path
    guard: Guard
    identity: Identity
    sources: Sequence[ObjectStore] = ()
    tell: Callable[[str], None] = lambda _: None

    def run(self, *, sure: bool = False) -> Rebuilt:
        """Repeatable; interrupted at any point, it is to be called again.

        ``sure``: see ``Guard.settle``.
        """
        found = Rebuilt()
        # Whatever comes of the rest: from now on, nothing is signed that may have been.
        self.guard.settle((), sure=sure, anew=True)
        self._index(found)
        rounds = range(1, self.reader.state()["last_announced"] + 1)
        for number in rounds:
            try:
                self._round(number, found)
            except (ArtefactError, ManifestError) as error:
                found.problems.append(f"round {number}: {error}")
        found.guard = self.guard.settle(rounds, sure=sure, anew=True)
        return found

    def _index(self, found: Rebuilt) -> None:
        store, finalized = EventStore(self.journal.database), self.reader.finalized()
        self.tell(f"reading the chain up to block {finalized.number}")
        ChainIndex(self.reader, store).update(finalized)
        found.block, found.events = finalized.number, store.count()

    # ------------------------------------------------------------------ rounds

    def _round(self, number: int, found: Rebuilt) -> None:
        where = self.reader.addresses
        folder = round_path(self.artefacts, where.chain_id, where.pool, number)
        if not folder.exists():
            if not self._fetch(number, folder):
                return
            found.fetched.append(number)
        before = found.submissions
        self.journal.add_all(self._with_receipts(number, folder, found))
        found.rounds.append(number)
        self.tell(f"round {number}: {found.submissions - before} submissions")

    def _fetch(self, number: int, folder: Path) -> bool:
        """Brings the committed result from the first source that has it, if there is one."""
        committed, where = self.reader.committed(number), self.reader.addresses
        if committed is None:
            return False
        key = round_key(where.chain_id, where.pool, number)
        return any(get_round(source, key, folder, committed.manifest) for source in self.sources)

    def _with_receipts(
        self, number: int, folder: Path, found: Rebuilt
    ) -> Iterator[tuple[StoredSubmission, list[SignedReceipt]]]:
        """One by one: a round's files are more than memory should hold."""
        receipts = self._receipts(number, folder)
        for item in self._submissions(number, RoundFolder(folder, self.identity)):
            if of_item := receipts.get(item.key):
                found.submissions += 1
                found.receipts += len(of_item)
                yield item, of_item

    def _submissions(self, number: int, folder: RoundFolder) -> Iterator[StoredSubmission]:
        folder.check()
        for entry in inputs_of(folder.manifest(), folder.read, b"").entries:
            yield StoredSubmission(
                Submission(number, entry.model, entry.sha256, entry.sequence),
                entry.signature,
                self._sealed(folder, submission_path(entry.sha256)),
                entry.size,
            )

    def _sealed(self, folder: RoundFolder, path: str) -> bytes:
        """The file as it lies there sealed, or sealed anew where it has been disclosed."""
        plain = folder.read(path)
        if (folder.path / sealed_path(path)).exists():
            return read_file(folder.path, sealed_path(path))
        return seal(plain, [self.identity.recipient])

    def _receipts(self, number: int, folder: Path) -> dict[Submission, list[SignedReceipt]]:
        """Those that operators of the round have truly signed: the manifest does not list them."""
        where, members = self.reader.addresses, self.reader.members(number)
        domain = Domain(where.chain_id, where.pool)
        found: dict[Submission, list[SignedReceipt]] = {}
        for item in parse_receipts(read_file(folder, RECEIPTS)):
            signer = recover(receipt_of(item.key, item.received), domain, item.signature)
            if item.key.round == number and signer == item.operator and signer in members:
                found.setdefault(item.key, []).append(item)
        return found
