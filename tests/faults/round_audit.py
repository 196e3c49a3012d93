"""What must be true after any number of rounds with any faults, found out without the operators."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chain_reference import ChainReference
from round_players import File, RoundFiles
from sqlalchemy import select

from oracle.chain.reader import PoolReader
from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.operator.client import Sent as ClientSent
from oracle.settlement.manifest import CloseBlock, hex32
from oracle.settlement.typed_data import Announcement, Domain, Submission, digest, recover
from oracle.settlement.wire import AttestationMessage, unhex
from oracle.store.artefacts import round_path
from oracle.store.database import Database
from oracle.store.journal import COMMIT
from oracle.store.schema import signed


@dataclass
class Sent:
    """A submission and the time each operator says it got it."""

    file: File
    received: dict[str, int] = field(default_factory=dict)


@dataclass
class RoundAudit:
    """Collects what was sent and signed; the checks raise AssertionError.

    ``homes`` are operators' folders by address, ``liars`` operators and rounds in which somebody
    else used the operator's key.
    """

    reader: PoolReader
    reference: ChainReference
    homes: Mapping[str, Path]
    needed_receipts: int
    announced: dict[int, Announcement] = field(default_factory=dict)
    sent: dict[int, dict[Submission, Sent]] = field(default_factory=lambda: defaultdict(dict))
    digests: dict[tuple[str, int], set[bytes]] = field(default_factory=lambda: defaultdict(set))
    liars: set[tuple[str, int]] = field(default_factory=set)
    checked: int = 0
    submissions: int = 0

    def receipt(self, file: File, operator: str, received: int) -> None:
        found = self.sent[file.key.round].setdefault(file.key, Sent(file))
        found.received[operator] = received

    def sent_by_client(self, sent: ClientSent, raw: bytes) -> None:
        """Notes what the client sent, with the receipts that it got."""
        for receipt in sent.receipts.values():
            file = File(sent.key, raw, sent.signature, is_valid=True)
            self.receipt(file, receipt.operator, receipt.received)

    def expected(self, number: int) -> Evaluation:
        """The round's result from what was sent, and from the reference pool at the close."""
        announced, seal = self.announced[number], self.reference.seals[number]
        block, data = seal.block, RoundFiles.of(number, announced.tournament)
        owners = self.reader.owners(block.number)
        sent = self.sent[number].values()
        files = {s.file.key.sha256: s.file.raw for s in sent}
        entries = [self._entry(s, announced.closes) for s in sent]
        return evaluate(
            RoundInputs(
                chain_id=self.reader.addresses.chain_id,
                oracle=self.reader.addresses.oracle,
                announcement=announced,
                close_block=CloseBlock(
                    number=block.number, hash=hex32(block.hash), timestamp=block.timestamp
                ),
                stakes=seal.stakes,
                owners={e.model: owners[e.model] for e in entries if e},
                universe=data.universe,
                targets=data.targets,
                entries=[e for e in entries if e],
            ),
            files.__getitem__,
        )

    def _entry(self, sent: Sent, closes: int) -> Entry | None:
        if len(sent.received) < self.needed_receipts:
            return None
        early = sum(received < closes for received in sent.received.values())
        key = sent.file.key
        return Entry(
            key.model,
            key.sha256,
            key.sequence,
            early >= self.needed_receipts,
            sent.file.signature,
            len(sent.file.raw),
        )

    def check_round(self, number: int) -> None:
        """The commit on chain is what the machine comes to, and lists all that was accepted."""
        expected = self.expected(number)
        committed = self.reference.commits[number]
        assert tuple(expected.commit.result.argument()) == committed, (
            f"round {number}: the chain has another commit than the machine's evaluation"
        )
        self._check_folders(number, expected)
        self.checked += 1
        self.submissions += len(self.sent.pop(number, {}))

    def folder(self, operator: str, number: int) -> Path:
        where = self.reader.addresses
        home = self.homes[operator] / "artefacts"
        return round_path(home, where.chain_id, where.pool, number)

    def _check_folders(self, number: int, expected: Evaluation) -> None:
        folders = [self.folder(operator, number) for operator in self.homes]
        manifests = {f: f / "manifest.json" for f in folders if (f / "manifest.json").exists()}
        assert manifests, f"round {number}: nobody has its artefacts"
        for folder, manifest in manifests.items():
            assert manifest.read_bytes() == expected.manifest.to_bytes(), (
                f"round {number}: {folder} has another manifest"
            )

    # ------------------------------------------------------------------ signatures

    def saw(self, operator: str, number: int, hashed: bytes) -> None:
        """Notes a result that an operator has signed."""
        self.digests[(operator.lower(), number)].add(hashed)

    def check_signatures(self) -> None:
        """No operator signed two results of a round, by what it showed, keeps and others keep."""
        domain = Domain(self.reader.addresses.chain_id, self.reader.addresses.oracle)
        for address, home in self.homes.items():
            self._collect(address, home, domain)
        twice = [
            key for key, found in self.digests.items() if len(found) > 1 and key not in self.liars
        ]
        assert not twice, f"signed twice: {twice}"

    def _collect(self, address: str, home: Path, domain: Domain) -> None:
        for path in home.glob("artefacts/rounds/*/*/*/attest/0x*.json"):
            shown = AttestationMessage.model_validate_json(path.read_bytes())
            commit = shown.attestation().commit
            signer = recover(commit, domain, unhex(shown.signature))
            assert signer is not None, path
            self.saw(signer, shown.round, digest(commit, domain))
        database = Database.open(home / "journal.sqlite")
        with database.connect() as connection:
            for row in connection.execute(select(signed).where(signed.c.phase == COMMIT)):
                self.saw(address, row.round, row.digest)
        database.close()
