"""JSON that operators and submitters exchange over HTTP; every field is checked on the way in."""

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from oracle.settlement.manifest import hex32
from oracle.settlement.quorum import Attestation
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Commit, Receipt, Submission

MAX_SEQUENCE = 2**53 - 1
_Hash = Field(pattern=r"^0x[0-9a-f]{64}$")
_Signature = Field(pattern=r"^0x[0-9a-f]{130}$")
_Uint = Field(ge=0, le=MAX_SEQUENCE)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class _Message(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class ReceiptMessage(_Message):
    """An operator's receipt for one submission."""

    operator: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
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
    signature: str = _Signature
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


class ProposalMessage(_Message):
    """Digest of the Commit that an operator has signed or would sign."""

    digest: str = _Hash


class AttestationMessage(_Message):
    """A Commit with one operator's signature; also the file ``attest/<operator>.json``."""

    pool: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
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
        values: dict[str, Any] = self.model_dump(exclude={"signature"})
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
