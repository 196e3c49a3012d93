"""RoundOracle under its governor: who may call, the roles it names, and templates."""

from dataclasses import astuple, replace
from typing import Any

import boa
import pytest
from assay_system import TEMPLATE, System, deploy, refused
from oracle_steps import Steps

from oracle.settlement.payout import Template
from oracle.settlement.typed_data import template_hash


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(system: System) -> Steps:
    return Steps(system)


def calls(system: System) -> dict[str, tuple[Any, ...]]:
    """Every call of the governor, with arguments that it could use."""
    account = boa.env.generate_address()
    return {
        "add_template": (astuple(TEMPLATE),),
        "rotate": ([], [], 4, 5),
        "revoke": (system.signers[0].address,),
        "set_announcer": (account,),
        "set_guardian": (account,),
    }


@pytest.mark.parametrize(
    "call", ["add_template", "rotate", "revoke", "set_announcer", "set_guardian"]
)
def test_governor_call__by_anyone_else__refused(system: System, call: str, stranger: str) -> None:
    function, arguments = getattr(system.oracle, call), calls(system)[call]
    others = [system.announcer, system.guardian, system.signers[0].address, stranger]
    for sender in others:
        with refused("oracle: not governor"):
            function(*arguments, sender=sender)
    function(*arguments, sender=system.governor)


# --- roles ---


def test_set_announcer__another_account__announces_from_now_on(system: System) -> None:
    successor = boa.env.generate_address()
    system.oracle.set_announcer(successor, sender=system.governor)
    [log] = system.oracle.get_logs()
    assert log.announcer == system.oracle.announcer() == successor
    with refused("oracle: not announcer"):
        system.announce(1)
    replace(system, announcer=successor).announce(1)


def test_set_guardian__another_account__guards_from_now_on(system: System) -> None:
    successor = boa.env.generate_address()
    system.oracle.set_guardian(successor, sender=system.governor)
    [log] = system.oracle.get_logs()
    assert log.guardian == system.oracle.guardian() == successor
    with refused("oracle: not guardian"):
        system.oracle.pause(sender=system.guardian)
    system.oracle.pause(sender=successor)


def test_set_role__zero__refused(system: System) -> None:
    for call in (system.oracle.set_announcer, system.oracle.set_guardian):
        with refused("oracle: zero address"):
            call("0x" + "00" * 20, sender=system.governor)


# --- templates ---

SECOND = Template((4, 5, 0), (1, 2, 0), 3, 4, 5, 6)


def test_add_template__rounds_announced_before__keep_theirs(steps: Steps) -> None:
    system = steps.system
    steps.announce(1)
    assert system.oracle.add_template(astuple(SECOND), sender=system.governor) == 2
    [log] = system.oracle.get_logs()
    assert (log.template_hash, log.number) == (template_hash(SECOND), 2)
    steps.announce(2, closes_in=600)
    hashes = [system.oracle.round_of(k).template_hash for k in (1, 2)]
    assert hashes == [template_hash(TEMPLATE), template_hash(SECOND)]
    assert system.oracle.template_hash() == template_hash(SECOND)
    for k, template in ((1, TEMPLATE), (2, SECOND)):
        system.warp(system.due(k))
        steps.commit(k)
        system.warp(system.now + system.timing.window)
        terms = system.oracle.settlement(k)
        assert tuple(terms.multipliers) == template.multipliers
        assert (terms.clip_up, terms.kappa) == (template.clip_up, template.kappa)


def test_template_of__round_with_a_template__only_that(steps: Steps) -> None:
    system = steps.system
    with refused("oracle: not announced"):
        system.oracle.template_of(1)
    opens = system.now + 10
    announced = (1, opens, opens + 400, 300, 10**6, bytes(32), b"\x01" * 32)
    system.oracle.announce(*announced, sender=system.announcer)
    system.oracle.add_template(astuple(SECOND), sender=system.governor)
    assert tuple(system.oracle.template_of(1).multipliers) == TEMPLATE.multipliers
    system.oracle.cancel(1, sender=system.guardian)
    with refused("oracle: cancelled"):
        system.oracle.template_of(1)


def test_add_template__bad_one__refused(system: System) -> None:
    with refused("template: bad clip"):
        bad = replace(SECOND, clip_up=10**12 + 1)
        system.oracle.add_template(astuple(bad), sender=system.governor)
    assert system.oracle.latest().template == 1


def test_add_template__number_4096__refused(steps: Steps) -> None:
    system = steps.system
    steps.set_latest(96, 4_094)
    assert system.oracle.add_template(astuple(SECOND), sender=system.governor) == 4_095
    system.announce(1)
    assert system.oracle.round_of(1).template_hash == template_hash(SECOND)
    with refused("oracle: no template left"):
        system.oracle.add_template(astuple(SECOND), sender=system.governor)
