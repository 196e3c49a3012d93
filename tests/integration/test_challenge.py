"""Challenges on a real chain, answered by five operators' processes with a super-quorum of four."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from challenges import is_bond_settled, omission, outcome, post_evidence
from operator_net import OperatorNet, operator_net

from oracle.chain.abi import abi
from oracle.settlement.reference_oracle import Outcome
from oracle.settlement.units import WEI_PER_UNIT
from oracle.store.artefacts import RoundFolder, read_manifest
from oracle.verification.verify import verify

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("challenge")]

_CHALLENGER = 13
"""Development account that stakes nothing and holds NMR."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorNet]:
    with operator_net(tmp_path_factory.mktemp("net"), 5) as net:
        assert net.topology.tournament.super_quorum == 4
        yield net


def balance(net: OperatorNet, address: str) -> int:
    token = net.reader.web3.eth.contract(address=net.reader.addresses.token, abi=abi("ChildNmr"))
    return token.functions.balanceOf(address).call()


def models_listed(folder: Path) -> set[int]:
    listed = json.loads(RoundFolder(folder).read("inputs/submissions.json"))
    return {item["model"] for item in listed["accepted"]}


def test_challenge__omitted_submission__replaced_settled_and_the_bond_returned(
    net: OperatorNet,
) -> None:
    away, there = net.operators[:2], net.operators[2:]
    net.announce(1)
    net.submit(1, 0)
    net.submit(1, 1)
    # Two of the three that took it are away when the round is evaluated; one receipt is too few.
    sent = net.submit(1, 2, [*away, there[0]])
    for operator in away:
        net.kill_operator(operator)
    net.publish_targets(1)
    net.until(lambda: net.reader.committed(1), "the commit")
    before = net.reader.committed(1)
    for operator in away:
        net.start_operator(operator)

    evidence = omission(net.reader, sent)
    challenger = net.writer(_CHALLENGER)
    had = balance(net, challenger.sender.signer.address)
    challenger.challenge(1, evidence.digest())
    bond = net.reader.bond() * WEI_PER_UNIT
    assert balance(net, challenger.sender.signer.address) == had - bond
    post_evidence(there[0].url, 1, evidence)

    net.until(lambda: outcome(net.reader, 1) == Outcome.REPLACED, "the answer")
    after = net.reader.committed(1)
    assert before is not None
    assert after is not None
    assert after.manifest != before.manifest
    net.until(lambda: is_bond_settled(net.reader, 1), "the bond")
    assert balance(net, challenger.sender.signer.address) == had
    net.until(lambda: net.reader.state()["head"] == 2, "the settlement")
    for operator in net.operators:
        folder = net.folder(operator, 1)

        def in_force(folder: Path = folder) -> bool:
            return folder.is_dir() and read_manifest(folder).digest() == after.manifest

        net.until(in_force, f"the result in force at {operator.name}")
        assert models_listed(folder) == {0, 1, 2}
    assert [step.name for step in verify(folder, net.topology.rpc)][-1] == "settlement"


def test_challenge__groundless__confirmed_as_it_was_and_the_bond_burned(net: OperatorNet) -> None:
    number = net.reader.state()["last_announced"] + 1
    net.announce(number)
    for model in range(net.models):
        net.submit(number, model)
    net.publish_targets(number)
    net.until(lambda: net.reader.committed(number), "the commit")
    before = net.reader.committed(number)

    challenger = net.writer(_CHALLENGER)
    vault = balance(net, net.reader.addresses.burn_vault)
    challenger.challenge(number, hashlib.sha256(b"nothing").digest())
    challenge = net.reader.challenge_of(number)
    assert challenge is not None

    net.until(lambda: outcome(net.reader, number) == Outcome.UPHELD, "the answer")
    assert net.reader.committed(number) == before
    net.until(lambda: is_bond_settled(net.reader, number), "the bond")
    burned = balance(net, net.reader.addresses.burn_vault) - vault
    assert burned >= challenge.bond * WEI_PER_UNIT
    net.until(lambda: net.reader.state()["head"] == number + 1, "the settlement")
    folder = net.folder(net.operators[0], number)
    assert [step.name for step in verify(folder, net.topology.rpc)][-1] == "settlement"
