"""The bridges of real networks that come with the sources."""

import json
from pathlib import Path

import pytest

from oracle.bridge.record import STATE_RECEIVER, BridgeRecord, load_bridge
from oracle.devnet.profile import REAL_CHAINS
from oracle.errors import InputError

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "bridges"
TOKENS = {"root": "0x" + "11" * 20, "child": "0x" + "22" * 20}
EVERY = {
    *(f"root.{field}" for field in ("start_block", "token", "root_chain_manager")),
    *(f"root.{field}" for field in ("erc20_predicate", "state_sender", "checkpoint_manager")),
    *("root.fx_root", "child.start_block", "child.token"),
    *("child.child_chain_manager", "child.fx_child"),
}


def with_tokens(name: str) -> BridgeRecord:
    """The record with whatever tokens somebody has mapped there."""
    fields = json.loads((FOLDER / f"{name}.json").read_text())
    for side, token in TOKENS.items():
        fields[side].setdefault("token", token)
    return BridgeRecord.model_validate(fields)


def test_records__folder__holds_these() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == ["amoy.json", "mainnet.json"]


@pytest.mark.parametrize(
    ("name", "ids"), [("mainnet", (1, 137)), ("amoy", (11155111, 80002))], ids=["mainnet", "amoy"]
)
def test_record__real_network__names_its_chains_and_nothing_of_assays(
    name: str, ids: tuple[int, int]
) -> None:
    record = with_tokens(name)
    assert record.name == name
    assert (record.root.chain_id, record.child.chain_id) == ids
    assert set(ids) <= REAL_CHAINS
    assert record.child.state_receiver == STATE_RECEIVER
    assert (record.burn_vault, record.deployment, record.roots) == (None, None, {})
    assert record.stand_ins == {}


def test_record__mainnet__every_address_nobody_could_ask_for_is_unverified() -> None:
    record = load_bridge(FOLDER / "mainnet.json")
    assert set(record.unverified) == EVERY
    assert len(set(record.unverified)) == len(record.unverified)


def test_record__amoy__tokens_that_nobody_knows_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"root\.token, child\.token: Field required") as info:
        load_bridge(FOLDER / "amoy.json")
    assert "deployments/README.md" in info.value.fix
    assert set(with_tokens("amoy").unverified) == EVERY - {"root.token", "child.token"}


def test_records__addresses__are_each_of_one_contract_of_one_chain() -> None:
    for name in ("mainnet", "amoy"):
        record = with_tokens(name)
        for side in (record.root, record.child):
            addresses = [value for value in side.model_dump().values() if isinstance(value, str)]
            assert len(set(addresses)) == len(addresses)
