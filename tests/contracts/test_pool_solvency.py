"""A thousand rounds in a row: after each one the pool's tokens are what its books say."""

from random import Random

import pytest
from assay_system import ONE, System, deploy
from pool_views import expected, shown

from oracle.settlement.batches import Batch
from oracle.settlement.payout import begin
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.refusals import Refused
from oracle.settlement.units import (
    COMPOUND,
    LANES_PER_WORD,
    MIN_STAKE,
    RELEASE_ALL,
    SCALE_ONE,
    TAKE_PROFIT,
    UNITS_PER_NMR,
    WEI_PER_UNIT,
)
from oracle.settlement.words import ScoreLane, score_words

ROUNDS = 1_000
UNFUNDED = 100
"""Rounds before anybody funds the vault."""
WORDS = 2
MODELS = WORDS * LANES_PER_WORD
NMR = UNITS_PER_NMR


class Life:
    """One pool and its reference model, and the random calls that both take."""

    def __init__(self, system: System, seed: int) -> None:
        self.system, self.random = system, Random(seed)
        start = system.pool.state().head_since
        self.twin = ReferencePool(closes={0: start}, head_since=start, clocks=system.clocks)
        self.phi = ONE
        self.donated = 0
        self.paid_in = self.paid_out = self.flushed = 0
        self.dry = self.scaled = 0
        """Rounds that began with an empty vault, and with one that was too small."""

    # --- before a round closes ---

    def requests(self, k: int) -> None:
        for _ in range(self.random.randint(0, 3)):
            model = self.random.randrange(MODELS)
            kind = self.random.random()
            if kind < 0.55:
                self.deposit(model, self.random.randint(MIN_STAKE, 50 * NMR))
            elif kind < 0.85:
                amount = self.random.choice([RELEASE_ALL, MIN_STAKE, 20 * NMR])
                self.system.request_release(model, None if amount == RELEASE_ALL else amount)
                self.twin.request_release(model, amount, self.system.now)
            else:
                mode = self.random.choice([COMPOUND, TAKE_PROFIT])
                self.system.set_mode(model, mode)
                self.twin.set_mode(model, mode, self.system.now)
        if k > UNFUNDED and self.random.random() < 0.2:
            self.fund(self.random.randint(1, 20 * NMR))
        if self.random.random() < 0.01:
            self.donate(self.random.randint(1, 10**18))

    def deposit(self, model: int, amount: int) -> None:
        self.system.deposit(model, amount)
        self.twin.deposit(model, amount, self.system.now)
        self.paid_in += amount

    def fund(self, amount: int) -> None:
        self.system.fund(amount)
        self.twin.fund(amount, self.system.now)
        self.paid_in += amount

    def donate(self, wei: int) -> None:
        self.system.token.transfer(self.system.pool, wei)
        self.donated += wei

    # --- a round ---

    def round(self, k: int) -> None:
        system, twin, random = self.system, self.twin, self.random
        step = random.randint(-50_000, 50_000)
        self.phi = min(ONE, max(ONE // 2, self.phi + step))
        system.announce(k, closes_in=100, horizon=1, phi=self.phi)
        twin.schedule(k, system.now + 100, system.now)
        self.requests(k)
        system.warp(system.now + 101)
        if random.random() < 0.03:
            self.void(k)
        else:
            self.play(k)

    def void(self, k: int) -> None:
        """No commit: the requests count and nothing else."""
        system = self.system
        system.warp(system.now + system.timing.grace + 1)
        self.drain(k)
        system.pool.end_void(k)
        self.twin.end_void(k, True, system.now)

    def play(self, k: int) -> None:
        system, twin, random = self.system, self.twin, self.random
        words = score_words({m: self.score() for m in range(MODELS)}, WORDS)
        batches = [Batch(i, (word,)) for i, word in enumerate(words)]
        if random.random() < 0.5:
            batches = [Batch(0, tuple(words))]
        self.drain(k)
        at_risk = random.randint(0, 2 * system.template.threshold)
        terms: RoundTerms = system.commit(k, batches, at_risk, WORDS)
        system.warp(system.now + system.timing.window)
        vault = twin.vault
        system.settle_all(k, batches)
        fixed = begin(terms.template, terms.phi, at_risk, twin.total, vault)
        gains, _ = twin.settle_round(k, terms, batches)
        twin.head_since = system.now
        assert gains <= vault
        self.dry += vault == 0
        self.scaled += vault > 0 and fixed.scale < SCALE_ONE

    def drain(self, k: int) -> None:
        self.system.pool.drain(k, MODELS)
        self.twin.drain(k, MODELS, self.system.now)

    def score(self) -> ScoreLane:
        """More often a loss, so that the stakes need the deposits."""
        scores = (self.random.randint(-60_000, 50_000) for _ in range(3))
        return ScoreLane(tuple(scores), self.random.randint(0, 15))

    # --- after it ---

    def payments(self) -> None:
        for model in range(MODELS):
            if self.random.random() < 0.1:
                self.claim(model)
        if self.random.random() < 0.1:
            self.flush_burn()

    def claim(self, model: int) -> None:
        try:
            amount = self.twin.claim(model)
        except Refused:
            return
        assert self.system.pool.claim(model) == amount * WEI_PER_UNIT
        self.paid_out += amount

    def flush_burn(self) -> None:
        if self.twin.burn_owed:
            amount = self.twin.flush_burn()
            assert self.system.pool.flush_burn() == amount * WEI_PER_UNIT
            self.flushed += amount

    def check(self) -> None:
        assert shown(self.system, WORDS) == expected(self.twin, WORDS)
        held = self.twin.held
        assert held == self.paid_in - self.paid_out - self.flushed
        tokens = self.system.token.balanceOf(self.system.pool)
        assert tokens == held * WEI_PER_UNIT + self.donated

    def all_leave(self, k: int) -> None:
        for model in range(MODELS):
            self.system.request_release(model, None)
            self.twin.request_release(model, RELEASE_ALL, self.system.now)
        self.round(k)
        for model in range(MODELS):
            self.claim(model)


@pytest.mark.slow
def test_thousand_rounds__random_scores_and_requests__tokens_equal_the_books() -> None:
    system = deploy(n=3, threshold=2)
    system.new_staker(models=MODELS)
    life = Life(system, seed=1)
    for k in range(1, ROUNDS + 1):
        life.round(k)
        life.payments()
        life.check()
    assert life.dry > UNFUNDED // 2
    assert life.scaled > ROUNDS // 10
    life.all_leave(ROUNDS + 1)
    life.check()
    totals = system.pool.totals()
    assert life.paid_in == life.paid_out + life.flushed + totals.burn_owed + totals.vault
    assert totals.staked == totals.queued == totals.out == 0
