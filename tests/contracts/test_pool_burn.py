"""StakePool.flush_burn: what rounds burned goes to the burn vault, all of it and nothing else."""

import pytest
from assay_system import System, refused

from oracle.settlement.batches import Batch, chain
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
LOSS = ScoreLane((-500_000, 0, 0))
NOTHING = [Batch(0, ())]


def losses(*models: int) -> list[Batch]:
    """All these models lose 5 %; a batch a word."""
    words = score_words(dict.fromkeys(models, LOSS), 2)
    return [Batch(i, (word,)) for i, word in enumerate(words) if word]


@pytest.fixture
def burned(system: System) -> System:
    """Round 1 burned 5 % of the 100 NMR of model 0; model 1 has 100 NMR; the vault holds 7 NMR."""
    system.new_staker(models=8)
    system.fund(7 * NMR)
    system.announce(1)
    for model in (0, 1, 4):
        system.deposit(model, 100 * NMR)
    system.play(1, losses(0))
    return system


def arrived(system: System) -> int:
    """U that the burn vault got beside the fees of registrations."""
    fees = system.registry.count() * system.registry.FEE()
    return (system.token.balanceOf(system.burn_vault) - fees) // WEI_PER_UNIT


def test_flush_burn__anyone__sends_all_that_is_owed(burned: System, stranger: str) -> None:
    before = tuple(burned.pool.totals())
    assert before == (295 * NMR, 0, 0, 7 * NMR, 5 * NMR)
    assert burned.pool.flush_burn(sender=stranger) == 5 * NMR * WEI_PER_UNIT
    (log,) = [e for e in burned.pool.get_logs() if type(e).__name__ == "BurnFlushed"]
    assert log.amount == 5 * NMR
    assert arrived(burned) == 5 * NMR
    assert tuple(burned.pool.totals()) == (*before[:4], 0)
    held = sum(burned.pool.totals())
    assert burned.token.balanceOf(burned.pool) == held * WEI_PER_UNIT


def test_flush_burn__nothing_owed__refused(system: System, burned: System) -> None:
    burned.pool.flush_burn()
    with refused("pool: nothing to burn"):
        burned.pool.flush_burn()
    assert arrived(burned) == 5 * NMR


def test_flush_burn__between_batches__sends_what_is_settled_and_the_round_goes_on(
    burned: System,
) -> None:
    batches = losses(1, 4)
    burned.announce(2)
    burned.warp(burned.due(2))
    burned.commit(2, batches, 0, 2)
    burned.warp(burned.now + burned.timing.window)
    burned.settle(2, batches[0], chain(batches)[1])
    state, vault = burned.pool.state(), burned.pool.totals().vault
    assert burned.pool.flush_burn() == 10 * NMR * WEI_PER_UNIT
    assert (burned.pool.state(), burned.pool.totals().vault) == (state, vault)
    burned.settle(2, batches[1], bytes(32))
    assert burned.pool.flush_burn() == 5 * NMR * WEI_PER_UNIT
    assert arrived(burned) == 15 * NMR


def test_flush_burn__many_rounds__flushed_and_owed_are_all_that_was_burned(
    burned: System,
) -> None:
    burns = 5 * NMR
    for k in range(2, 6):
        burned.announce(k)
        burned.play(k, losses(0, 1), words=1)
        burns += sum(e.burns for e in burned.pool.get_logs() if type(e).__name__ == "BatchSettled")
        if k % 2:
            burned.pool.flush_burn()
        assert arrived(burned) + burned.pool.totals().burn_owed == burns


def test_flush_burn__makes_room__below_the_capacity(burned: System) -> None:
    """Burned tokens are held until they are sent."""
    room = 2**56 - 1 - sum(burned.pool.totals())
    burned.fund(room)
    with refused("pool: capacity"):
        burned.fund(1)
    burned.pool.flush_burn()
    burned.fund(5 * NMR)
    with refused("pool: capacity"):
        burned.fund(1)
