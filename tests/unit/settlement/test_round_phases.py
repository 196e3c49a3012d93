"""Phases and actions of a round on both sides of every boundary."""

from dataclasses import replace
from itertools import product

import pytest

from oracle.settlement.rounds import (
    Action,
    OperatorFacts,
    Phase,
    RoundFacts,
    next_actions,
    phase,
)

FACTS = RoundFacts(
    number=4,
    opens=100,
    closes=200,
    horizon=50,
    grace=30,
    window=20,
    committed_at=None,
    head=4,
    queue_empty=True,
)
COMMITTED = replace(FACTS, committed_at=260)
READY = OperatorFacts(targets=True, attested=False)


@pytest.mark.parametrize(
    ("facts", "now", "expected"),
    [
        (FACTS, 0, Phase.UPCOMING),
        (FACTS, 99, Phase.UPCOMING),
        (FACTS, 100, Phase.OPEN),
        (FACTS, 199, Phase.OPEN),
        (FACTS, 200, Phase.CLOSED),
        (FACTS, 249, Phase.CLOSED),
        (FACTS, 250, Phase.DUE),
        (FACTS, 280, Phase.DUE),  # the contract takes a commit up to and in this second
        (FACTS, 281, Phase.MISSED),
        (FACTS, 10**9, Phase.MISSED),
        (COMMITTED, 260, Phase.COMMITTED),
        (COMMITTED, 279, Phase.COMMITTED),
        (COMMITTED, 280, Phase.FINAL),
        (COMMITTED, 10**9, Phase.FINAL),
        (replace(COMMITTED, head=3), 280, Phase.FINAL),
        (replace(FACTS, head=3), 260, Phase.DUE),
        (replace(COMMITTED, head=5), 280, Phase.SETTLED),
        (replace(FACTS, head=5), 0, Phase.SETTLED),
    ],
)
def test_phase__every_boundary__as_the_contract_counts(
    facts: RoundFacts, now: int, expected: Phase
) -> None:
    assert phase(facts, now) is expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (OperatorFacts(targets=False, attested=False), Action.AWAIT_TARGETS),
        (OperatorFacts(targets=True, attested=False), Action.ATTEST),
        (OperatorFacts(targets=True, attested=True), Action.GATHER),
        (OperatorFacts(targets=False, attested=True), Action.GATHER),
    ],
)
def test_next_actions__due__leads_to_the_commit(own: OperatorFacts, expected: Action) -> None:
    assert next_actions(FACTS, own, 250) == (expected,)


@pytest.mark.parametrize(
    ("change", "now", "expected"),
    [
        ({}, 99, ()),
        ({}, 199, ()),
        ({}, 249, ()),
        ({}, 281, ()),
        ({"committed_at": 260}, 279, ()),
        ({"committed_at": 260}, 280, (Action.SETTLE,)),
        ({"committed_at": 260, "head": 3}, 280, ()),
        ({"committed_at": 260, "head": 5}, 280, ()),
        ({"queue_empty": False}, 199, ()),
        ({"queue_empty": False}, 200, (Action.DRAIN,)),
        ({"queue_empty": False}, 281, (Action.DRAIN,)),
        ({"queue_empty": False, "head": 3}, 200, ()),
        ({"queue_empty": False, "committed_at": 260}, 280, (Action.DRAIN,)),
    ],
)
def test_next_actions__every_boundary__table(
    change: dict[str, object], now: int, expected: tuple[Action, ...]
) -> None:
    assert next_actions(replace(FACTS, **change), READY, now) == expected


def test_next_actions__due_with_a_queue__drains_and_attests() -> None:
    """A release waits for the close only, not for the scores."""
    found = next_actions(replace(FACTS, queue_empty=False), READY, 250)
    assert set(found) == {Action.DRAIN, Action.ATTEST}


def test_next_actions__all_facts__follow_the_rules() -> None:
    """Nothing before the close, nothing after settlement, settling only the drained head."""
    for committed_at, head, empty, targets, attested in product(
        (None, 250, 270), (3, 4, 5), (True, False), (True, False), (True, False)
    ):
        facts = replace(FACTS, committed_at=committed_at, head=head, queue_empty=empty)
        for now in (0, 99, 100, 199, 200, 249, 250, 269, 270, 280, 281, 289, 290, 500):
            found = set(next_actions(facts, OperatorFacts(targets, attested), now))
            stage = phase(facts, now)
            is_head = head == 4
            assert (Action.DRAIN in found) == (is_head and now >= 200 and not empty)
            assert (Action.SETTLE in found) == (stage is Phase.FINAL and is_head and empty)
            towards_commit = found & {Action.AWAIT_TARGETS, Action.ATTEST, Action.GATHER}
            assert len(towards_commit) == (stage is Phase.DUE)
