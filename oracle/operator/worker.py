"""The operator's reconcile loop: look at the chain and at what is kept, do what is due, look again.

Nothing that matters is remembered between cycles, so a restart at any point is harmless. Signing is
guarded by the journal; everything sent to the chain is permissionless and checked by the contracts.
"""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from eth_account.signers.local import LocalAccount

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block
from oracle.errors import AssayError, InputError, RefusedError
from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs
from oracle.evaluation.recompute import read_batches, recompute
from oracle.operator.ingest import MAX_BYTES, Ingest, Known
from oracle.operator.peers import Peer
from oracle.operator.proposals import Proposals
from oracle.operator.targets import RoundData
from oracle.settlement.batches import chain, followers
from oracle.settlement.quorum import Tally, tally
from oracle.settlement.receipts import counted, on_time
from oracle.settlement.rounds import KEEPING, Action, OperatorFacts, RoundFacts, next_actions
from oracle.settlement.typed_data import Domain, digest, message
from oracle.settlement.wire import (
    AttestationMessage,
    SubmissionMessage,
    attestation_message,
    unhex,
)
from oracle.store.artefacts import (
    ArtefactError,
    check_files,
    read_manifest,
    round_path,
    write_file,
    write_round,
)
from oracle.store.journal import Journal

_COMMIT_PHASE = "commit"
_DRAIN_CHUNK = 200
_log = structlog.get_logger("operator")


@dataclass
class Worker:
    """One operator's work on one pool. ``stagger`` is the wait in seconds between leaders."""

    reader: PoolReader
    writer: PoolWriter
    journal: Journal
    data: RoundData
    account: LocalAccount
    ingest: Ingest
    peers: Sequence[Peer]
    artefacts: Path
    stagger: float = 2.0
    patience: float = 10.0
    _proposals: Proposals = field(init=False)
    _since: dict[tuple[int, Action], float] = field(default_factory=dict)
    _last_cycle: float = 0.0
    _last_error: str = ""

    def __post_init__(self) -> None:
        self._proposals = Proposals(self.domain)

    @property
    def domain(self) -> Domain:
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.oracle)

    def run(self, stop: threading.Event, pause: float) -> None:
        """Cycles until ``stop`` is set; an error ends a cycle, never the loop."""
        while not stop.is_set():
            self._last_error = ""
            self._guarded("cycle", self.cycle)
            self._last_cycle = time.monotonic()
            stop.wait(pause)

    def health(self) -> dict[str, object]:
        age = time.monotonic() - self._last_cycle if self._last_cycle else None
        return {"seconds_since_cycle": age, "error": self._last_error}

    def cycle(self) -> None:
        """One look at every round that is not settled; trouble with one leaves the others alone."""
        block = self.reader.finalized()
        for facts in self.reader.open_rounds(block):
            self._guarded(f"round {facts.number}", self._advance, facts, block.timestamp)
        self._guarded("skip", self._skip, block)

    def _guarded(self, what: str, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except AssayError as error:
            self._last_error = error.message
            _log.warning(what, error=error.message, fix=error.fix)
        except Exception as error:  # noqa: BLE001 - a bug must not end the loop
            self._last_error = f"{type(error).__name__}: {error}"
            _log.exception(what)

    def _advance(self, facts: RoundFacts, now: int) -> None:
        number = facts.number
        own = OperatorFacts(
            targets=self.data.has_targets(number),
            attested=self.own_attestation(number) is not None,
        )
        is_member = self.account.address in self.reader.members(number)
        for action in next_actions(facts, own, now):
            if is_member or action in KEEPING:
                self._do(action, number)

    def _do(self, action: Action, number: int) -> None:
        if action is Action.ATTEST:
            self._attest(number)
        elif action is Action.GATHER:
            self._gather(number)
        elif action is Action.DRAIN and self._is_my_turn(number, action):
            self._drain(number)
        elif action is Action.SETTLE and self._is_my_turn(number, action):
            self._settle(number)
        elif action is Action.END_VOID and self._is_my_turn(number, action):
            self._keep(self.writer.end_void, number)

    # ------------------------------------------------------------------ attesting

    def folder(self, number: int) -> Path:
        where = self.reader.addresses
        return round_path(self.artefacts, where.chain_id, where.pool, number)

    def own_attestation(self, number: int) -> AttestationMessage | None:
        path = self._attestation_path(number, self.account.address)
        return _read(path) if path.exists() else None

    def _attestation_path(self, number: int, operator: str) -> Path:
        return self.folder(number) / "attest" / f"{operator.lower()}.json"

    def _attest(self, number: int) -> None:
        """Evaluates, and signs once enough operators have come to the same result.

        What was written down before a crash is signed as it was then.
        """
        folder = self.folder(number)
        if self.journal.signed_digest(number, _COMMIT_PHASE) is not None:
            manifest = read_manifest(folder)
            self._sign(number, recompute(manifest, check_files(folder, manifest)))
        elif self._synchronise(number):
            result = self._proposals.evaluated(self._inputs(number))
            agreeing = self._agreeing(number, digest(result.commit, self.domain))
            if agreeing < self.reader.needed(number):
                return
            # What a killed try has left unsigned may be of another state.
            shutil.rmtree(folder, ignore_errors=True)
            write_round(folder, result.manifest, result.files)
            self._sign(number, result)
            self._proposals.forget(number)

    def _agreeing(self, number: int, own: bytes) -> int:
        """How many operators, this one included, have come to the same result."""
        return 1 + sum(peer.proposal(number) == own for peer in self.peers)

    def proposal(self, number: int) -> bytes | None:
        """The digest this operator has signed or would sign, or None."""
        signed = self.journal.signed_digest(number, _COMMIT_PHASE)
        return self._proposals.digest(number) if signed is None else signed

    def _sign(self, number: int, result: Evaluation) -> None:
        """Write-ahead, then sign, then show: a crash in between repeats the same signature."""
        signed = digest(result.commit, self.domain)
        self.journal.reserve_digest(number, _COMMIT_PHASE, signed)
        signature = self.account.sign_message(message(result.commit, self.domain)).signature
        shown = attestation_message(result.commit, bytes(signature))
        write_file(
            self._attestation_path(number, self.account.address), shown.model_dump_json().encode()
        )
        _log.info("attested", round=number, digest=signed.hex())

    def _inputs(self, number: int) -> RoundInputs:
        announced = self.reader.announced(number)
        targets = self.data.targets(number)
        if announced is None or targets is None:
            raise RefusedError(f"round {number} cannot be evaluated yet")
        close = self.reader.close_block(announced.closes)
        receipts = list(self.journal.receipts(number))
        enough = self.reader.receipts_needed(number)
        known, in_time = counted(receipts, enough), on_time(receipts, announced.closes, enough)
        entries = [
            Entry(s.key.model, s.key.sha256, s.key.sequence, s.key in in_time, s.signature, s.raw)
            for s in self.journal.submissions(number)
            if s.key in known
        ]
        stakes = self.reader.stakes(number, close)
        owners = self.reader.owners(close.number)
        where = self.reader.addresses
        return RoundInputs(
            chain_id=where.chain_id,
            oracle=where.oracle,
            announcement=announced,
            close_block=close,
            stakes=stakes,
            owners={e.model: owners[e.model] for e in entries if e.model < stakes.models},
            universe=self.data.universe(number),
            targets=targets,
            entries=entries,
        )

    def _synchronise(self, number: int) -> bool:
        """Adopts what peers accepted. False while a peer is silent and there is time to wait."""
        signatures = self.journal.signatures(number)
        known = {
            (r.key, r.operator, r.received, signatures[r.key])
            for r in self.journal.receipts(number)
        }
        all_answered = True
        for peer in self.peers:
            items = peer.submissions(number)
            if items is None:
                all_answered = False
                continue
            for item in items:
                if item.round == number:
                    self._adopt(peer, item, known)
        return all_answered or self._waited(number, Action.ATTEST) >= self.patience

    def _adopt(
        self,
        peer: Peer,
        item: SubmissionMessage,
        known: set[Known],
    ) -> None:
        """Fetches and keeps a submission if the message brings a good receipt that is new."""
        receipts = self.ingest.new_receipts(item, known)
        if not receipts:
            return
        key = item.key()
        kept = self.journal.find(key.round, key.sha256)
        raw = kept.raw if kept else peer.submission_bytes(key.round, key.sha256, MAX_BYTES)
        if raw is None:
            return
        try:
            self.ingest.adopt(item, raw, receipts)
            signature = unhex(item.signature)
            known.update((key, r.operator, r.received, signature) for r in receipts)
        except (InputError, RefusedError) as error:
            _log.warning("refused a peer's submission", peer=peer.url, error=error.message)

    # ------------------------------------------------------------------ committing

    def _gather(self, number: int) -> None:
        """Collects the others' signatures; once enough agree, sends the commit in turn."""
        for peer in self.peers:
            found = peer.attestation(number)
            if found is not None and found.round == number:
                self._keep_attestation(number, found)
        counted = self._tally(number)
        for who in counted.equivocators:
            _log.error("an operator signed two results", operator=who, round=number)
        signed = counted.agreed(self.reader.needed(number))
        if signed is not None and self._is_my_turn(number, Action.GATHER):
            own = self.own_attestation(number)
            if own is None or digest(own.attestation().commit, self.domain) != signed:
                _log.error("the quorum's result is not mine; not sending it", round=number)
                return
            signatures = counted.ordered(signed, self.reader.needed(number))
            self._keep(self.writer.commit, own.attestation().commit, signatures)

    def _keep_attestation(self, number: int, found: AttestationMessage) -> None:
        counted = tally([found.attestation()], self.domain, self.reader.members(number))
        content = found.model_dump_json().encode()
        for signed, by in counted.signatures.items():
            for who in by:
                path = self._attestation_path(number, who)
                if (
                    path.exists()
                    and digest(_read(path).attestation().commit, self.domain) != signed
                ):
                    # Kept beside the first, as proof that this operator signed two results.
                    path = path.with_name(f"{path.stem}-second.json")
                if not path.exists():
                    write_file(path, content)

    def _tally(self, number: int) -> Tally:
        paths = sorted((self.folder(number) / "attest").glob("0x*.json"))
        kept = [_read(path).attestation() for path in paths]
        return tally(kept, self.domain, self.reader.signers(number))

    # ------------------------------------------------------------------ keeping

    def _skip(self, block: Block) -> None:
        """Closes a round that nobody announces, so that what waits for it goes on, and so that
        the pool is never wound down for want of rounds."""
        number = self.reader.skippable(block)
        if number is not None:
            self._keep(self.writer.skip, number)

    def _drain(self, number: int) -> None:
        # The newest block may show what the finalized one does not yet: that it is done.
        if self.reader.round_state(number)["queue_head"]:
            self._keep(self.writer.drain, number, _DRAIN_CHUNK)

    def _settle(self, number: int) -> None:
        try:
            batches = read_batches(self.folder(number))
        except ArtefactError as error:
            raise RefusedError(str(error), "another operator, or anyone else, can settle") from None
        links = chain(batches)
        cursor = self.reader.cursor(number) or self.reader.chain_head(number)
        if cursor not in links:
            raise RefusedError(f"round {number}: the committed batches are not the ones kept here")
        following = followers(batches)
        for position in range(links.index(cursor), len(batches)):
            self._keep(self.writer.settle, number, batches[position], following[position])

    def _keep(self, send: Callable[..., object], *arguments: object) -> None:
        """Sends something anyone may send; that another operator was first is no error."""
        try:
            send(*arguments)
        except RefusedError as error:
            _log.info("not sent", call=send.__name__, reason=error.message)

    # ------------------------------------------------------------------ turns

    def _waited(self, number: int, action: Action) -> float:
        now = time.monotonic()
        return now - self._since.setdefault((number, action), now)

    def _is_my_turn(self, number: int, action: Action) -> bool:
        """Leaders take turns by round; each later one waits ``stagger`` seconds more."""
        members = sorted(self.reader.members(number), key=lambda a: int(a, 16))
        position = len(members)  # whoever joined or left since comes last
        if self.account.address in members:
            position = (members.index(self.account.address) + number) % len(members)
        return self._waited(number, action) >= position * self.stagger


def _read(path: Path) -> AttestationMessage:
    return AttestationMessage.model_validate_json(path.read_bytes())
