"""Who signs: a key behind an interface that only takes what is to be signed.

Signatures are 65 bytes r | s | v with s in the lower half of the curve's order and v 27 or 28: the
only form that the contracts take.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils import keccak
from hexbytes import HexBytes

from oracle.settlement.typed_data import Domain, Struct, digest

_FIRST_V = 27


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction as a node takes it, and the hash it will be found by."""

    raw: bytes
    hash: bytes


class Signer(Protocol):
    """One account's key, wherever it is kept."""

    @property
    def address(self) -> str:
        """Checksummed address of the account."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Signs 32 bytes as they are."""

    def sign_transaction(self, fields: Mapping[str, Any]) -> Signed:
        """Signs a type-2 transaction: ``fields`` as JSON-RPC names them, complete."""


def sign(signer: Signer, struct: Struct, domain: Domain) -> bytes:
    """The EIP-712 signature over ``struct`` under ``domain``."""
    return signer.sign_digest(digest(struct, domain))


def sign_fields(fields: Mapping[str, Any], sign_digest: Callable[[bytes], bytes]) -> Signed:
    """``fields`` as a signed type-2 transaction, by a key that only signs digests."""
    unsigned = {"type": 2, **{name: value for name, value in fields.items() if name != "from"}}
    signature = sign_digest(bytes(TypedTransaction.from_dict(unsigned).hash()))
    values = {
        "r": int.from_bytes(signature[:32], "big"),
        "s": int.from_bytes(signature[32:64], "big"),
        "v": signature[64] - _FIRST_V,
    }
    raw = TypedTransaction.from_dict({**unsigned, **values}).encode()
    return Signed(raw, keccak(raw))


def access_list_of(raw: bytes) -> list[dict[str, Any]]:
    """The access list of a signed type-2 transaction."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return [
        {
            "address": "0x" + bytes(item["address"]).hex(),
            "storageKeys": ["0x" + key.to_bytes(32, "big").hex() for key in item["storageKeys"]],
        }
        for item in fields["accessList"]
    ]


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """A key in this process's memory."""

    account: LocalAccount

    @property
    def address(self) -> str:
        return str(self.account.address)

    def sign_digest(self, digest: bytes) -> bytes:
        return bytes(self.account.unsafe_sign_hash(digest).signature)  # type: ignore[arg-type]

    def sign_transaction(self, fields: Mapping[str, Any]) -> Signed:
        return sign_fields(fields, self.sign_digest)
