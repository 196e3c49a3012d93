"""Assay's own contracts of a bridge, and a tournament on it: deployed, interrupted, refused."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deployer import CHILD_ID, COMPILER, ROOT_ID, LocalSigner, Place, compiled, deployment, source
from eth_utils import keccak
from two_chains import TwoChains, two_chains
from vaulted_chains import deploy_vault, initcode_of, vault_address
from web3 import Web3
from web3.logs import DISCARD

from oracle.bridge.record import BridgeDeployment, Vault, VaultSide
from oracle.bridge.roles import Verdict, inspect
from oracle.bridge.vault import FACTORY, vault_call
from oracle.chain.abi import abi
from oracle.chain.keys import dev_account
from oracle.chain.record import TOURNAMENT, load_record
from oracle.devnet.profile import TunnelRoles
from oracle.errors import EnvironmentLacksError, InputError, RefusedError
from scripts._bridge_check import check_bridge
from scripts._own_bridge import OWN
from scripts._plan import ROOTS

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

DEPLOYER, GOVERNOR, STRANGER = 0, 7, 45
STEPS = (
    ("root", "BurnVault"),
    ("child", "BurnVault"),
    ("child", "GovChild"),
    ("root", "GovRoot"),
    *(("child", name) for name in ("Timelock", *TOURNAMENT, "RootsOutbox")),
    ("root", "RootsInbox"),
)
"""Every transaction of a deployment on bare chains, in order."""


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    with two_chains(ROOT_ID, CHILD_ID) as chains:
        yield chains


@pytest.fixture
def place(both: TwoChains, tmp_path: Path) -> Iterator[Place]:
    with both.undone():
        yield Place(both, tmp_path)


def proposed_from_the_root(place: Place) -> None:
    """The timelock's proposer is the tunnel's end."""
    timelock = place.roles.timelock.model_copy(update={"proposer": None})
    place.roles = place.roles.model_copy(update={"timelock": timelock})


def webs(place: Place) -> dict[str, Web3]:
    return {"root": place.chains.root_web3, "child": place.chains.child_web3}


# ---------------------------------------------------------------------- the whole


def test_deploy__bare_chains__all_is_there_and_knows_each_other(place: Place) -> None:
    place.deploy()
    record, tournament = place.bridge, place.tournament
    assert record.burn_vault == vault_address(place.chains)
    assert list(tournament.contracts) == ["Timelock", *TOURNAMENT, *ROOTS]
    at = {name: contract.address for name, contract in tournament.contracts.items()}
    [(pool, roots)] = record.roots.items()
    assert (pool, roots.outbox, roots.inbox) == (
        at["StakePool"],
        at["RootsOutbox"],
        at["RootsInbox"],
    )
    arguments = tournament.contracts["StakePool"].arguments
    assert arguments["token"] == record.child.token
    assert arguments["burn_vault"] == record.burn_vault
    above, below = place.chains.root_web3, place.chains.child_web3
    report = check_bridge(above, below, record, {name: compiled(name) for name in OWN})
    assert report.ok
    assert not [f for f in report.findings if f.verdict is Verdict.WRONG]
    live = [bytes(web3.eth.get_code(record.burn_vault)) for web3 in (above, below)]  # type: ignore[arg-type]
    assert live[0] == live[1] != b""


def test_deploy__again__sends_and_writes_nothing(place: Place) -> None:
    place.deploy()
    with place.nothing_sent():
        place.deploy()
    assert [line.partition(": ")[2] for line in place.said] == ["all is there, nothing sent"]


def test_deploy__dry_run__foretells_every_address_and_touches_nothing(place: Place) -> None:
    with place.nothing_sent():
        place.deploy(dry=True)
    shown = "\n".join(place.said)
    assert "dry run, nothing sent" in shown
    assert f"chain {ROOT_ID}: " in shown
    place.deploy()
    contracts = place.bridge.contracts | place.tournament.contracts
    for address in [place.bridge.burn_vault, *(c.address for c in contracts.values())]:
        assert f" {address}" in shown


def test_deploy__no_proposer__governed_from_the_root_chain(place: Place) -> None:
    """A command of the root chain's governor reaches the timelock, after the tunnel's delay."""
    proposed_from_the_root(place)
    place.deploy()
    record, chains = place.bridge, place.chains
    oracle = place.tournament.contracts["RoundOracle"].address
    timelock = chains.child_web3.eth.contract(
        address=place.tournament.contracts["Timelock"].address,  # type: ignore[arg-type]
        abi=abi("Timelock"),
    )
    assert timelock.functions.proposer().call() == record.gov_child
    call = keccak(text="set_guardian(address)")[:4] + bytes(12) + b"\x11" * 20
    data = timelock.encode_abi("propose", [oracle, call, bytes(32)])
    above = chains.root_web3.eth.contract(address=record.gov_root, abi=abi("GovRoot"))  # type: ignore[call-overload]
    now = chains.child_web3.eth.get_block("latest")["timestamp"]
    command = above.functions.send(timelock.address, data, now + 80 * 86_400, 0)
    chains.done(chains.root_web3, command, GOVERNOR)
    [synced] = chains.settle_syncs()
    assert synced.ok
    below = chains.child_web3.eth.contract(address=record.gov_child, abi=abi("GovChild"))  # type: ignore[call-overload]
    execute = below.functions.execute(1, timelock.address, bytes.fromhex(data[2:]))
    assert chains.send(chains.child_web3, execute, STRANGER)["status"] == 0
    chains.child.mine(2, seconds=7 * 86_400)
    receipt = chains.done(chains.child_web3, execute, STRANGER)
    [proposed] = timelock.events.Proposed().process_receipt(receipt, errors=DISCARD)
    assert proposed["args"]["target"] == oracle


# ---------------------------------------------------------------------- killed


def test_deploy__killed_at_every_step__goes_on_and_deploys_each_once(tmp_path: Path) -> None:
    """Between any two transactions: what was sent is mined, or lost, before the next run."""
    with two_chains(ROOT_ID, CHILD_ID) as chains:
        place = Place(chains, tmp_path)
        (tmp_path / "source.pickle").write_bytes(pickle.dumps(source()))
        for web3 in (chains.root, chains.child):
            web3.ask("evm_setAutomine", False)
        for number, step in enumerate(STEPS):
            run = Run(place)
            sent = run.until_sent(step)
            run.process.send_signal(signal.SIGKILL)
            run.process.wait()
            chain = getattr(chains, step[0])
            if number % 2:
                chain.ask("anvil_dropTransaction", sent)
            else:
                chain.ask("evm_mine")
        run = Run(place)
        run.to_the_end()
        assert place.nonces() == (3, 9)
        assert place.tournament.is_complete
        assert made_by_us(place) == (True, True)
        for web3 in (chains.root, chains.child):
            web3.ask("evm_setAutomine", True)
        with place.nothing_sent():
            place.deploy()
        findings = inspect(chains.root_web3, chains.child_web3, place.bridge)
        assert [f for f in findings if not f.is_sound] == []


def made_by_us(place: Place) -> tuple[bool, bool]:
    """Whether the record says so of the vault on the root and on the child chain."""
    deployment = place.bridge.deployment
    assert deployment is not None
    vault = deployment.vault
    assert (vault.root.sent, vault.child.sent) == ((), ())
    return vault.root.transaction is not None, vault.child.transaction is not None


DRIVER = """
import pickle, sys
from pathlib import Path
from deployer import TOPOLOGY, deployment
from oracle.chain.rpc import connect
root, child, folder = sys.argv[1:]
source = pickle.loads((Path(folder) / "source.pickle").read_bytes())
made, job = deployment(connect(root), connect(child), Path(folder), TOPOLOGY.roles(), source)
made.run([job], {}, print)
"""


class Run:
    """A deployment in a process of its own."""

    def __init__(self, place: Place) -> None:
        self.place, chains = place, place.chains
        paths = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, chains.root.url, chains.child.url, str(place.folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_sent(self, step: tuple[str, str]) -> str:
        """Mines what comes before ``step``; the hash of its transaction, which waits."""
        chain = getattr(self.place.chains, step[0])
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()
            pool = json.dumps(chain.ask("txpool_content"))
            for sent in self.sent(step):
                if sent in pool:
                    return sent
            self.mine_others(step)
            time.sleep(0.02)
        raise AssertionError(f"{step} was not sent")

    def sent(self, step: tuple[str, str]) -> tuple[str, ...]:
        """What the records say was sent for it and may not be mined."""
        side, name = step
        record, folder = self.place.bridge, self.place.folder
        if name == "BurnVault":
            return getattr(record.deployment.vault, side).sent if record.deployment else ()
        contracts = dict(record.contracts)
        if (folder / "record.json").exists():
            contracts |= load_record(folder / "record.json", complete=False).contracts
        return contracts[name].sent if name in contracts else ()

    def mine_others(self, step: tuple[str, str]) -> None:
        """Mines a transaction that waits, if the records know it as another step's."""
        for other in STEPS[: STEPS.index(step)]:
            chain = getattr(self.place.chains, other[0])
            sent = self.sent(other)
            if sent and sent[-1] in json.dumps(chain.ask("txpool_content")):
                chain.ask("evm_mine")

    def to_the_end(self) -> None:
        chains = self.place.chains
        while self.process.poll() is None:
            for chain in (chains.root, chains.child):
                if int(chain.ask("txpool_status")["pending"], 16):
                    chain.ask("evm_mine")
            time.sleep(0.05)
        assert self.process.returncode == 0, self.process.communicate()


# ---------------------------------------------------------------------- whoever is first


def test_vault__somebody_was_first_on_both_chains__taken_as_done(place: Place) -> None:
    for web3 in webs(place).values():
        assert deploy_vault(place.chains, web3, STRANGER)["status"] == 1
    place.deploy()
    assert place.bridge.burn_vault == vault_address(place.chains)
    assert made_by_us(place) == (False, False)
    assert place.nonces() == (2, 8), "nothing was spent on the vault"


def test_vault__somebody_is_first_just_then__taken_as_done(place: Place) -> None:
    """Between the look and the transaction, which then fails."""

    @dataclass(frozen=True)
    class Slow(LocalSigner):
        def sign_call(self, nonce: int, to: str, data: bytes) -> bytes:
            raw = super().sign_call(nonce, to, data)
            assert deploy_vault(place.chains, self.web3, STRANGER)["status"] == 1
            return raw

    place.deploy(signer=Slow)
    assert place.bridge.burn_vault == vault_address(place.chains)
    assert made_by_us(place) == (False, False)
    assert place.nonces() == (3, 9)
    assert place.tournament.is_complete


def test_vault__own_transaction_was_late_and_somebody_first__waited_for(place: Place) -> None:
    """It still takes a nonce, from which later addresses follow."""
    root, web3 = place.chains.root, place.chains.root_web3
    signer = LocalSigner(web3)
    raw = signer.sign_call(0, FACTORY, vault_call(initcode_of(place.chains)))
    vault = Vault(
        address=vault_address(place.chains),
        initcode="0x" + keccak(initcode_of(place.chains)).hex(),
        root=VaultSide(sent=("0x" + keccak(raw).hex(),)),
    )
    begun = BridgeDeployment(commit="unknown", compiler=COMPILER, vault=vault)
    place.keep(place.bridge.model_copy(update={"deployment": begun}))
    assert deploy_vault(place.chains, web3, STRANGER)["status"] == 1
    root.ask("evm_setAutomine", False)
    try:
        web3.eth.send_raw_transaction(raw)
        mining = threading.Timer(1, lambda: (root.ask("evm_setAutomine", True), root.mine()))
        mining.start()
        place.deploy()
        mining.join()
    finally:
        root.ask("evm_setAutomine", True)
    assert made_by_us(place) == (False, True)
    assert place.nonces() == (3, 9)


@pytest.mark.parametrize("side", ["root", "child"])
def test_vault__no_factory__said_before_anything_is_sent(place: Place, side: str) -> None:
    getattr(place.chains, side).ask("anvil_setCode", FACTORY, "0x")
    chain = {"root": ROOT_ID, "child": CHILD_ID}[side]
    with (
        place.nothing_sent(),
        pytest.raises(EnvironmentLacksError, match=f"chain {chain} has no deterministic") as info,
    ):
        place.deploy()
    assert "docs/deployment.md" in info.value.fix


def test_vault__other_code_in_the_factorys_place__refused(place: Place) -> None:
    place.chains.child.ask("anvil_setCode", FACTORY, "0x60006000fd")
    with place.nothing_sent(), pytest.raises(RefusedError, match="has other code at 0x4e59"):
        place.deploy()


def test_vault__other_code_at_its_address__refused(place: Place) -> None:
    place.chains.root.ask("anvil_setCode", vault_address(place.chains), "0x60006000fd")
    with place.nothing_sent(), pytest.raises(RefusedError, match="the burn vault's address"):
        place.deploy()


def test_vault__begun_with_other_sources__refused_and_the_commit_named(place: Place) -> None:
    place.deploy()
    record = place.bridge
    assert record.deployment is not None
    vault = record.deployment.vault.model_copy(update={"initcode": "0x" + "11" * 32})
    place.keep(record.model_copy(update={"burn_vault": None}).deployed(vault=vault))
    with place.nothing_sent(), pytest.raises(RefusedError, match="of other sources") as info:
        place.deploy()
    assert "commit unknown" in info.value.fix


def test_vault__record_names_another_one__refused(place: Place) -> None:
    other = dev_account(STRANGER).address
    place.keep(place.bridge.with_contracts(burn_vault=other))
    with place.nothing_sent(), pytest.raises(RefusedError, match=f"names {other}"):
        place.deploy()


# ---------------------------------------------------------------------- refused


def test_deploy__chains_contradict_the_record__refused_and_nothing_sent(place: Place) -> None:
    record = place.bridge
    root = record.root.model_copy(update={"fx_root": record.root.state_sender})
    place.keep(record.model_copy(update={"root": root}))
    with place.nothing_sent(), pytest.raises(RefusedError, match=r"StateSender\.registrations"):
        place.deploy()


@pytest.mark.parametrize("side", ["root", "child"])
def test_deploy__deployer_cannot_pay_on_one_chain__nothing_sent_on_either(
    place: Place, side: str
) -> None:
    address = dev_account(DEPLOYER).address
    getattr(place.chains, side).ask("anvil_setBalance", address, hex(10**12))
    chain = {"root": ROOT_ID, "child": CHILD_ID}[side]
    with place.nothing_sent(), pytest.raises(RefusedError, match=f"on chain {chain}, the deploym"):
        place.deploy()


@pytest.mark.parametrize("what", ["token", "burn_vault"])
def test_deploy__roles_name_another_one__refused(place: Place, what: str) -> None:
    place.roles = place.roles.model_copy(update={what: dev_account(STRANGER).address})
    with place.nothing_sent(), pytest.raises(InputError, match=f"{what} is .*, the bridge's is"):
        place.deploy()


def test_deploy__tunnel_of_other_roles__refused_and_each_difference_named(place: Place) -> None:
    place.deploy()
    tunnel = TunnelRoles(governor=dev_account(STRANGER).address, delay=5)
    place.roles = place.roles.model_copy(update={"tunnel": tunnel})
    with place.nothing_sent(), pytest.raises(RefusedError) as info:
        place.deploy()
    assert "GovRoot: governor is " in info.value.message
    assert "GovChild: delay is 604800, now 5" in info.value.message


def test_deploy__deployer_used_between_the_tunnels_ends__refused(place: Place) -> None:
    """Their addresses cannot come true any more."""
    chains = place.chains

    @dataclass(frozen=True)
    class Distracted(LocalSigner):
        def sign_creation(self, nonce: int, data: bytes) -> bytes:
            raw = super().sign_creation(nonce, data)
            if self.web3.eth.chain_id == CHILD_ID:
                payment = {"from": self.address, "to": FACTORY, "value": "0x0", "data": "0x00"}
                chains.root.ask("eth_sendTransaction", payment | {"gas": "0x30000"})
            return raw

    with pytest.raises(RefusedError, match=r"but GovRoot needs 1: .* used for something else"):
        place.deploy(signer=Distracted)
    with pytest.raises(RefusedError, match="but GovRoot needs") as info:
        place.deploy()
    assert "empty `contracts` of the bridge's `deployment`" in info.value.fix
    place.keep(place.bridge.deployed(contracts={}))
    place.deploy()
    assert place.bridge.gov_root is not None


def test_deploy__endpoint_of_another_chain__refused(place: Place) -> None:
    chains = place.chains
    with place.nothing_sent(), pytest.raises(InputError, match=f"is of chain {CHILD_ID}"):
        deployment(chains.child_web3, chains.child_web3, place.folder, place.roles, source())
