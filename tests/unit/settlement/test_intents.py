"""What owners sign for others to send: fields, hashes and the golden bytes, also by hand."""

import json
from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from typing import Any

import pytest
from attested import DOMAIN, KEYS, POOL, sign
from Crypto.Hash import keccak
from golden import formats
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.intents import ALL_WEI, StakeAction, StakeIntent, StakeMandate
from oracle.settlement.typed_data import digest, recover

GOLDEN: dict[str, Any] = json.loads(formats.PATH.read_text())
OWNER, RELAYER = KEYS[0].address, KEYS[1].address
INTENT = StakeIntent(
    pool=POOL,
    model=5,
    action=StakeAction.DEPOSIT,
    amount=10**18,
    max_round=7,
    nonce=3,
    deadline=1_800_000_000,
)
MANDATE = StakeMandate(
    pool=POOL,
    owner=OWNER,
    relayer=RELAYER,
    models=(5, 9),
    max_deposit=10**20,
    max_release=ALL_WEI,
    expiry=1_800_000_000,
)
CHANGED = [
    pytest.param(struct, field.name, id=f"{type(struct).__name__}.{field.name}")
    for struct in (INTENT, MANDATE)
    for field in fields(struct)
]


def _other(value: str | int | tuple[int, ...]) -> str | int | tuple[int, ...]:
    if isinstance(value, tuple):
        return (*value, 10)
    return "0x" + "33" * 20 if isinstance(value, str) else value ^ 1


# --- by hand: EIP-712, section "Definition of encodeData" ---


def _keccak(raw: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=raw).digest()


def _slots(values: Sequence[int | str | bytes]) -> bytes:
    numbers = (int(v, 16) if isinstance(v, str) else v for v in values)
    return b"".join(n if isinstance(n, bytes) else n.to_bytes(32, "big") for n in numbers)


def _struct_hash(struct: StakeIntent | StakeMandate) -> bytes:
    types = {
        StakeIntent: "StakeIntent(address pool,uint256 model,uint256 action,uint256 amount,"
        "uint256 max_round,uint256 nonce,uint256 deadline)",
        StakeMandate: "StakeMandate(address pool,address owner,address relayer,uint256[] models,"
        "uint256 max_deposit,uint256 max_release,uint256 expiry,uint256 salt)",
    }
    values = [_keccak(_slots(v)) if isinstance(v, tuple) else v for v in astuple(struct)]
    return _keccak(_keccak(types[type(struct)].encode()) + _slots(values))


def _digest(struct: StakeIntent | StakeMandate, chain_id: int, contract: str) -> bytes:
    names = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = _slots([_keccak(names), _keccak(b"Assay"), _keccak(b"1"), chain_id, contract])
    return _keccak(b"\x19\x01" + _keccak(domain) + _struct_hash(struct))


numbers = st.integers(0, 2**256 - 1)


@given(
    model=numbers, action=numbers, amount=numbers, max_round=numbers, nonce=numbers, until=numbers
)
def test_intent__any_values__digest_by_hand(
    model: int, action: int, amount: int, max_round: int, nonce: int, until: int
) -> None:
    intent = StakeIntent(POOL, model, action, amount, max_round, nonce, until)
    assert digest(intent, DOMAIN) == _digest(intent, DOMAIN.chain_id, DOMAIN.contract)


@given(models=st.lists(numbers, max_size=64), bounds=st.tuples(numbers, numbers, numbers, numbers))
def test_mandate__any_values__hash_and_digest_by_hand(
    models: list[int], bounds: tuple[int, int, int, int]
) -> None:
    mandate = StakeMandate(POOL, OWNER, RELAYER, tuple(models), *bounds)
    assert mandate.hash() == _struct_hash(mandate)
    assert digest(mandate, DOMAIN) == _digest(mandate, DOMAIN.chain_id, DOMAIN.contract)


# --- fields ---


@pytest.mark.parametrize(("struct", "name"), CHANGED)
def test_signature__field_changed__names_another_signer(
    struct: StakeIntent | StakeMandate, name: str
) -> None:
    changed = replace(struct, **{name: _other(getattr(struct, name))})
    assert recover(struct, DOMAIN, sign(struct)) == OWNER
    assert recover(changed, DOMAIN, sign(struct)) != OWNER


@pytest.mark.parametrize("name", [field.name for field in fields(StakeMandate)])
def test_hash__field_changed__another(name: str) -> None:
    assert replace(MANDATE, **{name: _other(getattr(MANDATE, name))}).hash() != MANDATE.hash()


@pytest.mark.parametrize("models", [(), (5,), (9, 5), (5, 9, 9)], ids=repr)
def test_hash__other_list_of_models__another(models: tuple[int, ...]) -> None:
    assert replace(MANDATE, models=models).hash() != MANDATE.hash()


@pytest.mark.parametrize("kind", [StakeIntent, StakeMandate])
def test_fields__types__are_those_of_the_dataclass_in_order(
    kind: type[StakeIntent | StakeMandate],
) -> None:
    assert list(kind.fields) == [field.name for field in fields(kind)]


def test_argument__for_the_contract__leaves_out_the_pool() -> None:
    assert INTENT.argument() == (5, 1, 10**18, 7, 3, 1_800_000_000)
    assert MANDATE.argument() == (OWNER, RELAYER, [5, 9], 10**20, ALL_WEI, 1_800_000_000, 0)


def test_actions__numbers__are_the_contracts() -> None:
    assert [(action.name, action.value) for action in StakeAction] == [
        ("DEPOSIT", 1),
        ("RELEASE", 2),
        ("MODE", 3),
    ]


# --- golden bytes ---


@pytest.mark.parametrize(
    ("key", "struct"),
    [("stake_intent", formats.STAKE_INTENT), ("stake_mandate", formats.STAKE_MANDATE)],
)
def test_golden__digest_and_signature__by_hand(
    key: str, struct: StakeIntent | StakeMandate
) -> None:
    golden = GOLDEN[key]
    assert golden["digest"] == "0x" + _digest(struct, 731371, formats.RELAY).hex()
    domain = replace(DOMAIN, contract=formats.RELAY)
    assert recover(struct, domain, bytes.fromhex(golden["signature"][2:])) == GOLDEN["signer"]


def test_golden__mandate_hash__by_hand() -> None:
    assert GOLDEN["mandate_hash"] == "0x" + _struct_hash(formats.STAKE_MANDATE).hex()
