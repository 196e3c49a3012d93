"""EIP-712 structs as wallets are asked to sign them: the arguments of ``eth_signTypedData_v4``."""

from dataclasses import asdict
from typing import Any

from oracle.settlement.typed_data import Domain, Struct

_DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def to_sign(struct: Struct, domain: Domain) -> dict[str, Any]:
    """The struct as JSON; numbers are decimal text, as they may be larger than JSON's."""
    name = type(struct).__name__
    fields = [{"name": field, "type": kind} for field, kind in struct.fields.items()]
    return {
        "domain": {
            "name": "Assay",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.contract,
        },
        "primaryType": name,
        "types": {"EIP712Domain": _DOMAIN, name: fields},
        "message": {field: _json(value) for field, value in asdict(struct).items()},
    }


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int):
        return str(value)
    return [_json(one) for one in value] if isinstance(value, list | tuple) else value
