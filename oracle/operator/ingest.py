"""Taking in submissions: opened, checked, sealed anew, kept, and answered with a signed receipt."""

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from oracle.chain.reader import PoolReader
from oracle.chain.signing import Signer, sign
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.evaluation.describe import Sent
from oracle.operator.cards import Cards
from oracle.operator.failpoints import Failpoint, failpoint
from oracle.operator.history import History
from oracle.operator.targets import RoundData, TargetDesk
from oracle.operator.tries import Tries
from oracle.operator.wrapping import MAX_BYTES, opened
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.submitters import submitter
from oracle.settlement.typed_data import Domain, HistoryRequest, Submission, recover
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    SubmissionMessage,
    payload,
    receipt_of,
    split_payload,
    unhex,
)
from oracle.store.journal import Journal, StoredSubmission
from oracle.store.pruning import DROPPED
from oracle.store.sealing import Identity, is_recipient, seal
from oracle.tournaments.submissions import SubmissionError

MAX_PER_MODEL = 20
Known = tuple[Submission, str, int, bytes]
"""A receipt held already: submission, operator, time, and the owner's signature held with it."""

_STALE_SECONDS = 120
_MEMBERS_SECONDS = 60.0
_Members = dict[int, tuple[float, list[str]]]

__all__ = ["MAX_BYTES", "MAX_PER_MODEL", "Ingest", "Known"]


@dataclass(frozen=True, slots=True)
class Ingest:
    """Accepts submissions for one pool on behalf of one operator; made by ``open_ingest``.

    ``signer`` is None in a dry run: nothing is accepted then, since nothing can be signed.
    """

    reader: PoolReader
    journal: Journal
    data: RoundData
    signer: Signer | None
    identity: Identity
    cards: Cards
    desk: TargetDesk
    history: History
    allow_plaintext: bool = False
    tries: Tries = field(default_factory=Tries)
    _members: _Members = field(default_factory=dict)

    @property
    def domain(self) -> Domain:
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.pool)

    def accept(
        self, body: bytes, round_number: int, model: int, sequence: int, signature: bytes
    ) -> SignedReceipt:
        """Keeps a valid submission and returns the receipt; a refused one leaves no trace.

        ``body`` is the file, encrypted to this operator. A submission after the close is kept too:
        it is scored, without stake at risk.
        """
        if self.signer is None:
            raise RefusedError("this operator runs without a key and takes no files")
        if not 0 <= sequence <= MAX_SEQUENCE:
            raise InputError(f"sequence must be 0..{MAX_SEQUENCE}")
        self._require_open(round_number, self._now())
        raw, recipient = self._opened(body)
        key = Submission(round_number, model, hashlib.sha256(raw).digest(), sequence)
        self._require_owner(key, signature)
        self.tries.count(model)
        if not self.journal.has(key) and self.journal.count(round_number, model) >= MAX_PER_MODEL:
            raise RefusedError(
                f"model {model} has sent {MAX_PER_MODEL} files for this round already"
            )
        sent = self._validated(key, raw)
        sealed = seal(raw, self.recipients(round_number))
        # Asked for anew: validation takes time, and the receipt must not be dated back by it.
        received = self._now()
        self._require_open(round_number, received)
        signed = sign(self.signer, receipt_of(key, received), self.domain)
        receipt = self.journal.add(
            StoredSubmission(key, signature, sealed, len(raw), recipient),
            SignedReceipt(key, self.signer.address, received, signed),
        )
        failpoint(Failpoint.RECEIPT_STORED)
        self.history.note(sent, receipt.received, recipient)
        return receipt

    def _opened(self, body: bytes, allow_plaintext: bool | None = None) -> tuple[bytes, str]:
        """The file, and to whom its owner wants it sealed besides the operators (or empty)."""
        allowed = self.allow_plaintext if allow_plaintext is None else allow_plaintext
        try:
            raw, recipient = split_payload(opened(body, self.identity, allowed))
        except ValueError as error:
            raise InputError(str(error)) from None
        if recipient and not is_recipient(recipient):
            raise InputError("the owner's recipient is not an age recipient (age1...)")
        return raw, recipient

    def recipients(self, round_number: int) -> list[str]:
        """This operator's recipient, and those known of the round's other operators that have not
        been revoked; asked of the chain once a minute."""
        asked, members = self._members.get(round_number, (float("-inf"), []))
        if time.monotonic() >= asked + _MEMBERS_SECONDS:
            members = self.reader.signers(round_number)
            self._members.clear()
            self._members[round_number] = (time.monotonic(), members)
        return self.cards.recipients(members)

    def shared(self, round_number: int, sha256: bytes) -> bytes | None:
        """A kept submission for the other operators: sealed anew, to those known by now. None once
        its file was dropped: the round has ended long ago, its folder shows it."""
        found = self.journal.find(round_number, sha256)
        if found is None or found.sealed == DROPPED:
            return None
        plain = payload(self.identity.open(found.sealed), found.recipient)
        return seal(plain, self.recipients(round_number))

    def read_history(self, request: HistoryRequest, signature: bytes) -> bytes:
        """A model's diagnostics, sealed to the recipient that its owner names."""
        return self.history.read(request, signature, self.domain, self._now())

    def new_receipts(
        self, item: SubmissionMessage, known: Collection[Known]
    ) -> list[SignedReceipt]:
        """Receipts in a peer's message that bring news and are truly signed by an operator."""
        key, owner_signature = item.key(), unhex(item.signature)
        announced = self.reader.announced(key.round)
        found = []
        for receipt in item.receipts:
            stored = receipt.stored(key)
            news = (key, stored.operator, stored.received, owner_signature) not in known
            if announced is None or not news:
                continue
            due = announced.closes + announced.horizon
            signer = recover(receipt_of(key, stored.received), self.domain, stored.signature)
            if (
                announced.opens <= stored.received < due
                and signer == stored.operator
                and signer in self.reader.members(key.round)
            ):
                found.append(stored)
        return found

    def adopt(
        self, item: SubmissionMessage, sealed: bytes | None, receipts: list[SignedReceipt]
    ) -> None:
        """Keeps a submission that other operators accepted, with ``receipts`` as checked.

        ``sealed`` is what another operator shares of it, or None to use what is kept here.
        """
        key, signature = item.key(), unhex(item.signature)
        kept = self.journal.find(key.round, key.sha256, key)
        goes_before = self._require_once_owner(key, signature, kept)
        if kept is not None and kept.key == key:
            raw, stored = None, replace(kept, signature=signature)
        else:
            if sealed is None and kept is not None:
                sealed = kept.sealed
            raw, stored = self._checked(key, signature, sealed)
        if not receipts:
            return
        self.journal.add_all([(stored, receipts)])
        if goes_before is not None:
            self.journal.sign_anew(key, goes_before)
        if raw is not None:
            first = min(receipt.received for receipt in receipts)
            self.history.note_file(key, raw, first, stored.recipient)

    def _require_once_owner(
        self, key: Submission, signature: bytes, kept: StoredSubmission | None
    ) -> bytes | None:
        """Refuses a signature of somebody who never owned the model.

        Others may have taken the file before the model changed hands, and count it: whoever
        refused it now would come to another result than they. Where two owners signed one
        submission, returns the signature of the owner at the close, which goes before.
        """
        if kept is not None and kept.key == key and kept.signature == signature:
            return None
        signer, owner = submitter(key, self.domain, signature), self.reader.owner_of(key.model)
        if owner is None:
            raise RefusedError(f"model {key.model} is not registered", "see `assay models`")
        if signer != owner and signer not in self.reader.former_owners(key.model):
            raise RefusedError(f"the submission is not signed by the owner of model {key.model}")
        if kept is None or kept.key != key:
            return None
        other = submitter(key, self.domain, kept.signature)
        announced = self.reader.announced(key.round)
        if other == signer or announced is None:
            return None
        at_close = self.reader.owner_of(key.model, self.reader.close_block(announced.closes).number)
        return {other: kept.signature, signer: signature}.get(at_close)

    def _checked(
        self, key: Submission, signature: bytes, sealed: bytes | None
    ) -> tuple[bytes, StoredSubmission]:
        """The plain file behind ``sealed``, and the submission as it is kept."""
        if sealed is None:
            raise InputError(f"model {key.model}: the file is not kept here")
        raw, recipient = self._opened(sealed, allow_plaintext=False)
        if hashlib.sha256(raw).digest() != key.sha256:
            raise InputError(f"model {key.model}: the bytes differ from their SHA-256")
        anew = seal(raw, self.recipients(key.round))
        return raw, StoredSubmission(key, signature, anew, len(raw), recipient)

    def _now(self) -> int:
        """Time of the newest block; a node that stands still would date receipts back."""
        newest = self.reader.newest().timestamp
        if newest < time.time() - _STALE_SECONDS:
            raise UnreachableError(
                f"the newest block is {int(time.time()) - newest} s old by this operator's clock",
                "send the file to another operator",
            )
        return newest

    def _require_open(self, round_number: int, now: int) -> None:
        announced = self.reader.announced(round_number)
        if announced is None:
            raise RefusedError(f"round {round_number} is not announced")
        if now < announced.opens:
            raise RefusedError(f"round {round_number} opens at {announced.opens}, it is {now}")
        if now >= announced.closes + announced.horizon:
            raise RefusedError(f"round {round_number} is being scored; it takes no more files")

    def _require_owner(self, key: Submission, signature: bytes) -> None:
        signer = submitter(key, self.domain, signature)
        owner = self.reader.owner_of(key.model)
        if owner is None:
            raise RefusedError(f"model {key.model} is not registered", "see `assay models`")
        if signer != owner:
            raise RefusedError(f"the submission is not signed by the owner of model {key.model}")

    def _validated(self, key: Submission, raw: bytes) -> Sent:
        try:
            return self.history.sent(key, raw)
        except SubmissionError as error:
            raise InputError(str(error)) from None
