"""Phases and actions of a round on both sides of every boundary."""

from dataclasses import replace
from itertools import product

import pytest

from oracle.settlement.rounds import (
    Action,
    OperatorFacts,
    Phase,
    RoundFacts,
    Status,
    next_actions,
    phase,
)

FACTS = RoundFacts(
    number=4,
    status=Status.ANNOUNCED,
    opens=100,
    closes=200,
    horizon=50,
    final_at=None,
    head=4,
    queue_empty=True,
)
COMMITTED = replace(FACTS, status=Status.COMMITTED, final_at=280)
FINAL = replace(COMMITTED, status=Status.FINAL)
CHALLENGED = replace(COMMITTED, status=Status.CHALLENGED)
VOID = replace(FACTS, status=Status.VOID)
SKIPPED = replace(FACTS, status=Status.UNKNOWN, opens=0, horizon=0, skipped=True)
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
        (COMMITTED, 260, Phase.COMMITTED),
        (FINAL, 280, Phase.FINAL),
        (replace(FINAL, head=3), 280, Phase.FINAL),
        (replace(FACTS, head=3), 260, Phase.DUE),
        (CHALLENGED, 270, Phase.CHALLENGED),
        (VOID, 0, Phase.VOID),  # cancelled before it opened
        (VOID, 10**9, Phase.VOID),
        (SKIPPED, 200, Phase.VOID),
        (replace(FINAL, head=5), 280, Phase.ENDED),
        (replace(VOID, head=5), 280, Phase.ENDED),
        (replace(FACTS, head=5), 0, Phase.ENDED),
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
    ("facts", "now", "expected"),
    [
        (FACTS, 99, ()),
        (FACTS, 199, ()),
        (FACTS, 249, ()),
        (COMMITTED, 279, ()),
        (CHALLENGED, 279, ()),
        (FINAL, 280, (Action.SETTLE,)),
        (replace(FINAL, head=3), 280, ()),
        (replace(FINAL, head=5), 280, ()),
        (replace(FACTS, queue_empty=False), 199, ()),
        (replace(FACTS, queue_empty=False), 200, (Action.DRAIN,)),
        (replace(FACTS, queue_empty=False, head=3), 200, ()),
        (replace(FINAL, queue_empty=False), 280, (Action.DRAIN,)),
        (VOID, 199, ()),
        (VOID, 200, (Action.END_VOID,)),
        (replace(VOID, queue_empty=False), 200, (Action.DRAIN,)),
        (replace(VOID, head=3), 200, ()),
        (SKIPPED, 200, (Action.END_VOID,)),
    ],
)
def test_next_actions__every_boundary__table(
    facts: RoundFacts, now: int, expected: tuple[Action, ...]
) -> None:
    assert next_actions(facts, READY, now) == expected


def test_next_actions__due_with_a_queue__drains_and_attests() -> None:
    """A release waits for the close only, not for the scores."""
    found = next_actions(replace(FACTS, queue_empty=False), READY, 250)
    assert set(found) == {Action.DRAIN, Action.ATTEST}


def test_next_actions__all_facts__follow_the_rules() -> None:
    """Nothing before the close, nothing after the end; only the drained head is ended."""
    rounds = (FACTS, COMMITTED, FINAL, CHALLENGED, VOID, SKIPPED)
    for base, head, empty, targets, attested in product(
        rounds, (3, 4, 5), (True, False), (True, False), (True, False)
    ):
        facts = replace(base, head=head, queue_empty=empty)
        for now in (0, 99, 100, 199, 200, 249, 250, 280, 500):
            found = set(next_actions(facts, OperatorFacts(targets, attested), now))
            stage = phase(facts, now)
            is_head = head == 4
            ready = is_head and empty
            assert (Action.DRAIN in found) == (is_head and now >= 200 and not empty)
            assert (Action.SETTLE in found) == (stage is Phase.FINAL and ready)
            assert (Action.END_VOID in found) == (stage is Phase.VOID and ready and now >= 200)
            towards_commit = found & {Action.AWAIT_TARGETS, Action.ATTEST, Action.GATHER}
            assert len(towards_commit) == (stage is Phase.DUE)
