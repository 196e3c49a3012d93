"""A few rounds of the machine; ``make rounds`` plays a thousand."""

import time

import pytest
from round_machine import Faults, RoundMachine, growth, held

pytestmark = [pytest.mark.chain, pytest.mark.slow]

ROUNDS = 12


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory):
    machine = RoundMachine(tmp_path_factory.mktemp("rounds"), 7, int(time.time()), Faults())
    machine.play(ROUNDS // 2)
    machine.before = held(machine.steady)
    machine.play(ROUNDS - ROUNDS // 2)
    machine.after = held(machine.steady)
    machine.finish()
    yield machine
    machine.close()


def test_rounds__random_faults__lanes_and_commits_equal_the_reference(played: RoundMachine):
    assert played.audit.checked >= ROUNDS
    assert played.reference.pool.burn_owed > 0
    assert played.reference.pool.vault != 100_000 * 10**9


def test_rounds__random_faults__every_kind_of_fault_happened(played: RoundMachine):
    kinds = ("operator absent", "operator restarted", "reorganisation", "targets late")
    assert [kind for kind in kinds if not played.happened[kind]] == []


def test_rounds__random_faults__every_operator_signed_and_none_twice(played: RoundMachine):
    signers = {operator for operator, _ in played.audit.digests}
    assert len(signers) == len(played.operators)
    assert {len(signed) for signed in played.audit.digests.values()} == {1}


def test_rounds__more_of_them__an_operator_does_not_grow(played: RoundMachine):
    # What is remembered of kinds of statements comes in late; `make rounds` has a longer breath.
    sizes = {ROUNDS // 2: played.before, ROUNDS: played.after}
    assert growth(sizes, tolerated=128 * 1024) == ""
