"""EIP-712 structs and the announcement's hashes (docs/formats.md, sections 6 and 7).

Digests are computed by eth-account; this module fixes names, field order and domains.
Addresses are 0x strings, hashes are 32 bytes, numbers are ints.
"""

from dataclasses import asdict, astuple, dataclass
from dataclasses import fields as dataclass_fields
from typing import Any, ClassVar, Protocol

from eth_abi import encode
from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils import keccak, to_checksum_address

from oracle.settlement.payout import Template

SPEC = "assay/scoring/1"
SPEC_HASH = keccak(text=SPEC)
_HALF_CURVE_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class Domain:
    """Chain and contract a signature is good for."""

    chain_id: int
    contract: str


@dataclass(frozen=True, slots=True)
class Result:
    """What operators say of a round: RoundOracle's struct of that name. ``at_risk`` in U."""

    close_block_hash: bytes
    chain_head: bytes
    at_risk: int
    words: int
    manifest: bytes
    meta_root: bytes

    def argument(self) -> tuple[Any, ...]:
        """The contract's struct."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class Statement:
    """What an operator says of a round: the fields that Commit and Confirm begin with."""

    pool: str
    tournament: int
    round: int
    epoch: int
    announce_hash: bytes
    close_block_hash: bytes
    chain_head: bytes
    at_risk: int
    words: int
    manifest: bytes
    meta_root: bytes

    @property
    def result(self) -> Result:
        return Result(*(getattr(self, field.name) for field in dataclass_fields(Result)))

    def argument(self) -> tuple[Any, ...]:
        """The contract's struct, as a report of equivocation takes it."""
        challenge_id = self.challenge_id if isinstance(self, Confirm) else bytes(32)
        return (self.epoch, self.announce_hash, self.result.argument(), challenge_id)


@dataclass(frozen=True, slots=True)
class Commit(Statement):
    """An operator's signature over a round's result."""

    fields: ClassVar[dict[str, str]] = {
        "pool": "address",
        "tournament": "uint256",
        "round": "uint256",
        "epoch": "uint256",
        "announce_hash": "bytes32",
        "close_block_hash": "bytes32",
        "chain_head": "bytes32",
        "at_risk": "uint256",
        "words": "uint256",
        "manifest": "bytes32",
        "meta_root": "bytes32",
    }


@dataclass(frozen=True, slots=True)
class Confirm(Statement):
    """An operator's signature over the result of a challenged round."""

    fields: ClassVar[dict[str, str]] = {**Commit.fields, "challenge_id": "bytes32"}
    challenge_id: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """A model owner's word that this file is the model's prediction for the round."""

    fields: ClassVar[dict[str, str]] = {
        "round": "uint256",
        "model": "uint256",
        "sha256": "bytes32",
        "sequence": "uint256",
    }
    round: int
    model: int
    sha256: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """An operator's word that it accepted a submission at block time ``received``."""

    fields: ClassVar[dict[str, str]] = {**Submission.fields, "received": "uint256"}
    round: int
    model: int
    sha256: bytes
    sequence: int
    received: int


@dataclass(frozen=True, slots=True)
class Card:
    """An operator's word where it is reached and to whom files for it are sealed.

    ``issued`` in seconds: of one operator's cards the newest counts.
    """

    fields: ClassVar[dict[str, str]] = {
        "operator": "address",
        "url": "string",
        "recipient": "string",
        "issued": "uint256",
    }
    operator: str
    url: str
    recipient: str
    issued: int


@dataclass(frozen=True, slots=True)
class Targets:
    """A data provider's word that these are a round's targets, not to be used before a time."""

    fields: ClassVar[dict[str, str]] = {
        "round": "uint256",
        "sha256": "bytes32",
        "release_at": "uint256",
    }
    round: int
    sha256: bytes
    release_at: int


@dataclass(frozen=True, slots=True)
class Vote:
    """An operator's vote on the digest of a round's result (oracle/settlement/agreement.py), or of
    the one that answers a challenge: ``challenge`` is its id, else zero."""

    fields: ClassVar[dict[str, str]] = {
        "round": "uint256",
        "challenge": "bytes32",
        "view": "uint256",
        "step": "uint256",
        "value": "bytes32",
    }
    round: int
    challenge: bytes
    view: int
    step: int
    value: bytes


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A model owner's request for the model's history, to be sealed to ``recipient``."""

    fields: ClassVar[dict[str, str]] = {
        "model": "uint256",
        "recipient": "string",
        "asked_at": "uint256",
    }
    model: int
    recipient: str
    asked_at: int


class Struct(Protocol):
    """A dataclass with the EIP-712 type of each of its fields."""

    fields: ClassVar[dict[str, str]]
    __dataclass_fields__: ClassVar[dict[str, Any]]


def message(struct: Struct, domain: Domain) -> SignableMessage:
    """The EIP-712 message of ``struct`` under ``domain``, ready to sign."""
    return encode_typed_data(
        domain_data={
            "name": "Assay",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.contract,
        },
        message_types={
            type(struct).__name__: [{"name": n, "type": t} for n, t in struct.fields.items()]
        },
        message_data={
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(struct).items()
        },
    )


def digest(struct: Struct, domain: Domain) -> bytes:
    """The 32 bytes that are signed."""
    signable = message(struct, domain)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def struct_hash(struct: Struct) -> bytes:
    """EIP-712's hashStruct: the same under every domain."""
    return message(struct, Domain(0, "0x" + "00" * 20)).body


def recover(struct: Struct, domain: Domain, signature: bytes) -> str | None:
    """Checksummed address that signed, or None where the contracts would refuse the signature.

    None too for a struct that no contract could hold, such as an ``at_risk`` of 2^256.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_CURVE_ORDER:
        return None
    try:
        signer: str = Account.recover_message(message(struct, domain), signature=signature)
    except (BadSignature, EncodingError, ValueError):
        return None
    return signer


def template_hash(template: Template) -> bytes:
    return keccak(
        encode(
            ["uint256[3]", "uint256[3]", "uint256", "uint256", "uint256", "uint256"],
            [
                template.kinds,
                template.multipliers,
                template.clip_up,
                template.clip_down,
                template.threshold,
                template.kappa,
            ],
        )
    )


@dataclass(frozen=True, slots=True)
class Announcement:
    """A round's parameters, fixed before it opens. ``phi`` at 10^-6, times in seconds."""

    pool: str
    tournament: int
    round: int
    opens: int
    closes: int
    horizon: int
    phi: int
    series_hash: bytes
    spec_hash: bytes
    epoch: int
    template: Template

    def hash(self) -> bytes:
        return keccak(
            encode(
                ["address", *["uint256"] * 6, "bytes32", "bytes32", "uint256", "bytes32"],
                [
                    to_checksum_address(self.pool),
                    self.tournament,
                    self.round,
                    self.opens,
                    self.closes,
                    self.horizon,
                    self.phi,
                    self.series_hash,
                    self.spec_hash,
                    self.epoch,
                    template_hash(self.template),
                ],
            )
        )
