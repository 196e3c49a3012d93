"""Deployments on a chain: interrupted, refused; and every lie about one found."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from anvil import Chain, anvil, run_ape
from deployer import LocalSigner
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.chain.keys import dev_account
from oracle.chain.record import TOURNAMENT, Compiler, DeploymentRecord, load_record
from oracle.devnet.profile import Roles
from oracle.devnet.topology import Topology, load
from oracle.errors import AssayError, EnvironmentLacksError, RefusedError
from scripts._compare import Comparison, Report
from scripts._compiled import Compiled, compile_contract
from scripts._plan import Artifact, check_fits, plan
from scripts._steps import carry_out, check_progress, only_one

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("deployment")]

DEPLOYER = dev_account(0)
GUARDIAN, PROPOSER, STRANGER = dev_account(6), dev_account(7), dev_account(40)
TOPOLOGY = load()
ALL = ("Timelock", *TOURNAMENT)
TOKEN, VAULT = dev_account(50).address, dev_account(51).address
ROLES = TOPOLOGY.on_one_chain().roles(TOKEN, VAULT)
COMPILER = Compiler(version="0.4.3", evm_version="prague")
SALT = bytes(32)


@dataclass(frozen=True)
class Deployed:
    """A tournament on a chain, and the file of its record."""

    chain: Chain
    path: Path
    record: DeploymentRecord
    compiled: Mapping[str, Compiled]

    def compare(self, record: DeploymentRecord | None = None) -> Report:
        return Comparison(self.chain.web3, record or self.record, self.compiled).run()

    def contract(self, name: str) -> Any:
        address = self.record.contracts[name].address
        return self.chain.web3.eth.contract(address=address, abi=self.compiled[name].abi)  # type: ignore[call-overload]

    def send(self, sender: LocalAccount, call: Any) -> Any:
        """One transaction of a development account, mined."""
        sent = call.transact({"from": sender.address})
        receipt = self.chain.web3.eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def govern(self, call: Any) -> str:
        """Puts one call through the timelock; returns the proposal's id."""
        timelock, data = self.contract("Timelock"), call._encode_transaction_data()
        self.send(PROPOSER, timelock.functions.propose(call.address, data, SALT))
        self.chain.advance(8 * 86_400)
        self.send(STRANGER, timelock.functions.execute(call.address, data, SALT))
        return "0x" + timelock.functions.id_of(call.address, data, SALT).call().hex()


@pytest.fixture(scope="module")
def compiled() -> Mapping[str, Compiled]:
    return {name: compile_contract(name, COMPILER.evm_version) for name in ALL}


@pytest.fixture(scope="module")
def artifacts(compiled: Mapping[str, Compiled]) -> Mapping[str, Artifact]:
    return {name: contract.artifact for name, contract in compiled.items()}


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with anvil() as started:
        yield started


@pytest.fixture(autouse=True)
def _undone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test finds the shared chain as the fixtures left it."""
    if "deployed" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("deployed").chain.undone():
        yield


@pytest.fixture(scope="module")
def deployed(
    chain: Chain,
    compiled: Mapping[str, Compiled],
    artifacts: Mapping[str, Artifact],
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployed:
    path = tmp_path_factory.mktemp("deployment") / "record.json"
    record = carry_out(
        chain.web3, planned(chain, artifacts), path, artifacts, LocalSigner(chain.web3), str
    )
    return Deployed(chain, path, record, compiled)


def planned(
    chain: Chain,
    artifacts: Mapping[str, Artifact],
    topology: Topology = TOPOLOGY,
    roles: Roles | None = None,
    nonce: int | None = None,
) -> DeploymentRecord:
    """A plan from the deployer's next nonce on."""
    return plan(
        topology.tournament,
        roles or ROLES,
        artifacts,
        DEPLOYER.address,
        chain.nonce(DEPLOYER.address) if nonce is None else nonce,
        {},
        compiler=COMPILER,
        commit="unknown",
    )


def named(report: Report) -> set[tuple[str, str]]:
    """Contract and subject of every difference."""
    return {(found.contract, found.what) for found in report.differences}


# ---------------------------------------------------------------------- the command, through Ape


def test_check__command__names_what_was_changed_and_exits_1(deployed):
    arguments = ("check", "--network", deployed.chain.network, "--record", str(deployed.path))
    code, out, err = run_ape(*arguments, "--json")
    assert code == 0, out + err
    shown = json.loads(out)
    assert shown["ok"] is True
    assert shown["checks"] > 90
    assert shown["differences"] == []
    assert (shown["stand_ins"], shown["not_looked_at"]) == ({}, [])

    relay = deployed.record.contracts["StakeRelay"].address
    deployed.chain.call("anvil_setCode", relay, "0x00")
    code, out, err = run_ape(*arguments)
    assert code == 1, out + err
    assert "DIFFERENT StakeRelay: code is keccak" in out
    assert "StakeRelay: pool is no answer" in out


def test_check__record_of_another_chain__is_no_comparison(deployed, tmp_path):
    path = tmp_path / "other.json"
    deployed.record.model_copy(update={"chain_id": 5}).save(path)
    code, _, err = run_ape("check", "--network", deployed.chain.network, "--record", str(path))
    assert code == 3
    assert "this is chain 731371, the record is of 5" in err


# ---------------------------------------------------------------------- going on, and refusing to


class _StopError(Exception):
    """Ends a run between two contracts."""


def interrupted(
    chain: Chain, artifacts: Mapping[str, Artifact], path: Path, after: str
) -> DeploymentRecord:
    """A deployment that stopped right after one contract."""

    def say(line: str) -> None:
        if line.startswith(after):
            raise _StopError

    record = planned(chain, artifacts)
    with pytest.raises(_StopError):
        carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), say)
    return load_record(path, complete=False)


def test_carry_out__complete__sends_and_writes_nothing(deployed, artifacts):
    nonce, raw = deployed.chain.nonce(DEPLOYER.address), deployed.path.read_bytes()
    again = carry_out(
        deployed.chain.web3,
        load_record(deployed.path),
        deployed.path,
        artifacts,
        LocalSigner(deployed.chain),
        str,
    )
    assert again == deployed.record
    assert (deployed.chain.nonce(DEPLOYER.address), deployed.path.read_bytes()) == (nonce, raw)


def test_carry_out__sent_by_an_earlier_run_and_still_waiting__waited_for(
    deployed, artifacts, tmp_path
):
    chain, path = deployed.chain, tmp_path / "record.json"
    record = interrupted(chain, artifacts, path, "ModelRegistry")
    pool = record.contracts["StakePool"]
    signer = LocalSigner(chain.web3)
    raw = signer.sign_creation(pool.nonce, artifacts["StakePool"].creation(pool.arguments))
    sent = "0x" + keccak(raw).hex()
    record.put("StakePool", sent=(sent,)).save(path)
    chain.call("evm_setAutomine", False)
    chain.web3.eth.send_raw_transaction(raw)
    mining = threading.Timer(1, lambda: (chain.call("evm_setAutomine", True), chain.mine()))
    mining.start()
    begun = load_record(path, complete=False)
    record = carry_out(chain.web3, begun, path, artifacts, signer, str)
    mining.join()
    assert record.contracts["StakePool"].transaction == sent
    assert record.is_complete


def test_carry_out__deployer_used_meanwhile__refused_and_record_kept(deployed, artifacts, tmp_path):
    chain, path = deployed.chain, tmp_path / "record.json"
    record = interrupted(chain, artifacts, path, "StakePool")
    payment = {"from": DEPLOYER.address, "to": STRANGER.address, "value": 1}
    chain.web3.eth.wait_for_transaction_receipt(chain.web3.eth.send_transaction(payment))
    nonce = chain.nonce(DEPLOYER.address)
    with pytest.raises(RefusedError, match=r"RoundOracle needs .* used for something else") as info:
        carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), str)
    assert "move the record away" in info.value.fix
    assert load_record(path, complete=False) == record
    assert chain.nonce(DEPLOYER.address) == nonce


def test_carry_out__a_strangers_transaction_waits__refused(deployed, artifacts, tmp_path):
    chain, path = deployed.chain, tmp_path / "record.json"
    record = interrupted(chain, artifacts, path, "StakePool")
    chain.call("evm_setAutomine", False)
    try:
        chain.web3.eth.send_transaction({"from": DEPLOYER.address, "to": STRANGER.address})
        with pytest.raises(RefusedError, match="used for something else"):
            carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), str)
        assert chain.pending() == 1
    finally:
        chain.call("evm_setAutomine", True)


def test_carry_out__constructor_fails__says_so_and_so_it_stays(deployed, artifacts, tmp_path):
    chain, path = deployed.chain, tmp_path / "record.json"
    rules = TOPOLOGY.tournament.model_copy(update={"signatures": 4})
    record = planned(chain, artifacts, TOPOLOGY.model_copy(update={"tournament": rules}))
    for _ in range(2):
        with pytest.raises(RefusedError, match="the constructor of RoundOracle failed"):
            carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), str)
        record = load_record(path, complete=False)
    assert not record.contracts["RoundOracle"].is_there


@pytest.mark.parametrize("place", ["file/record.json", "folder"])
def test_carry_out__unwritable_record__nothing_sent(deployed, artifacts, tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    chain, path = deployed.chain, tmp_path / place
    record, nonce = planned(chain, artifacts), chain.nonce(DEPLOYER.address)
    with pytest.raises(AssayError, match=r"cannot (write|use)"):
        carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), str)
    assert chain.nonce(DEPLOYER.address) == nonce


def test_check_progress__fresh_chain_of_the_same_id__refused(deployed, artifacts):
    with anvil() as fresh, pytest.raises(RefusedError, match="this chain knows nothing of it"):
        check_progress(fresh.web3, deployed.record)


def test_only_one__two_runs_in_one_folder__second_refused(tmp_path):
    path = tmp_path / "record.json"
    with only_one(path), pytest.raises(EnvironmentLacksError, match="under way"), only_one(path):
        pass
    with only_one(path):
        pass


def test_check_fits__same_again__passes(deployed, artifacts):
    check_fits(deployed.record, planned(deployed.chain, artifacts, nonce=0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signatures": 2}, "RoundOracle: threshold is 3, now 2"),
        ({"registry_fee_nmr": Decimal(1)}, "ModelRegistry: fee is 10{17}, now 10{18}$"),
        (
            {"clocks": TOPOLOGY.tournament.clocks.model_copy(update={"pause": 5})},
            "StakePool: clocks.pause is 604800, now 5",
        ),
    ],
    ids=["threshold", "fee", "clock"],
)
def test_check_fits__arguments_changed__each_named(deployed, artifacts, change, said):
    rules = TOPOLOGY.tournament.model_copy(update=change)
    other = TOPOLOGY.model_copy(update={"tournament": rules})
    with pytest.raises(RefusedError, match=said):
        check_fits(deployed.record, planned(deployed.chain, artifacts, other, nonce=0))


def test_check_fits__sources_changed__contract_named(deployed, artifacts):
    oracle = artifacts["RoundOracle"]
    other = {**artifacts, "RoundOracle": replace(oracle, initcode=b"\x5b" + oracle.initcode)}
    with pytest.raises(RefusedError, match="RoundOracle: its sources, or the compiler") as info:
        check_fits(deployed.record, planned(deployed.chain, other, nonce=0))
    assert "StakePool" not in info.value.message


# ---------------------------------------------------------------------- lies, each of them found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single recorded argument, by its dotted path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    else:
        yield path, value


def with_argument(record: DeploymentRecord, name: str, path: str, value: Any) -> DeploymentRecord:
    """The record with one argument changed."""
    arguments = json.loads(json.dumps(record.contracts[name].arguments))
    place, (*groups, last) = arguments, path.split(".")
    for group in groups:
        place = place[group]
    place[last] = value
    return record.put(name, arguments=arguments)


def another(value: Any) -> Any:
    """A value of the same kind."""
    if isinstance(value, list):
        return [*value[:-1], another(value[-1])]
    return STRANGER.address if value.startswith("0x") else str(int(value) ^ 1)


def test_compare__untouched__no_difference(deployed):
    report = deployed.compare()
    assert (report.differences, report.changes) == ([], [])


@pytest.mark.parametrize("name", ALL)
def test_compare__any_argument_other_than_recorded__named(deployed, name):
    for path, value in leaves(deployed.record.contracts[name].arguments):
        lie = with_argument(deployed.record, name, path, another(value))
        report = deployed.compare(lie)
        found = named(report)
        assert (name, "creation arguments") in found, path
        assert report.changes == []
        assert any(c == name and what.endswith(path) for c, what in found), path


@pytest.mark.parametrize("name", ALL)
def test_compare__one_bit_of_code_changed__named(deployed, name):
    address = deployed.record.contracts[name].address
    code = bytearray(deployed.chain.web3.eth.get_code(address))
    code[len(deployed.compiled[name].runtime) // 2] ^= 1
    deployed.chain.call("anvil_setCode", address, "0x" + code.hex())
    assert (name, "code") in named(deployed.compare())


@pytest.mark.parametrize("name", ALL)
def test_compare__no_code__named(deployed, name):
    address = deployed.record.contracts[name].address
    deployed.chain.call("anvil_setCode", address, "0x")
    [found] = [f for f in deployed.compare().differences if (f.contract, f.what) == (name, "code")]
    assert found.live == "none"


@pytest.mark.parametrize("name", ALL)
def test_compare__one_immutable_rewired__only_that_named(deployed, name):
    contract, compiled = deployed.record.contracts[name], deployed.compiled[name]
    for immutable in compiled.immutables:
        code = bytearray(deployed.chain.web3.eth.get_code(contract.address))
        code[len(compiled.runtime) + immutable.offset + immutable.length - 1] ^= 1
        with deployed.chain.undone():
            deployed.chain.call("anvil_setCode", contract.address, "0x" + code.hex())
            found = named(deployed.compare())
        assert (name, f"immutable {immutable.name}") in found
        assert (name, "code") not in found


def test_compare__truthful_record_of_wrong_wires__named(chain, artifacts, compiled, tmp_path):
    with chain.undone():
        record = planned(chain, artifacts)
        for name, argument in (("StakePool", "relay"), ("RoundOracle", "governor")):
            record = with_argument(record, name, argument, STRANGER.address)
        path = tmp_path / "record.json"
        record = carry_out(chain.web3, record, path, artifacts, LocalSigner(chain.web3), str)
        found = named(Deployed(chain, path, record, compiled).compare())
    assert {("StakePool", "recorded relay"), ("RoundOracle", "recorded governor")} <= found
    assert ("StakePool", "code") not in found


def test_compare__same_code_made_by_other_creation_code__named(deployed):
    """It may have written to the storage whatever it liked, such as another signer."""
    chain, compiled = deployed.chain, deployed.compiled["ModelRegistry"]
    address = deployed.record.contracts["ModelRegistry"].address
    code = bytes(chain.web3.eth.get_code(address))
    size = len(code).to_bytes(2, "big")
    # slot 0 = 5; then return what stands behind these 20 bytes
    creation = bytes.fromhex("6005600055") + b"\x61" + size + bytes.fromhex("6014600039")
    creation += b"\x61" + size + bytes.fromhex("6000f3")
    transaction = {"from": STRANGER.address, "data": creation.ljust(20, b"\x00") + code}
    receipt = chain.web3.eth.wait_for_transaction_receipt(
        chain.web3.eth.send_transaction(transaction)
    )
    assert bytes(chain.web3.eth.get_code(receipt["contractAddress"])) == code
    lie = deployed.record.put(
        "ModelRegistry",
        address=receipt["contractAddress"],
        transaction="0x" + receipt["transactionHash"].hex(),
    )
    found = named(deployed.compare(lie))
    assert ("ModelRegistry", "creation code") in found
    assert ("ModelRegistry", "code") not in found
    assert compiled.runtime == code[: len(compiled.runtime)]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("RoundOracle", "guardian"),
        ("RoundOracle", "announcer"),
        ("Timelock", "proposer"),
        ("Timelock", "canceller"),
    ],
)
def test_compare__storage_changed_without_an_event__named_as_wrong(deployed, name, what):
    contract = deployed.record.contracts[name]
    held = contract.arguments[what]
    slots = [
        slot
        for slot in range(400)
        if int(deployed.chain.web3.eth.get_storage_at(contract.address, slot).hex(), 16)
        == int(held, 16)
    ]
    stranger = "0x" + STRANGER.address[2:].rjust(64, "0")
    for slot in slots:
        deployed.chain.call("anvil_setStorageAt", contract.address, hex(slot), stranger)
    report = deployed.compare()
    [found] = report.differences
    assert (found.what, found.live, found.recorded) == (what, STRANGER.address, held)
    assert report.changes == []


# ---------------------------------------------------------------------- changes, each explained


def test_compare__rotated_through_the_timelock__changed_since_deployment(deployed):
    oracle, operators = deployed.contract("RoundOracle"), TOPOLOGY.roles().operators
    rotation = oracle.functions.rotate([STRANGER.address], [operators[0]], 3, 0)
    proposal = deployed.govern(rotation)
    report = deployed.compare()
    assert report.differences == []
    [change] = report.changes
    assert (change.contract, change.what) == ("RoundOracle", "signers")
    assert change.live == ", ".join([*operators[1:], STRANGER.address])
    assert f"proposal {proposal} in block" in change.why
    assert "changed since deployment" in str(change)


def test_compare__everything_changed_through_the_timelock__each_explained(deployed):
    oracle, timelock = deployed.contract("RoundOracle"), deployed.contract("Timelock")
    people = [dev_account(50 + i).address for i in range(4)]
    template = ((1, 2, 3), (1, 2, 3), 10**10, 10**10, 10**12, 5)
    for call in (
        oracle.functions.set_announcer(people[0]),
        oracle.functions.set_guardian(people[1]),
        oracle.functions.add_template(template),
        oracle.functions.rotate([people[2], people[3]], [], 4, 5),
        timelock.functions.set_canceller(people[1]),
        timelock.functions.set_proposer(people[0]),
    ):
        deployed.govern(call)
    report = deployed.compare()
    assert report.differences == []
    changed = {change.what for change in report.changes}
    assert {"announcer", "guardian", "signers", "threshold", "super_quorum"} <= changed
    assert {"template_hash", "template.kappa", "proposer", "canceller"} <= changed
    assert all("proposal 0x" in change.why for change in report.changes)


def test_compare__signer_suspended_by_the_guardian__explained_until_it_ends(deployed):
    signer = TOPOLOGY.roles().operators[1]
    deployed.send(GUARDIAN, deployed.contract("RoundOracle").functions.suspend(signer))
    report = deployed.compare()
    [change] = report.changes
    assert report.differences == []
    assert f"{signer} suspended by the guardian" in change.why
    deployed.chain.advance(15 * 86_400)
    later = deployed.compare()
    assert (later.changes, later.differences) == ([], [])


def test_compare__event_and_storage_disagree__named_as_wrong(deployed):
    """A real change does not hide one that nobody proposed."""
    oracle = deployed.contract("RoundOracle")
    deployed.govern(oracle.functions.set_guardian(dev_account(50).address))
    held = int(dev_account(50).address, 16)
    [slot] = [
        slot
        for slot in range(400)
        if int(deployed.chain.web3.eth.get_storage_at(oracle.address, slot).hex(), 16) == held
    ]
    stranger = "0x" + STRANGER.address[2:].rjust(64, "0")
    deployed.chain.call("anvil_setStorageAt", oracle.address, hex(slot), stranger)
    assert named(deployed.compare()) == {("RoundOracle", "guardian")}


def test_compare__event_without_a_proposal__named_as_wrong(deployed):
    """As if the governor could be made to call without the timelock's own execution."""
    governor = deployed.record.contracts["Timelock"].address
    for method in (
        ("anvil_impersonateAccount", governor),
        ("anvil_setBalance", governor, hex(10**18)),
    ):
        deployed.chain.call(*method)
    call = deployed.contract("RoundOracle").functions.set_guardian(STRANGER.address)
    deployed.chain.web3.eth.wait_for_transaction_receipt(call.transact({"from": governor}))
    deployed.chain.call("anvil_stopImpersonatingAccount", governor)
    report = deployed.compare()
    assert named(report) == {("RoundOracle", "guardian")}
    assert report.changes == []


def test_compare__deployer_made_guardian_later__named(deployed):
    oracle = deployed.contract("RoundOracle")
    deployed.govern(oracle.functions.set_guardian(DEPLOYER.address))
    report = deployed.compare()
    assert [change.what for change in report.changes] == ["guardian"]
    [found] = report.differences
    assert (found.contract, found.what, found.live) == ("deployer", DEPLOYER.address, "guardian")
