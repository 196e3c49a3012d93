"""A pool and its oracle as reference models, small clocks, and people who act on them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.outlook import Outlook, Step
from oracle.settlement.payout import Template
from oracle.settlement.reference import Clocks, ReferencePool, RoundTerms
from oracle.settlement.reference_oracle import ReferenceOracle, Status, Timing
from oracle.settlement.refusals import Refused
from oracle.settlement.typed_data import Result
from oracle.settlement.units import (
    LANES_PER_WORD,
    MAX_SCORE,
    MILLIONTH,
    MIN_STAKE,
    RATE_ONE,
    RELEASE_ALL,
    UNITS_PER_NMR,
)
from oracle.settlement.words import Lane, ScoreLane, score_words

MODELS = 8
FRESH = MODELS - 1
"""The model that histories leave alone."""
WORDS = MODELS // LANES_PER_WORD
POOL = "0x" + "11" * 20
SIGNERS = [f"0x{i:040x}" for i in range(1, 8)]
THRESHOLD, SUPER_QUORUM = 4, 5
TIMING = Timing(notice=2, gap=3, max_ahead=11, max_horizon=13, grace=7, window=4, challenge=9)
CLOCKS = Clocks(
    skip_after=12,
    settle_time=6,
    head_time=5,
    rest_delay=3,
    wind_down_after=10**6,
    pause=1,
    pause_cooldown=1,
)
TEMPLATE = Template(
    (1, 0, 0), (100 * MILLIONTH, 0, 0), RATE_ONE // 20, RATE_ONE // 20, 2**56 - 1, 0
)
"""Reaches its clips with scores of a hundredth."""
WORST = ScoreLane((-MAX_SCORE, 0, 0))
START = 1_000

Batches = list[Batch]


def batches_of(lanes: dict[int, ScoreLane]) -> Batches:
    """A batch for every word, so that rounds can be settled in part."""
    return [Batch(i, (word,)) for i, word in enumerate(score_words(lanes, WORDS))]


WORST_FOR_ALL = batches_of(dict.fromkeys(range(MODELS), WORST))


@dataclass
class World:
    """All there is; ``scores`` are what operators would sign for a round."""

    pool: ReferencePool = field(
        default_factory=lambda: ReferencePool(
            closes={0: START}, clocks=CLOCKS, head_since=START, vault=1_000 * UNITS_PER_NMR
        )
    )
    oracle: ReferenceOracle = field(
        default_factory=lambda: ReferenceOracle(
            POOL, 8, TIMING, TEMPLATE, SIGNERS, THRESHOLD, SUPER_QUORUM
        )
    )
    now: int = START
    scores: dict[int, Batches] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)

    def outlook(self) -> Outlook:
        return Outlook.of(self.pool, self.oracle, self.settled, self.now)

    def status(self, number: int) -> Status:
        return self.oracle.status(number, self.now)

    def pending(self) -> Iterator[int]:
        """Announced rounds that have not ended."""
        return (n for n in self.oracle.rounds if n >= self.pool.head)

    # --- what people do; a call that would revert raises ``Refused`` ---

    def announce(self, closes: int, horizon: int, clip_down: int | None = None) -> None:
        number = self.pool.last_announced + 1
        if clip_down is not None:
            self.oracle.add_template(replace(TEMPLATE, clip_down=clip_down))
        arguments = (number, self.now, closes, horizon, MILLIONTH, bytes(32), self.now)
        deepcopy(self.oracle).announce(*arguments)
        self.pool.schedule(number, closes, self.now)
        self.oracle.announce(*arguments)

    def commit(self, number: int, batches: Batches) -> None:
        result = Result(b"\1" * 32, chain(batches)[0], 0, WORDS, b"\2" * 32, b"\3" * 32)
        self.oracle.commit(number, result, SIGNERS[:THRESHOLD], self.now)
        self.scores[number] = batches

    def challenge(self, number: int) -> None:
        self.oracle.challenge(number, SIGNERS[0], self.pool.total, bytes(32), self.now)

    def confirm(self, number: int) -> None:
        announced = self.oracle.rounds[number]
        self.oracle.confirm(
            number,
            announced.announce_hash,
            announced.result,
            announced.result,
            SIGNERS[:SUPER_QUORUM],
            self.now,
        )

    def terms(self, number: int) -> RoundTerms:
        return self.oracle.settlement(number, self.now)

    def settle_batch(self) -> None:
        """Of the head round."""
        head = self.pool.head
        if self.pool.progress is None:
            self.pool.begin(head, self.terms(head))
        links = [*chain(self.scores[head]), END]
        done = links.index(self.pool.progress.cursor)
        self.pool.settle(head, self.scores[head][done], links[done + 1], self.now)
        if self.pool.head != head:
            self.settled.add(head)

    def take(self, step: Step) -> None:
        """A step of the head round."""
        head, pool = self.pool.head, self.pool
        calls: dict[Step, Callable[[], object]] = {
            Step.SKIP: lambda: pool.skip(head, self.now),
            Step.DRAIN: lambda: pool.drain(head, MODELS, self.now),
            Step.SETTLE: lambda: self.settle_batch(),
            Step.CALL_VOID: lambda: pool.call_void(head, self._final_at(head), self.now),
            Step.VOID_REST: lambda: pool.void_rest(head, self.now),
            Step.END_VOID: lambda: pool.end_void(head, self.status(head) is Status.VOID, self.now),
        }
        calls[step]()

    def _final_at(self, number: int) -> int:
        self.terms(number)
        return self.oracle.rounds[number].final_at

    def staker_step(self) -> bool:
        """What the outlook says can be done now without scores; whether there was anything."""
        steps = self.outlook().steps(self.pool.head)
        if steps.step is Step.SETTLE:
            step, step_at = steps.fallback_step, steps.fallback_at
        else:
            step, step_at = steps.step, steps.step_at
        if step is Step.NONE or self.now < step_at:
            return False
        self.take(step)
        return True


# --- histories ---

clips = st.sampled_from([0, 1, RATE_ONE // 20, RATE_ONE // 3, RATE_ONE])
amounts = st.one_of(st.integers(MIN_STAKE, 30 * MIN_STAKE), st.just(100 * UNITS_PER_NMR))
releases = st.one_of(amounts, st.just(RELEASE_ALL))
models = st.integers(0, 2)
"""Few, so that their requests pile up."""
score_lanes = st.dictionaries(
    models, st.integers(-MAX_SCORE, MAX_SCORE).map(lambda s: ScoreLane((s, 0, 0)))
)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def acts(world: World, draw: Draw) -> dict[str, Callable[[], object]]:
    """What somebody may do now. Most of it works; what would revert raises ``Refused``."""
    pool, now = world.pool, world.now

    def some(status: Status) -> int:
        found = [n for n in world.pending() if world.status(n) is status]
        if not found:
            raise Refused("no such round")
        return draw(st.sampled_from(found))

    def announce() -> None:
        closes = max(now, pool.closes[pool.last_announced]) + draw(st.integers(3, 5))
        world.announce(closes, draw(st.integers(1, 13)), draw(clips))

    return {
        "announce": announce,
        "cancel": lambda: world.oracle.cancel(some(Status.ANNOUNCED), now - 1),
        "deposit": lambda: pool.deposit(draw(models), draw(amounts), now),
        "release": lambda: pool.request_release(draw(models), draw(releases), now),
        "mode": lambda: pool.set_mode(draw(models), draw(st.integers(1, 2)), now),
        "commit": lambda: world.commit(some(Status.ANNOUNCED), batches_of(draw(score_lanes))),
        "challenge": lambda: world.challenge(some(Status.COMMITTED)),
        "confirm": lambda: world.confirm(some(Status.CHALLENGED)),
        "drain": lambda: pool.drain(pool.head, draw(st.integers(1, MODELS)), now),
        "settle": world.settle_batch,
        "step": world.staker_step,
    }


_OFTEN = ["announce", "deposit", "release", "commit", "drain", "settle", "step"]
NAMES = [*_OFTEN, *_OFTEN, "announce", "cancel", "mode", "challenge", "confirm"]
"""Of acts; some more often, so that rounds and requests pile up."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Worlds with a history; often with several rounds pending, in every state."""
    world = World()
    for model in range(FRESH):
        world.pool.lanes[model] = Lane(draw(st.integers(0, 100 * MIN_STAKE)), model % 3 == 0)
    for _ in range(draw(st.sampled_from([0, 20, 60, 100]))):
        name = draw(st.sampled_from(["wait", *NAMES, "wait"]))
        if name == "wait":
            world.now += draw(st.sampled_from([1, 2, 3, 4, 12]))
            continue
        with suppress(Refused):
            acts(world, draw)[name]()
    world.now += draw(st.sampled_from([0, 0, 0, 15, 40]))
    return world
