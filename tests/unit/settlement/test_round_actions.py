"""What is due after the commit, for the pool as a whole, and when to look again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.rounds import (
    FLUSH_AFTER,
    FLUSH_FROM,
    Action,
    OperatorFacts,
    PoolFacts,
    RoundFacts,
    Status,
    next_actions,
    next_change,
    pool_actions,
    wakes_at,
)

FACTS = RoundFacts(
    number=4,
    status=Status.COMMITTED,
    opens=100,
    closes=200,
    horizon=50,
    final_at=300,
    head=3,
    queue_empty=True,
)
CHALLENGED = replace(FACTS, status=Status.CHALLENGED, challenged_at=270)
FINAL = replace(FACTS, status=Status.FINAL)
VOID = replace(CHALLENGED, status=Status.VOID)
DONE = OperatorFacts(targets=True, attested=True)


@pytest.mark.parametrize(
    ("facts", "own", "expected"),
    [
        (FACTS, DONE, ()),
        (FACTS, replace(DONE, disclosed=False), (Action.DISCLOSE,)),
        (FACTS, replace(DONE, has_signatures=False), (Action.COLLECT,)),
        (FACTS, replace(DONE, has_folder=False, disclosed=False), (Action.FOLLOW,)),
        (FACTS, replace(DONE, has_folder=False, targets=False), (Action.AWAIT_TARGETS,)),
        (CHALLENGED, replace(DONE, super_quorum=4), (Action.CONFIRM,)),
        (CHALLENGED, DONE, ()),
        (CHALLENGED, replace(DONE, super_quorum=4, targets=False), ()),
        (CHALLENGED, replace(DONE, super_quorum=4, disclosed=False),
         (Action.DISCLOSE, Action.CONFIRM)),
        (replace(FINAL, head=4), replace(DONE, bond_open=True),
         (Action.SETTLE_BOND, Action.SETTLE)),
        (replace(FINAL, head=4), replace(DONE, has_folder=False), (Action.FOLLOW,)),
        (FINAL, DONE, ()),
        (VOID, replace(DONE, bond_open=True), (Action.SETTLE_BOND,)),
        (replace(FACTS, head=5), replace(DONE, disclosed=False, bond_open=True), ()),
    ],
)  # fmt: skip
def test_next_actions__after_the_commit__what_is_missing(
    facts: RoundFacts, own: OperatorFacts, expected: tuple[Action, ...]
) -> None:
    assert next_actions(facts, own, 280) == expected


CLOSED = replace(FACTS, status=Status.ANNOUNCED, final_at=None)
NOTHING = OperatorFacts(targets=False, attested=False, shared=False)


@pytest.mark.parametrize(
    ("own", "now", "expected"),
    [
        (NOTHING, 199, ()),
        (NOTHING, 200, (Action.SHARE,)),
        (NOTHING, 249, (Action.SHARE,)),
        (NOTHING, 250, (Action.SHARE, Action.AWAIT_TARGETS)),
        (replace(NOTHING, shared=True), 249, ()),
        (replace(NOTHING, shared=True), 250, (Action.AWAIT_TARGETS,)),
        (replace(NOTHING, targets=True), 250, (Action.ATTEST,)),
        (replace(NOTHING, attested=True), 250, (Action.GATHER,)),
    ],
)
def test_next_actions__closed_and_not_evaluated__takes_in_what_others_accepted(
    own: OperatorFacts, now: int, expected: tuple[Action, ...]
) -> None:
    assert next_actions(CLOSED, own, now) == expected


rounds = st.builds(
    RoundFacts,
    number=st.just(4),
    status=st.sampled_from(Status),
    opens=st.integers(0, 50),
    closes=st.integers(51, 100),
    horizon=st.integers(1, 50),
    final_at=st.integers(150, 300),
    head=st.integers(3, 5),
    queue_empty=st.booleans(),
    skipped=st.booleans(),
)
operators = st.builds(
    OperatorFacts,
    targets=st.booleans(),
    attested=st.booleans(),
    has_folder=st.booleans(),
    disclosed=st.booleans(),
    has_signatures=st.booleans(),
    shared=st.booleans(),
    super_quorum=st.integers(0, 5),
    bond_open=st.booleans(),
)


@given(rounds, operators, st.integers(0, 400), st.integers(0, 100), st.integers(0, 100))
def test_next_change__no_event_before_it__the_same_actions(
    facts: RoundFacts, own: OperatorFacts, now: int, later: int, grace: int
) -> None:
    """A loop that sleeps until then misses nothing that the passing of time brings."""
    changes_at = next_change(facts, now, grace)
    at = now + later if changes_at is None else min(now + later, changes_at - 1)
    if at >= now:
        assert next_actions(facts, own, at) == next_actions(facts, own, now)


@given(rounds, st.integers(0, 400), st.integers(0, 100))
def test_next_change__ever__lies_ahead_or_asks_for_every_block(
    facts: RoundFacts, now: int, grace: int
) -> None:
    """The contract turns a committed round final, and a due one void, by the time given here."""
    changes_at = next_change(facts, now, grace)
    timed = {Status.COMMITTED, Status.CHALLENGED}
    if changes_at is not None and facts.status not in timed and facts.head <= facts.number:
        assert changes_at > now or facts.due + grace < now


POOL = PoolFacts(wound_down=False, skippable_at=None, burn_owed=0, flushed_at=1_000)


@pytest.mark.parametrize(
    ("facts", "announces", "now", "expected"),
    [
        (POOL, False, 2_000, ()),
        (POOL, True, 2_000, (Action.ANNOUNCE,)),
        (replace(POOL, skippable_at=2_000), False, 1_999, ()),
        (replace(POOL, skippable_at=2_000), False, 2_000, (Action.SKIP,)),
        (replace(POOL, skippable_at=2_000), True, 2_000, (Action.SKIP,)),
        (replace(POOL, skippable_at=2_000), True, 1_999, (Action.ANNOUNCE,)),
        (replace(POOL, burn_owed=FLUSH_FROM - 1), False, 2_000, ()),
        (replace(POOL, burn_owed=FLUSH_FROM), False, 2_000, (Action.FLUSH,)),
        (replace(POOL, burn_owed=1), False, 999 + FLUSH_AFTER, ()),
        (replace(POOL, burn_owed=1), False, 1_000 + FLUSH_AFTER, (Action.FLUSH,)),
        (replace(POOL, burn_owed=1, wound_down=True), True, 2_000, (Action.FLUSH,)),
        (replace(POOL, wound_down=True), True, 2_000, ()),
    ],
)
def test_pool_actions__every_boundary__what_is_due(
    facts: PoolFacts, announces: bool, now: int, expected: tuple[Action, ...]
) -> None:
    assert pool_actions(facts, announces, now) == expected


def test_wakes_at__several__the_first() -> None:
    assert wakes_at([None, 7, 5, None]) == 5
    assert wakes_at([None]) is None
