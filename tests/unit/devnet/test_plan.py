"""What a deployment will consist of: order, addresses, wires, arguments, and how they read."""

from typing import Any

import pytest
from eth_abi import decode

from oracle.bridge.record import BridgeRecord
from oracle.chain.keys import dev_account
from oracle.chain.record import TOURNAMENT, Compiler, DeploymentRecord
from oracle.devnet.profile import Roles
from oracle.devnet.topology import load
from oracle.errors import InputError, RefusedError
from scripts._plan import (
    ROOTS,
    SHARED,
    Artifact,
    as_text,
    check_roles,
    created_address,
    differing,
    encode_arguments,
    human,
    lines,
    plan,
)

DEPLOYER = dev_account(0).address
TOKEN, VAULT = dev_account(50).address, dev_account(51).address
RULES, ROLES = load().tournament, load().roles(TOKEN, VAULT)
ARTIFACTS = {
    name: Artifact(inputs=[], initcode=name.encode()) for name in (*SHARED, *TOURNAMENT, *ROOTS)
}
AT = dev_account(52).address
BRIDGE = BridgeRecord.model_validate(
    {
        "schema": "assay/bridge/1",
        "name": "test",
        "root": {
            "chain_id": 1,
            "token": AT,
            "root_chain_manager": AT,
            "erc20_predicate": AT,
            "state_sender": AT,
            "checkpoint_manager": dev_account(53).address,
            "fx_root": AT,
        },
        "child": {"chain_id": 137, "token": TOKEN, "child_chain_manager": AT, "fx_child": AT},
        "stand_ins": {"StateSender": "a stand-in"},
    }
)


def planned(
    roles: Roles = ROLES, nonce: int = 5, bridge: BridgeRecord | None = None, **shared: Any
) -> DeploymentRecord:
    return plan(
        RULES,
        roles,
        ARTIFACTS,
        DEPLOYER,
        nonce,
        shared,
        compiler=Compiler(version="0.4.3", evm_version="prague"),
        commit="unknown",
        bridge=bridge,
        root_nonce=3,
    )


def test_created_address__known_deployment__the_same() -> None:
    """Where every local chain's first account puts its first two contracts."""
    assert created_address(DEPLOYER, 0) == "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert created_address(DEPLOYER, 1) == "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


def test_plan__devnet__in_order_from_the_nonce_on() -> None:
    record = planned()
    assert list(record.contracts) == ["Timelock", *TOURNAMENT]
    for i, contract in enumerate(record.contracts.values()):
        assert (contract.deployer, contract.nonce) == (DEPLOYER, 5 + i)
        assert contract.address == created_address(DEPLOYER, 5 + i)
        assert not contract.is_there
    assert record.stand_ins == {}


def test_plan__wires__are_the_plans_own_addresses() -> None:
    contracts = planned().contracts
    at = {name: contract.address for name, contract in contracts.items()}
    pool, oracle = contracts["StakePool"].arguments, contracts["RoundOracle"].arguments
    assert (pool["oracle"], pool["registry"]) == (at["RoundOracle"], at["ModelRegistry"])
    assert (pool["relay"], pool["token"]) == (at["StakeRelay"], TOKEN)
    assert oracle["governor"] == at["Timelock"]
    assert pool["burn_vault"] == oracle["burn_vault"] == VAULT
    for name in ("ModelRegistry", "RoundOracle", "StakeRelay", "StakeLens"):
        assert contracts[name].arguments["pool"] == at["StakePool"]


def test_plan__with_a_bridge__roots_are_carried_between_the_chains() -> None:
    record = planned(bridge=BRIDGE)
    assert list(record.contracts) == ["Timelock", *TOURNAMENT, "RootsOutbox", "RootsInbox"]
    outbox, inbox = record.contracts["RootsOutbox"], record.contracts["RootsInbox"]
    assert (outbox.chain_id, outbox.nonce) == (None, 5 + 6)
    assert outbox.arguments == {"oracle": record.contracts["RoundOracle"].address}
    assert (inbox.chain_id, inbox.nonce, inbox.address) == (1, 3, created_address(DEPLOYER, 3))
    assert inbox.arguments == {
        "checkpoint_manager": dev_account(53).address,
        "child": outbox.address,
        "child_chain": "137",
    }
    assert record.stand_ins == {"StateSender": "a stand-in"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": None}, "do not name token"),
        ({"burn_vault": None}, "do not name burn_vault"),
        (
            {"timelock": ROLES.timelock.model_copy(update={"proposer": None})},
            "do not name timelock.proposer",
        ),
    ],
    ids=["token", "vault", "proposer"],
)
def test_plan__what_a_bridge_would_settle_is_open__refused(change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        planned(ROLES.model_copy(update=change))


def test_plan__shared_timelock__not_deployed_again() -> None:
    first = planned()
    shared = {name: first.contracts[name] for name in SHARED}
    second = planned(nonce=12, **shared)
    assert {name: second.contracts[name] for name in SHARED} == shared
    assert second.contracts["ModelRegistry"].nonce == 12
    assert second.contracts["RoundOracle"].arguments["governor"] == shared["Timelock"].address


def test_plan__deployer__is_in_no_argument() -> None:
    for contract in planned().contracts.values():
        assert DEPLOYER not in contract.values()


@pytest.mark.parametrize("role", sorted(ROLES.holders()))
def test_check_roles__deployer_has_one__refused_by_name(role: str) -> None:
    with pytest.raises(RefusedError, match=rf"would be .*{role}.*; it must hold no role"):
        check_roles(ROLES, ROLES.holders()[role])


def test_check_roles__deployer_is_paid_what_is_burned__refused() -> None:
    with pytest.raises(RefusedError, match="would be burn_vault"):
        check_roles(ROLES, VAULT)


def test_check_roles__nobodys_deployer__passes() -> None:
    check_roles(ROLES, DEPLOYER)


# ---------------------------------------------------------------------- arguments

INPUTS: list[dict[str, Any]] = [
    {"name": "who", "type": "address"},
    {"name": "numbers", "type": "uint256[3]"},
    {"name": "many", "type": "address[]"},
    {
        "name": "pair",
        "type": "tuple",
        "components": [{"name": "a", "type": "uint256"}, {"name": "b", "type": "uint256[2]"}],
    },
]
ONE, TWO = dev_account(1).address, dev_account(2).address


def test_encode_arguments__every_kind__decodes_to_what_was_recorded() -> None:
    values = {
        "who": ONE,
        "numbers": (1, 2, 2**255),
        "many": [ONE, TWO],
        "pair": {"b": (3, 4), "a": 5},
    }
    raw = encode_arguments(INPUTS, as_text(values))
    assert decode(["address", "uint256[3]", "address[]", "(uint256,uint256[2])"], raw) == (
        ONE.lower(),
        (1, 2, 2**255),
        (ONE.lower(), TWO.lower()),
        (5, (3, 4)),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"more": "1"},
        {"pair": {"a": "1"}},
        {"pair": {"a": "1", "b": ["1", "2"], "c": "3"}},
    ],
    ids=["extra argument", "missing field", "extra field"],
)
def test_encode_arguments__other_names_than_the_constructors__refused(change: Any) -> None:
    text = as_text({"who": ONE, "numbers": (1, 2, 3), "many": [], "pair": {"a": 1, "b": (2, 3)}})
    with pytest.raises(RefusedError):
        encode_arguments(INPUTS, text | change)


def test_differing__nested__each_by_its_path() -> None:
    was = {"a": "1", "b": {"c": "2", "d": ["3"]}}
    now = {"a": "1", "b": {"c": "4", "d": ["3", "4"]}, "e": "5"}
    assert differing(was, now) == [
        ("b.c", "2", "4"),
        ("b.d", ["3"], ["3", "4"]),
        ("e", None, "5"),
    ]
    assert differing(was, was) == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("delay", "604800", "7 d"),
        ("reserve_delay", "60", "1 min"),
        ("timing.gap", "72000", "20 h"),
        ("clocks.pause", "90061", "1 d 1 h 1 min 1 s"),
        ("fee", "100000000000000000", "0.1 NMR"),
        ("supply", "11000000000000000000000000", "11,000,000 NMR"),
        ("template.threshold", "72000000000000", "72,000 NMR"),
        ("template.kinds", ["1", "2", "0"], "CORR, MMC, NONE"),
        ("template.multipliers", ["750000", "2250000", "0"], "0.75, 2.25, 0"),
        ("template.clip_up", "17000000000", "0.017"),
        ("template.kappa", "500000", "0.5"),
        ("super_quorum", "0", "none: a challenged round can only end void"),
        ("super_quorum", "5", "5"),
        ("threshold", "4", "4"),
        ("signers", [ONE, TWO], f"{ONE}, {TWO}"),
    ],
)
def test_human__argument__with_its_unit(name: str, value: Any, shown: str) -> None:
    assert human(name, value) == shown


def test_lines__structs__a_line_a_field() -> None:
    shown = dict(lines(planned().contracts["RoundOracle"].arguments))
    assert shown["timing.window"] == "2 d"
    assert shown["template.threshold"] == "72,000 NMR"
    assert shown["tournament"] == "8"
