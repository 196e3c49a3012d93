"""``receipts/receipts.json``: the operators' receipts for a round's submissions.

Canonical JSON that anyone can check ``on_time`` by (docs/formats.md, section 9). It is not in the
manifest: operators may know of different receipts, and still agree on what they show.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.settlement.manifest import ManifestError, canonical, hex32, parse_canonical
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Submission

RECEIPTS = "receipts/receipts.json"

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class _ReceiptJson(_Part):
    operator: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
    received: _Count
    signature: Annotated[str, Field(pattern="^0x[0-9a-f]{130}$")]


class _SubmissionJson(_Part):
    model: _Count
    sha256: _Hash
    sequence: _Count
    receipts: list[_ReceiptJson]


class _ReceiptsJson(_Part):
    format: Literal["assay/round-receipts/1"] = Field(alias="schema")
    round: _Count
    submissions: list[_SubmissionJson]


def _key(receipt: SignedReceipt) -> tuple[int, int, bytes]:
    return (receipt.key.model, receipt.key.sequence, receipt.key.sha256)


def _place(receipt: SignedReceipt) -> tuple[int, int, bytes, str]:
    return (*_key(receipt), receipt.operator.lower())


def receipts_bytes(round_number: int, receipts: Iterable[SignedReceipt]) -> bytes:
    """The file's bytes: each receipt once, in order of (model, sequence, sha256, operator)."""
    ordered = sorted(set(receipts), key=_place)
    return canonical(
        {
            "schema": "assay/round-receipts/1",
            "round": round_number,
            "submissions": [
                {
                    "model": model,
                    "sha256": hex32(sha256),
                    "sequence": sequence,
                    "receipts": [
                        {
                            "operator": receipt.operator,
                            "received": receipt.received,
                            "signature": "0x" + receipt.signature.hex(),
                        }
                        for receipt in group
                    ],
                }
                for (model, sequence, sha256), group in groupby(ordered, _key)
            ],
        }
    )


def parse_receipts(raw: bytes) -> list[SignedReceipt]:
    """The receipts in the file, unchecked but for their form. Raises ``ManifestError``."""
    value = parse_canonical(raw, RECEIPTS)
    try:
        read = _ReceiptsJson.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise ManifestError(f"{RECEIPTS}: {where}{first['msg']}") from None
    found = [
        SignedReceipt(
            Submission(read.round, item.model, bytes.fromhex(item.sha256[2:]), item.sequence),
            receipt.operator,
            receipt.received,
            bytes.fromhex(receipt.signature[2:]),
        )
        for item in read.submissions
        for receipt in item.receipts
    ]
    places = [_place(receipt) for receipt in found]
    if places != sorted(set(places)) or not all(item.receipts for item in read.submissions):
        raise ManifestError(f"{RECEIPTS}: not in order, or one is listed twice")
    return found
