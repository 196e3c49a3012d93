"""Files that carry what a model's owner signed for others to send: intents and mandates.

Amounts are decimal strings of wei; the signature is good for one chain and one StakeRelay.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.chain.reader import Addresses
from oracle.chain.signing import Signer, sign
from oracle.errors import DifferenceError, InputError
from oracle.settlement.intents import StakeIntent, StakeMandate
from oracle.settlement.manifest import canonical
from oracle.settlement.typed_data import Domain, recover
from oracle.store.artefacts import write_file

_Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
_Wei = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,77})$")]
_Count = Annotated[int, Field(ge=0, lt=2**53)]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class _IntentJson(_Part):
    pool: _Address
    model: _Count
    action: Literal[1, 2, 3]
    amount: _Wei
    max_round: _Count
    nonce: _Count
    deadline: _Count


class _MandateJson(_Part):
    pool: _Address
    owner: _Address
    relayer: _Address
    models: list[_Count]
    max_deposit: _Wei
    max_release: _Wei
    expiry: _Count
    salt: _Wei


class _Signed(_Part):
    chain_id: _Count
    relay: _Address
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]


class SignedIntent(_Signed):
    """A StakeIntent with its owner's signature."""

    intent: _IntentJson

    def struct(self) -> StakeIntent:
        fields = self.intent.model_dump()
        return StakeIntent(**{**fields, "amount": int(fields["amount"])})


class SignedMandate(_Signed):
    """A StakeMandate with its owner's signature."""

    mandate: _MandateJson

    def struct(self) -> StakeMandate:
        fields = self.mandate.model_dump()
        numbers = {name: int(fields[name]) for name in ("max_deposit", "max_release", "salt")}
        return StakeMandate(**{**fields, **numbers, "models": tuple(fields["models"])})


def sign_intent(intent: StakeIntent, where: Addresses, owner: Signer) -> SignedIntent:
    shown = {name: getattr(intent, name) for name in intent.fields}
    return SignedIntent(
        chain_id=where.chain_id,
        relay=where.relay,
        signature=_sign(intent, where, owner),
        intent=_IntentJson(**{**shown, "amount": str(intent.amount)}),
    )


def sign_mandate(mandate: StakeMandate, where: Addresses, owner: Signer) -> SignedMandate:
    shown = {name: getattr(mandate, name) for name in mandate.fields}
    numbers = {name: str(shown[name]) for name in ("max_deposit", "max_release", "salt")}
    return SignedMandate(
        chain_id=where.chain_id,
        relay=where.relay,
        signature=_sign(mandate, where, owner),
        mandate=_MandateJson(**{**shown, **numbers, "models": list(mandate.models)}),
    )


def save(signed: SignedIntent | SignedMandate, path: Path) -> None:
    write_file(path, canonical(signed.model_dump()) + b"\n")


def load_intent(path: Path, where: Addresses, owner: str | None = None) -> SignedIntent:
    """A signed intent of this tournament; ``owner`` is who must have signed, where known."""
    signed = _load(SignedIntent, path, "a signed stake request")
    _check(signed, signed.struct(), where, owner, path)
    return signed


def load_mandate(path: Path, where: Addresses) -> SignedMandate:
    """A signed mandate of this tournament."""
    signed = _load(SignedMandate, path, "a signed mandate")
    mandate = signed.struct()
    _check(signed, mandate, where, mandate.owner, path)
    return signed


def signature_of(signed: SignedIntent | SignedMandate) -> bytes:
    return bytes.fromhex(signed.signature[2:])


def _sign(struct: Any, where: Addresses, owner: Signer) -> str:
    domain = Domain(where.chain_id, where.relay)
    return "0x" + sign(owner, struct, domain).hex()


def _load(kind: type[Any], path: Path, what: str) -> Any:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not {what}: {field}: {first['msg']}") from None


def _check(
    signed: SignedIntent | SignedMandate,
    struct: StakeIntent | StakeMandate,
    where: Addresses,
    owner: str | None,
    path: Path,
) -> None:
    meant = (signed.chain_id, signed.relay.lower(), struct.pool.lower())
    if meant != (where.chain_id, where.relay.lower(), where.pool.lower()):
        raise DifferenceError(
            f"{path} is for pool {struct.pool} on chain {signed.chain_id}",
            "name that tournament with --rpc and --pool",
        )
    signer = recover(struct, Domain(signed.chain_id, signed.relay), signature_of(signed))
    if signer is None or (owner is not None and signer.lower() != owner.lower()):
        raise DifferenceError(f"{path} is not signed by the model's owner")
