"""The record of a bridge: read strictly, written whole, every error with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from oracle.bridge.record import STATE_RECEIVER, BridgeRecord, load_bridge
from oracle.errors import InputError

A, B = "0x" + "aA" * 20, "0x" + "bb" * 20
MIXED = "0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"


def fields() -> dict[str, Any]:
    return {
        "schema": "assay/bridge/1",
        "name": "test",
        "root": {
            "chain_id": 1,
            "token": B,
            "root_chain_manager": B,
            "erc20_predicate": B,
            "state_sender": B,
            "checkpoint_manager": B,
            "fx_root": B,
        },
        "child": {"chain_id": 137, "token": B, "child_chain_manager": B, "fx_child": B},
    }


def written(path: Path, changed: dict[str, Any]) -> Path:
    target = path / "bridge.json"
    target.write_text(json.dumps(changed))
    return target


def test_save__then_load__is_the_same(tmp_path: Path) -> None:
    record = BridgeRecord.model_validate(fields()).with_contracts(burn_vault=MIXED)
    record.save(tmp_path / "bridge.json")
    assert load_bridge(tmp_path / "bridge.json") == record
    assert record.burn_vault == MIXED
    assert record.child.state_receiver == STATE_RECEIVER


@pytest.mark.parametrize(
    ("part", "field", "value", "expected"),
    [
        ("root", "token", "0x12", "root.token: Value error, is not 0x and 40 hex digits"),
        ("root", "token", MIXED.replace("5B", "5b"), "root.token: Value error, has a wrong check"),
        ("child", "fx_child", "0x" + "00" * 20, "child.fx_child: Value error, is the zero address"),
        ("child", "chain_id", 0, "child.chain_id"),
        ("root", "extra", 1, "root.extra"),
        ("root", "fx_root", None, "root.fx_root"),
    ],
    ids=["short", "checksum", "zero", "chain", "unknown", "missing"],
)
def test_load__wrong_field__is_named(
    tmp_path: Path, part: str, field: str, value: Any, expected: str
) -> None:
    changed = fields()
    changed[part][field] = value
    path = written(tmp_path, changed)
    with pytest.raises(InputError) as caught:
        load_bridge(path)
    assert f"{path} is not a bridge's record: {expected}" in caught.value.message


def test_load__other_schema__is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, fields() | {"schema": "assay/deployment/1"})
    with pytest.raises(InputError, match="schema"):
        load_bridge(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udcff"], ids=ascii)
def test_load__no_record_at_all__is_an_error_for_people(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bridge.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="is not a bridge's record"):
        load_bridge(path)


def test_load__no_file__names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.json"):
        load_bridge(tmp_path / "none.json")


def test_load__several_fields_missing__all_are_named(tmp_path: Path) -> None:
    changed = fields()
    del changed["root"]["token"], changed["child"]["token"]
    with pytest.raises(InputError, match=r"root\.token, child\.token: Field required"):
        load_bridge(written(tmp_path, changed))


def test_put__contract_of_the_tunnel__others_and_the_original_stay(tmp_path: Path) -> None:
    contract = {
        "address": B,
        "deployer": A,
        "nonce": 3,
        "initcode": "0x" + "00" * 32,
        "arguments": {"delay": "5"},
    }
    deployment = {
        "commit": "unknown",
        "compiler": {"version": "0.4.3", "evm_version": "prague"},
        "vault": {"address": MIXED, "initcode": "0x" + "11" * 32},
        "contracts": {"GovRoot": contract | {"chain_id": 1}, "GovChild": contract},
    }
    record = BridgeRecord.model_validate(fields() | {"deployment": deployment})
    changed = record.put("GovRoot", transaction="0x12", block=7)
    assert changed.contracts["GovRoot"].is_there
    assert not record.contracts["GovRoot"].is_there
    assert changed.contracts["GovChild"] == record.contracts["GovChild"]
    changed.save(tmp_path / "bridge.json")
    assert load_bridge(tmp_path / "bridge.json") == changed


def test_contracts__nothing_deployed_yet__none() -> None:
    assert BridgeRecord.model_validate(fields()).contracts == {}
