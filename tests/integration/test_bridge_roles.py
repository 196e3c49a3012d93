"""What is said of a bridge's record: nothing wrong if it is right; each thing broken once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployer import CHILD_ID, ROOT_ID, Place, compiled
from eth_utils import keccak
from two_chains import two_chains
from web3 import Web3

from oracle.bridge.record import BridgeRecord
from oracle.bridge.roles import ERC20, Finding, Verdict, inspect, inspect_portal
from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import portal_artifacts
from oracle.errors import UnreachableError
from scripts._bridge_check import check_bridge
from scripts._own_bridge import OWN

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

OTHER = dev_account(45).address
ADMIN = 63
REVERTS = "0x60006000fd"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with two_chains(ROOT_ID, CHILD_ID) as chains:
        place = Place(chains, tmp_path_factory.mktemp("deployed"))
        place.deploy()
        yield place


@pytest.fixture
def place(deployed: Place) -> Iterator[Place]:
    with deployed.chains.undone():
        yield deployed


def findings(place: Place, record: BridgeRecord | None = None) -> list[Finding]:
    chains = place.chains
    compile_all = {name: compiled(name) for name in OWN}
    report = check_bridge(chains.root_web3, chains.child_web3, record or place.bridge, compile_all)
    assert report.ok == all(found.is_sound for found in report.findings)
    return report.findings


def wrong(place: Place, record: BridgeRecord | None = None) -> set[str]:
    return {f.what for f in findings(place, record) if f.verdict is Verdict.WRONG}


def test_inspect__nothing_broken__all_sound_and_owners_told(place: Place) -> None:
    found = findings(place)
    assert [f for f in found if not f.is_sound] == []
    admin = dev_account(ADMIN).address
    seen = {f.what: f.live for f in found if f.verdict is Verdict.SEEN}
    assert seen["RootChainManager.proxyOwner"] == admin
    assert seen["child NMR: everybody with DEFAULT_ADMIN_ROLE"] == admin
    manager = place.bridge.child.child_chain_manager
    assert seen["child NMR: everybody with DEPOSITOR_ROLE"] == manager
    assert len(found) > 70


# ---------------------------------------------------------------------- a record that is wrong


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("root.token", "RootChainManager.rootToChildToken(NMR)"),
        ("root.root_chain_manager", "ERC20Predicate: RootChainManager has MANAGER_ROLE"),
        ("root.erc20_predicate", "RootChainManager.typeToPredicate(ERC20)"),
        ("root.state_sender", "RootChainManager.stateSenderAddress"),
        ("root.checkpoint_manager", "RootChainManager.checkpointManagerAddress"),
        ("root.fx_root", "FxChild.fxRoot"),
        ("child.token", "ChildChainManager.rootToChildToken(NMR)"),
        ("child.child_chain_manager", "RootChainManager.childChainManagerAddress"),
        ("child.state_receiver", "ChildChainManager: StateReceiver has STATE_SYNCER_ROLE"),
        ("child.fx_child", "FxRoot.fxChild"),
    ],
)
def test_inspect__record_names_another_address__wrong(place: Place, field: str, named: str) -> None:
    """An address without code, and one of another contract that is there."""
    record, (side, name) = place.bridge, field.split(".")
    part = getattr(record, side)
    contract = part.fx_root if side == "root" else part.fx_child
    if contract == getattr(part, name):
        contract = part.token
    for address in (OTHER, contract):
        lie = record.model_copy(update={side: part.model_copy(update={name: address})})
        found = wrong(place, lie)
        assert named in found
        assert (f"{field} {OTHER}" in found) == (address == OTHER)


@pytest.mark.parametrize("side", ["root", "child"])
def test_inspect__record_of_another_chain__wrong(place: Place, side: str) -> None:
    part = getattr(place.bridge, side).model_copy(update={"chain_id": 5})
    assert f"id of the {side} chain" in wrong(place, place.bridge.model_copy(update={side: part}))


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("burn_vault", "BurnVault on the root chain {}"),
        ("gov_root", "GovRoot {}"),
        ("gov_child", "GovRoot.CHILD"),
    ],
)
def test_inspect__record_names_another_contract_of_assays__wrong(
    place: Place, field: str, named: str
) -> None:
    lie = place.bridge.with_contracts(**{field: OTHER})
    assert named.format(OTHER) in wrong(place, lie)


@pytest.mark.parametrize("end", ["outbox", "inbox", "pool"])
def test_inspect__roots_of_other_contracts__are_not_sound(place: Place, end: str) -> None:
    record = place.bridge
    [(pool, roots)] = record.roots.items()
    if end == "pool":
        pool = OTHER
    else:
        roots = roots.model_copy(update={end: OTHER})
    found = findings(place, record.model_copy(update={"roots": {pool: roots}}))
    assert [f.what for f in found if not f.is_sound]


# ---------------------------------------------------------------------- a chain that is wrong


def call(place: Place, side: str, name: str, function: str, *arguments: Any) -> None:
    """Polygon's administrator calls the contract that the record has as ``name``."""
    kinds = {
        "root_chain_manager": "RootChainManager",
        "erc20_predicate": "ERC20Predicate",
        "state_sender": "StateSender",
        "child_chain_manager": "ChildChainManager",
        "token": "UChildERC20",
    }
    web3: Web3 = getattr(place.chains, f"{side}_web3")
    address = getattr(getattr(place.bridge, side), name)
    contract = web3.eth.contract(address=address, abi=portal_artifacts()[kinds[name]].abi)
    place.chains.done(web3, getattr(contract.functions, function)(*arguments), ADMIN)


def tokens(place: Place) -> tuple[str, str]:
    return place.bridge.root.token, place.bridge.child.token


BREAKS: dict[str, tuple[Callable[[Place], None], set[str]]] = {
    "mapping removed on the root chain": (
        lambda p: call(p, "root", "root_chain_manager", "cleanMapToken", *tokens(p)),
        {
            "RootChainManager.rootToChildToken(NMR)",
            "RootChainManager.childToRootToken(child NMR)",
            "RootChainManager.tokenToType(NMR)",
        },
    ),
    "mapping removed on the child chain": (
        lambda p: call(p, "child", "child_chain_manager", "cleanMapToken", *tokens(p)),
        {
            "ChildChainManager.rootToChildToken(NMR)",
            "ChildChainManager.childToRootToken(child NMR)",
        },
    ),
    "another predicate": (
        lambda p: call(p, "root", "root_chain_manager", "registerPredicate", ERC20, OTHER),
        {"RootChainManager.typeToPredicate(ERC20)"},
    ),
    "another state sender": (
        lambda p: call(p, "root", "root_chain_manager", "setStateSender", OTHER),
        {"RootChainManager.stateSenderAddress"},
    ),
    "another checkpoint manager": (
        lambda p: call(p, "root", "root_chain_manager", "setCheckpointManager", OTHER),
        {"RootChainManager.checkpointManagerAddress"},
    ),
    "another manager on the child chain": (
        lambda p: call(p, "root", "root_chain_manager", "setChildChainManagerAddress", OTHER),
        {"RootChainManager.childChainManagerAddress"},
    ),
    "manager's role revoked": (
        lambda p: call(
            p,
            "root",
            "erc20_predicate",
            "revokeRole",
            keccak(text="MANAGER_ROLE"),
            p.bridge.root.root_chain_manager,
        ),
        {"ERC20Predicate: RootChainManager has MANAGER_ROLE"},
    ),
    "depositor's role revoked": (
        lambda p: call(
            p,
            "child",
            "token",
            "revokeRole",
            keccak(text="DEPOSITOR_ROLE"),
            p.bridge.child.child_chain_manager,
        ),
        {"child NMR: ChildChainManager has DEPOSITOR_ROLE"},
    ),
    "syncer's role revoked": (
        lambda p: call(
            p,
            "child",
            "child_chain_manager",
            "revokeRole",
            keccak(text="STATE_SYNCER_ROLE"),
            p.bridge.child.state_receiver,
        ),
        {"ChildChainManager: StateReceiver has STATE_SYNCER_ROLE"},
    ),
    "another sender of deposits": (
        lambda p: call(
            p, "root", "state_sender", "register", OTHER, p.bridge.child.child_chain_manager
        ),
        {"StateSender.registrations(ChildChainManager)"},
    ),
    "another sender of messages": (
        lambda p: call(p, "root", "state_sender", "register", OTHER, p.bridge.child.fx_child),
        {"StateSender.registrations(FxChild)"},
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_inspect__one_thing_broken__that_alone_is_wrong(place: Place, name: str) -> None:
    breaks, named = BREAKS[name]
    breaks(place)
    assert wrong(place) == named


@pytest.mark.parametrize("name", ["fx_root", "fx_child"])
def test_inspect__fx_portals_peers_changed__wrong(place: Place, name: str) -> None:
    """Nobody can change them but by another contract at that address."""
    side = name.removeprefix("fx_")
    chain = getattr(place.chains, side)
    address = getattr(getattr(place.bridge, side), name)
    peer = place.bridge.child.fx_child if side == "root" else place.bridge.root.fx_root
    slots = {hex(i): chain.ask("eth_getStorageAt", address, hex(i), "latest") for i in range(5)}
    [slot] = [slot for slot, value in slots.items() if peer[2:].lower() in value]
    chain.ask("anvil_setStorageAt", address, slot, "0x" + OTHER[2:].rjust(64, "0"))
    assert wrong(place) == {"FxRoot.fxChild" if side == "root" else "FxChild.fxRoot"}


@pytest.mark.parametrize("side", ["root", "child"])
def test_inspect__vault_gone_or_changed_on_one_chain__wrong(place: Place, side: str) -> None:
    chain, vault = getattr(place.chains, side), str(place.bridge.burn_vault)
    code = bytearray.fromhex(chain.ask("eth_getCode", vault, "latest")[2:])
    code[-1] ^= 1
    chain.ask("anvil_setCode", vault, "0x" + code.hex())
    assert wrong(place) == {
        f"BurnVault on the {side} chain.CHILD_TOKEN",
        "BurnVault's code on both chains",
        f"BurnVault's code, against its sources, on the {side} chain",
    }
    chain.ask("anvil_setCode", vault, "0x")
    assert f"BurnVault on the {side} chain {vault}" in wrong(place)


@pytest.mark.parametrize(("side", "name"), [("root", "GovRoot"), ("child", "GovChild")])
def test_inspect__tunnel_rewired__wrong(place: Place, side: str, name: str) -> None:
    chain, address = getattr(place.chains, side), place.bridge.contracts[name].address
    code = bytearray.fromhex(chain.ask("eth_getCode", address, "latest")[2:])
    for immutable in compiled(name).immutables:
        changed = bytearray(code)
        changed[len(compiled(name).runtime) + immutable.offset + immutable.length - 1] ^= 1
        chain.ask("anvil_setCode", address, "0x" + changed.hex())
        assert f"{name}: immutable {immutable.name}" in wrong(place)
    code[len(compiled(name).runtime) // 2] ^= 1
    chain.ask("anvil_setCode", address, "0x" + code.hex())
    assert f"{name}: code" in wrong(place)


def test_inspect__contract_that_answers_nothing__is_not_checkable(place: Place) -> None:
    """It is no proof of anything, so the check does not pass."""
    place.chains.root.ask("anvil_setCode", place.bridge.root.state_sender, REVERTS)
    found = {f.what: f for f in findings(place)}
    asked = found["StateSender.registrations(FxChild)"]
    assert (asked.verdict, asked.is_sound) == (Verdict.UNKNOWN, False)
    assert str(asked).startswith("NOT CHECKABLE")


@pytest.mark.parametrize("side", ["root", "child"])
def test_inspect__endpoint_is_silent__says_which(place: Place, side: str) -> None:
    chains = place.chains
    dead = Web3(Web3.HTTPProvider("http://127.0.0.1:9", exception_retry_configuration=None))
    webs = {"root": chains.root_web3, "child": chains.child_web3, side: dead}
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        inspect(webs["root"], webs["child"], place.bridge)


def test_inspect_portal__nothing_of_assays_there_yet__sound(
    deployed: Place, tmp_path: Path
) -> None:
    chains = deployed.chains
    bare = deployed.chains.record
    found = inspect(chains.root_web3, chains.child_web3, bare)
    assert all(f.is_sound for f in found)
    assert {f.what for f in found if f.live.startswith("not deployed")} == {
        "BurnVault",
        "GovRoot and GovChild",
    }
    unverified = bare.model_copy(update={"unverified": ("root.fx_root",)})
    [noted] = [
        f
        for f in inspect_portal(chains.root_web3, chains.child_web3, unverified)
        if "nobody has compared root.fx_root" in f.what
    ]
    assert (noted.verdict, noted.live) == (Verdict.SEEN, bare.root.fx_root)
