"""JSON that operators and submitters exchange over HTTP; every field is checked on the way in."""

import re
from dataclasses import asdict
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from oracle.settlement.manifest import hex32
from oracle.settlement.quorum import Attestation
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.submitters import PATTERN
from oracle.settlement.typed_data import Card, Commit, Receipt, Submission, Targets, Vote

MAX_SEQUENCE = 2**53 - 1
_Hash = Field(pattern=r"^0x[0-9a-f]{64}$")
_Signature = Field(pattern=r"^0x[0-9a-f]{130}$")
_Address = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
_Url = Field(pattern=r"^https?://[!-~]{1,200}$")
_Recipient = Field(pattern=r"^age1[a-z0-9]{58}$")
_RECIPIENT_TEXT = re.compile(rb"age1[a-z0-9]{58}")
_RECIPIENT_LINE = "assay-recipient: "
_Uint = Field(ge=0, le=MAX_SEQUENCE)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class _Message(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class ReceiptMessage(_Message):
    """An operator's receipt for one submission."""

    operator: str = _Address
    received: int = _Uint
    signature: str = _Signature

    def stored(self, key: Submission) -> SignedReceipt:
        return SignedReceipt(key, self.operator, self.received, unhex(self.signature))


class SubmissionMessage(_Message):
    """A submission without its bytes, and the receipts known for it."""

    round: int = _Uint
    model: int = _Uint
    sha256: str = _Hash
    sequence: int = _Uint
    signature: str = Field(pattern=PATTERN)
    receipts: list[ReceiptMessage]

    def key(self) -> Submission:
        return Submission(self.round, self.model, unhex(self.sha256), self.sequence)


def receipt_of(key: Submission, received: int) -> Receipt:
    return Receipt(**asdict(key), received=received)


def submission_message(
    key: Submission, signature: bytes, receipts: list[SignedReceipt]
) -> SubmissionMessage:
    return SubmissionMessage(
        round=key.round,
        model=key.model,
        sha256=hex32(key.sha256),
        sequence=key.sequence,
        signature="0x" + signature.hex(),
        receipts=[receipt_message(receipt) for receipt in receipts],
    )


def receipt_message(receipt: SignedReceipt) -> ReceiptMessage:
    return ReceiptMessage(
        operator=receipt.operator,
        received=receipt.received,
        signature="0x" + receipt.signature.hex(),
    )


def payload(raw: bytes, recipient: str = "") -> bytes:
    """What is encrypted to operators: the file, after the owner's recipient if there is one.

    The recipient travels inside, where nobody between owner and operators can exchange it.
    """
    return f"{_RECIPIENT_LINE}{recipient}\n".encode() + raw if recipient else raw


def split_payload(opened: bytes) -> tuple[bytes, str]:
    """File and owner's recipient, which may be empty. Raises ``ValueError``."""
    prefix = _RECIPIENT_LINE.encode()
    if not opened.startswith(prefix):
        return opened, ""
    line, _, raw = opened.partition(b"\n")
    found = line.removeprefix(prefix)
    if not _RECIPIENT_TEXT.fullmatch(found):
        raise ValueError("the owner's recipient is not an age recipient")
    return raw, found.decode()


class ReceiptsFile(_Message):
    """What a submitter keeps: the proof that operators took a file. Saved beside the file."""

    kind: Literal["assay/receipts/1"] = Field(default="assay/receipts/1", alias="schema")
    chain_id: int = _Uint
    pool: str = _Address
    submission: SubmissionMessage

    def to_bytes(self) -> bytes:
        """Its JSON, as it is written."""
        return (self.model_dump_json(by_alias=True, indent=1) + "\n").encode()


class CardMessage(_Message):
    """An operator's signed card."""

    operator: str = _Address
    url: str = _Url
    recipient: str = _Recipient
    issued: int = _Uint
    signature: str = _Signature

    def card(self) -> Card:
        return Card(self.operator, self.url, self.recipient, self.issued)


def card_message(card: Card, signature: bytes) -> CardMessage:
    return CardMessage(**asdict(card), signature="0x" + signature.hex())


class TargetsMessage(_Message):
    """A round's targets as their provider signed them, without the file itself."""

    round: int = _Uint
    sha256: str = _Hash
    release_at: int = _Uint
    signature: str = _Signature

    def targets(self) -> Targets:
        return Targets(self.round, unhex(self.sha256), self.release_at)


def targets_message(targets: Targets, signature: bytes) -> TargetsMessage:
    return TargetsMessage(
        round=targets.round,
        sha256=hex32(targets.sha256),
        release_at=targets.release_at,
        signature="0x" + signature.hex(),
    )


class VoteMessage(_Message):
    """An operator's signed vote on the digest of a round's result, or of none (zero)."""

    round: int = _Uint
    challenge: str = _Hash
    view: int = _Uint
    step: int = Field(ge=1, le=2)
    value: str = _Hash
    signature: str = _Signature

    def vote(self) -> Vote:
        return Vote(self.round, unhex(self.challenge), self.view, self.step, unhex(self.value))

    def signed(self) -> bytes:
        return unhex(self.signature)


def vote_message(vote: Vote, signature: bytes) -> VoteMessage:
    return VoteMessage(
        round=vote.round,
        challenge=hex32(vote.challenge),
        view=vote.view,
        step=vote.step,
        value=hex32(vote.value),
        signature="0x" + signature.hex(),
    )


class AttestationMessage(_Message):
    """A Commit with one operator's signature; also the file ``attest/<operator>.json``."""

    pool: str = _Address
    tournament: int = _Uint
    round: int = _Uint
    epoch: int = _Uint
    announce_hash: str = _Hash
    close_block_hash: str = _Hash
    chain_head: str = _Hash
    at_risk: str = Field(pattern=r"^(0|[1-9][0-9]{0,77})$")
    words: int = _Uint
    manifest: str = _Hash
    meta_root: str = _Hash
    signature: str = _Signature

    def attestation(self) -> Attestation:
        values: dict[str, Any] = self.model_dump(include=set(Commit.fields))
        for name, kind in Commit.fields.items():
            if kind == "bytes32":
                values[name] = unhex(values[name])
        values["at_risk"] = int(self.at_risk)
        return Attestation(Commit(**values), unhex(self.signature))


def attestation_message(commit: Commit, signature: bytes) -> AttestationMessage:
    values = asdict(commit)
    for name, kind in Commit.fields.items():
        if kind == "bytes32":
            values[name] = hex32(values[name])
    values["at_risk"] = str(commit.at_risk)
    return AttestationMessage(**values, signature="0x" + signature.hex())
