"""What stakers bring over, how burns end, and when the demo refuses to say that they did."""

from dataclasses import replace

import pytest

from oracle.bridge.conservation import Burn, ChildFacts, Deposit, Facts, Flow, PoolFacts, RootFacts
from oracle.bridge.sweeping import Left
from oracle.demo.crossing import Closing, waits_for_its_week
from oracle.demo.players import Player, wei_needed
from oracle.errors import DifferenceError, Exit
from oracle.settlement.units import UNITS_PER_NMR

VAULT = "0x" + "11" * 20
BURNED = 30 + 2
"""By the round, and as a fee."""
FACTS = Facts(
    vault=VAULT,
    root=RootFacts(
        block=9,
        supply=1_000 - BURNED,
        before=0,
        created=1_000,
        to_nobody=BURNED,
        nobody=0,
        locked=400,
        swept=BURNED,
        predicate=Flow(balance=368, into=400, out=BURNED),
        vault=Flow(balance=0, into=BURNED, out=BURNED),
    ),
    child=ChildFacts(
        block=8,
        supply=368,
        minted=400,
        swept=BURNED,
        vault=Flow(balance=0, into=BURNED, out=BURNED),
        from_pool=30,
    ),
    pool=PoolFacts(burnt=30, owed=0, flushed=30, fees=2),
    deposits=(Deposit(2, 400, True),),
    burns=(Burn(b"1", VAULT, BURNED, True),),
)
"""400 wei came over the bridge, of which 32 were burned and are gone from the supply."""


def test_closing__all_burns_destroyed__fell_by_exactly_these() -> None:
    closing = Closing(1_000, FACTS)
    closing.check()
    assert closing.fell == closing.burned == BURNED


@pytest.mark.parametrize("before", [999, 1_001])
def test_closing__another_supply_before__the_demo_fails(before: int) -> None:
    with pytest.raises(DifferenceError, match=r"fell by \d+ wei, and 32 wei were burned") as info:
        Closing(before, FACTS).check()
    assert info.value.exit_code == Exit.DIFFERENT


def test_closing__books_do_not_add_up__the_demo_fails_and_says_where() -> None:
    off = replace(FACTS, child=replace(FACTS.child, supply=369))
    with pytest.raises(DifferenceError, match="NMR is not conserved: the child supply: 369 wei"):
        Closing(1_000, off).check()


def test_closing__burns_still_on_their_way__the_demo_fails() -> None:
    """The books are in order, and the supply has not fallen by what the round burned."""
    root = replace(
        FACTS.root,
        supply=1_000,
        to_nobody=0,
        swept=0,
        predicate=Flow(balance=400, into=400, out=0),
        vault=Flow(),
    )
    waiting = replace(FACTS, root=root, burns=(Burn(b"1", VAULT, BURNED, False),))
    with pytest.raises(DifferenceError, match="fell by 0 wei, and 32 wei were burned"):
        Closing(1_000, waiting).check()


NMR = 10**18


@pytest.mark.parametrize(
    ("owed", "left", "waits"),
    [
        (9, Left(0, 0, 0, 0, 0), True),
        (9, Left(9 * NMR, 0, 0, 0, 9 * NMR), True),
        (10, Left(0, 0, 0, 0, 0), False),
        (0, Left(10 * NMR, 0, 0, 0, 0), False),
        (0, Left(0, 0, 0, 0, 10 * NMR), False),
        (0, Left(NMR, NMR, 0, 0, 0), False),
        (0, Left(0, 0, NMR, 0, NMR), False),
    ],
    ids=["owed", "in-all", "flush", "child-sweep", "root-sweep", "checkpoint", "exit"],
)
def test_burns__little_left_and_nothing_on_its_way__wait_for_a_week(
    owed: int, left: Left, waits: bool
) -> None:
    assert waits_for_its_week(owed * UNITS_PER_NMR, left) is waits


def test_wei_needed__several_models_of_a_staker__stakes_and_a_fee_each() -> None:
    players = [Player(f"model {n}", "", b"", staker=n % 2, stake=n * 10**9) for n in (1, 2, 3)]
    assert wei_needed(players, 5) == {1: 4 * NMR + 10, 0: 2 * NMR + 5}
