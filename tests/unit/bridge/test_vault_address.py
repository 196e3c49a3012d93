"""Where the burn vault will be."""

from eth_abi import decode
from eth_utils import keccak

from oracle.bridge.record import BridgeRecord
from oracle.bridge.vault import (
    FACTORY,
    FACTORY_CODE,
    SALT,
    vault_address,
    vault_call,
    vault_code,
    vault_initcode,
)

AT = "0x" + "33" * 20
RECORD = BridgeRecord.model_validate(
    {
        "schema": "assay/bridge/1",
        "name": "test",
        "root": {
            "chain_id": 1,
            "token": "0x" + "11" * 20,
            "root_chain_manager": AT,
            "erc20_predicate": AT,
            "state_sender": AT,
            "checkpoint_manager": AT,
            "fx_root": AT,
        },
        "child": {
            "chain_id": 137,
            "token": "0x" + "22" * 20,
            "child_chain_manager": AT,
            "fx_child": AT,
        },
    }
)


def test_factory__address_and_code__are_the_published_ones() -> None:
    assert FACTORY == "0x4e59b44847b379578588920cA78FbF26c0B4956C"
    assert len(FACTORY_CODE) == 69
    assert keccak(b"assay burn vault 1") == SALT


def test_vault_initcode__arguments__are_both_chains_and_both_tokens() -> None:
    initcode = vault_initcode(b"\x01\x02", RECORD)
    assert initcode[:2] == b"\x01\x02"
    values = decode(["uint256", "address", "uint256", "address"], initcode[2:])
    assert values == (1, RECORD.root.token, 137, RECORD.child.token)
    assert vault_code(b"\x03", RECORD)[1:] == initcode[2:]


def test_vault_address__example_of_eip_1014__the_same(monkeypatch) -> None:
    """The standard's example with a deployer, a salt and code of its own."""
    monkeypatch.setattr("oracle.bridge.vault.FACTORY", "0x00000000000000000000000000000000deadbeef")
    salt = bytes.fromhex("00" * 28 + "cafebabe")
    monkeypatch.setattr("oracle.bridge.vault.SALT", salt)
    made = vault_address(bytes.fromhex("deadbeef"))
    assert made == "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"


def test_vault_address__another_token__another_address() -> None:
    root = RECORD.root.model_copy(update={"token": AT})
    other = RECORD.model_copy(update={"root": root})
    places = {vault_address(vault_initcode(b"\x01", record)) for record in (RECORD, other)}
    assert len(places) == 2


def test_vault_call__data__is_salt_and_initcode() -> None:
    assert vault_call(b"\x05") == SALT + b"\x05"
