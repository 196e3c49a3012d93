"""Everything the contracts know can be rebuilt from their logs and the calldata of settle."""

from dataclasses import asdict

import boa
import pytest
from assay_system import System, Timing, deploy
from event_index import Index
from history import WORDS, History
from ledger import Ledger, Log, Transaction

from oracle.settlement import reference_oracle
from oracle.settlement.events import EventError
from oracle.settlement.reference import Clocks
from oracle.settlement.words import QueueRecord, decode_record, join_word


def compare(index: Index, history: History) -> None:
    """Holds the index against the views of all four contracts."""
    system = history.system
    compare_stakes(index, system)
    compare_rounds(index, system)
    compare_models(index, system)
    compare_oracle(index, system)
    for owner, mandate in history.mandates:
        use = tuple(system.relay.mandate_use(owner, mandate))
        assert index.relay.uses.get((owner, mandate), (0, 0, False)) == use


def compare_stakes(index: Index, system: System) -> None:
    pool, view = index.pool, system.pool
    assert view.lane_words(0, WORDS + 1) == [pool.word(i) for i in range(WORDS + 1)]
    out = [[pool.out.get(4 * i + place, 0) for place in range(4)] for i in range(WORDS + 1)]
    assert view.out_words(0, WORDS + 1) == [join_word(lanes) for lanes in out]
    totals = (pool.total, pool.queued, pool.out_total, pool.vault, pool.burn_owed)
    assert tuple(view.totals()) == totals


def compare_rounds(index: Index, system: System) -> None:
    pool, view, state = index.pool, system.pool, system.pool.state()
    progress = pool.progress
    assert (state.head, state.head_since) == (pool.head, pool.head_since)
    assert (state.last_announced, state.paused_until) == (pool.last_announced, pool.paused_until)
    assert (state.begun, state.wound_down) == (progress is not None, pool.wound_down)
    assert view.target() == pool.target(system.now)
    if progress is not None:
        shown = view.round_state(pool.head)
        coefficients = progress.coefficients
        assert (state.next_word, state.words) == (progress.next_word, progress.words)
        assert shown.cursor == progress.cursor
        assert tuple(shown.coefficients) == (
            *coefficients.c,
            coefficients.up,
            coefficients.down,
            coefficients.hk,
            coefficients.scale,
        )
    for k in range(pool.last_announced + 2):
        shown = view.round_state(k)
        assert (shown.close, shown.skipped) == (pool.closes.get(k, 0), k in pool.skipped)
        assert shown.void_at == pool.void_at.get(k, 0)
        compare_queue(index, system, k)


def compare_queue(index: Index, system: System, k: int) -> None:
    """Records in their order, each with the model that follows it."""
    queue = index.pool.queues.get(k, {})
    newest_first = list(reversed(queue))
    head = system.pool.round_state(k).queue_head
    assert head == (newest_first[0] + 1 if newest_first else 0)
    for place, model in enumerate(newest_first):
        following = newest_first[place + 1] if place + 1 < len(newest_first) else None
        wanted = queue[model]
        assert decode_record(system.pool.record_of(k, model)) == QueueRecord(
            wanted.deposit, wanted.release, wanted.mode, following
        )


def compare_models(index: Index, system: System) -> None:
    registry, models = system.registry, index.registry.models
    assert registry.count() == len(models)
    for number, model in models.items():
        assert registry.id_of(model.name_hash) == number
        assert registry.owner_of(number) == model.owner
        assert registry.payout_of(number) == model.payout_at(system.now)
        change = (model.next_payout, model.effective_at)
        assert tuple(registry.payout_change_of(number)) == change
        assert tuple(registry.offer_of(number)) == (model.offered_to, model.acceptable_at)
        assert registry.nonce_of(number) == model.nonce
        assert registry.version_of(number) == model.nonce + model.claims


def compare_oracle(index: Index, system: System) -> None:
    oracle, view, now = index.oracle, system.oracle, system.now
    assert (view.announcer(), view.guardian()) == (oracle.announcer, oracle.guardian)
    assert tuple(view.latest()) == (
        oracle.number,
        oracle.closes,
        oracle.phi,
        oracle.quorum.epoch,
        oracle.templates,
        oracle.threshold,
        oracle.super_quorum,
    )
    members = oracle.quorum.members
    assert view.signers() == list(members)
    for signer in members:
        for epoch in range(1, oracle.quorum.epoch + 1):
            assert view.is_signer(signer, epoch) == oracle.quorum.is_signer(signer, epoch, now)
    for k, announced in oracle.rounds.items():
        challenge, result = oracle.challenges.get(k), announced.result
        assert tuple(view.round_of(k)) == (
            oracle.status(k, now),
            announced.opens,
            announced.closes,
            announced.horizon,
            announced.phi,
            announced.epoch,
            announced.threshold,
            announced.super_quorum,
            oracle.sealed(k),
            oracle.template_hash(k),
            result.chain_head if result else bytes(32),
            result.at_risk if result else 0,
            result.words if result else 0,
            announced.final_at or 0,
            challenge.challenged_at if challenge else 0,
            challenge.challenge_id if challenge else bytes(32),
        )
        if challenge:
            assert tuple(view.challenge_of(k)) == (
                challenge.challenger,
                challenge.challenged_at,
                challenge.bond,
                oracle.outcome(k, now),
                challenge.bond_settled,
                challenge.challenge_id,
            )


def recorded(ledger: Ledger) -> tuple[System, Index]:
    """A new system, all of whose logs are in the ledger."""
    timing = Timing(**asdict(reference_oracle.Timing()))
    system = deploy(timing=timing, clocks=Clocks(), n=7, threshold=4, super_quorum=5)
    return system, Index(system, ledger, built=system.now)


def wind_down(history: History) -> None:
    """The end of every pool: nothing happens for too long, and all are paid."""
    pool, system = history.system.pool, history.system
    system.warp(pool.state().head_since + system.clocks.wind_down_after)
    pool.wind_down()
    rounds = list(range(history.head, history.head + 97))
    for model in range(system.registry.count() - 1):
        try:
            pool.exit(model, rounds)
        except boa.BoaError:
            assert (pool.stake_of(model), pool.claimable_of(model)) == (0, 0)


AT_THE_END = {"WoundDown", "Exited"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3, 6])
def test_index__random_history__equals_all_views(seed: int) -> None:
    """At least 200 steps, and as many more as it takes until every event there is was logged."""
    ledger = Ledger()
    with ledger.recording():
        system, index = recorded(ledger)
        history = History(system, seed)
        unseen = set().union(*(abi.events for abi in ledger.abis.values())) - AT_THE_END
        for count in range(2_000):
            history.step()
            if count % 40 == 0:
                index.read()
                compare(index, history)
                if count >= 200 and index.seen >= unseen:
                    break
        wind_down(history)
    index.read()
    assert index.seen == unseen | AT_THE_END
    compare(index, history)


# Other logs say the same as these, or no view shows it.
REDUNDANT = {"Reserved", "RoundSettled"}


@pytest.mark.slow
def test_index__one_log_lost__is_in_another_state() -> None:
    """So that, with the test above, no event can be left out."""
    ledger = Ledger()
    with ledger.recording():
        system, _ = recorded(ledger)
        history = History(system, seed=4)
        for _ in range(250):
            history.step()
        wind_down(history)
    transactions = list(ledger.unread())
    unneeded = {log.event for transaction in transactions for log in transaction.logs}
    for count, transaction in enumerate(transactions, start=1):
        for log in transaction.logs:
            if log.event in unneeded - REDUNDANT:
                complete = state_after(transactions[:count], system, ledger)
                if state_after(transactions[:count], system, ledger, lost=log) != complete:
                    unneeded.remove(log.event)
    assert unneeded == REDUNDANT


def state_after(
    transactions: list[Transaction], system: System, ledger: Ledger, lost: Log | None = None
) -> object:
    """All that an index knows then, or why it failed, without one of the logs."""
    index = Index(system, ledger, built=system.pool.round_state(0).close)
    try:
        for transaction in transactions:
            for log in transaction.logs:
                if log is not lost:
                    index.apply(transaction, log)
    except (AssertionError, AttributeError, EventError, KeyError) as error:
        return error
    return index.pool, index.registry, index.relay, vars(index.oracle)
