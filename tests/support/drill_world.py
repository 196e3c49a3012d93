"""Four rounds on a chain in this process, and what each of five operators has of them.

| round | | signature of operator 0 |
|---|---|---|
| 1 | committed, disclosed | on the chain, in its artefacts |
| 2 | committed, sealed | in its artefacts; the chain has the others' |
| 3 | due, not committed | made, and shown to nobody |
| 4 | closed, not due | none yet |
"""

import hashlib
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from in_process_tournament import connected, deploy, start_chain
from short_times import short_topology
from synthetic_round import IDS, TARGET, csv, predictions

from oracle.chain.index import ChainIndex
from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner, sign
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.operator.attestations import Attestations
from oracle.operator.guard import Guard
from oracle.settlement.manifest import SUBMISSIONS, TARGETS
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.specs import spec_of
from oracle.settlement.typed_data import Announcement, Domain, Submission, digest
from oracle.settlement.units import MILLIONTH
from oracle.settlement.wire import attestation_message, receipt_of
from oracle.store.artefacts import round_path, write_round
from oracle.store.database import Database
from oracle.store.disclosure import disclose
from oracle.store.event_index import EventStore
from oracle.store.journal import COMMIT, Journal, StoredSubmission
from oracle.store.sealing import Identity, seal
from oracle.tournaments.universe import targets_bytes, universe_bytes

TIMING = Timing(
    notice=60,
    gap=30,
    max_ahead=5_000,
    max_horizon=1_000,
    grace=3_000,
    window=1_000,
    challenge=500,
)
CLOCKS = Clocks(
    skip_after=20_000,
    settle_time=3_000,
    head_time=500,
    rest_delay=100,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
URL = "http://in-process"
MODELS = 2
HORIZON = 100
_AHEAD = 10**6  # the chain's clock is ahead, so that it says what is due


@dataclass
class Operator:
    """What one operator has: its key, identity, artefacts and database."""

    account: LocalAccount
    home: Path
    identity: Identity = field(default_factory=Identity.new)

    @property
    def signer(self) -> LocalSigner:
        return LocalSigner(self.account)

    @property
    def artefacts(self) -> Path:
        return self.home / "artefacts"

    @property
    def database(self) -> Path:
        return self.home / "journal.sqlite"


class DrillWorld:
    """Everything is made by the constructor; ``signed`` holds the digests operator 0 signed."""

    def __init__(self, folder: Path) -> None:
        topology = short_topology(TIMING, CLOCKS).with_operators(5)
        self.chain = start_chain(folder, topology.chain.chain_id, int(time.time()) + _AHEAD)
        self.web3 = connected(self.chain)
        pool = deploy(self.web3, topology, folder).pool
        self.reader = PoolReader(self.web3, URL, pool)
        self.where = self.reader.addresses
        self.operators = [
            Operator(dev_account(o.account), folder / o.name) for o in topology.operators
        ]
        self.recipients = [o.identity.recipient for o in self.operators]
        self.staker = dev_account(topology.stakers.first_account)
        self.signed: dict[int, bytes] = {}
        for model in range(MODELS):
            self._register(model)
        databases = [Database.open(o.database) for o in self.operators]
        self.journals = [Journal(database) for database in databases]
        for journal in self.journals:
            journal.database.claim(self.where.chain_id, self.where.pool)
            journal.block(0)
        for number in (1, 2, 3, 4):
            self._play(number)
        self.chain.finalize()
        ChainIndex(self.reader, EventStore(databases[0])).update(self.reader.finalized())
        for database in databases:
            database.close()

    def close(self) -> None:
        self.chain.close()

    # ------------------------------------------------------------------ for tests

    @property
    def own(self) -> Operator:
        """The operator that disasters befall."""
        return self.operators[0]

    def writer(self, account: LocalAccount) -> PoolWriter:
        return PoolWriter(self.reader, Sender(self.web3, URL, LocalSigner(account)))

    def folder(self, operator: Operator, number: int) -> Path:
        return round_path(operator.artefacts, self.where.chain_id, self.where.pool, number)

    def guard(self, operator: Operator, journal: Journal) -> Guard:
        return Guard(self.reader, journal, operator.artefacts, operator.account.address)

    def copy_home(self, to: Path) -> Operator:
        """Operator 0 with a copy of all that it has."""
        shutil.copytree(self.own.home, to)
        return Operator(self.own.account, to, self.own.identity)

    # ------------------------------------------------------------------ making it

    @property
    def _domain(self) -> Domain:
        return Domain(self.where.chain_id, self.where.oracle)

    def _register(self, model: int) -> None:
        writer = self.writer(self.staker)
        reserved = writer.reserve(keccak(text=f"model {model}"))
        self.chain.advance_to(reserved.usable_at)
        assert writer.register(reserved, self.staker.address) == model

    def _play(self, number: int) -> None:
        now = self.chain.head.timestamp
        opens, closes = now + 10, now + TIMING.notice + 30
        announcer = self.writer(dev_account(ANNOUNCER))
        announcer.announce(number, opens, closes, HORIZON, MILLIONTH, bytes(32))
        self.chain.advance_to(opens)
        for model in range(MODELS):
            self._submit(number, model)
        self.chain.advance_to(closes)
        if number == 4:
            return
        self.chain.advance_to(closes + HORIZON)
        result = self._evaluated(number)
        for operator, journal in zip(self.operators, self.journals, strict=True):
            self._publish(number, operator, journal, result)
        if number < 3:
            signers = self.operators[:3] if number == 1 else self.operators[1:]
            self._commit(number, result, signers)
        if number == 1:
            spec = spec_of(self._announced(1).spec_hash)
            for operator in self.operators:
                folder = self.folder(operator, 1)
                disclose(folder, spec, operator.identity, self.recipients, [], {})

    def _announced(self, number: int) -> Announcement:
        found = self.reader.announced(number)
        assert found is not None
        return found

    def _submit(self, number: int, model: int) -> None:
        raw = csv(predictions(model, number))
        key = Submission(number, model, hashlib.sha256(raw).digest(), number)
        pool = Domain(self.where.chain_id, self.where.pool)
        owner = sign(LocalSigner(self.staker), key, pool)
        sealed = seal(raw, self.recipients)
        received = self.reader.newest().timestamp
        for giver in self.operators[:3]:
            signature = sign(giver.signer, receipt_of(key, received), pool)
            receipt = SignedReceipt(key, giver.account.address, received, signature)
            for journal in self.journals:
                journal.add(StoredSubmission(key, owner, sealed, len(raw)), receipt)

    def _evaluated(self, number: int) -> Evaluation:
        announced, journal = self._announced(number), self.journals[0]
        close = self.reader.close_block(announced.closes)
        owners = self.reader.owners(close.number)
        entries = [
            Entry(s.key.model, s.key.sha256, s.key.sequence, True, s.signature, s.size)
            for s in journal.listed(number)
        ]
        given = RoundInputs(
            chain_id=self.where.chain_id,
            oracle=self.where.oracle,
            announcement=announced,
            close_block=close,
            stakes=self.reader.stakes(number, close),
            owners=dict(enumerate(owners)),
            universe=universe_bytes(IDS),
            targets=targets_bytes(IDS, TARGET),
            entries=entries,
        )
        read = self.own.identity.open
        return evaluate(given, lambda sha256: read(journal.sealed(number, sha256)))

    def _publish(
        self, number: int, operator: Operator, journal: Journal, result: Evaluation
    ) -> None:
        folder = self.folder(operator, number)
        private = {TARGETS: seal(targets_bytes(IDS, TARGET), self.recipients)}
        for item in journal.listed(number):
            path = SUBMISSIONS + item.key.sha256.hex()
            private[path] = journal.sealed(number, item.key.sha256)
        write_round(
            folder,
            result.manifest,
            {path: raw for path, raw in result.files.items() if path != TARGETS},
            private.items(),
            {RECEIPTS: receipts_bytes(number, journal.receipts(number))},
        )
        hashed = digest(result.commit, self._domain)
        journal.reserve_digest(number, COMMIT, hashed)
        message = attestation_message(
            result.commit, sign(operator.signer, result.commit, self._domain)
        )
        if operator is self.own:
            self.signed[number] = hashed
        if number < 3:
            Attestations(folder, self._domain).show(operator.account.address, message)

    def _commit(self, number: int, result: Evaluation, signers: list[Operator]) -> None:
        ordered = sorted(signers, key=lambda o: int(o.account.address, 16))
        signatures = [sign(o.signer, result.commit, self._domain) for o in ordered]
        self.writer(self.own.account).commit(result.commit, signatures)
