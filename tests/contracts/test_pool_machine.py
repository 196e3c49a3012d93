"""Pool, oracle, registry and relay against the reference models, over rounds that overlap.

Every rule acts on both sides (machine_owners.py, machine_operators.py, machine_keepers.py); after
every step all that the pool shows is compared. The invariants named are those of the project's
specification. In the end all leave: through rounds that end, or through the end of the pool.
"""

import os
from random import Random

import pytest
from assay_system import refused
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test
from machine_keepers import Keepers, Way
from machine_owners import Owners
from machine_world import Crowd, deploy_crowd, models
from pool_views import expected, shown
from settle_strategies import MODELS, WORDS, amounts, random_cut, random_scores

from oracle.settlement.units import RELEASE_ALL, WEI_PER_UNIT
from oracle.settlement.words import decode_record

MACHINE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci") + "-machine")


class PoolMachine(Owners, Keepers):
    """Random calls of every role."""

    @initialize(
        vault=st.one_of(st.just(0), st.integers(1, 2**45)),
        stakes=st.dictionaries(models, amounts, max_size=MODELS),
        seed=st.integers(0, 2**32),
    )
    def first_round(self, vault: int, stakes: dict[int, int], seed: int) -> None:
        self.random = Random(seed)
        self.fund(vault)
        for model, amount in stakes.items():
            self.deposit(model, amount)
        self.announce(0, 1, 50_000, False)

    # --- what must always hold ---

    @invariant()
    def books_agree(self) -> None:
        """Invariants 1, 2 and 4, and with 4 also 12: whoever called, in whatever pieces. Parts
        equal their sums, the tokens are there, and every burn is owed to the burn vault or in it.
        """
        twin, ledger, system = self.pool, self.ledger, self.system
        assert shown(system, WORDS) == expected(twin, WORDS)
        assert ledger.paid_in == twin.held + ledger.paid_out + ledger.flushed
        assert self.balance(system.pool) == twin.held * WEI_PER_UNIT + ledger.donated_wei
        assert ledger.burned == twin.burn_owed + ledger.flushed
        arrived = self.fees + (ledger.flushed + ledger.forfeited) * WEI_PER_UNIT
        assert self.balance(system.burn_vault) == arrived
        assert self.balance(system.oracle) == self.oracle.bonds * WEI_PER_UNIT

    @invariant()
    def rounds_agree(self) -> None:
        """Invariant 5, and 14: a begun round's arithmetic stays as it was."""
        twin, state = self.pool, self.system.pool.state()
        assert (state.head, state.last_announced) == (len(self.ended) + 1, twin.last_announced)
        assert (state.head_since, state.paused_until) == (twin.head_since, twin.paused_until)
        assert (state.begun, state.wound_down) == (twin.progress is not None, twin.wound_down)
        assert self.system.pool.target() == twin.target(self.now)
        head = self.system.pool.round_state(state.head)
        assert head.close == twin.closes.get(state.head, 0)
        assert head.skipped == (state.head in twin.skipped)
        assert head.void_at == twin.void_at.get(state.head, 0)
        if twin.progress is not None:
            progress, fixed = twin.progress, twin.progress.coefficients
            assert (state.next_word, state.words) == (progress.next_word, progress.words)
            assert head.cursor == progress.cursor
            values = (*fixed.c, fixed.up, fixed.down, fixed.hk, fixed.scale)
            assert tuple(head.coefficients) == values

    @invariant()
    def queues_agree(self) -> None:
        """Invariant 6: what waits for a round waits as it was, whatever other rounds do."""
        for k in range(self.pool.head, self.pool.last_announced + 2):
            page = self.system.pool.queue(k, 0, 1024)
            queue = self.pool.queues.get(k, {})
            assert [word >> 160 for word in page] == list(reversed(queue))
            for word in page:
                record = decode_record(word & (2**160 - 1))
                wanted = queue[word >> 160]
                assert (record.deposit, record.release, record.mode) == (
                    wanted.deposit,
                    wanted.release,
                    wanted.mode,
                )

    # --- the end ---

    def teardown(self) -> None:
        """Whatever happened, all get all that is theirs."""
        self.stop_token(False)
        if self.random.random() < 0.5:
            self.all_release()
        else:
            self.all_exit()
        totals = self.system.pool.totals()
        assert (totals.staked, totals.queued, totals.out) == (0, 0, 0)
        self.flush_burn()
        for pick in range(len(self.oracle.challenges)):
            self.settle_bond(pick)
        assert self.oracle.bonds == 0
        self.books_agree()
        ledger = self.ledger
        assert ledger.paid_in == ledger.paid_out + ledger.burned + totals.vault

    def end_head(self) -> None:
        """Whichever way the head round ends."""
        k = self.pool.head
        way = self.random.choice(list(Way))
        while self.pool.head == k:
            begins = self.random.random() < 0.5
            self.take_head_on(
                way, random_scores(self.random), random_cut(self.random), 5, WORDS, begins
            )

    def all_release(self) -> None:
        """Every pending round is brought to its end, and one more."""
        while self.pending:
            self.end_head()
        for model in range(MODELS):
            self.request_release(model, RELEASE_ALL)
        self.end_head()
        self.books_agree()
        for model in range(MODELS):
            self.claim(model)

    def all_exit(self) -> None:
        """The pool is wound down where it stands, even in the middle of a round."""
        self.reach(self.pool.head_since + self.pool.clocks.wind_down_after)
        self.both(self.system.pool.wind_down, lambda: self.pool.wind_down(self.now))
        self.books_agree()
        rounds = list(range(self.pool.head, self.pool.last_announced + 2))
        for model in self.random.sample(range(MODELS), MODELS):
            if self.random.random() < 0.3:
                self.claim(model)
            self.exit(model, self.random.choices(rounds, k=self.random.randint(0, 7)))
            self.exit(model, rounds)

    def exit(self, model: int, rounds: list[int]) -> None:
        pool, held = self.pool, self.pool.held
        queued = (pool.queues.get(k, {}).get(model) for k in rounds)
        waits = any(record and record.deposit for record in queued)
        if not (waits or pool.lane(model).stake or model in pool.out):
            with refused("pool: nothing to pay"):
                self.system.pool.exit(model, rounds)
            return
        self.both(
            lambda: self.system.pool.exit(model, rounds) // WEI_PER_UNIT,
            lambda: pool.exit(model, rounds),
        )
        self.ledger.paid_out += held - pool.held


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return deploy_crowd()


@pytest.mark.slow
def test_pool__random_calls_of_all_roles__equals_the_reference(crowd: Crowd) -> None:
    run_state_machine_as_test(lambda: PoolMachine(crowd), settings=MACHINE)
