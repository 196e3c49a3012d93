"""Rules of the pool's state machine: time, and those who take rounds to their ends."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine_operators import Operators
from machine_world import picks
from settle_strategies import MODELS, WORDS, Cut, seeded_cuts, seeded_scores

from oracle.settlement.batches import END, Batch
from oracle.settlement.reference_oracle import Status

offsets = st.sampled_from([0, 0, 0, 1, -1])
"""Mostly the head round, sometimes a neighbour."""


class Way(Enum):
    """How a round ends, as far as it is still open."""

    SETTLED = "all scores"
    WITHHELD = "some scores, or none of them"
    SILENT = "no commit"
    UNANSWERED = "challenged in vain"
    CONFIRMED = "challenged and confirmed"


ways = st.sampled_from(Way)


class Keepers(Operators):
    """Anybody who drains, begins, settles, skips and voids."""

    # --- time ---

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.reach(self.now + seconds)

    @precondition(lambda self: self.moments())
    @rule(pick=picks, offset=st.sampled_from([-1, 0, 0, 1]))
    def wait_until(self, pick: int, offset: int) -> None:
        """A second at which something about the head round changes, or one beside it."""
        moments = self.moments()
        self.reach(moments[pick % len(moments)] + offset)

    # --- one call each ---

    @rule(count=st.integers(0, MODELS), offset=offsets)
    def drain(self, count: int, offset: int) -> None:
        k = self.pool.head + offset
        out, waited = dict(self.pool.out), dict(self.pool.queues.get(k, {}))
        made = self.both(
            lambda: self.system.pool.drain(k, count, sender=self.keeper()),
            lambda: self.pool.drain(k, count, self.now),
        )
        if made:
            self.note_drained(k, out, waited)

    @rule(offset=offsets)
    def begin(self, offset: int) -> None:
        k, running = self.pool.head + offset, self.begun()
        made = self.both(
            lambda: self.system.pool.begin(k, sender=self.keeper()),
            lambda: self.begin_twin(k),
        )
        if made:
            self.running = running

    @precondition(lambda self: self.has_scores())
    @rule()
    def settle(self) -> None:
        """The next batch of the head round, or the refusal that fits."""
        k = self.pool.head
        self.settle_batch(k, *self.round_batches(k)[self.settled])

    def has_scores(self) -> bool:
        announced = self.oracle.rounds.get(self.pool.head)
        return announced is not None and announced.result is not None

    def settle_batch(self, k: int, batch: Batch, following: bytes) -> None:
        """Invariants 6 and 13: no queue moves, nor an out lane but by a gain that is taken; it
        goes through whatever the token does and the vault holds."""
        pool, running = self.pool, self.running or self.begun()
        stakes, out = {m: pool.lane(m).stake for m in range(MODELS)}, dict(pool.out)
        queues = {number: dict(queue) for number, queue in pool.queues.items()}
        vault, owed = pool.vault, pool.burn_owed
        made = self.both(
            lambda: self.system.pool.settle(
                k, batch.start, following, list(batch.words), sender=self.keeper()
            ),
            lambda: self.settle_twin(k, batch, following),
        )
        if not made:
            return
        assert pool.queues == queues
        for model, before in stakes.items():
            taken = pool.out.get(model, 0) - out.get(model, 0)
            assert taken == 0 or pool.lane(model).take_profit
            running.changes[model] = (
                running.changes.get(model, 0) + pool.lane(model).stake - before + taken
            )
        running.gained += vault - pool.vault
        self.ledger.burned += pool.burn_owed - owed
        self.running, self.settled = running, self.settled + 1
        if following == END:
            self.end_of_round(k)

    @precondition(lambda self: self.has_scores())
    @rule(pick=picks, words=seeded_scores)
    def settle_wrong(self, pick: int, words: list[int]) -> None:
        """A batch replayed, out of order, of a round that has ended, or not signed at all."""
        k = self.pool.head
        batches = self.round_batches(k)
        batch, following = batches[self.settled]
        wrong = [(k, *other) for i, other in enumerate(batches) if i != self.settled]
        wrong += [(k, Batch(batch.start, (*words, 1)), following), (k, batch, b"\x01" * 32)]
        for number in self.ended[-2:]:
            ended = self.oracle.rounds.get(number)
            if ended is not None and ended.result is not None:
                wrong += [(number, *other) for other in self.round_batches(number)]
        settled = self.settled
        self.settle_batch(*wrong[pick % len(wrong)])
        assert (self.pool.head, self.settled) == (k, settled)

    @rule(offset=offsets, waits=st.sampled_from([True, False, False, False]))
    def skip(self, offset: int, waits: bool) -> None:
        k = self.pool.head + offset
        if waits and self.pool.head > self.pool.last_announced:
            self.reach(self.pool.closes[self.pool.head - 1] + self.pool.clocks.skip_after)
        self.both(
            lambda: self.system.pool.skip(k, sender=self.keeper()),
            lambda: self.pool.skip(k, self.now),
        )

    @rule(offset=offsets)
    def end_void(self, offset: int) -> None:
        k = self.pool.head + offset
        self.give_up(
            k,
            lambda: self.system.pool.end_void(k, sender=self.keeper()),
            lambda: self.pool.end_void(k, self.oracle.is_void(k, self.now), self.now),
        )

    @rule(offset=offsets)
    def call_void(self, offset: int) -> None:
        k, pool = self.pool.head + offset, self.pool

        def twin() -> None:
            final_at = 0
            if k == pool.head and k not in pool.void_at:
                self.oracle.settlement(k, self.now)
                final_at = self.oracle.rounds[k].final_at
            pool.call_void(k, final_at, self.now)

        self.both(lambda: self.system.pool.call_void(k, sender=self.keeper()), twin)

    @rule(offset=offsets)
    def void_rest(self, offset: int) -> None:
        k = self.pool.head + offset
        self.give_up(
            k,
            lambda: self.system.pool.void_rest(k, sender=self.keeper()),
            lambda: self.pool.void_rest(k, self.now),
        )

    def give_up(self, k: int, on_chain: Callable[[], Any], twin: Callable[[], None]) -> None:
        """Invariant 11: no stake moves and no batch is applied; the comparison of all lanes after
        this step shows it on chain."""
        lanes, out = dict(self.pool.lanes), dict(self.pool.out)
        if self.both(on_chain, twin):
            assert (self.pool.lanes, self.pool.out) == (lanes, out)
            self.end_of_round(k)

    # --- many calls at once ---

    @rule(
        way=ways,
        words=seeded_scores,
        cut=seeded_cuts,
        pieces=st.integers(1, MODELS),
        count=st.integers(0, WORDS),
        begins=st.booleans(),
    )
    def take_head_on(
        self,
        way: Way,
        words: list[int],
        cut: Cut,
        pieces: int,
        count: int,
        begins: bool,
    ) -> None:
        """Takes the head round to its end; with scores, as far as ``count`` batches."""
        k = self.pool.head
        if k > self.pool.last_announced:
            self.close_next(way)
        self.reach(self.pool.closes[k])
        while self.pool.queues.get(k):
            self.drain(pieces, 0)
        if k not in self.pool.skipped:
            self.take_to_finality(k, way, words, cut)
        if self.status(k) is not Status.FINAL:
            if self.pool.head == k:
                self.end_void(0)
            return
        if begins:
            self.begin(0)
        for _ in range(count):
            if self.pool.head == k:
                self.settle()
        if way is Way.WITHHELD and self.pool.head == k:
            self.withhold(k)

    def close_next(self, way: Way) -> None:
        """Announces the head round, unless it is to be skipped or must be."""
        if way is not Way.SILENT:
            self.reach(self.pool.paused_until)
        lapses = self.pool.closes[self.pool.head - 1] + self.pool.clocks.skip_after
        if way is Way.SILENT or self.now >= lapses:
            self.skip(0, True)
        else:
            self.announce(0, 1, 50_000, False)

    def take_to_finality(self, k: int, way: Way, words: list[int], cut: Cut) -> None:
        """Or to where it is void."""
        timing, due = self.oracle.timing, self.system.due(k)
        if self.status(k) is Status.ANNOUNCED:
            if way is Way.SILENT:
                self.void_from(due + timing.grace + 1)
                return
            self.reach(due)
            self.commit_now(k, words, cut)
        if self.status(k) is Status.COMMITTED:
            if way in (Way.UNANSWERED, Way.CONFIRMED):
                self.challenge_now(k, veto=False)
            self.reach(self.oracle.rounds[k].final_at)
        if self.status(k) is Status.CHALLENGED:
            if way is Way.CONFIRMED:
                self.confirm_now(k, None, cut)
            else:
                challenged_at = self.oracle.challenges[k].challenged_at
                self.void_from(challenged_at + timing.challenge + 1)

    def void_from(self, moment: int) -> None:
        """Waits for it, and tries a second too early."""
        self.reach(moment - 1)
        self.end_void(0)
        self.reach(moment)

    def withhold(self, k: int) -> None:
        """Each step a second too early, and then in time."""
        clocks, final_at = self.pool.clocks, self.oracle.rounds[k].final_at
        deadline = max(final_at + clocks.settle_time, self.pool.head_since + clocks.head_time)
        for moment in (deadline - 1, deadline):
            if k not in self.pool.void_at:
                self.reach(moment)
                self.call_void(0)
        for moment in (self.pool.void_at[k] - 1, self.pool.void_at[k]):
            if self.pool.head == k:
                self.reach(moment)
                self.void_rest(0)
