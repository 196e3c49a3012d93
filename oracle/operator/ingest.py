"""Taking in submissions: checked, kept, and answered with a signed receipt."""

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from oracle.chain.reader import PoolReader
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.operator.targets import RoundData
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Domain, Submission, message, recover
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    SubmissionMessage,
    receipt_of,
    unhex,
)
from oracle.store.journal import Journal, StoredSubmission
from oracle.tournaments import by_number
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.universe import parse_universe

MAX_BYTES = 8 * 2**20
MAX_PER_MODEL = 20
Known = tuple[Submission, str, int, bytes]
"""A receipt held already: submission, operator, time, and the owner's signature held with it."""

_STALE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ingest:
    """Accepts submissions for one pool on behalf of one operator."""

    reader: PoolReader
    journal: Journal
    data: RoundData
    account: LocalAccount

    @property
    def domain(self) -> Domain:
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.pool)

    def accept(
        self, raw: bytes, round_number: int, model: int, sequence: int, signature: bytes
    ) -> SignedReceipt:
        """Keeps a valid submission and returns the receipt; a refused one leaves no trace.

        A submission after the close is kept too: it is scored, without stake at risk.
        """
        if not 0 <= sequence <= MAX_SEQUENCE:
            raise InputError(f"sequence must be 0..{MAX_SEQUENCE}")
        if len(raw) > MAX_BYTES:
            raise InputError(f"the file is larger than {MAX_BYTES} bytes")
        self._require_open(round_number, self._now())
        key = Submission(round_number, model, hashlib.sha256(raw).digest(), sequence)
        self._require_owner(key, signature)
        if not self.journal.has(key) and self.journal.count(round_number, model) >= MAX_PER_MODEL:
            raise RefusedError(
                f"model {model} has sent {MAX_PER_MODEL} files for this round already"
            )
        self._validate(raw, round_number)
        # Asked for anew: validation takes time, and the receipt must not be dated back by it.
        received = self._now()
        self._require_open(round_number, received)
        signed = self.account.sign_message(message(receipt_of(key, received), self.domain))
        return self.journal.add(
            StoredSubmission(key, signature, raw),
            SignedReceipt(key, self.account.address, received, bytes(signed.signature)),
        )

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

    def adopt(self, item: SubmissionMessage, raw: bytes, receipts: list[SignedReceipt]) -> None:
        """Keeps a submission that other operators accepted, with ``receipts`` as checked."""
        key = item.key()
        if hashlib.sha256(raw).digest() != key.sha256:
            raise InputError(f"model {key.model}: the bytes differ from their SHA-256")
        signature = unhex(item.signature)
        self._require_owner(key, signature)
        for receipt in receipts:
            self.journal.add(StoredSubmission(key, signature, raw), receipt)

    def _now(self) -> int:
        """Time of the newest block; a node that stands still would date receipts back."""
        newest = self.reader.newest().timestamp
        if newest < time.time() - _STALE_SECONDS:
            raise UnreachableError(
                f"this operator's chain node is {int(time.time()) - newest} s behind",
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
        signer = recover(key, self.domain, signature)
        owner = self.reader.owner_of(key.model)
        if owner is None:
            raise RefusedError(f"model {key.model} is not registered", "see `assay models`")
        if signer != owner:
            raise RefusedError(f"the submission is not signed by the owner of model {key.model}")

    def _validate(self, raw: bytes, round_number: int) -> None:
        universe = parse_universe(self.data.universe(round_number))
        try:
            parse_submission(raw, universe, by_number(self.reader.addresses.tournament))
        except SubmissionError as error:
            raise InputError(str(error)) from None
