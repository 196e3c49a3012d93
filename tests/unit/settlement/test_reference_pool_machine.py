"""The reference pool by itself: every promise about stakes, under any sequence of calls."""

import os
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from pool_cases import MODELS, NMR, deposits, drained, models, releases, terms_of
from settlement_strategies import phis, score_lanes, templates

from oracle.settlement.batches import END, Batch, cut, followers
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool
from oracle.settlement.refusals import Refused
from oracle.settlement.units import (
    COMPOUND,
    MAX_AMOUNT,
    MILLIONTH,
    MIN_STAKE,
    RATE_ONE,
    TAKE_PROFIT,
    words_for,
)
from oracle.settlement.words import (
    Lane,
    QueueRecord,
    ScoreLane,
    decode_lane,
    score_words,
    split_word,
)

lane_sets = st.one_of(
    st.dictionaries(models, score_lanes, max_size=3),
    st.dictionaries(models, score_lanes, min_size=5),
)
USUAL = Template(
    (1, 2, 0), (MILLIONTH, 2 * MILLIONTH, 0), RATE_ONE // 20, RATE_ONE // 20, 10**13, MILLIONTH
)
round_templates = st.one_of(st.just(USUAL), st.just(replace(USUAL, clip_up=RATE_ONE)), templates)


def one_word_each(words: Sequence[int]) -> list[Batch]:
    return [Batch(index, (word,)) for index, word in enumerate(words)]


class PoolMachine(RuleBasedStateMachine):
    """Owners, funders, keepers and a clock act in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = ReferencePool()
        self.now = 1_000
        self.paid_in = 0
        self.claimed = 0
        self.burned = 0
        self.flushed = 0
        self.ended: list[int] = []

    # ------------------------------------------------------------------ time

    @initialize(
        stakes=st.lists(st.integers(0, 100 * NMR), min_size=MODELS, max_size=MODELS),
        take_profit=st.sets(models),
        vault=st.integers(0, 100 * NMR),
    )
    def begin_in_the_middle(self, stakes: list[int], take_profit: set[int], vault: int) -> None:
        """A pool with stakes and an open round, as after many rounds."""
        for model, stake in enumerate(stakes):
            self.pool.lanes[model] = Lane(stake, model in take_profit)
        self.pool.vault = vault
        self.paid_in = sum(stakes) + vault
        self.announce(10)

    @precondition(lambda self: self._announceable())
    @rule(after=st.integers(1, 50))
    def announce(self, after: int) -> None:
        last = self.pool.closes.get(self.pool.last_announced, self.now)
        self.pool.schedule(self.pool.last_announced + 1, max(last, self.now) + after, self.now)

    @precondition(lambda self: not self._closed())
    @rule(late=st.integers(-1, 60))
    def wait_for_the_close(self, late: int) -> None:
        """To the head round's close, or just before, or past closes of later rounds."""
        close = self.pool.closes.get(self.pool.head, self.now)
        self.now = max(self.now, close + late)

    @rule()
    def pause(self) -> None:
        if self.now >= self.pool.paused_until + self.pool.clocks.pause_cooldown:
            self.pool.pause(self.now)

    def _announceable(self) -> bool:
        pool = self.pool
        lapses = pool.closes.get(pool.head - 1, self.now) + pool.clocks.skip_after
        to_skip = pool.head > pool.last_announced and self.now >= lapses
        return not (self._paused() or to_skip) and pool.last_announced - pool.head < 5

    def _paused(self) -> bool:
        return self.now < self.pool.paused_until

    # ------------------------------------------------------------------ owners and funders

    @precondition(lambda self: not self._paused())
    @rule(model=models, amount=deposits)
    def deposit(self, model: int, amount: int) -> None:
        joined = self.pool.deposit(model, amount, self.now)
        assert joined == self.pool.target(self.now)
        self.paid_in += amount

    @rule(model=models, amount=releases)
    def request_release(self, model: int, amount: int) -> None:
        self.pool.request_release(model, amount, self.now)

    @rule(model=models, mode=st.sampled_from([COMPOUND, TAKE_PROFIT]))
    def set_mode(self, model: int, mode: int) -> None:
        self.pool.set_mode(model, mode, self.now)

    @precondition(lambda self: not self._paused())
    @rule(amount=st.integers(1, 100 * NMR))
    def fund(self, amount: int) -> None:
        self.pool.fund(amount, self.now)
        self.paid_in += amount

    @precondition(lambda self: self.pool.out)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(sorted(self.pool.out)))
        expected = self.pool.out[model]
        assert self.pool.claim(model) == expected > 0
        self.claimed += expected

    # ------------------------------------------------------------------ keepers

    def _closed(self) -> bool:
        head = self.pool.head
        return head <= self.pool.last_announced and self.now >= self.pool.closes[head]

    @precondition(lambda self: self._closed())
    @rule(count=st.integers(0, MODELS + 1))
    def drain(self, count: int) -> None:
        head = self.pool.head
        later = self._queues_after(head)
        waiting = len(self.pool.queues.get(head, {}))
        assert self.pool.drain(head, count, self.now) == min(count, waiting)
        assert self._queues_after(head) == later

    @precondition(lambda self: self.pool.head <= self.pool.last_announced)
    @rule(
        template=round_templates,
        phi=st.one_of(st.just(MILLIONTH), phis),
        lanes=lane_sets,
        data=st.data(),
    )
    def settle(
        self, template: Template, phi: int, lanes: dict[int, ScoreLane], data: st.DataObject
    ) -> None:
        """One round: all of it, from one of several equivalent cuts."""
        number = self.pool.head
        self.now = max(self.now, self.pool.closes[number])
        before = deepcopy(self.pool)
        self._projection_equals_drain(number)
        while self.pool.drain(number, data.draw(st.integers(1, MODELS)), self.now):
            pass
        later, vault = self._queues_after(number), self.pool.vault
        stakes = {m: self.pool.lane(m).stake for m in range(MODELS)}
        words = score_words(lanes, words_for(MODELS))
        at_risk = data.draw(st.integers(0, 2 * sum(stakes.values()) + 1))
        batches = data.draw(st.sampled_from([cut(words), [Batch(0, tuple(words))]]))
        gains, burns = self.pool.settle_round(
            number, terms_of(template, phi, at_risk, batches), batches
        )
        note(f"round {number}: gains {gains}, burns {burns}")
        self.burned += burns
        self.ended.append(number)
        assert self._queues_after(number) == later
        assert 0 <= gains <= vault
        assert vault - gains == self.pool.vault
        for model, stake in stakes.items():
            lost = stake - self.pool.lane(model).stake
            assert lost * RATE_ONE <= template.clip_down * stake
            if model not in lanes:
                assert lost == 0
        other = drained(before, 1)
        single = one_word_each(words)
        other.settle_round(number, terms_of(template, phi, at_risk, single), single)
        assert other == self.pool

    @precondition(lambda self: self.pool.head > self.pool.last_announced)
    @rule()
    def skip(self) -> None:
        """Nobody announces for a long time."""
        head = self.pool.head
        self.now = max(self.now, self.pool.closes.get(head - 1, 0) + self.pool.clocks.skip_after)
        self.pool.skip(head, self.now)

    @precondition(lambda self: self._closed())
    @rule(chunk=st.integers(1, MODELS))
    def end_void(self, chunk: int) -> None:
        """The oracle says that there will be no scores."""
        number = self.pool.head
        while self.pool.drain(number, chunk, self.now):
            pass
        before = deepcopy((self.pool.lanes, self.pool.out, self.pool.queues))
        self.pool.end_void(number, True, self.now)
        assert (self.pool.lanes, self.pool.out, self.pool.queues) == before
        self.ended.append(number)

    @precondition(lambda self: self._closed())
    @rule(template=round_templates, lanes=lane_sets, count=st.integers(0, 3))
    def withhold(self, template: Template, lanes: dict[int, ScoreLane], count: int) -> None:
        """Some batches of the round are settled, the rest is given up."""
        pool, number = self.pool, self.pool.head
        while pool.drain(number, MODELS, self.now):
            pass
        batches = one_word_each(score_words(lanes, words_for(MODELS)))
        final_at = self.now
        pool.begin(number, terms_of(template, MILLIONTH, 0, batches))
        for batch, following in list(zip(batches, followers(batches), strict=True))[:count]:
            self.burned += pool.settle(number, batch, following, self.now)[1]
        self.ended.append(number)
        if pool.head > number:
            return
        self.now = max(final_at + pool.clocks.settle_time, pool.head_since + pool.clocks.head_time)
        pool.call_void(number, final_at, self.now)
        self.now += pool.clocks.rest_delay
        before = deepcopy((pool.lanes, pool.out, pool.queues))
        pool.void_rest(number, self.now)
        assert (pool.lanes, pool.out, pool.queues) == before

    @precondition(lambda self: self.pool.burn_owed)
    @rule()
    def flush_burn(self) -> None:
        self.flushed += self.pool.flush_burn()

    def _projection_equals_drain(self, number: int) -> None:
        """Draining on copies, with rounds that score nobody in between, gives the projection."""
        copy = deepcopy(self.pool)
        for through in range(number, self.pool.last_announced + 1):
            copy = drained(copy, MODELS)
            for model in range(MODELS):
                assert self.pool.projected_lane(model, through) == copy.lane(model)
            projected = self.pool.stakes(through, MODELS)
            assert sum(projected.stakes.values()) == copy.total
            nobody = Template((0, 0, 0), (0, 0, 0), 0, 0, 0, 0)
            copy.settle_round(through, terms_of(nobody, 0, 0, cut([])), cut([]))

    def _queues_after(self, number: int) -> dict[int, dict[int, QueueRecord]]:
        return deepcopy({k: q for k, q in self.pool.queues.items() if k > number})

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def nothing_appears_or_vanishes(self) -> None:
        assert self.pool.held == self.paid_in - self.claimed - self.flushed
        assert self.pool.burn_owed == self.burned - self.flushed

    @invariant()
    def every_part_fits(self) -> None:
        pool = self.pool
        assert 0 <= pool.held <= MAX_AMOUNT
        assert pool.vault >= 0
        assert all(lane.stake >= 0 for lane in pool.lanes.values())
        assert all(amount > 0 for amount in pool.out.values())

    @invariant()
    def rounds_end_once_and_in_order(self) -> None:
        assert self.ended == list(range(1, self.pool.head))

    @invariant()
    def words_show_the_lanes(self) -> None:
        bits = [part for i in range(words_for(MODELS)) for part in split_word(self.pool.word(i))]
        assert [decode_lane(b) for b in bits[:MODELS]] == [
            self.pool.lane(model) for model in range(MODELS)
        ]

    @invariant()
    def refused_calls_change_nothing(self) -> None:
        """One call of every kind that the contract would refuse now."""
        pool, before = self.pool, deepcopy(self.pool)
        head = pool.head
        refused = [
            lambda: pool.deposit(0, MIN_STAKE - 1, self.now),
            lambda: pool.deposit(0, MAX_AMOUNT + 1 - pool.held, self.now),
            lambda: pool.fund(MAX_AMOUNT + 1 - pool.held, 0),
            lambda: pool.request_release(0, MIN_STAKE - 1, self.now),
            lambda: pool.set_mode(0, 3, self.now),
            lambda: pool.claim(MODELS),
            lambda: pool.drain(head + 1, 1, self.now),
            lambda: pool.settle(head, Batch(0, (1,)), END),
            lambda: pool.skip(head + 1, self.now),
            lambda: pool.skip(head, pool.closes.get(head - 1, 0)),
            lambda: pool.end_void(head + 1, True, self.now),
            lambda: pool.call_void(head, self.now, self.now),
            lambda: pool.void_rest(head, self.now),
            lambda: pool.wind_down(pool.head_since),
            lambda: pool.exit(0, []),
        ]
        if head not in pool.skipped:
            refused.append(lambda: pool.end_void(head, False, self.now))
        if self._paused():
            refused.append(lambda: pool.pause(self.now))
        else:
            refused.append(lambda: pool.unpause(self.now))
        if not self._closed():
            refused.append(lambda: pool.drain(head, 1, self.now))
        for call in refused:
            with pytest.raises(Refused):
                call()
        assert pool == before

    def teardown(self) -> None:
        """Wherever it stands, the pool can be wound down, and all get all that is theirs."""
        pool = self.pool
        held = pool.held
        pool.wind_down(pool.head_since + pool.clocks.wind_down_after)
        rounds = list(pool.queues)
        paid = 0
        for model in range(MODELS):
            with suppress(Refused):
                paid += pool.exit(model, rounds + rounds)
        assert (pool.total, pool.queued, pool.out_total) == (0, 0, 0)
        assert held == paid + pool.vault + pool.burn_owed


TestPool = PoolMachine.TestCase
TestPool.settings = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci") + "-machine")
