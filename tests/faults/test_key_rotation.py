"""An operator changes its key while rounds run: both keys sign, each its own rounds."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import round_machine
from in_process_chain import WEALTH
from in_process_operator import InProcessOperator
from round_machine import Faults, RoundMachine
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner
from oracle.devnet.topology import Topology, load
from oracle.errors import RefusedError
from oracle.operator.checks import Level, Look, Said
from oracle.operator.checks_of_chain import CHAIN_CHECKS
from oracle.operator.cost import round_gas, spent
from oracle.operator.joining import Call, plan_rotation
from oracle.store.database import Database

pytestmark = [pytest.mark.chain, pytest.mark.slow]

STAYING, OLD, AWAY = 0, 1, 3
NEW, ANYBODY = dev_account(40), dev_account(41)
_NO_FAULTS = Faults(**dict.fromkeys(Faults.__dataclass_fields__, 0.0))


@dataclass
class Rotated:
    """Round 1 was announced before the change, round 2 after it; one other operator is away, so
    that neither is committed without the operator that changed its key."""

    machine: RoundMachine
    old: InProcessOperator
    new: InProcessOperator

    def role(self, operator: InProcessOperator) -> Said:
        return role(self.machine, LocalSigner(operator.account))


def role(machine: RoundMachine, signer: LocalSigner) -> Said:
    """What ``assay operator check`` says of the key's standing."""
    look = Look(SimpleNamespace(), 30)  # type: ignore[arg-type]
    look.__dict__ |= {"reader": machine.reader, "signer": signer}
    [said] = dict(CHAIN_CHECKS)["role"](look)
    return said


def quickly_governed(*times: Any) -> Topology:
    """The timelock waits a hundred seconds instead of days."""
    topology = short_topology(*times)
    governance = topology.governance.model_copy(update={"delay": 100})
    return topology.model_copy(update={"governance": governance})


def send(machine: RoundMachine, call: Call, account: Any) -> None:
    web3 = machine.reader.web3
    fields = {
        "to": call.to,
        "data": call.data,
        "gas": 2_000_000,
        "nonce": web3.eth.get_transaction_count(account.address),
        "maxFeePerGas": 2 * web3.eth.gas_price,
        "maxPriorityFeePerGas": 10**9,
        "chainId": web3.eth.chain_id,
        "value": 0,
    }
    sent = web3.eth.send_raw_transaction(account.sign_transaction(fields).raw_transaction)
    assert web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)["status"] == 1


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    folder: Path = tmp_path_factory.mktemp("rotation")
    with patch.object(round_machine, "short_topology", quickly_governed):
        machine = RoundMachine(folder, 3, int(time.time()), _NO_FAULTS)
    try:
        yield _play(machine, folder)
    finally:
        machine.close()


def _play(machine: RoundMachine, folder: Path) -> Rotated:
    reader, old = machine.reader, machine.operators[OLD]
    planned = plan_rotation(reader, [NEW.address], [old.account.address])
    proposer = dev_account(load().governance.proposer)
    [propose, execute] = planned.calls
    send(machine, propose, proposer)
    machine.chain.advance_to(machine.chain.head.timestamp + planned.delay + 1)
    machine._announce()
    send(machine, execute, ANYBODY)
    machine._announce()
    machine.audit.announced[2] = replace(machine.audit.announced[2], epoch=planned.epoch)
    machine.chain.finalize()
    port = max(operator.port for operator in machine.operators) + 1
    new = InProcessOperator(
        f"{old.name}-2", folder / "new", NEW, machine.chain, old.pool, machine.data, port
    )
    machine.operators.append(new)
    machine.audit.homes[NEW.address] = new.home
    for operator in machine.operators:
        operator.stop()
        operator.peers = {o.url: o for o in machine.operators if o is not operator}
    away = machine.operators.pop(AWAY)
    assert away is not old
    for operator in machine.operators:
        operator.start()
    rotated = Rotated(machine, old, new)
    machine.while_needed = rotated.role(old)
    machine._play_one(ahead=False)
    machine._play_one(ahead=False)
    machine._pump_until(lambda: machine._head() > 2, "round 2 to settle")
    machine.chain.finalize()
    return rotated


def test_rotation__rounds_on_both_sides__committed_and_settled(rotated: Rotated) -> None:
    machine = rotated.machine
    machine._check()
    assert machine.audit.checked == 2
    machine.audit.check_signatures()


def test_rotation__each_key__signed_the_rounds_announced_with_it_and_no_other(
    rotated: Rotated,
) -> None:
    staying = rotated.machine.operators[STAYING]
    assert rotated.old.signed(1) == staying.signed(1) is not None
    assert rotated.new.signed(2) == staying.signed(2) is not None
    assert rotated.old.signed(2) is None
    assert rotated.new.signed(1) is None


def test_spent__every_operator__equals_what_its_account_lost(rotated: Rotated) -> None:
    """Down to the wei: by its own rows and the chain's receipts."""
    machine, sent = rotated.machine, set()
    for operator in machine.operators:
        database = Database.open(operator.home / "journal.sqlite")
        try:
            paid = spent(database, machine.reader.web3, 0)
        finally:
            database.close()
        balance = machine.reader.web3.eth.get_balance(operator.account.address)
        assert sum(one.wei for one in paid) == WEALTH - balance
        sent |= {one.call for one in paid}
        expected = round_gas(machine.reader.models(), 3, announces=False)
        for one in paid:
            assert one.gas <= one.count * expected.get(one.call, one.gas), one
    assert {"commit", "settle"} <= sent


def test_role__before_and_after__says_who_is_needed(rotated: Rotated) -> None:
    needed = rotated.machine.while_needed
    assert needed.level is Level.WARN
    assert "still needed for rounds 1 to 1" in needed.text
    ended = rotated.role(rotated.old)
    assert "its last round has ended" in ended.text
    assert rotated.role(rotated.new).level is Level.OK


def test_role__stranger__fails_and_names_the_way_in(rotated: Rotated) -> None:
    said = role(rotated.machine, LocalSigner(ANYBODY))
    assert said.level is Level.FAIL
    assert said.refused
    assert "join-check" in said.fix


@pytest.mark.parametrize(
    ("added", "retired", "numbers", "reason"),
    [
        ([NEW.address], [], (None, None), "signer twice"),
        ([], [dev_account(2).address], (3, 0), "bad threshold"),
        ([ANYBODY.address], [], (None, 1), "bad super-quorum"),
    ],
)
def test_plan_rotation__contract_would_refuse__its_reason_and_the_options(
    rotated: Rotated, added: Any, retired: Any, numbers: Any, reason: str
) -> None:
    with pytest.raises(RefusedError, match=reason) as error:
        plan_rotation(rotated.machine.reader, added, retired, *numbers)
    assert "--threshold" in error.value.fix
