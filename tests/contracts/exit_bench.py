"""A staker who wants out while nobody else helps: what the tests of the exit table share.

Times are in seconds. `short` has small times, `production` those of a real tournament.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import boa
from assay_system import CLOCKS, System, Timing, compiled, deploy
from oracle_steps import Steps

from oracle.settlement import reference_oracle
from oracle.settlement.reference import MAX_PENDING, Clocks
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
HOUR = 3_600
DAY = 24 * HOUR
STAKE = 10 * NMR
SCALES: dict[str, tuple[Timing, Clocks]] = {
    "short": (Timing(), replace(CLOCKS, skip_after=5_000)),
    "production": (Timing(**asdict(reference_oracle.Timing())), Clocks()),
}


@dataclass
class ExitBench:
    """A system; ``staker`` owns model 0 with a payout address of its own, a neighbour owns
    model 1. Seven operators, 4 for a Commit and 5 for a Confirm."""

    system: System
    steps: Steps
    staker: str
    payout: str

    @property
    def pool(self) -> Any:
        return self.system.pool

    @property
    def timing(self) -> Timing:
        return self.system.timing

    @property
    def clocks(self) -> Clocks:
        return self.system.clocks

    @property
    def last_close(self) -> int:
        return self.system.oracle.latest().closes

    @property
    def horizon(self) -> int:
        return self.timing.max_horizon

    @property
    def latest_answer(self) -> int:
        """Seconds from a close until a challenged round is answered or void, at most."""
        timing = self.timing
        return self.horizon + timing.grace + timing.window + timing.challenge

    @property
    def withheld(self) -> int:
        """Seconds that ``MAX_PENDING`` final rounds can keep a release, one after the other."""
        clocks = self.clocks
        others = (MAX_PENDING - 1) * (clocks.head_time + clocks.rest_delay)
        return clocks.settle_time + clocks.rest_delay + others

    # --- what everybody does before they fall silent ---

    def announce(self, k: int, horizon: int | None = None) -> int:
        """Announces a round as soon after the last one as may be; returns its close."""
        self.warp(max(self.system.now, self.last_close + self.timing.gap - self.timing.notice))
        self.steps.announce(k, closes_in=self.timing.notice, horizon=horizon or self.horizon)
        return self.system.now + self.timing.notice

    def closed_rounds(self, n: int, horizon: int | None = None) -> int:
        """Rounds 1 to ``n``, the staker's and the neighbour's stakes in the first one; the time is
        the last one's close, at which the staker asks for all."""
        self.system.deposit(0, STAKE)
        self.system.deposit(1, STAKE)
        closes = [self.announce(k, horizon) for k in range(1, n + 1)]
        self.warp(closes[-1])
        return self.ask(n + 1)

    def ask(self, k: int) -> int:
        """The staker asks for everything, which joins round ``k``; returns the time."""
        assert self.system.request_release(0, None) == k
        self.system.request_release(1, NMR)
        return self.system.now

    def break_oracle(self) -> None:
        """From now on the oracle contract reverts on everything."""
        broken = compiled("tests/contracts/hostile/RevertingOracle.vy").deploy()
        boa.env.set_code(self.system.oracle.address, boa.env.get_code(broken.address))

    # --- what the staker does ---

    def warp(self, timestamp: int) -> None:
        assert timestamp >= self.system.now
        self.system.warp(timestamp)

    def drain(self, k: int) -> None:
        self.pool.drain(k, 2**20, sender=self.staker)

    def end_void(self, k: int) -> None:
        """Drains and ends a round that gets no scores."""
        self.drain(k)
        self.pool.end_void(k, sender=self.staker)

    def skip(self, k: int) -> None:
        self.pool.skip(k, sender=self.staker)

    def call_void(self, k: int) -> None:
        """Says that a round's scores are withheld; its queue is drained on the way."""
        self.drain(k)
        self.pool.call_void(k, sender=self.staker)

    def void_rest(self, k: int) -> None:
        self.pool.void_rest(k, sender=self.staker)

    def exit(self, rounds: list[int]) -> None:
        self.pool.exit(0, rounds, sender=self.staker)

    def leave(self, k: int, expected: int = STAKE) -> int:
        """Drains the round that was asked and claims; returns the time."""
        assert self.system.token.balanceOf(self.payout) == 0
        self.drain(k)
        self.pool.claim(0, sender=self.staker)
        assert self.system.token.balanceOf(self.payout) == expected * WEI_PER_UNIT
        assert self.system.stake(0) == 0
        return self.system.now


def deploy_exit(scale: str, token: Any = None) -> ExitBench:
    timing, clocks = SCALES[scale]
    system = deploy(timing=timing, clocks=clocks, n=7, threshold=4, super_quorum=5, token=token)
    payout = boa.env.generate_address("payout")
    staker = system.new_staker(models=0)
    system.register(staker, payout)
    system.new_staker(models=1)
    return ExitBench(system, Steps(system), staker, payout)
