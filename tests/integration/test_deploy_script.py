"""The deploy and check commands as a person runs them, through Ape, on two chains."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anvil import run_ape, start_ape
from deployer import CHILD_ID, ROOT_ID, TOPOLOGY, LocalSigner, Place, source
from eth_account import Account
from two_chains import NMR, TwoChains, two_chains

from oracle.chain.keys import dev_account, write_keystore
from oracle.chain.record import TOURNAMENT, load_record
from oracle.devnet.profile import Roles, TimelockRoles, TunnelRoles
from oracle.errors import InputError, RefusedError
from scripts._deployment import Deployment, Job
from scripts._own_bridge import OwnBridge
from scripts._plan import ROOTS
from scripts._steps import Site

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("deployment")]

ALL = ("Timelock", *TOURNAMENT, *ROOTS)
DEPLOYER = 0


def options(place: Place) -> list[str]:
    """What names the chains and the bridge."""
    chains = place.chains
    network = "mainnet" if place.bridge.child.chain_id == 137 else "devnet"
    return [
        *("--network", f"polygon:{network}:{chains.child.url}"),
        *("--bridge", str(place.folder / "bridge.json")),
        *("--root-rpc", chains.root.url),
    ]


# ---------------------------------------------------------------------- a devnet


def test_deploy__killed_and_run_again__shown_deployed_funded_and_checked(tmp_path: Path) -> None:
    with two_chains(ROOT_ID, CHILD_ID) as chains:
        chains.give(DEPLOYER, 10_000 * NMR)
        chains.deposit(DEPLOYER, 6_000 * NMR)
        chains.settle_syncs()
        place, record = Place(chains, tmp_path), tmp_path / "record.json"
        arguments = ("deploy", *options(place), "--record", str(record))
        with place.nothing_sent():
            code, shown, err = run_ape(*arguments, "--dry-run")
        assert code == 0, err
        for part in (*ALL, "7 d", "72,000 NMR", "CORR, MMC, NONE", "BurnVault", "GovRoot"):
            assert part in shown, part

        killed_at(place, "StakePool", start_ape(*arguments, "--fund"))
        code, out, err = run_ape(*arguments, "--fund")
        assert code == 0, err
        assert "vault 5000 NMR" in out
        contracts = place.bridge.contracts | place.tournament.contracts
        for contract in contracts.values():
            assert contract.address in shown, "the dry run foretold another address"

        with place.nothing_sent():
            code, out, err = run_ape(*arguments)
        assert (code, "all is there, nothing sent" in out) == (0, True), err
        check_both(place)


def killed_at(place: Place, name: str, run: Any) -> None:
    """Kills a run when it has sent the contract's creation."""
    path, deadline = place.folder / "record.json", time.monotonic() + 300
    while not (path.exists() and is_begun(path, name)):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline, f"{name} was not sent"
        time.sleep(0.001)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert not load_record(path, complete=False).is_complete


def is_begun(path: Path, name: str) -> bool:
    contract = load_record(path, complete=False).contracts[name]
    return contract.is_there or bool(contract.sent)


def check_both(place: Place) -> None:
    """Both checks pass; what is broken afterwards is named, with exit code 1."""
    record = place.folder / "record.json"
    arguments = options(place)
    network, root = arguments[:2], arguments[4:]
    code, out, err = run_ape("check", *network, *root, "--record", str(record), "--json")
    assert code == 0, out + err
    assert json.loads(out)["checks"] > 100
    inbox = place.tournament.contracts["RootsInbox"].address
    place.chains.root.ask("anvil_setCode", inbox, "0x00")
    code, out, err = run_ape("check", *arguments, "--json")
    assert code == 1, out + err
    shown = json.loads(out)
    wrong = [f["what"] for f in shown["findings"] if f["expected"] and f["verdict"] != "ok"]
    assert (shown["ok"], len(wrong)) == (False, 3)
    assert all(what.startswith("RootsInbox of ") for what in wrong)
    code, out, err = run_ape("check", *arguments)
    assert code == 1, out + err
    assert sum("RootsInbox" in line and not line.startswith("OK") for line in out.splitlines()) == 3
    assert "OK            RootChainManager.rootToChildToken(NMR)" in out


# ---------------------------------------------------------------------- real networks' ids


@pytest.fixture(scope="module")
def networks() -> Iterator[TwoChains]:
    with two_chains(1, 137) as chains:
        yield chains


@pytest.fixture
def production(networks: TwoChains, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """People with keys of their own, an Ape account with gas money on both chains."""
    with networks.undone():
        deployer = Account.create()
        for chain in (networks.root, networks.child):
            chain.ask("anvil_setBalance", deployer.address, hex(10**20))
        (tmp_path / "accounts").mkdir()
        write_keystore(tmp_path / "accounts" / "deployer.json", deployer, "a password")
        (tmp_path / "bridge").mkdir()
        place = Place(networks, tmp_path / "bridge")
        roles = {
            "chain_id": 137,
            "announcer": Account.create().address,
            "guardian": Account.create().address,
            "operators": [Account.create().address for _ in range(7)],
            "timelock": {"canceller": Account.create().address, "delay": 604_800},
            "tunnel": {"governor": Account.create().address, "delay": 86_400},
        }
        yield {"deployer": deployer, "roles": roles, "folder": tmp_path, "place": place}


def deploy_profiles(production: dict[str, Any], *more: str) -> tuple[int, str, str]:
    folder = production["folder"]
    (folder / "roles.json").write_text(json.dumps(production["roles"]))
    profiles = [f"deployments/profiles/{n}.toml" for n in ("classic", "signals", "crypto")]
    return run_ape(
        "deploy",
        *options(production["place"]),
        *(word for profile in profiles for word in ("--profile", profile)),
        *("--roles", str(folder / "roles.json")),
        *("--records", str(folder / "records")),
        *more,
        APE_DATA_FOLDER=str(folder),
        APE_ACCOUNTS_deployer_PASSPHRASE="a password",  # noqa: S106
    )


def nonces(production: dict[str, Any]) -> tuple[int, int]:
    """The deployer's on root and child chain."""
    chains, address = production["place"].chains, production["deployer"].address
    above, below = (
        web3.eth.get_transaction_count(address) for web3 in (chains.root_web3, chains.child_web3)
    )
    return above, below


def test_deploy__three_profiles_on_real_ids__one_timelock_and_governed_from_the_root(
    production: dict[str, Any],
) -> None:
    account = ("--account", "deployer")
    code, out, err = deploy_profiles(production, *account, "--dry-run")
    assert code == 0, err
    assert nonces(production) == (0, 0)
    code, _, err = deploy_profiles(production, *account)
    assert code == 0, err
    spent = (2 + 3, 2 + 1 + 3 * 6)
    assert nonces(production) == spent
    bridge = production["place"].bridge
    records = {
        path.stem: load_record(path) for path in (production["folder"] / "records").glob("*.json")
    }
    numbers = {"classic": 8, "signals": 11, "crypto": 12}
    assert {name: r.tournament for name, r in records.items()} == numbers
    [timelock] = {r.contracts["Timelock"].address for r in records.values()}
    assert {r.contracts["Timelock"].arguments["proposer"] for r in records.values()} == {
        bridge.gov_child
    }
    assert set(bridge.roots) == {r.pool for r in records.values()}
    for record in records.values():
        for contract in record.contracts.values():
            assert contract.address in out, "the dry run foretold another address"
        assert record.contracts["RoundOracle"].arguments["governor"] == timelock

    code, out, err = deploy_profiles(production, *account)
    assert out.count("all is there, nothing sent") == 3, err
    assert nonces(production) == spent


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({}, (), "name an account of your own with --account"),
        ({"guardian": dev_account(6).address}, ("--account", "deployer"), "known to everybody"),
        ({}, ("--account", "nobody"), "Ape has no account nobody"),
        ({"chain_id": 80002}, ("--account", "deployer"), "this is chain 137, the deployment is"),
    ],
    ids=["no account", "known key", "unknown account", "other chain"],
)
def test_deploy__real_id_and_a_danger__refused_and_nothing_sent(
    production: dict[str, Any], change: dict[str, Any], more: tuple[str, ...], said: str
) -> None:
    production["roles"] |= change
    with production["place"].nothing_sent():
        code, _, err = deploy_profiles(production, *more)
    assert code in (3, 7), err
    assert said in err
    assert nonces(production) == (0, 0)


def test_deploy__real_id_and_an_address_nobody_compared__refused(
    production: dict[str, Any],
) -> None:
    place = production["place"]
    place.keep(place.bridge.model_copy(update={"unverified": ("root.token", "child.token")}))
    with place.nothing_sent():
        code, _, err = deploy_profiles(production, "--account", "deployer")
    assert code == 7, err
    assert "nobody has compared root.token, child.token with their sources" in err
    assert nonces(production) == (0, 0)


def test_deployment__real_id_without_a_bridge__refused(networks: TwoChains) -> None:
    signer = LocalSigner(networks.child_web3)
    people = [Account.create().address for _ in range(11)]
    roles = Roles(
        chain_id=137,
        token=people[0],
        burn_vault=people[1],
        announcer=people[2],
        guardian=people[3],
        operators=tuple(people[4:]),
        timelock=TimelockRoles(proposer=people[2], canceller=people[3], delay=1),
    )
    with pytest.raises(RefusedError, match="token and burn vault are those of a bridge's record"):
        Deployment(Site(networks.child_web3, signer), roles, source())
    tunnel = TunnelRoles(governor=people[2], delay=1)
    with pytest.raises(InputError, match="there is no bridge"):
        Deployment(
            Site(networks.child_web3, signer),
            roles.model_copy(update={"tunnel": tunnel}),
            source(),
        )


def test_deployment__real_id_and_no_super_quorum__refused(production: dict[str, Any]) -> None:
    place, chains = production["place"], production["place"].chains
    above, below = (
        Site(web3, LocalSigner(web3, production["deployer"]))
        for web3 in (chains.root_web3, chains.child_web3)
    )
    bridge = OwnBridge(place.folder / "bridge.json", place.bridge, above, below, source())
    roles = Roles.model_validate(production["roles"])
    job = Job(TOPOLOGY.tournament, place.folder / "record.json")
    with place.nothing_sent(), pytest.raises(RefusedError, match="no super-quorum"):
        Deployment(below, roles, source(), bridge).run([job], {}, str)
