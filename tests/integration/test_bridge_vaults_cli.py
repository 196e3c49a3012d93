"""``assay bridge sweep`` and ``check`` on two real chains, with a whole tournament on one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_command import BridgeCommand, result
from bridge_rounds import BridgedRounds, bridge_in, bridged_rounds
from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector as selector
from two_chains import NMR
from vaulted_chains import BURNER, Vaults, vaulted_chains

from oracle.bridge.client import nmr_of
from oracle.errors import Exit

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

ROOT_ID, CHILD_ID = 731370, 731371
STAKER = 12
BY = ("--dev-account", "21")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgedRounds]:
    """A tournament whose pool burns into the vault; one model's fee is paid."""
    with vaulted_chains(ROOT_ID, CHILD_ID) as chains:
        rounds = bridged_rounds(chains, tmp_path_factory.mktemp("rounds"))
        bridge_in(chains, STAKER, 50 * NMR)
        rounds.register(STAKER)
        yield rounds


@pytest.fixture
def rounds(
    both: BridgedRounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BridgedRounds]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    both.chains.record.save(tmp_path / "bridge.json")
    with both.chains.undone():
        yield both


@pytest.fixture
def run(
    rounds: BridgedRounds, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> BridgeCommand:
    return BridgeCommand(rounds.chains, monkeypatch, capfd)


def amounts(**some: str) -> dict[str, str]:
    return {name: some.get(name, "0") for name in ("child", "burnt", "exits", "refused", "root")}


def test_sweep__run_again_and_again__takes_burns_to_their_end(
    rounds: BridgedRounds, run: BridgeCommand
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(20 * NMR)
    inside = chains.child_token.functions.balanceOf(vaults.address).call()
    fee = rounds.reader.fee
    assert inside == 20 * NMR + fee
    looked = result(run("sweep", "--json"))
    assert looked["steps"] == []
    first = result(run("sweep", *BY, "--json"))
    assert [one["step"] for one in first["steps"]] == ["sweep of the child vault"]
    swept = first["steps"][0]["amount"]
    assert looked["left"] == amounts(child=swept)
    assert first["left"] == amounts(burnt=swept)
    chains.checkpoint()
    assert result(run("sweep", "--json"))["left"] == amounts(exits=swept)
    code, out, _ = run("sweep", *BY)
    said = " ".join(out.split())
    assert code == 0
    assert f"sweep of the root vault, {swept} NMR: 0x" in said
    assert "nowhere" in said
    assert vaults.root.functions.swept().call() == inside


def test_sweep__nothing_but_a_refused_exit__code_7_and_the_reason(
    rounds: BridgedRounds, run: BridgeCommand
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(20 * NMR)
    chains.done(chains.child_web3, vaults.child.functions.sweep(), BURNER)
    chains.checkpoint()
    code, out, _ = run("sweep", *BY, "--json")
    found = json.loads(out)["error"]
    assert (code, found["exit"]) == (Exit.REFUSED, Exit.REFUSED)
    assert found["message"].startswith("exit ")


def test_check__tournament_and_vault__adds_up_and_names_the_amounts(
    rounds: BridgedRounds, run: BridgeCommand
) -> None:
    vaults = Vaults(rounds.chains)
    vaults.burn(20 * NMR)
    pool = ("--pool", rounds.reader.addresses.pool)
    found = result(run("check", *pool, "--json"))
    assert found["fees"] == nmr_of(rounds.reader.fee) != "0"
    assert found["donated_to_the_vaults"] == "20"
    run("sweep", *BY)
    code, out, _ = run("check", *pool)
    assert code == 0
    assert "all of it adds up" in out
    assert "swept on the child chain" in out


def test_check__as_of_older_blocks__answers_for_these(
    rounds: BridgedRounds, run: BridgeCommand
) -> None:
    chains = rounds.chains
    blocks = ("--root-block", chains.root.head, "--child-block", chains.child.head)
    before = result(run("check", *blocks, "--json"))
    Vaults(chains).burn(20 * NMR)
    assert result(run("check", *blocks, "--json")) == before
    assert result(run("check", "--json"))["in_the_child_vault"] != before["in_the_child_vault"]


def test_check__nmr_from_nowhere__code_5_and_what_differs(
    rounds: BridgedRounds, run: BridgeCommand
) -> None:
    """The child chain's bridge mints what nobody locked, as after a break-in."""
    chains = rounds.chains
    token, manager = chains.child_token, chains.record.child.child_chain_manager
    chains.child.ask("anvil_impersonateAccount", manager)
    chains.child.ask("anvil_setBalance", manager, hex(10**20))
    call = selector("deposit(address,bytes)") + encode(
        ["address", "bytes"], [manager, encode(["uint256"], [5 * NMR])]
    )
    receipt = chains.child.send(**{"from": manager, "to": token.address, "data": "0x" + call.hex()})
    assert int(receipt["status"], 16) == 1
    code, out, _ = run("check", "--json")
    found = json.loads(out)["error"]
    assert (code, found["code"]) == (Exit.DIFFERENT, "different")
    assert "minted: " in found["message"]
    assert "the predicate's balance: " in found["message"]


def test_check__pool_of_another_vault__says_so(rounds: BridgedRounds, run: BridgeCommand) -> None:
    other = rounds.chains.record.with_contracts(burn_vault="0x" + "11" * 20)
    other.save(Path("bridge.json"))
    code, out, _ = run("check", "--pool", rounds.reader.addresses.pool, "--json")
    assert code == Exit.INPUT
    assert "the pool burns into" in json.loads(out)["error"]["message"]


def test_check__one_block_named__is_wrong_usage(rounds: BridgedRounds, run: BridgeCommand) -> None:
    code, _, _ = run("check", "--root-block", "5", "--json")
    assert code == Exit.USAGE
