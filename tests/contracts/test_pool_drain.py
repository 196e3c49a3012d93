"""StakePool.drain: requests reach the lanes in their fixed order, by anyone, in any pieces."""

import boa
import pytest
from assay_system import System, refused

from oracle.settlement.batches import Batch
from oracle.settlement.units import COMPOUND, TAKE_PROFIT, UNITS_PER_NMR
from oracle.settlement.words import Lane, encode_lane, join_word

NMR = UNITS_PER_NMR
NOTHING = [Batch(0, ())]


@pytest.fixture
def closed(system: System, staker: str) -> System:
    """Round 1 is closed with requests of models 0 to 3."""
    system.announce(1)
    for model in range(4):
        system.deposit(model, (model + 1) * NMR)
    system.request_release(1, NMR)
    system.request_release(2, None)
    system.request_release(3, 100 * NMR)
    system.set_mode(0, TAKE_PROFIT)
    system.set_mode(3, TAKE_PROFIT)
    system.warp(system.now + 500)
    return system


def test_drain__mode_then_deposit_then_release(closed: System, stranger: str) -> None:
    assert closed.pool.drain(1, 100, sender=stranger) == 4
    (log,) = closed.pool.get_logs()
    assert (log.round, log.records, log.deposited, log.released) == (1, 4, 10 * NMR, 8 * NMR)
    lanes = [Lane(NMR, True), Lane(NMR), Lane(0), Lane(0, True)]
    assert closed.pool.lane_words(0, 1) == [join_word([encode_lane(lane) for lane in lanes])]
    assert closed.pool.out_words(0, 1) == [join_word([0, NMR, 3 * NMR, 4 * NMR])]
    assert tuple(closed.pool.totals()) == (2 * NMR, 0, 8 * NMR, 0, 0)
    assert closed.pool.queue(1, 0, 10) == []
    assert [closed.pool.record_of(1, m) for m in range(4)] == [0] * 4


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1), (3, 1), (0, 2, 2), (2**256 - 1,), (4, 1)])
def test_drain__in_pieces__same_state(closed: System, pieces: tuple[int, ...]) -> None:
    with boa.env.anchor():
        closed.pool.drain(1, 4)
        at_once = (closed.pool.lane_words(0, 1), closed.pool.out_words(0, 1))
        totals = tuple(closed.pool.totals())
    for n in pieces:
        closed.pool.drain(1, n)
    assert (closed.pool.lane_words(0, 1), closed.pool.out_words(0, 1)) == at_once
    assert tuple(closed.pool.totals()) == totals


def test_drain__mode_changes_back__lane_keeps_its_stake(closed: System) -> None:
    closed.play(1, NOTHING)
    closed.announce(2)
    closed.set_mode(0, COMPOUND)
    closed.set_mode(1, TAKE_PROFIT)
    closed.play(2, NOTHING)
    lanes = [Lane(NMR), Lane(NMR, True), Lane(0), Lane(0, True)]
    assert closed.pool.lane_words(0, 1) == [join_word([encode_lane(lane) for lane in lanes])]


def test_drain__not_the_heads_turn__refused(system: System, staker: str) -> None:
    with refused("pool: open"):
        system.pool.drain(1, 1)
    system.announce(1)
    system.announce(2, closes_in=600)
    with refused("pool: open"):
        system.pool.drain(1, 1)
    system.warp(system.now + 499)
    with refused("pool: open"):
        system.pool.drain(1, 1)
    system.warp(system.now + 500)
    for k in (0, 2):
        with refused("pool: not head"):
            system.pool.drain(k, 1)
    assert system.pool.drain(1, 1) == 0


def test_drain__round_begun_or_done__refused(closed: System) -> None:
    closed.warp(closed.due(1))
    closed.pool.drain(1, 10)
    closed.commit(1, NOTHING, 0, 1)
    closed.warp(closed.now + closed.timing.window)
    closed.pool.begin(1)
    with refused("pool: begun"):
        closed.pool.drain(1, 10)
    closed.settle_all(1, NOTHING)
    with refused("pool: not head"):
        closed.pool.drain(1, 10)


def test_drain__request_after_the_close__waits_for_the_next_round(closed: System) -> None:
    assert closed.deposit(0, 5 * NMR) == 2
    closed.pool.drain(1, 100)
    assert closed.stake(0) == NMR
    assert closed.pool.totals().queued == 5 * NMR
    assert closed.pool.round_state(2).queue_head == 1


def test_drain__released_stake_of_two_rounds__adds_up_in_the_out_lane(closed: System) -> None:
    closed.play(1, NOTHING)
    closed.announce(2)
    closed.deposit(1, 2 * NMR)
    closed.request_release(1, NMR)
    closed.play(2, NOTHING)
    assert (closed.stake(1), closed.claimable(1)) == (2 * NMR, 2 * NMR)
