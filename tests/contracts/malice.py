"""A quorum that signs what serves it, and those who suffer: what the tests of malice share.

Amounts are in U.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from assay_system import TEMPLATE, System, Timing
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from oracle.settlement.batches import Batch
from oracle.settlement.units import MAX_LEVEL, MAX_SCORE, RATE_ONE, UNITS_PER_NMR
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
STAKE = 12_345_678_901
"""U; not a multiple of anything, so that rounding shows."""
WORST = ScoreLane((-MAX_SCORE,) * 3, MAX_LEVEL)
BEST = ScoreLane((MAX_SCORE,) * 3)
NOTHING = [Batch(0, ())]
VICTIM, NEIGHBOUR, CRONY = 0, 1, 2
TWENTIETH, QUARTER, ALL = RATE_ONE // 20, RATE_ONE // 4, RATE_ONE


def scores(lanes: dict[int, ScoreLane], words: int = 1) -> list[Batch]:
    return [Batch(0, tuple(score_words(lanes, words)))]


HARM = scores({VICTIM: WORST, NEIGHBOUR: WORST, CRONY: BEST})
"""Everything from two stakers, as much as goes for the operators' crony."""


def clipped(stake: int, clip: int, times: int = 1) -> int:
    """What is left of a stake in U after ``times`` burns of the clip, each rounded down."""
    for _ in range(times):
        stake -= stake * clip // RATE_ONE
    return stake


def build(
    make: Callable[..., System], *, clip: int = TWENTIETH, vault: int = 0, **operators: int
) -> System:
    """Victim, neighbour and crony with a drained stake each; round 1 is over."""
    template = replace(TEMPLATE, clip_down=clip, clip_up=clip)
    system = make(template=template, timing=Timing(grace=5_000), **operators)
    system.new_staker(models=2)
    system.new_staker(models=1)
    if vault:
        system.fund(vault)
    for model in (VICTIM, NEIGHBOUR, CRONY):
        system.deposit(model, STAKE)
    system.announce(1)
    system.play(1, NOTHING)
    return system


def close_rounds(system: System, first: int, n: int) -> None:
    """Announces ``n`` rounds, each as early as may be, and waits for the last one's close."""
    timing = system.timing
    for k in range(first, first + n):
        earliest = system.oracle.latest().closes + timing.gap - system.now
        system.announce(k, closes_in=max(timing.notice, earliest))
    if n:
        system.warp(system.pool.round_state(first + n - 1).close)


def forge(system: System, k: int, batches: Sequence[Batch], **terms: int) -> None:
    """The quorum commits whatever it likes to a round that is due; it becomes final."""
    system.warp(max(system.now, system.due(k)))
    system.pool.drain(k, 9)
    system.commit(k, batches, terms.get("at_risk", 0), terms.get("words", 1))
    system.warp(system.now + system.timing.window)


def cronies(n: int) -> list[LocalAccount]:
    accounts = [Account.from_key(keccak(text=f"crony {i}")) for i in range(n)]
    return sorted(accounts, key=lambda account: int(account.address, 16))
