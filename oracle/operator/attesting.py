"""A round's result: evaluated, published once enough operators have come to it, and signed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from oracle.chain.signing import sign
from oracle.errors import RefusedError
from oracle.evaluation.evaluate import Evaluation
from oracle.operator.accord import Accord
from oracle.operator.attestations import Attestations
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import commit_in, move_aside
from oracle.operator.inputs import Inputs
from oracle.operator.peers import ask_all
from oracle.operator.proposals import Proposals
from oracle.operator.sharing import Sharing
from oracle.settlement.manifest import SUBMISSIONS, TARGETS
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.typed_data import Commit, digest
from oracle.settlement.wire import AttestationMessage, attestation_message
from oracle.store.artefacts import write_round
from oracle.store.journal import BLOCKED, COMMIT

_log = structlog.get_logger("attesting")


@dataclass
class Attesting:
    """Signs one result a round, and only what enough operators have come to."""

    context: Context
    sharing: Sharing
    inputs: Inputs
    proposals: Proposals
    _said: set[int] = field(default_factory=set)

    @property
    def accord(self) -> Accord:
        return Accord(self.context, self.inputs)

    def attest(self, number: int) -> None:
        """Evaluates, and signs once enough operators have come to the same result.

        What was written down before a crash is signed as it was then.
        """
        signed = self.context.journal.signed_digest(number, COMMIT)
        if signed == BLOCKED:
            self._say_once(number, "signs nothing: what it signed before is not known")
        elif signed is not None:
            self._sign_again(number, signed)
        elif self.sharing.synchronise(number, "attest"):
            result = self.evaluated(number)
            receipts = None
            if self._agreeing(number, result) < self.context.terms(number).needed:
                # Those who do not agree may have been given other targets than these.
                self.context.ingest.desk.fetch(self.context.peers, number)
                joined = self.accord.found(number, digest(result.commit, self.context.domain))
                if joined is None:
                    return
                result, receipts = joined.result, joined.receipts
            self.context.at(Failpoint.AGREED)
            self._publish_and_sign(number, result, receipts)

    def evaluated(self, number: int) -> Evaluation:
        """The result of what is known now, from then on shown as this operator's proposal."""
        inputs = self.inputs.of(number)
        result = self.proposals.evaluated(inputs, self.inputs.read(number))
        self.context.at(Failpoint.EVALUATED)
        return result

    def _agreeing(self, number: int, result: Evaluation) -> int:
        """How many operators, this one included, have come to the same result."""
        own = digest(result.commit, self.context.domain)
        others = ask_all(self.context.peers, lambda peer: peer.proposal(number))
        return 1 + sum(found == own for _, found in others)

    def _publish_and_sign(
        self, number: int, result: Evaluation, receipts: Iterable[SignedReceipt] | None
    ) -> None:
        if self.context.signer is None:
            self._say_once(number, "dry run: would sign")
            return
        folder = self.context.folder(number)
        # What a killed try has left unsigned may be of another state.
        move_aside(folder)
        self.publish(folder, number, result, receipts)
        self._sign(number, result.commit)
        self.proposals.forget(number)

    def publish(
        self,
        folder: Path,
        number: int,
        result: Evaluation,
        receipts: Iterable[SignedReceipt] | None = None,
    ) -> None:
        """Writes the round's folder, submissions and targets sealed to the operators.

        ``receipts`` are those that the result follows from, if not all that are kept.
        """
        if receipts is None:
            receipts = self.context.journal.receipts(number)
        write_round(
            folder,
            result.manifest,
            {path: raw for path, raw in result.files.items() if path != TARGETS},
            self._sealed(number, result),
            {RECEIPTS: receipts_bytes(number, receipts)},
        )
        self.context.at(Failpoint.FOLDER_WRITTEN)

    def _sealed(self, number: int, result: Evaluation) -> Iterator[tuple[str, bytes]]:
        for file in result.manifest.files:
            if file.path == TARGETS:
                targets = self.context.data.targets(number) or b""
                yield file.path, self.context.seal(number, targets)
            elif file.path.startswith(SUBMISSIONS):
                sha256 = bytes.fromhex(file.path.removeprefix(SUBMISSIONS))
                yield file.path, self.context.journal.sealed(number, sha256)

    def _sign(self, number: int, commit: Commit) -> None:
        """Write-ahead, then sign, then show: a crash in between repeats the same signature."""
        context = self.context
        if context.signer is None:
            raise RefusedError("a dry run signs nothing")
        hashed = digest(commit, context.domain)
        context.journal.reserve_digest(number, COMMIT, hashed)
        context.at(Failpoint.COMMIT_RESERVED)
        signature = sign(context.signer, commit, context.domain)
        context.at(Failpoint.COMMIT_SIGNED)
        self.attestations(number).show(context.address, attestation_message(commit, signature))
        context.at(Failpoint.COMMIT_SHOWN)
        _log.info("attested", round=number, digest=hashed.hex())

    def _sign_again(self, number: int, signed: bytes) -> None:
        """From the folder that was written, or, if that is lost, from what it is made of again."""
        folder = self.context.folder(number)
        commit = commit_in(folder)
        if commit is None or digest(commit, self.context.domain) != signed:
            self.sharing.synchronise(number, "attest")
            result = self.evaluated(number)
            if digest(result.commit, self.context.domain) != signed:
                raise RefusedError(
                    f"round {number}: this operator wrote down that it signs 0x{signed.hex()}, "
                    "and its inputs no longer lead to that",
                    "another operator's folder of the round shows what is missing here",
                )
            move_aside(folder)
            self.publish(folder, number, result)
            commit = result.commit
        self._sign(number, commit)

    # ------------------------------------------------------------------ what others see

    def attestations(self, number: int) -> Attestations:
        return Attestations(self.context.folder(number), self.context.domain)

    def own(self, number: int) -> AttestationMessage | None:
        """This operator's signed result, or None."""
        return self.attestations(number).of(self.context.address)

    def proposal(self, number: int) -> bytes | None:
        """The digest this operator has signed or would sign; None from one that signs nothing."""
        if self.context.signer is None:
            return None
        signed = self.context.journal.signed_digest(number, COMMIT)
        if signed is None:
            return self.proposals.digest(number)
        return None if signed == BLOCKED else signed

    def _say_once(self, number: int, what: str) -> None:
        if number not in self._said:
            self._said.add(number)
            _log.warning(what, round=number)
