"""Answering a challenge: evidence taken in, the round evaluated anew, a super-quorum's answer sent.

What is signed is that the committed result stands, or another one in its place. It is signed, as
the commit was, only once the operators have agreed on it.
"""

from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from oracle.chain.reader import Challenge
from oracle.chain.signing import sign
from oracle.errors import RefusedError
from oracle.operator.attesting import Attesting
from oracle.operator.context import Context
from oracle.operator.drafts import Draft
from oracle.operator.evidence import EvidenceDesk
from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import (
    answers,
    candidate,
    commit_in,
    manifest_digest,
    move_aside,
    replace_by,
)
from oracle.operator.peers import ask_all
from oracle.operator.sharing import Sharing
from oracle.settlement.confirmation import (
    ConfirmationMessage,
    confirm_of,
    confirmation_message,
    count,
)
from oracle.settlement.quorum import Tally
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import Commit, Confirm, digest
from oracle.settlement.wire import unhex
from oracle.store.artefacts import write_file
from oracle.store.journal import BLOCKED

_ANSWER = TypeAdapter(ConfirmationMessage)
_log = structlog.get_logger("confirming")


def phase_of(challenge_id: bytes) -> str:
    """The journal's phase in which a challenge is answered."""
    return f"confirm:0x{challenge_id.hex()}"


@dataclass
class Confirming:
    """Signs one answer a challenge, and sends it with enough others'."""

    context: Context
    attesting: Attesting
    sharing: Sharing
    desk: EvidenceDesk

    def answer(self, number: int) -> bool:
        """One step towards an answer: its evaluation, this operator's signature, or the sending.

        False if nothing is left to do unless another block comes: the newest one has the answer.
        """
        context = self.context
        challenge, committed = context.reader.challenge_of(number), context.reader.committed(number)
        if challenge is None or committed is None:
            raise RefusedError(f"round {number} is not challenged at this endpoint yet")
        phase = phase_of(challenge.challenge_id)
        signed = context.journal.signed_digest(number, phase)
        if signed == BLOCKED:
            return False
        own = self.own(number, challenge.challenge_id)
        if own is not None:
            return self._gather(number, challenge, committed, own)
        if signed is not None:
            self._sign_again(number, challenge, committed, signed)
        else:
            self._propose(number, challenge, committed)
        return True

    # ------------------------------------------------------------------ towards a signature

    def _propose(self, number: int, challenge: Challenge, committed: Commit) -> None:
        phase = phase_of(challenge.challenge_id)
        has_evidence = self.desk.take_in(number, challenge.evidence)
        waited = self.context.turns.waited(number, f"{phase} evidence") >= self.context.patience
        if not self.sharing.synchronise(number, phase) or not (has_evidence or waited):
            return
        needed = self.context.terms(number).super_quorum
        agreeing = self.attesting.agreeing
        agreed = agreeing.decided(agreeing.matter(number, challenge.challenge_id, needed))
        if agreed is not None and self.context.signer:
            self._publish(challenge, committed, agreed)
            self._sign(number, confirm_of(agreed.result.commit, challenge.challenge_id))
            agreeing.forget(number)

    def _publish(self, challenge: Challenge, committed: Commit, agreed: Draft) -> None:
        """Another result than the committed one is written beside it until it is in force."""
        if agreed.digest == digest(committed, self.context.domain):
            return
        beside = candidate(self.context.folder(agreed.number), challenge.challenge_id)
        move_aside(beside)
        self.attesting.publish(beside, agreed)
        self.context.at(Failpoint.CONFIRM_WRITTEN)

    def _sign(self, number: int, confirm: Confirm) -> None:
        """Write-ahead, then sign, then show, as with the commit."""
        context = self.context
        if context.signer is None:
            raise RefusedError("a dry run signs nothing")
        hashed = digest(confirm, context.domain)
        context.journal.reserve_digest(number, phase_of(confirm.challenge_id), hashed)
        context.at(Failpoint.CONFIRM_RESERVED)
        signature = sign(context.signer, confirm, context.domain)
        context.at(Failpoint.CONFIRM_SIGNED)
        self._keep(number, context.address, confirmation_message(confirm, signature))
        context.at(Failpoint.CONFIRM_SHOWN)
        _log.info("answered a challenge", round=number, digest=hashed.hex())

    def _sign_again(
        self, number: int, challenge: Challenge, committed: Commit, signed: bytes
    ) -> None:
        """What was written down before a crash: the committed result, the one beside it, or, if
        that is lost, a draft that was voted for."""
        challenge_id = challenge.challenge_id
        beside = commit_in(candidate(self.context.folder(number), challenge_id))
        for commit in (committed, beside):
            confirm = commit and confirm_of(commit, challenge_id)
            if confirm and digest(confirm, self.context.domain) == signed:
                self._sign(number, confirm)
                return
        for vote, _ in self.context.ballots.own(number, challenge_id):
            draft = self.attesting.drafts.kept(number, vote.value)
            if draft is None:
                continue
            voted = confirm_of(draft.result.commit, challenge_id)
            if digest(voted, self.context.domain) == signed:
                self._publish(challenge, committed, draft)
                self._sign(number, voted)
                return
        raise RefusedError(
            f"round {number}: the answer that this operator wrote down, 0x{signed.hex()}, is lost"
        )

    # ------------------------------------------------------------------ sending

    def _gather(
        self, number: int, challenge: Challenge, committed: Commit, own: ConfirmationMessage
    ) -> bool:
        """Whether the newest block, if it was asked, does without the answer."""
        context, terms = self.context, self.context.terms(number)

        for _, found in ask_all(context.peers, lambda peer: peer.confirmation(number)):
            if found is not None and self._is_answer(found, challenge):
                for who in _signers(count([found], context.domain, terms.members)):
                    if self._read(number, challenge.challenge_id, who) is None:
                        self._keep(number, who, found)
        counted = self._count(number, challenge.challenge_id)
        signed = counted.agreed(terms.super_quorum) if terms.super_quorum else None
        turn = f"send {phase_of(challenge.challenge_id)}"
        if signed is None or not context.is_my_turn(number, turn):
            return True
        confirm = own.confirm()
        if digest(confirm, context.domain) != signed:
            _log.error("the super-quorum's answer is not mine; not sending it", round=number)
            return True
        newest = context.reader.newest()
        if context.reader.facts(number, newest, number).status is not Status.CHALLENGED:
            return False
        signatures = counted.ordered(signed, terms.super_quorum)
        if context.writer and context.send(context.writer.confirm, committed, confirm, signatures):
            context.at(Failpoint.CONFIRM_SENT)
        return True

    def _is_answer(self, found: ConfirmationMessage, challenge: Challenge) -> bool:
        return unhex(found.challenge_id) == challenge.challenge_id

    def _count(self, number: int, challenge_id: bytes) -> Tally:
        kept = [
            _ANSWER.validate_json(path.read_bytes())
            for path in sorted(self._folder(number, challenge_id).glob("0x*.json"))
        ]
        return count(kept, self.context.domain, self.context.reader.signers(number))

    # ------------------------------------------------------------------ after the answer

    def put_in_force(self, number: int, manifest: bytes) -> bool:
        """Makes the folder with this manifest, signed as an answer, the round's; False if there is
        none."""
        folder = self.context.folder(number)
        for beside in folder.parent.glob(f".{folder.name}.confirm-*"):
            if manifest_digest(beside) == manifest:
                replace_by(folder, beside, self.context.at)
                return True
        return False

    # ------------------------------------------------------------------ what others see

    def own(self, number: int, challenge_id: bytes) -> ConfirmationMessage | None:
        return self._read(number, challenge_id, self.context.address)

    def shown(self, number: int) -> ConfirmationMessage | None:
        """This operator's signed answer to the round's challenge, or None."""
        challenge = self.context.reader.challenge_of(number)
        return None if challenge is None else self.own(number, challenge.challenge_id)

    def _folder(self, number: int, challenge_id: bytes) -> Path:
        """Where all operators' answers to one challenge are kept."""
        return answers(self.context.folder(number)) / challenge_id.hex()

    def _path(self, number: int, challenge_id: bytes, operator: str) -> Path:
        return self._folder(number, challenge_id) / f"{operator.lower()}.json"

    def _keep(self, number: int, operator: str, message: ConfirmationMessage) -> None:
        path = self._path(number, unhex(message.challenge_id), operator)
        write_file(path, message.model_dump_json().encode())

    def _read(self, number: int, challenge_id: bytes, operator: str) -> ConfirmationMessage | None:
        try:
            return _ANSWER.validate_json(self._path(number, challenge_id, operator).read_bytes())
        except FileNotFoundError:
            return None


def _signers(counted: Tally) -> set[str]:
    return {who for by in counted.signatures.values() for who in by}
