"""A round's result: published once the operators have agreed on it, and signed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from oracle.chain.signing import sign
from oracle.errors import RefusedError
from oracle.operator.agreeing import Agreeing
from oracle.operator.attestations import Attestations
from oracle.operator.context import Context
from oracle.operator.drafts import Draft, Drafts
from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import commit_in, move_aside
from oracle.operator.sharing import Sharing
from oracle.settlement.agreement import NIL
from oracle.settlement.manifest import SUBMISSIONS, TARGETS
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.typed_data import Commit, digest
from oracle.settlement.wire import AttestationMessage, attestation_message
from oracle.store.artefacts import write_round
from oracle.store.journal import BLOCKED, COMMIT

_log = structlog.get_logger("attesting")


@dataclass
class Attesting:
    """Signs one result a round: what all honest operators sign."""

    context: Context
    sharing: Sharing
    drafts: Drafts
    agreeing: Agreeing
    _said: set[int] = field(default_factory=set)

    def attest(self, number: int) -> None:
        """Signs what the operators have agreed on, one step towards it a call.

        What was written down before a crash is signed as it was then.
        """
        signed = self.context.journal.signed_digest(number, COMMIT)
        if self.context.signer is None and number in self._said:
            return
        if signed == BLOCKED:
            self._say_once(number, "signs nothing: what it signed before is not known")
        elif signed is not None:
            self._sign_again(number, signed)
        elif self.sharing.synchronise(number, "attest"):
            needed = self.context.terms(number).needed
            agreed = self.agreeing.decided(self.agreeing.matter(number, NIL, needed))
            if agreed is not None:
                self.context.at(Failpoint.AGREED)
                self._publish_and_sign(number, agreed)

    def _publish_and_sign(self, number: int, agreed: Draft) -> None:
        if self.context.signer is None:
            self._say_once(number, "dry run: would sign", digest=agreed.digest.hex())
            return
        folder = self.context.folder(number)
        # What a killed try has left unsigned may be of another state.
        move_aside(folder)
        self.publish(folder, agreed)
        self._sign(number, agreed.result.commit)
        self.agreeing.forget(number)

    def publish(self, folder: Path, draft: Draft) -> None:
        """Writes the round's folder, submissions and targets sealed to the operators."""
        number, result = draft.number, draft.result
        write_round(
            folder,
            result.manifest,
            {path: raw for path, raw in result.files.items() if path != TARGETS},
            self._sealed(draft),
            {RECEIPTS: receipts_bytes(number, draft.receipts)},
        )
        self.context.at(Failpoint.FOLDER_WRITTEN)

    def _sealed(self, draft: Draft) -> Iterator[tuple[str, bytes]]:
        number = draft.number
        for file in draft.result.manifest.files:
            if file.path == TARGETS:
                yield file.path, self.context.seal(number, draft.targets)
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
            draft = self.drafts.kept(number, signed) or self.drafts.fetched(number, signed)
            if draft is None:
                raise RefusedError(
                    f"round {number}: this operator wrote down that it signs 0x{signed.hex()}, "
                    "and what that follows from is lost",
                    "another operator's folder of the round shows what is missing here",
                )
            move_aside(folder)
            self.publish(folder, draft)
            commit = draft.result.commit
        self._sign(number, commit)
        self.agreeing.forget(number)

    # ------------------------------------------------------------------ what others see

    def attestations(self, number: int) -> Attestations:
        return Attestations(self.context.folder(number), self.context.domain)

    def own(self, number: int) -> AttestationMessage | None:
        """This operator's signed result, or None."""
        return self.attestations(number).of(self.context.address)

    def forget_before(self, number: int) -> None:
        self._said = {n for n in self._said if n >= number}

    def _say_once(self, number: int, what: str, **more: str) -> None:
        if number not in self._said:
            self._said.add(number)
            _log.warning(what, round=number, **more)
