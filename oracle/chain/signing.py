"""Who signs: a key behind an interface that only takes what is to be signed.

Signatures are 65 bytes r | s | v with s in the lower half of the curve's order and v 27 or 28: the
only form that the contracts take.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import rlp
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils import keccak, to_checksum_address
from hexbytes import HexBytes

from oracle.settlement.typed_data import Domain, Struct, digest

_FIRST_V = 27
_FIRST_OF_A_LIST = 0xC0


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
        """Signs a transaction: ``fields`` as JSON-RPC names them, complete.

        Its type is 2, or 0 (EIP-155) where ``fields`` have a ``gasPrice``.
        """


def sign(signer: Signer, struct: Struct, domain: Domain) -> bytes:
    """The EIP-712 signature over ``struct`` under ``domain``."""
    return signer.sign_digest(digest(struct, domain))


def sign_fields(fields: Mapping[str, Any], sign_digest: Callable[[bytes], bytes]) -> Signed:
    """``fields`` as a signed transaction of type 2 or 0, by a key that only signs digests."""
    if "gasPrice" in fields:
        return _sign_legacy(fields, sign_digest)
    unsigned = {"type": 2, **{name: value for name, value in fields.items() if name != "from"}}
    signature = sign_digest(bytes(TypedTransaction.from_dict(unsigned).hash()))
    values = {
        "r": int.from_bytes(signature[:32], "big"),
        "s": int.from_bytes(signature[32:64], "big"),
        "v": signature[64] - _FIRST_V,
    }
    raw = TypedTransaction.from_dict({**unsigned, **values}).encode()
    return Signed(raw, keccak(raw))


def _sign_legacy(fields: Mapping[str, Any], sign_digest: Callable[[bytes], bytes]) -> Signed:
    names = ("nonce", "gasPrice", "gas", "to", "value", "data")
    body = [HexBytes(v) if isinstance(v, str) else v for v in (fields[name] for name in names)]
    chain_id = fields["chainId"]
    signature = sign_digest(keccak(rlp.encode([*body, chain_id, 0, 0])))
    r, s = (int.from_bytes(signature[k : k + 32], "big") for k in (0, 32))
    raw = rlp.encode([*body, signature[64] - _FIRST_V + 2 * chain_id + 35, r, s])
    return Signed(raw, keccak(raw))


def is_legacy(raw: bytes) -> bool:
    """Whether a signed transaction is of type 0: a list of RLP, without a type before it."""
    return raw[0] >= _FIRST_OF_A_LIST


def rebid(raw: bytes, max_fee: int, tip: int) -> dict[str, Any]:
    """The fields of a signed transaction with another offer for its gas, to be signed again."""
    if is_legacy(raw):
        nonce, _, gas, to, value, data, v, _, _ = rlp.decode(raw)
        number = functools.partial(int.from_bytes, byteorder="big")
        return {
            "chainId": (number(v) - 35) // 2,
            "nonce": number(nonce),
            "gas": number(gas),
            "to": to_checksum_address(to),
            "value": number(value),
            "data": data,
            "gasPrice": max_fee,
        }
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return {
        **{name: fields[name] for name in ("chainId", "nonce", "gas", "value", "data")},
        "to": to_checksum_address(fields["to"]),
        "maxFeePerGas": max_fee,
        "maxPriorityFeePerGas": tip,
        "accessList": access_list_of(raw),
    }


def access_list_of(raw: bytes) -> list[dict[str, Any]]:
    """The access list of a signed transaction; one of type 0 has none."""
    if is_legacy(raw):
        return []
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
