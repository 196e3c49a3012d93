"""The record of a deployment: kept whole, refused where it is not one or not finished."""

import json
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.record import (
    TOURNAMENT,
    Compiler,
    DeployedContract,
    DeploymentRecord,
    load_record,
)
from oracle.errors import InputError


def contract(nonce: int, **changes: Any) -> DeployedContract:
    fields: dict[str, Any] = {
        "address": f"0x{nonce + 1:040x}",
        "deployer": "0x" + "aa" * 20,
        "nonce": nonce,
        "initcode": "0x" + "00" * 32,
        "arguments": {"pool": "0x" + "bb" * 20, "clocks": {"pause": "5", "list": ["1", "2"]}},
        "transaction": f"0x{nonce:064x}",
        "block": 7,
    }
    return DeployedContract(**(fields | changes))


RECORD = DeploymentRecord(
    chain_id=731371,
    tournament=8,
    commit="unknown",
    compiler=Compiler(version="0.4.3", evm_version="prague"),
    stand_ins={"BurnVault": "nobody's"},
    contracts={name: contract(i) for i, name in enumerate(("Timelock", *TOURNAMENT))},
)


def test_record__saved_and_loaded__the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "record.json"
    RECORD.save(path)
    assert load_record(path) == RECORD
    assert json.loads(path.read_text())["schema"] == "assay/deployment/1"
    assert list(path.parent.iterdir()) == [path]
    assert RECORD.pool == RECORD.contracts["StakePool"].address


def test_put__one_contract__others_and_original_stay() -> None:
    changed = RECORD.put("StakePool", block=9)
    assert changed.contracts["StakePool"].block == 9
    assert RECORD.contracts["StakePool"].block == 7
    assert changed.put("StakePool", block=7) == RECORD


def test_values__nested_arguments__each_once() -> None:
    assert list(contract(0).values()) == ["0x" + "bb" * 20, "5", "1", "2"]


def test_load_record__unfinished__refused_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    begun = RECORD.put("StakeLens", transaction=None, block=None, sent=("0x01",))
    begun.save(path)
    with pytest.raises(InputError, match="not finished; missing: StakeLens") as info:
        load_record(path)
    assert "goes on where it stopped" in info.value.fix
    assert load_record(path, complete=False) == begun
    assert not begun.is_complete


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.pop("chain_id"), "chain_id: Field required"),
        (lambda r: r.update(more=1), "more: Extra inputs"),
        (lambda r: r.update(schema="assay/deployment/2"), "schema: "),
        (lambda r: r["contracts"].pop("StakePool"), "contracts: .*does not name StakePool"),
        (lambda r: r["contracts"].pop("Timelock"), "contracts: .*does not name Timelock"),
        (lambda r: r["contracts"]["StakePool"].update(address="0x1"), r"StakePool\.address"),
    ],
)
def test_load_record__wrong__says_what_and_where(tmp_path: Path, change: Any, said: str) -> None:
    path = tmp_path / "record.json"
    RECORD.save(path)
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=rf"record\.json is not a deployment record: .*{said}"):
        load_record(path)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff"])
def test_load_record__no_json_object__refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="is not a deployment record"):
        load_record(path)


def test_load_record__missing__says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.json: No such file"):
        load_record(tmp_path / "none.json")


def test_save__where_nothing_can_be_written__says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        RECORD.save(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
