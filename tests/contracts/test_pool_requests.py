"""StakePool: deposit, release, mode, fund and claim, and the round that a request joins."""

import boa
import pytest
from assay_system import ALL_WEI, System, refused

from oracle.settlement.batches import Batch
from oracle.settlement.units import (
    COMPOUND,
    MAX_AMOUNT,
    MIN_STAKE,
    RELEASE_ALL,
    TAKE_PROFIT,
    UNITS_PER_NMR,
    WEI_PER_UNIT,
)
from oracle.settlement.words import QueueRecord, decode_record, encode_record

NMR = UNITS_PER_NMR
MIN_WEI = MIN_STAKE * WEI_PER_UNIT


def record(system: System, k: int, model: int) -> QueueRecord:
    return decode_record(system.pool.record_of(k, model))


# --- the target round ---


def test_target__nothing_announced__is_the_first_round(system: System) -> None:
    assert system.pool.target() == 1
    assert system.pool.state().head == 1


def test_target__rounds_announced__is_the_first_open_one(system: System) -> None:
    for k in range(1, 4):
        system.announce(k, closes_in=100 * k)
    start = system.now
    for offset, expected in [(0, 1), (99, 1), (100, 2), (199, 2), (200, 3), (299, 3), (300, 4)]:
        system.warp(start + offset)
        assert system.pool.target() == expected


def test_target__hint_stored_by_announcements__answers_the_same(
    system: System, staker: str
) -> None:
    """An announcement remembers where the target was: before, at and behind closed rounds."""
    start = system.now
    system.announce(1, closes_in=100)
    system.announce(2, closes_in=200)
    for offset, k, closes_in, expected in [(0, 3, 300, 1), (150, 4, 250, 2), (400, 5, 500, 5)]:
        system.warp(start + offset)
        system.announce(k, closes_in=closes_in)
        assert system.pool.target() == expected
        assert system.deposit(0, NMR) == expected


def test_target__96_closed_rounds_pending__found_without_a_hint(system: System) -> None:
    for k in range(1, 97):
        system.announce(k, closes_in=100 + 50 * k)
    system.warp(system.now + 100 + 50 * 96)
    assert system.pool.target() == 97


def test_target__hint_far_behind_the_head__found_from_the_head(system: System) -> None:
    """Rounds that are skipped store no hint, while more than 96 of them come and go."""
    for k in range(1, 99):
        system.warp(system.now + system.clocks.skip_after)
        system.pool.skip(k)
        system.pool.end_void(k)
    assert system.pool.target() == 99
    system.announce(99)
    assert system.pool.target() == 99
    system.warp(system.now + 500)
    assert system.pool.target() == 100


@pytest.mark.parametrize("call", ["deposit", "request_release", "set_mode"])
def test_request__round_passed__refused(system: System, staker: str, call: str) -> None:
    argument = TAKE_PROFIT if call == "set_mode" else NMR
    system.announce(1)
    system.warp(system.now + 499)
    assert getattr(system, call)(0, argument, max_round=1) == 1
    system.warp(system.now + 1)
    with refused("pool: round passed"):
        getattr(system, call)(0, argument, max_round=1)
    assert getattr(system, call)(0, argument, max_round=2) == 2


# --- deposit ---


def test_deposit__first_and_again__queued_linked_and_logged(system: System, staker: str) -> None:
    system.announce(1)
    assert system.deposit(0, 5 * NMR) == 1
    (log,) = [e for e in system.pool.get_logs() if type(e).__name__ == "Deposited"]
    assert (log.model, log.round, log.owner, log.amount) == (0, 1, staker, 5 * NMR)
    system.deposit(2, 7 * NMR)
    system.deposit(0, 1 * NMR)
    assert record(system, 1, 0) == QueueRecord(deposit=6 * NMR)
    assert record(system, 1, 2) == QueueRecord(deposit=7 * NMR, next_model=0)
    assert system.pool.round_state(1).queue_head == 3
    assert tuple(system.pool.totals()) == (0, 13 * NMR, 0, 0, 0)
    assert system.token.balanceOf(system.pool) == 13 * NMR * WEI_PER_UNIT
    assert system.stake(0) == 0
    assert system.registry.nonce_of(0) == 0


def test_deposit__bad_amount__refused(system: System, staker: str) -> None:
    with refused("pool: not whole units"):
        system.pool.deposit(0, MIN_WEI + 1, 9, sender=staker)
    with refused("pool: below minimum"):
        system.pool.deposit(0, MIN_WEI - WEI_PER_UNIT, 9, sender=staker)
    with refused("pool: below minimum"):
        system.pool.deposit(0, 0, 9, sender=staker)
    assert system.pool.deposit(0, MIN_WEI, 9, sender=staker) == 1


def test_deposit__not_owner__refused(system: System, staker: str) -> None:
    other = system.new_staker(models=0)
    with refused("pool: not owner"):
        system.pool.deposit(0, MIN_WEI, 9, sender=other)
    with refused("registry: unknown model"):
        system.pool.deposit(4, MIN_WEI, 9, sender=staker)


def test_deposit__without_tokens_or_allowance__refused(system: System, staker: str) -> None:
    system.token.approve(system.pool, MIN_WEI - 1, sender=staker)
    with refused("token: allowance too low"):
        system.pool.deposit(0, MIN_WEI, 9, sender=staker)
    system.token.approve(system.pool, ALL_WEI, sender=staker)
    with refused("token: balance too low"):
        system.pool.deposit(0, 10**7 * NMR * WEI_PER_UNIT, 9, sender=staker)
    assert tuple(system.pool.totals()) == (0, 0, 0, 0, 0)


def test_capacity__all_that_fits_and_one_more__refused(system: System) -> None:
    whale = system.new_staker(models=1, tokens=MAX_AMOUNT)
    system.fund(MIN_STAKE)
    with refused("pool: capacity"):
        system.pool.deposit(0, (MAX_AMOUNT - MIN_STAKE + 1) * WEI_PER_UNIT, 9, sender=whale)
    system.deposit(0, MAX_AMOUNT - MIN_STAKE)
    with refused("pool: capacity"):
        system.pool.fund(WEI_PER_UNIT)
    assert tuple(system.pool.totals()) == (0, MAX_AMOUNT - MIN_STAKE, 0, MIN_STAKE, 0)


# --- release ---


def test_request_release__amounts__add_up_and_saturate(system: System, staker: str) -> None:
    assert system.request_release(1, 2 * NMR) == 1
    (log,) = [e for e in system.pool.get_logs() if type(e).__name__ == "ReleaseRequested"]
    assert (log.model, log.round, log.amount) == (1, 1, 2 * NMR)
    system.request_release(1, NMR)
    assert record(system, 1, 1) == QueueRecord(release=3 * NMR)
    system.request_release(1, RELEASE_ALL - NMR)
    assert record(system, 1, 1) == QueueRecord(release=RELEASE_ALL)
    system.request_release(2, None)
    assert record(system, 1, 2) == QueueRecord(release=RELEASE_ALL, next_model=1)
    system.pool.request_release(3, ALL_WEI - ALL_WEI % WEI_PER_UNIT, 9, sender=staker)
    assert record(system, 1, 3) == QueueRecord(release=RELEASE_ALL, next_model=2)
    assert system.registry.nonce_of(1) == 3


def test_request_release__bad_amount__refused(system: System, staker: str) -> None:
    with refused("pool: not whole units"):
        system.pool.request_release(0, MIN_WEI + 1, 9, sender=staker)
    with refused("pool: below minimum"):
        system.pool.request_release(0, MIN_WEI - WEI_PER_UNIT, 9, sender=staker)


@pytest.mark.parametrize("call", ["request_release", "set_mode"])
def test_request__not_owner_or_unknown__refused(system: System, staker: str, call: str) -> None:
    argument = TAKE_PROFIT if call == "set_mode" else MIN_WEI
    with refused("pool: not owner"):
        getattr(system.pool, call)(0, argument, 9)
    with refused("registry: unknown model"):
        getattr(system.pool, call)(4, argument, 9, sender=staker)
    assert system.registry.nonce_of(0) == 0


# --- mode ---


def test_set_mode__last_request_counts__beside_amounts(system: System, staker: str) -> None:
    system.deposit(0, 3 * NMR)
    system.request_release(0, NMR)
    for mode in (TAKE_PROFIT, COMPOUND, TAKE_PROFIT):
        system.set_mode(0, mode)
        (log,) = [e for e in system.pool.get_logs() if type(e).__name__ == "ModeRequested"]
        assert (log.model, log.round, log.mode) == (0, 1, mode)
        assert record(system, 1, 0) == QueueRecord(3 * NMR, NMR, mode)


@pytest.mark.parametrize("mode", [0, 3, 4, 2**255])
def test_set_mode__unknown__refused(system: System, staker: str, mode: int) -> None:
    with refused("pool: mode"):
        system.pool.set_mode(0, mode, 9, sender=staker)


# --- requests that the relay passes on ---


def test_act__each_action__does_what_the_owners_own_call_does(system: System, staker: str) -> None:
    for action, amount in [(1, 3 * MIN_WEI), (2, MIN_WEI), (3, TAKE_PROFIT)]:
        assert system.pool.act(0, action, amount, 1, sender=system.relay.address) == 1
    assert record(system, 1, 0) == QueueRecord(3 * MIN_STAKE, MIN_STAKE, TAKE_PROFIT)
    assert system.pool.totals().queued == 3 * MIN_STAKE
    assert system.token.balanceOf(system.pool) == 3 * MIN_WEI
    assert system.registry.nonce_of(0) == 3


@pytest.mark.parametrize("action", [0, 4, 2**255])
def test_act__unknown_action__refused(system: System, staker: str, action: int) -> None:
    with refused("pool: action"):
        system.pool.act(0, action, MIN_WEI, 9, sender=system.relay.address)


def test_act__not_relay_or_unknown_model__refused(
    system: System, staker: str, stranger: str
) -> None:
    for sender in (staker, stranger, system.registry.address, system.oracle.address):
        with refused("pool: not relay"):
            system.pool.act(0, 2, MIN_WEI, 9, sender=sender)
    with refused("registry: unknown model"):
        system.pool.act(4, 2, MIN_WEI, 9, sender=system.relay.address)


@pytest.mark.parametrize(
    ("action", "amount", "reason"),
    [
        (1, MIN_WEI - 1, "pool: not whole units"),
        (1, 0, "pool: below minimum"),
        (2, MIN_WEI + 1, "pool: not whole units"),
        (2, 0, "pool: below minimum"),
        (3, 3, "pool: mode"),
    ],
)
def test_act__bad_amount__refused(
    system: System, staker: str, action: int, amount: int, reason: str
) -> None:
    with refused(reason):
        system.pool.act(0, action, amount, 9, sender=system.relay.address)
    assert system.registry.nonce_of(0) == 0


# --- fund ---


def test_fund__anyone__vault_grows(system: System) -> None:
    donor = system.new_staker(models=0)
    system.pool.fund(3 * NMR * WEI_PER_UNIT, sender=donor)
    (log,) = [e for e in system.pool.get_logs() if type(e).__name__ == "Funded"]
    assert (log.sender, log.amount) == (donor, 3 * NMR)
    system.fund(NMR)
    assert tuple(system.pool.totals()) == (0, 0, 0, 4 * NMR, 0)


def test_fund__bad_amount__refused(system: System) -> None:
    with refused("pool: zero amount"):
        system.pool.fund(0)
    with refused("pool: not whole units"):
        system.pool.fund(WEI_PER_UNIT - 1)


# --- claim ---


@pytest.fixture
def released(system: System, staker: str) -> System:
    """Model 0 has 2 NMR to claim and 3 NMR at stake."""
    system.deposit(0, 5 * NMR)
    system.request_release(0, 2 * NMR)
    system.announce(1)
    system.play(1, [Batch(0, ())])
    return system


def test_claim__anyone__pays_the_payout_address_once(released: System, stranger: str) -> None:
    payout = released.registry.payout_of(0)
    before = released.token.balanceOf(payout)
    nonce, version = released.registry.nonce_of(0), released.registry.version_of(0)
    assert released.pool.claimable_of(0) == 2 * NMR * WEI_PER_UNIT
    assert released.pool.claim(0, sender=stranger) == 2 * NMR * WEI_PER_UNIT
    (log,) = [e for e in released.pool.get_logs() if type(e).__name__ == "Claimed"]
    assert (log.model, log.payout, log.amount) == (0, payout, 2 * NMR)
    assert released.token.balanceOf(payout) == before + 2 * NMR * WEI_PER_UNIT
    assert released.claimable(0) == 0
    assert tuple(released.pool.totals()) == (3 * NMR, 0, 0, 0, 0)
    with refused("pool: nothing to claim"):
        released.pool.claim(0)
    assert released.registry.version_of(0) == version + 1
    assert released.registry.nonce_of(0) == nonce


def test_claim__payout_changed__pays_the_address_in_force(released: System) -> None:
    owner, new = released.registry.owner_of(0), boa.env.generate_address()
    released.registry.set_payout(0, new, sender=owner)
    with boa.env.anchor():
        before = released.token.balanceOf(owner)
        released.pool.claim(0)
        assert released.token.balanceOf(owner) == before + 2 * NMR * WEI_PER_UNIT
    released.warp(released.now + 48 * 3600)
    released.pool.claim(0)
    assert released.token.balanceOf(new) == 2 * NMR * WEI_PER_UNIT


def test_claim__unknown_model__refused(released: System) -> None:
    for model in (4, 2**20, 2**255):
        with refused("registry: unknown model"):
            released.pool.claim(model)


def test_claim__neighbours_in_the_word__untouched(system: System, staker: str) -> None:
    for model in range(4):
        system.deposit(model, (model + 1) * NMR)
        system.request_release(model, None)
    system.announce(1)
    system.play(1, [Batch(0, ())])
    for model in (2, 0, 3, 1):
        assert system.pool.claim(model) == (model + 1) * NMR * WEI_PER_UNIT
    assert system.pool.out_words(0, 1) == [0]


# --- views ---


def test_queue__pages__join_to_the_whole_list(system: System, staker: str) -> None:
    for model in (1, 3, 0, 2):
        system.deposit(model, (model + 1) * NMR)
    whole = system.pool.queue(1, 0, 1024)
    assert [word >> 160 for word in whole] == [2, 0, 3, 1]
    assert [word & (2**160 - 1) for word in whole] == [
        system.pool.record_of(1, m) for m in (2, 0, 3, 1)
    ]
    assert decode_record(whole[0] & (2**160 - 1)) == QueueRecord(3 * NMR, next_model=0)
    for size in (1, 2, 3):
        pages, start = [], 0
        while True:
            page = system.pool.queue(1, start, size)
            pages += page
            start = (page[-1] & (2**160 - 1)) >> 114
            if start == 0:
                break
        assert pages == whole
    assert system.pool.queue(2, 0, 10) == []
    assert system.pool.queue(1, 0, 0) == []
    assert system.pool.queue(1, 5, 10) == []


def test_queue__bad_page__refused(system: System, staker: str) -> None:
    system.deposit(0, NMR)
    with refused("pool: page too long"):
        system.pool.queue(1, 0, 1025)


@pytest.mark.parametrize("view", ["lane_words", "out_words"])
def test_words__bad_page__refused(system: System, view: str) -> None:
    call = getattr(system.pool, view)
    assert call(2**18 - 1024, 1024) == [0] * 1024
    assert call(2**18, 0) == []
    with refused("pool: page too long"):
        call(0, 1025)
    for start, n in [(2**18, 1), (2**18 - 1, 2), (2**256 - 1, 1)]:
        with refused("pool: no such word"):
            call(start, n)


@pytest.mark.parametrize("view", ["stake_of", "claimable_of"])
def test_model_view__id_beyond_the_space__refused(system: System, view: str) -> None:
    assert getattr(system.pool, view)(2**20 - 1) == 0
    with refused("pool: unknown model"):
        getattr(system.pool, view)(2**20)


def test_record_of__python_encoder__same_bytes(system: System, staker: str) -> None:
    system.deposit(3, NMR)
    system.deposit(1, 2 * NMR)
    system.request_release(1, None)
    system.set_mode(1, TAKE_PROFIT)
    assert system.pool.record_of(1, 1) == encode_record(
        QueueRecord(2 * NMR, RELEASE_ALL, TAKE_PROFIT, next_model=3)
    )


# --- what the oracle announces ---


def test_schedule__not_oracle__refused(system: System) -> None:
    for sender in (system.announcer, boa.env.eoa, system.registry.address):
        with refused("pool: not oracle"):
            system.pool.schedule(1, system.now + 500, sender=sender)


@pytest.mark.parametrize(
    ("k", "close", "reason"),
    [
        (0, 900, "pool: round order"),
        (1, 900, "pool: round order"),
        (3, 900, "pool: round order"),
        (2, 500, "pool: close in the past"),
        (2, 0, "pool: close in the past"),
        (2, 2**40, "pool: bad close"),
    ],
)
def test_schedule__nonsense_from_the_oracle__refused(
    system: System, k: int, close: int, reason: str
) -> None:
    system.announce(1, closes_in=500)
    with refused(reason):
        system.pool.schedule(k, close + system.now, sender=system.oracle.address)
