"""What the pool's state machine knows: the contracts, their two reference models, and a ledger.

Amounts are in U. Rules call ``World.both``: both sides answer the same or refuse for the same
reason. The invariants named here and in the mixins are those of the project's specification.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import cycle
from typing import Any

import boa
from assay_system import (
    ALL_WEI,
    CLOCKS,
    SUPPLY,
    TEMPLATE,
    TOURNAMENT,
    System,
    Timing,
    compiled,
    deploy,
    refused,
)
from eth_account.signers.local import LocalAccount
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from relay_bench import account
from settle_strategies import MODELS

from oracle.settlement import reference_oracle
from oracle.settlement.batches import Batch, followers
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.reference_oracle import ReferenceOracle, Status
from oracle.settlement.refusals import Refused
from oracle.settlement.units import MAX_AMOUNT, RATE_ONE, RELEASE_ALL, WEI_PER_UNIT
from oracle.settlement.words import QueueRecord

OWNERS = 3
CANDIDATES = 40
"""Accounts that are operators from the start, or may become one."""
MAX_PENDING = 5

models = st.integers(0, MODELS - 1)
picks = st.integers(0, 255)


@dataclass(frozen=True)
class Crowd:
    """A system on a token that can be stopped; owners of four models each; operators by address,
    five of them from the start; a challenger with tokens; and accounts that own nothing."""

    system: System
    owners: list[LocalAccount]
    operators: dict[str, LocalAccount]
    challenger: str
    keepers: list[str]


def deploy_crowd() -> Crowd:
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(SUPPLY * WEI_PER_UNIT)
    system = deploy(
        token=token,
        n=5,
        threshold=3,
        super_quorum=4,
        timing=Timing(grace=2_000),
        clocks=replace(CLOCKS, wind_down_after=10**6),
    )
    owners = [account(f"staker {i}") for i in range(OWNERS)]
    for owner in owners:
        system.give(owner.address, 2 * MAX_AMOUNT)
        system.register(owner.address, count=MODELS // OWNERS)
    challenger = boa.env.generate_address("challenger")
    system.give(challenger, MAX_AMOUNT)
    token.approve(system.oracle, ALL_WEI, sender=challenger)
    candidates = [*system.signers, *(account(f"candidate {i}") for i in range(CANDIDATES))]
    return Crowd(
        system=system,
        owners=owners,
        operators={candidate.address: candidate for candidate in candidates},
        challenger=challenger,
        keepers=[boa.env.generate_address(f"keeper {i}") for i in range(3)],
    )


@dataclass
class Ledger:
    """What came in and went out, in U; donations in wei, since they may be anything."""

    paid_in: int = 0
    paid_out: int = 0
    burned: int = 0
    flushed: int = 0
    forfeited: int = 0
    donated_wei: int = 0


@dataclass
class Running:
    """A begun round: the vault and the stakes it began with, and what it changed so far."""

    vault: int
    bases: dict[int, int]
    changes: dict[int, int] = field(default_factory=dict)
    gained: int = 0


@dataclass(frozen=True)
class Leaving:
    """A model that asked for all of its stake: the least of it that must get out, and what had
    left its lane until then."""

    least: Fraction
    left: int


class World(RuleBasedStateMachine):
    """Both sides of the pool, and all that happened to it."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self.crowd, self.system = crowd, crowd.system
        system, start = crowd.system, crowd.system.pool.state().head_since
        self.pool = ReferencePool(closes={0: start}, head_since=start, clocks=system.clocks)
        self.oracle = ReferenceOracle(
            pool=system.pool.address,
            tournament=TOURNAMENT,
            timing=reference_oracle.Timing(**asdict(system.timing)),
            template=system.template,
            initial_signers=[signer.address for signer in system.signers],
            threshold=system.threshold,
            super_quorum=system.super_quorum,
        )
        self.keepers = cycle(crowd.keepers)
        self.ledger = Ledger()
        self.fees = self.balance(system.burn_vault)
        self.stopped = False
        self.batches: dict[bytes, list[Batch]] = {}
        self.settled = 0
        self.running: Running | None = None
        self.ended: list[int] = []
        self.left = dict.fromkeys(range(MODELS), 0)
        self.leaving: dict[tuple[int, int], Leaving] = {}

    # --- both sides ---

    def both(
        self, on_chain: Callable[[], object], twin: Callable[[], object], *, pays: bool = False
    ) -> bool:
        """Makes a call on both sides; whether it went through. ``pays`` for calls that move
        tokens, as their last step: nothing but them waits for a stopped token."""
        saved = deepcopy((self.pool, self.oracle)) if pays and self.stopped else None
        try:
            wanted = twin()
        except Refused as refusal:
            with refused(str(refusal)):
                on_chain()
            return False
        if saved:
            self.pool, self.oracle = saved
            with refused("token: stopped"):
                on_chain()
            return False
        assert on_chain() == wanted
        return True

    def balance(self, account: Any) -> int:
        """Tokens in wei."""
        return self.system.token.balanceOf(account)

    def keeper(self) -> str:
        """Somebody else with every call."""
        return next(self.keepers)

    def owner(self, model: int) -> LocalAccount:
        return self.crowd.owners[model // (MODELS // OWNERS)]

    # --- time ---

    @property
    def now(self) -> int:
        return self.system.now

    def reach(self, moment: int) -> None:
        """Waits until ``moment``, unless it is over."""
        self.system.warp(max(self.now, moment))

    def moments(self) -> list[int]:
        """When something about the head round may change, in time's order; in the future."""
        pool, clocks, timing = self.pool, self.pool.clocks, self.oracle.timing
        k = pool.head
        found = {
            pool.closes[k - 1] + clocks.skip_after,
            pool.head_since + clocks.head_time,
            pool.paused_until,
            pool.paused_until + clocks.pause_cooldown,
            pool.closes.get(k, 0),
            pool.void_at.get(k, 0),
        }
        announced, challenge = self.oracle.rounds.get(k), self.oracle.challenges.get(k)
        if announced is not None:
            due = announced.closes + announced.horizon
            final_at = announced.final_at or 0
            found |= {due, due + timing.grace + 1, final_at, final_at + clocks.settle_time}
        if challenge is not None:
            found.add(challenge.challenged_at + timing.challenge + 1)
        return sorted(moment for moment in found if moment > self.now)

    # --- rounds ---

    @property
    def pending(self) -> list[int]:
        """Rounds from the head to the last one announced or skipped."""
        return list(range(self.pool.head, self.pool.last_announced + 1))

    def status(self, k: int) -> Status:
        return self.oracle.status(k, self.now)

    def round_batches(self, k: int) -> list[tuple[Batch, bytes]]:
        """The batches of a committed round, each with the link of the one that follows."""
        batches = self.batches[self.oracle.rounds[k].result.chain_head]
        return list(zip(batches, followers(batches), strict=True))

    def begin_twin(self, k: int) -> None:
        """The pool asks the oracle last, when nothing else speaks against it."""
        pool = self.pool
        ready = k == pool.head and pool.progress is None and not pool.queues.get(k)
        terms = self.oracle.settlement(k, self.now) if ready else NO_TERMS
        pool.begin(k, terms)

    def settle_twin(self, k: int, batch: Batch, following: bytes) -> None:
        """Begins the round if need be; all of it or nothing."""
        begins = self.pool.progress is None
        if begins:
            self.begin_twin(k)
        try:
            self.pool.settle(k, batch, following, self.now)
        except Refused:
            if begins:
                self.pool.progress = None
            raise

    def begun(self) -> Running:
        """The head round as it begins now."""
        bases = {model: self.pool.lane(model).stake for model in range(MODELS)}
        return Running(self.pool.vault, bases)

    def end_of_round(self, k: int) -> None:
        """Invariants 3 and 13 for a round that has just ended, and 5: once, and in order."""
        if self.running:
            assert self.running.gained <= self.running.vault
            template = self.oracle.rounds[k].template
            for model, base in self.running.bases.items():
                change = self.running.changes.get(model, 0)
                assert -base * template.clip_down <= change * RATE_ONE <= base * template.clip_up
        self.running, self.settled = None, 0
        self.ended.append(k)
        assert self.ended == list(range(1, self.pool.head))

    # --- releases ---

    def watch_release(self, model: int, k: int, amount: int) -> None:
        """Invariant 8: of a stake released in full now, for round ``k``, each round closed and
        not ended takes at most its clip."""
        if amount != RELEASE_ALL:
            return
        least = Fraction(self.pool.lane(model).stake)
        for number in range(self.pool.head, k):
            if number in self.oracle.rounds:
                least *= 1 - Fraction(self.oracle.rounds[number].template.clip_down, RATE_ONE)
        self.leaving.setdefault((k, model), Leaving(least, self.left[model]))

    def note_drained(self, k: int, out: dict[int, int], waited: dict[int, QueueRecord]) -> None:
        """``out`` and ``waited``: out lanes and the round's queue before the drain."""
        for model, record in waited.items():
            if model in self.pool.queues.get(k, {}):
                continue
            self.left[model] += self.pool.out.get(model, 0) - out.get(model, 0)
            leaving = self.leaving.pop((k, model), None)
            if leaving is not None:
                assert record.release == RELEASE_ALL
                assert self.pool.lane(model).stake == 0
                assert self.left[model] - leaving.left >= leaving.least


NO_TERMS = RoundTerms(TEMPLATE, 0, 0, 0, bytes(32))
"""For a pool that refuses before it looks at them."""
