"""A whole round on the contracts equals the reference model, whatever the inputs."""

from dataclasses import astuple, dataclass, replace

import boa
import pytest
from assay_system import ONE, System, deploy
from hypothesis import given
from hypothesis import strategies as st
from pool_views import expected, shown
from settle_strategies import MODELS, WORDS, Cut, amounts, cuts, scored, templates

from oracle.settlement.payout import Template, begin
from oracle.settlement.reference import ReferencePool
from oracle.settlement.units import MAX_AMOUNT, RATE_ONE, TAKE_PROFIT


@dataclass(frozen=True)
class Scenario:
    """A round: who stakes what, what the vault holds, how models scored."""

    template: Template
    stakes: dict[int, int]
    take_profit: frozenset[int]
    vault: int
    phi: int
    at_risk: int
    words: list[int]


scenarios = st.builds(
    Scenario,
    template=templates,
    stakes=st.dictionaries(st.integers(0, MODELS - 1), amounts, max_size=MODELS),
    take_profit=st.frozensets(st.integers(0, MODELS - 1)),
    vault=st.one_of(st.just(0), st.integers(1, 2**30), st.integers(0, 2**52)),
    phi=st.integers(900_000, ONE),
    at_risk=st.integers(0, MAX_AMOUNT),
    words=scored,
)


@pytest.fixture(scope="module")
def crowd() -> System:
    """A system with all the models, of one owner who has tokens for any stakes."""
    system = deploy()
    system.new_staker(models=MODELS, tokens=2 * MAX_AMOUNT)
    return system


def on_template(system: System, template: Template) -> System:
    """The system with another payout rule for rounds announced from now on."""
    system.oracle.add_template(astuple(template), sender=system.governor)
    return replace(system, template=template)


def prepare(system: System, scenario: Scenario) -> ReferencePool:
    """The scenario's requests, on both sides; round 1 is announced and due."""
    reference = ReferencePool()
    system.announce(1, phi=scenario.phi)
    now = system.now
    reference.schedule(1, now + 500, now)
    if scenario.vault:
        system.fund(scenario.vault)
        reference.fund(scenario.vault, now)
    for model, amount in scenario.stakes.items():
        assert system.deposit(model, amount) == reference.deposit(model, amount, now) == 1
    for model in scenario.take_profit:
        assert system.set_mode(model, TAKE_PROFIT) == 1
        reference.set_mode(model, TAKE_PROFIT, now)
    system.warp(system.due(1))
    return reference


@pytest.mark.slow
@given(scenario=scenarios, cut=cuts)
def test_round__any_inputs__equals_the_reference(
    crowd: System, scenario: Scenario, cut: Cut
) -> None:
    system = on_template(crowd, scenario.template)
    reference = prepare(system, scenario)
    batches = cut.batches(scenario.words)
    reference.drain(1, MODELS, system.now)
    vault = reference.vault
    before = {m: reference.lane(m).stake for m in range(MODELS)}
    terms = system.play(1, batches, at_risk=scenario.at_risk, words=WORDS)
    fixed = begin(terms.template, terms.phi, terms.at_risk, reference.total, vault)
    assert tuple(system.pool.round_state(1).coefficients) == (
        *fixed.c,
        fixed.up,
        fixed.down,
        fixed.hk,
        fixed.scale,
    )
    gains, burns = reference.settle_round(1, terms, batches)
    assert shown(system, WORDS) == expected(reference, WORDS)

    assert gains <= vault
    assert burns == system.pool.totals().burn_owed
    down, up = scenario.template.clip_down, scenario.template.clip_up
    for model, base in before.items():
        change = system.stake(model) + system.claimable(model) - base
        assert -base * down <= change * RATE_ONE <= base * up
    assert system.pool.state().head == 2


@pytest.mark.slow
@given(
    scenario=scenarios,
    first=cuts,
    second=cuts,
    pieces=st.lists(st.integers(1, 5), min_size=1, max_size=MODELS),
)
def test_round__other_caller_partition_and_drain_pieces__same_end(
    crowd: System, scenario: Scenario, first: Cut, second: Cut, pieces: list[int]
) -> None:
    system = on_template(crowd, scenario.template)
    prepare(system, scenario)
    at_risk, words = scenario.at_risk, WORDS
    with boa.env.anchor():
        system.play(1, first.batches(scenario.words), at_risk=at_risk, words=words)
        one_way = shown(system, WORDS)
    with boa.env.prank(boa.env.generate_address("keeper")):
        for piece in pieces:
            system.pool.drain(1, piece)
        system.play(1, second.batches(scenario.words), at_risk=at_risk, words=words)
    assert shown(system, WORDS) == one_way
