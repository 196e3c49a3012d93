"""Struct hashes by hand, and the structs as arguments of the contract's calls."""

from dataclasses import astuple, dataclass, replace
from typing import ClassVar

import pytest
from attested import COMMIT, CONFIRM, DOMAIN, KEYS, POOL, sign
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.typed_data import (
    Commit,
    Confirm,
    Domain,
    Result,
    digest,
    recover,
    struct_hash,
)

RESULT = Result(
    close_block_hash=COMMIT.close_block_hash,
    chain_head=COMMIT.chain_head,
    at_risk=COMMIT.at_risk,
    words=COMMIT.words,
    manifest=COMMIT.manifest,
    meta_root=COMMIT.meta_root,
)


def by_hand(struct: Commit | Confirm) -> bytes:
    """EIP-712's hashStruct of a struct without dynamic fields."""
    kinds = list(struct.fields.values())
    members = ",".join(f"{kind} {name}" for name, kind in struct.fields.items())
    type_hash = keccak(text=f"{type(struct).__name__}({members})")
    pool, *rest = astuple(struct)
    return keccak(encode(["bytes32", *kinds], [type_hash, to_checksum_address(pool), *rest]))


@pytest.mark.parametrize("struct", [COMMIT, CONFIRM])
def test_struct_hash__by_hand(struct: Commit | Confirm) -> None:
    assert struct_hash(struct) == by_hand(struct)


@pytest.mark.parametrize("struct", [COMMIT, CONFIRM])
def test_digest__struct_hash_under_the_domain(struct: Commit | Confirm) -> None:
    kinds = "string name,string version,uint256 chainId,address verifyingContract"
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=f"EIP712Domain({kinds})"),
                keccak(b"Assay"),
                keccak(b"1"),
                DOMAIN.chain_id,
                DOMAIN.contract,
            ],
        )
    )
    assert digest(struct, DOMAIN) == keccak(b"\x19\x01" + domain + struct_hash(struct))


def test_struct_hash__other_type_same_beginning__another_hash() -> None:
    hashes = {struct_hash(COMMIT), struct_hash(CONFIRM)}
    assert len(hashes | {struct_hash(replace(CONFIRM, challenge_id=bytes(32)))}) == 3


def test_statement__result_and_back__the_same() -> None:
    assert COMMIT.result == CONFIRM.result == RESULT
    context = (COMMIT.pool, COMMIT.tournament, COMMIT.round, COMMIT.epoch, COMMIT.announce_hash)
    assert Commit(*context, *astuple(RESULT)) == COMMIT
    assert Confirm(*astuple(COMMIT), CONFIRM.challenge_id) == CONFIRM


def test_argument__as_the_contract_declares_its_structs() -> None:
    result = (b"\x02" * 32, b"\x03" * 32, 10**15, 3, b"\x04" * 32, b"\x05" * 32)
    assert RESULT.argument() == result
    assert COMMIT.argument() == (1, b"\x01" * 32, result, bytes(32))
    assert CONFIRM.argument() == (1, b"\x01" * 32, result, b"\x07" * 32)


@dataclass(frozen=True, slots=True)
class Basket:
    """A struct with a dynamic array."""

    fields: ClassVar[dict[str, str]] = {"owner": "address", "models": "uint256[]", "cap": "uint256"}
    owner: str
    models: tuple[int, ...]
    cap: int


@given(models=st.lists(st.integers(0, 2**256 - 1), max_size=5), cap=st.integers(0, 2**256 - 1))
def test_struct_hash__dynamic_array__hash_of_its_packed_items(models: list[int], cap: int) -> None:
    packed = b"".join(model.to_bytes(32, "big") for model in models)
    expected = keccak(
        encode(
            ["bytes32", "address", "bytes32", "uint256"],
            [
                keccak(b"Basket(address owner,uint256[] models,uint256 cap)"),
                to_checksum_address(POOL),
                keccak(packed),
                cap,
            ],
        )
    )
    assert struct_hash(Basket(POOL, tuple(models), cap)) == expected


def test_recover__dynamic_array__only_the_very_items() -> None:
    basket = Basket(POOL, (1, 2, 3), 4)
    signature = sign(basket)
    assert recover(basket, DOMAIN, signature) == KEYS[0].address
    for models in ((), (1, 2), (1, 2, 3, 0), (3, 2, 1)):
        assert recover(replace(basket, models=models), DOMAIN, signature) != KEYS[0].address
    assert recover(basket, Domain(1, POOL), signature) != KEYS[0].address
