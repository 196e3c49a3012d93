"""``assay bridge`` without a chain: wrong options, wrong records, nothing that listens."""

import json
from pathlib import Path

import pytest

from oracle.errors import Exit

AT = "0x" + "11" * 20
RECORD = {
    "schema": "assay/bridge/1",
    "name": "somewhere",
    "root": {
        "chain_id": 1,
        **dict.fromkeys(
            (
                "token",
                "root_chain_manager",
                "erc20_predicate",
                "state_sender",
                "checkpoint_manager",
                "fx_root",
            ),
            AT,
        ),
    },
    "child": {"chain_id": 137, "token": AT, "child_chain_manager": AT, "fx_child": AT},
}
HASH = "0x" + "22" * 32
COMMANDS = [
    ("deposit", "1", "--dev-account", "1"),
    ("withdraw", "1", "--dev-account", "1"),
    ("status",),
    ("resume", "d-000000000000", "--dev-account", "1"),
    ("exit", HASH, "--dev-account", "1"),
    ("replay", "3", "--dev-account", "1"),
    ("latency",),
    ("check",),
    ("sweep", "--dev-account", "1"),
]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.json"
    path.write_text(json.dumps(RECORD))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("deposit",),
        *(
            (action, amount)
            for action in ("deposit", "withdraw")
            for amount in (
                "abc", "0", "-1", "1e-19", "NaN", "Inf", "-Inf", "11000001", "1e999999999",
                "1e-999999999", "0x10", "1,5", "",
            )
        ),
        ("resume",),
        ("exit",),
        ("replay", "0"),
        ("replay", "-1"),
        ("replay", "x"),
        ("replay", str(2**64)),
        ("latency", "--last", "0"),
        ("latency", "--last", "x"),
        ("deposit", "1", "--dev-account", "64"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_bridge__wrong_usage__code_2_and_one_object(assay, arguments):
    error = assay("bridge", *arguments, "--json").error()
    assert (error["code"], error["exit"]) == ("usage", Exit.USAGE)


def test_bridge__amount_of_one_wei__taken(assay):
    error = assay("bridge", "deposit", "0.000000000000000001", "--json").error()
    assert "no bridge named" in error["message"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_bridge__none_named__code_3_with_what_to_do(assay, tmp_path, arguments):
    error = assay("bridge", *arguments, "--json").error()
    assert error["exit"] == Exit.INPUT
    assert "assay devnet up" in error["fix"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [(), ("--root-rpc", "http://a:1"), ("--child-rpc", "http://a:1")])
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_bridge__record_without_both_endpoints__code_3(assay, record, arguments, given):
    error = assay("bridge", *arguments, "--bridge", record, *given, "--json").error()
    assert error["exit"] == Exit.INPUT
    assert "--root-rpc and --child-rpc" in error["message"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_bridge__nothing_listens__code_4_without_the_secret(assay, record, tmp_path, arguments):
    address = "http://user:hunter2@127.0.0.1:1/v2/s3cr3t"
    named = ("--bridge", record, "--root-rpc", address, "--child-rpc", address)
    ran = assay("bridge", *arguments, *named)
    assert ran.code == Exit.UNREACHABLE
    assert "127.0.0.1:1" in ran.err
    assert "hunter2" not in ran.err
    assert "s3cr3t" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["bridge.json"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a bridge's record"),
        ("[]", "is not a bridge's record"),
        (json.dumps({**RECORD, "schema": "assay/bridge/9"}), "schema"),
        (json.dumps({**RECORD, "burn_vault": "0x12"}), "burn_vault"),
        (json.dumps({**RECORD, "more": 1}), "more"),
    ],
    ids=["empty", "list", "schema", "address", "unknown-field"],
)
def test_bridge__broken_record__code_3_naming_what(assay, record, text, why):
    record.write_text(text)
    named = ("--bridge", record, "--root-rpc", "http://a:1", "--child-rpc", "http://a:1")
    error = assay("bridge", "status", *named, "--json").error()
    assert error["exit"] == Exit.INPUT
    assert why in error["message"]


def test_latency__drawing_to_another_format__refused_before_anything_is_asked(assay, record):
    named = ("--bridge", record, "--root-rpc", "http://a:1", "--child-rpc", "http://a:1")
    error = assay("bridge", "latency", *named, "--plot", "x.pdf", "--json").error()
    assert error["exit"] == Exit.INPUT
    assert ".png or .svg" in error["fix"]
