"""StakePool.wind_down and exit: the end of a pool in which no round has ended for too long."""

from collections.abc import Callable
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, NEVER, System, deploy, refused

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.units import TAKE_PROFIT, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
NOTHING = [Batch(0, ())]
LOSS = ScoreLane((-500_000, 0, 0))
GAIN = ScoreLane((500_000, 0, 0))
FIRST = Batch(0, tuple(score_words({0: LOSS, 1: GAIN, 2: GAIN}, 1)))
SECOND = Batch(1, tuple(score_words({0: LOSS, 1: LOSS}, 1)))
HALVES = [FIRST, SECOND]
"""Models 0 to 2 are scored in the first batch, models 4 and 5 in the second one."""
MODELS = 6


def wind_down(system: System) -> System:
    """Waits as long as it takes, and ends the pool."""
    since = system.pool.state().head_since
    system.warp(max(system.now, since + system.clocks.wind_down_after))
    system.pool.wind_down()
    return system


@pytest.fixture(scope="module")
def system() -> System:
    """Models 0 to 5, a payout address each; a vault of 50 NMR."""
    system = deploy()
    owner = system.new_staker(models=0)
    for i in range(MODELS):
        system.register(owner, boa.env.generate_address(f"payout {i}"))
    system.fund(50 * NMR)
    return system


@pytest.fixture
def stranded(system: System) -> System:
    """Every kind of money in every place. Round 2 is half settled, rounds 3 to 5 are undrained.

    | model | at stake | claimable | undrained deposits | undrained requests |
    |---|---|---|---|---|
    | 0 | 95 NMR (5 burned) | | 1 in round 3, 2 in round 4, 3 in round 5 | all of it in round 3 |
    | 1 | 105 NMR (5 gained) | | 4 in round 4 | |
    | 2 | 100 NMR | 5 (its gain) | | take-profit, undone in round 5 |
    | 3 | | | 7 in round 5 | |
    | 4 | 80 NMR | 20 | | |
    | 5 | 100 NMR | | | 10 NMR in round 4 |
    """
    for model in (0, 1, 2, 4, 5):
        system.deposit(model, 100 * NMR)
    system.request_release(4, 20 * NMR)
    system.set_mode(2, TAKE_PROFIT)
    system.announce(1)
    system.play(1, NOTHING)
    system.announce(2, closes_in=100)
    system.warp(system.now + 100)
    system.announce(3, closes_in=200)
    system.announce(4, closes_in=300)
    system.request_release(0, None)
    system.deposit(0, NMR)
    system.warp(system.now + 200)
    system.deposit(1, 4 * NMR)
    system.request_release(5, 10 * NMR)
    system.deposit(0, 2 * NMR)
    system.warp(system.now + 100)
    system.deposit(0, 3 * NMR)
    system.deposit(3, 7 * NMR)
    system.set_mode(2, 1)
    system.warp(system.due(2))
    system.commit(2, HALVES, 0, 2)
    system.warp(system.now + system.timing.window)
    system.settle(2, FIRST, chain(HALVES)[1])
    return system


WAITING = {
    0: ([3, 4, 5], 95 + 6),
    1: ([4], 105 + 4),
    2: ([], 100 + 5),
    3: ([5], 7),
    4: ([], 80 + 20),
    5: ([], 100),
}
"""By model: rounds with deposits, and NMR in all."""


def paid(system: System, model: int) -> int:
    """U that the model's payout address holds."""
    return system.token.balanceOf(system.registry.payout_of(model)) // WEI_PER_UNIT


def test_stranded__before_the_end__books_as_described(stranded: System) -> None:
    lanes = [95, 105, 100, 0, 80, 100]
    assert [stranded.stake(m) for m in range(MODELS)] == [n * NMR for n in lanes]
    assert [stranded.claimable(m) for m in range(MODELS)] == [0, 0, 5 * NMR, 0, 20 * NMR, 0]
    totals = (480 * NMR, 17 * NMR, 25 * NMR, 40 * NMR, 5 * NMR)
    assert tuple(stranded.pool.totals()) == totals


# --- when ---


def test_wind_down__no_round_ever_ended__counts_from_construction(
    system: System, stranger: str
) -> None:
    bound = system.pool.round_state(0).close + system.clocks.wind_down_after
    system.warp(bound - 1)
    with refused("pool: too early"):
        system.pool.wind_down()
    system.warp(bound)
    system.pool.wind_down(sender=stranger)
    (log,) = system.pool.get_logs()
    assert type(log).__name__ == "WoundDown"
    assert system.pool.state().wound_down
    with refused("pool: wound down"):
        system.pool.wind_down()


def test_wind_down__rounds_ended__counts_from_the_last_ones_end(system: System) -> None:
    """With scores or without them."""
    system.announce(1)
    system.play(1, NOTHING)
    system.announce(2)
    system.warp(system.due(2) + system.timing.grace + 1)
    system.pool.end_void(2)
    bound = system.now + system.clocks.wind_down_after
    system.warp(bound - 1)
    with refused("pool: too early"):
        system.pool.wind_down()
    system.warp(bound)
    system.pool.wind_down()


def test_wind_down__batches_go_on__does_not_put_it_off(stranded: System) -> None:
    """A round that never ends keeps nobody in, however busy it looks."""
    system = stranded
    bound = system.pool.state().head_since + system.clocks.wind_down_after
    assert system.pool.state().next_word == 1
    system.warp(bound)
    system.pool.flush_burn()
    system.pool.wind_down()


def test_wind_down__last_batch_comes_before__is_put_off(stranded: System) -> None:
    system = stranded
    bound = system.pool.state().head_since + system.clocks.wind_down_after
    system.warp(bound)
    system.settle(2, SECOND, END)
    with refused("pool: too early"):
        system.pool.wind_down()


# --- after the end ---


def after_the_end(system: System) -> dict[str, Callable[[], Any]]:
    pool, owner = system.pool, system.owner(0)
    return {
        "act": lambda: pool.act(0, 2, ALL_WEI, NEVER, sender=system.relay.address),
        "announce": lambda: system.announce(6),
        "begin": lambda: pool.begin(2),
        "call_void": lambda: pool.call_void(2),
        "deposit": lambda: system.deposit(0, NMR),
        "drain": lambda: pool.drain(2, 1),
        "end_void": lambda: pool.end_void(2),
        "fund": lambda: system.fund(NMR),
        "request_release": lambda: pool.request_release(0, ALL_WEI, NEVER, sender=owner),
        "set_mode": lambda: pool.set_mode(0, 1, NEVER, sender=owner),
        "settle": lambda: system.settle(2, SECOND, END),
        "skip": lambda: pool.skip(2),
        "void_rest": lambda: pool.void_rest(2),
        "wind_down": lambda: pool.wind_down(),
    }


def test_wind_down__every_other_call__refused_for_good(stranded: System) -> None:
    wind_down(stranded)
    before = tuple(stranded.pool.totals())
    for call in after_the_end(stranded).values():
        with refused("pool: wound down"):
            call()
    assert tuple(stranded.pool.totals()) == before


def test_wind_down__claim_and_burn__as_ever(stranded: System) -> None:
    wind_down(stranded)
    assert stranded.pool.claim(4) == 20 * WEI
    assert stranded.pool.flush_burn() == 5 * WEI
    assert stranded.pool.exit(4, []) == 80 * WEI
    assert paid(stranded, 4) == 100 * NMR


def test_wind_down__pause_and_unpause__stop_no_exit(stranded: System) -> None:
    wind_down(stranded)
    stranded.oracle.pause(sender=stranded.guardian)
    assert stranded.pool.exit(4, []) == 100 * WEI
    stranded.oracle.unpause(sender=stranded.guardian)


# --- exit ---


def test_exit__pool_not_wound_down__refused(stranded: System) -> None:
    bound = stranded.pool.state().head_since + stranded.clocks.wind_down_after
    for now in (stranded.now, bound):
        stranded.warp(now)
        with refused("pool: not wound down"):
            stranded.pool.exit(0, [])


def test_exit__anyone__pays_stake_claimable_and_deposits_to_the_payout_address(
    stranded: System, stranger: str
) -> None:
    wind_down(stranded)
    version = stranded.registry.version_of(2)
    stranded.pool.exit(2, [3, 4, 5], sender=stranger)
    (log,) = [e for e in stranded.pool.get_logs() if type(e).__name__ == "Exited"]
    assert (log.model, log.payout) == (2, stranded.registry.payout_of(2))
    assert (log.stake, log.claimable, log.deposits) == (100 * NMR, 5 * NMR, 0)
    assert list(log.rounds) == [3, 4, 5]
    assert paid(stranded, 2) == 105 * NMR
    assert stranded.registry.version_of(2) == version + 1
    assert stranded.pool.exit(0, [4, 3, 5]) == 101 * WEI
    (log,) = [e for e in stranded.pool.get_logs() if type(e).__name__ == "Exited"]
    assert (log.stake, log.claimable, log.deposits) == (95 * NMR, 0, 6 * NMR)


def test_exit__again_for_other_rounds__pays_the_rest_once(stranded: System) -> None:
    wind_down(stranded)
    assert stranded.pool.exit(0, [4]) == 97 * WEI
    with refused("pool: nothing to pay"):
        stranded.pool.exit(0, [4])
    with refused("pool: nothing to pay"):
        stranded.pool.exit(0, [])
    assert stranded.pool.exit(0, [3, 4, 5]) == 4 * WEI
    with refused("pool: nothing to pay"):
        stranded.pool.exit(0, [3, 4, 5])
    assert paid(stranded, 0) == 101 * NMR


@pytest.mark.parametrize(
    ("rounds", "deposits"),
    [
        ([3, 3], 1),
        ([4, 3, 4, 5, 3, 5], 6),
        ([5] * 128, 3),
        ([0, 1, 2, 6, 7, 2**32, 2**256 - 1], 0),
        (list(range(128)), 6),
    ],
)
def test_exit__rounds_twice_or_of_no_use__each_deposit_paid_once(
    stranded: System, rounds: list[int], deposits: int
) -> None:
    wind_down(stranded)
    assert stranded.pool.exit(0, rounds) == (95 + deposits) * WEI
    assert stranded.pool.totals().queued == (17 - deposits) * NMR


def test_exit__undrained_releases_and_modes__are_ignored(stranded: System) -> None:
    """A release would only move the stake that leaves anyhow."""
    wind_down(stranded)
    assert stranded.pool.exit(5, [4]) == 100 * WEI
    assert stranded.pool.exit(2, [5]) == 105 * WEI
    for model, k in ((5, 4), (2, 5)):
        with refused("pool: nothing to pay"):
            stranded.pool.exit(model, [k])


def test_exit__queue_drained_in_part__pays_each_deposit_where_it_is(system: System) -> None:
    """Models 1 and 0 were queued last, so that they are drained first."""
    for model in (2, 0, 1):
        system.deposit(model, 10 * NMR)
    system.request_release(0, 4 * NMR)
    system.announce(1)
    system.warp(system.due(1))
    system.pool.drain(1, 2)
    wind_down(system)
    assert tuple(system.pool.totals()) == (16 * NMR, 10 * NMR, 4 * NMR, 50 * NMR, 0)
    assert [system.pool.exit(m, [1]) for m in (0, 1, 2)] == [10 * WEI] * 3
    assert tuple(system.pool.totals()) == (0, 0, 0, 50 * NMR, 0)


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_queue__deposits_paid_out__still_lists_those_that_wait(system: System, leaver: int) -> None:
    """The model queued first is last in the list: nothing is left of its record."""
    for model in (0, 1, 2):
        system.deposit(model, NMR)
    wind_down(system)
    system.pool.exit(leaver, [1])
    models = [word >> 160 for word in system.pool.queue(1, 0, 10)]
    assert models == [m for m in (2, 1, 0) if m != 0 or leaver != 0]
    deposits = [word & (2**56 - 1) for word in system.pool.queue(1, 0, 10)]
    assert deposits == [NMR * (m != leaver) for m in models]
    assert [system.pool.queue(1, m + 1, 1) for m in models] == [
        [word] for word in system.pool.queue(1, 0, 10)
    ]
    assert system.pool.queue(1, 1, 10) == ([] if leaver == 0 else [NMR])


def test_exit__other_models__untouched(stranded: System) -> None:
    """In the same words and the same queues."""
    wind_down(stranded)
    others = [m for m in range(MODELS) if m != 0]
    before = [(stranded.stake(m), stranded.claimable(m)) for m in others]
    records = [stranded.pool.record_of(k, m) for k in (3, 4, 5) for m in others]
    modes = stranded.pool.lane_words(0, 1)[0] >> 64
    stranded.pool.exit(0, [3, 4, 5])
    assert [(stranded.stake(m), stranded.claimable(m)) for m in others] == before
    assert [stranded.pool.record_of(k, m) for k in (3, 4, 5) for m in others] == records
    assert stranded.pool.lane_words(0, 1)[0] >> 64 == modes
    for model in others:
        rounds, nmr = WAITING[model]
        assert stranded.pool.exit(model, rounds) == nmr * WEI


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]])
def test_exit__everybody__leaves_the_vault_and_the_burn_and_nothing_else(
    stranded: System, order: list[int]
) -> None:
    wind_down(stranded)
    for model in order:
        rounds, nmr = WAITING[model]
        assert stranded.pool.exit(model, rounds) == nmr * WEI
        assert paid(stranded, model) == nmr * NMR
    assert tuple(stranded.pool.totals()) == (0, 0, 0, 40 * NMR, 5 * NMR)
    assert stranded.token.balanceOf(stranded.pool) == 45 * WEI
    assert stranded.pool.lane_words(0, 2) == stranded.pool.out_words(0, 2) == [0, 0]
    stranded.pool.flush_burn()
    assert stranded.token.balanceOf(stranded.pool) == 40 * WEI


def test_exit__unknown_model_or_without_stake__refused(stranded: System) -> None:
    wind_down(stranded)
    for model in (MODELS, 2**20, 2**255):
        with refused("registry: unknown model"):
            stranded.pool.exit(model, [])
    with refused("pool: nothing to pay"):
        stranded.pool.exit(3, [3, 4])


def test_exit__payout_changed__pays_the_address_in_force(stranded: System) -> None:
    wind_down(stranded)
    new, old = boa.env.generate_address(), stranded.registry.payout_of(4)
    stranded.registry.set_payout(4, new, sender=stranded.owner(4))
    stranded.pool.claim(4)
    stranded.warp(stranded.now + 48 * 3600)
    stranded.pool.exit(4, [])
    assert stranded.token.balanceOf(old) == 20 * WEI
    assert stranded.token.balanceOf(new) == 80 * WEI
