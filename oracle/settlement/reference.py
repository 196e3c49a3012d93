"""The pool as a Python model: every rule of StakePool that moves stake, in plain integers.

It serves the verifier, the oracle's expected results, and the tests that hold the contract to it.
Amounts are in U, ``now`` is a block timestamp. A refused call raises ``Refused`` with the
contract's own reason and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from oracle.settlement.batches import END, Batch, followers, link
from oracle.settlement.payout import Coefficients, Template, begin, change
from oracle.settlement.refusals import require
from oracle.settlement.units import (
    COMPOUND,
    LANES_PER_WORD,
    MAX_AMOUNT,
    MAX_MODELS,
    MIN_STAKE,
    RELEASE_ALL,
    TAKE_PROFIT,
    words_for,
)
from oracle.settlement.words import (
    Lane,
    QueueRecord,
    decode_score_lane,
    encode_lane,
    join_word,
    split_word,
)

MAX_PENDING = 96
"""Rounds from the head to the last announced one, at most."""


def apply_record(lane: Lane, record: QueueRecord) -> tuple[Lane, int]:
    """Lane after a drained record, and what moved to the out lane."""
    take_profit = lane.take_profit if record.mode == 0 else record.mode == TAKE_PROFIT
    stake = lane.stake + record.deposit
    released = min(record.release, stake)
    return Lane(stake - released, take_profit), released


@dataclass(frozen=True, slots=True)
class RoundTerms:
    """What the oracle contract hands the pool when a round begins. ``at_risk`` in U."""

    template: Template
    phi: int
    at_risk: int
    words: int
    chain_head: bytes


@dataclass(frozen=True, slots=True)
class Clocks:
    """StakePool's times in seconds (contracts/modules/calendar.vy), by default production's."""

    skip_after: int = 14 * 86_400
    settle_time: int = 3 * 86_400
    head_time: int = 4 * 3_600
    rest_delay: int = 2 * 3_600
    wind_down_after: int = 150 * 86_400
    pause: int = 7 * 86_400
    pause_cooldown: int = 30 * 86_400


@dataclass(slots=True)
class Progress:
    """A begun round: its coefficients, the next admissible batch link and word, its word limit."""

    coefficients: Coefficients
    cursor: bytes
    words: int
    next_word: int = 0


@dataclass(frozen=True, slots=True)
class Stakes:
    """Pool state at a close: models registered, projected stakes (U), take-profit models."""

    models: int
    stakes: Mapping[int, int]
    take_profit: frozenset[int]


@dataclass
class ReferencePool:
    """State of one StakePool. ``closes[0]`` is its construction."""

    lanes: dict[int, Lane] = field(default_factory=dict)
    out: dict[int, int] = field(default_factory=dict)
    queues: dict[int, dict[int, QueueRecord]] = field(default_factory=dict)
    closes: dict[int, int] = field(default_factory=dict)
    head: int = 1
    last_announced: int = 0
    vault: int = 0
    burn_owed: int = 0
    progress: Progress | None = None
    clocks: Clocks = Clocks()
    head_since: int = 0
    skipped: set[int] = field(default_factory=set)
    void_at: dict[int, int] = field(default_factory=dict)
    paused_until: int = 0
    wound_down: bool = False

    @property
    def total(self) -> int:
        """T: sum of all lanes."""
        return sum(lane.stake for lane in self.lanes.values())

    @property
    def queued(self) -> int:
        return sum(r.deposit for queue in self.queues.values() for r in queue.values())

    @property
    def out_total(self) -> int:
        return sum(self.out.values())

    @property
    def held(self) -> int:
        return self.total + self.queued + self.out_total + self.vault + self.burn_owed

    def lane(self, model: int) -> Lane:
        return self.lanes.get(model, Lane())

    def word(self, index: int) -> int:
        """The storage word ``lanes[index]``."""
        first = index * LANES_PER_WORD
        return join_word([encode_lane(self.lane(first + i)) for i in range(LANES_PER_WORD)])

    def target(self, now: int) -> int:
        """Round that a stake action joins now."""
        for number in range(self.head, self.last_announced + 1):
            if now < self.closes[number]:
                return number
        return self.last_announced + 1

    def projected_lane(self, model: int, through: int) -> Lane:
        """Lane of ``model`` after the undrained queues of rounds up to ``through``."""
        lane = self.lane(model)
        for number in range(self.head, through + 1):
            record = self.queues.get(number, {}).get(model)
            if record:
                lane, _ = apply_record(lane, record)
        return lane

    def stakes(self, through: int, models: int) -> Stakes:
        """Projected stakes of models 0..``models`` - 1 for round ``through``."""
        projected = {model: self.projected_lane(model, through) for model in range(models)}
        return Stakes(
            models=models,
            stakes={model: lane.stake for model, lane in projected.items() if lane.stake},
            take_profit=frozenset(m for m, lane in projected.items() if lane.take_profit),
        )

    def schedule(self, number: int, closes: int, now: int) -> None:
        self._require_not_paused(now)
        self._require_running()
        require(number == self.last_announced + 1, "pool: round order")
        require(number < self.head + MAX_PENDING, "pool: too many pending")
        last_close = self.closes.get(number - 1, now)
        require(closes > max(now, last_close), "pool: close in the past")
        lapsed = now >= last_close + self.clocks.skip_after
        require(number != self.head or not lapsed, "pool: skip first")
        self.put_round(number, closes)

    def put_round(self, number: int, closes: int) -> None:
        self.last_announced = number
        self.closes[number] = closes

    def fund(self, amount: int, now: int) -> None:
        require(amount > 0, "pool: zero amount")
        self._require_not_paused(now)
        self._require_running()
        require(self.held + amount <= MAX_AMOUNT, "pool: capacity")
        self.vault += amount

    def deposit(self, model: int, amount: int, now: int) -> int:
        """Queues a deposit for the target round and returns the round."""
        require(amount >= MIN_STAKE, "pool: below minimum")
        self._require_not_paused(now)
        self._require_running()
        require(self.held + amount <= MAX_AMOUNT, "pool: capacity")
        number = self.target(now)
        self.queue_deposit(number, model, amount)
        return number

    def request_release(self, model: int, amount: int, now: int) -> int:
        """``amount`` of RELEASE_ALL, or any sum beyond it, means everything."""
        require(amount >= MIN_STAKE, "pool: below minimum")
        self._require_running()
        number = self.target(now)
        self.queue_release(number, model, amount)
        return number

    def set_mode(self, model: int, mode: int, now: int) -> int:
        require(mode in (COMPOUND, TAKE_PROFIT), "pool: mode")
        self._require_running()
        number = self.target(now)
        self.queue_mode(number, model, mode)
        return number

    def queue_deposit(self, number: int, model: int, amount: int) -> None:
        record = self._record(number, model)
        self._put(number, model, replace(record, deposit=record.deposit + amount))

    def queue_release(self, number: int, model: int, amount: int) -> None:
        record = self._record(number, model)
        release = min(record.release + amount, RELEASE_ALL)
        self._put(number, model, replace(record, release=release))

    def queue_mode(self, number: int, model: int, mode: int) -> None:
        self._put(number, model, replace(self._record(number, model), mode=mode))

    def _record(self, number: int, model: int) -> QueueRecord:
        return self.queues.get(number, {}).get(model, QueueRecord())

    def _put(self, number: int, model: int, record: QueueRecord) -> None:
        self.queues.setdefault(number, {})[model] = record

    def claim(self, model: int) -> int:
        amount = self.out.pop(model, 0)
        require(amount > 0, "pool: nothing to claim")
        return amount

    def drain(self, number: int, count: int, now: int) -> int:
        """Applies up to ``count`` records of the head round's queue, newest first."""
        self._require_unbegun_head(number)
        self._require_closed(number, now)
        queue = self.queues.get(number, {})
        drained = 0
        while queue and drained < count:
            model, record = queue.popitem()
            self.lanes[model], released = apply_record(self.lane(model), record)
            self._credit(model, released)
            drained += 1
        if not queue:
            self.queues.pop(number, None)
        return drained

    def _credit(self, model: int, amount: int) -> None:
        if amount:
            self.out[model] = self.out.get(model, 0) + amount

    def begin(self, number: int, terms: RoundTerms) -> Coefficients:
        """Fixes the coefficients of the head round; its queue must be empty."""
        self._require_unbegun_head(number)
        require(not self.queues.get(number), "pool: queue")
        require(terms.chain_head != END, "pool: no scores")
        require(terms.words <= words_for(MAX_MODELS), "pool: too many words")
        coefficients = begin(terms.template, terms.phi, terms.at_risk, self.total, self.vault)
        self.progress = Progress(coefficients, terms.chain_head, terms.words)
        return coefficients

    def settle(self, number: int, batch: Batch, following: bytes, now: int = 0) -> tuple[int, int]:
        """Applies one batch; returns gains and burns (U). ``following`` is the next link."""
        progress = self.progress
        self._require_running()
        require(number == self.head, "pool: not head")
        require(progress is not None, "pool: not begun")
        assert progress is not None
        require(link(batch, following) == progress.cursor, "pool: batch")
        end = batch.start + len(batch.words)
        require(batch.start >= progress.next_word, "pool: order")
        require(end <= progress.words, "pool: words")
        gains = burns = 0
        for index, word in enumerate(batch.words, batch.start):
            gained, burned = self._settle_word(index, word, progress.coefficients)
            gains += gained
            burns += burned
        self.vault -= gains
        self.burn_owed += burns
        progress.cursor, progress.next_word = following, end
        if following == END:
            self.end_head(now)
        return gains, burns

    def _settle_word(self, index: int, word: int, coefficients: Coefficients) -> tuple[int, int]:
        gains = burns = 0
        for position, bits in enumerate(split_word(word)):
            model = index * LANES_PER_WORD + position
            lane = self.lane(model)
            delta = change(coefficients, lane.stake, decode_score_lane(bits))
            if delta >= 0:
                gains += delta
            else:
                burns -= delta
            if delta > 0 and lane.take_profit:
                self._credit(model, delta)
            elif delta:
                self.lanes[model] = Lane(lane.stake + delta, lane.take_profit)
        return gains, burns

    def settle_round(
        self, number: int, terms: RoundTerms, batches: Sequence[Batch]
    ) -> tuple[int, int]:
        """``begin`` and every batch in turn; returns the round's gains and burns in U."""
        self.begin(number, terms)
        pairs = zip(batches, followers(batches), strict=True)
        sums = [self.settle(number, batch, following) for batch, following in pairs]
        return sum(g for g, _ in sums), sum(b for _, b in sums)

    # --- rounds without scores, or without all of them ---

    def skip(self, number: int, now: int) -> None:
        self._require_running()
        require(number == self.head, "pool: not head")
        require(number == self.last_announced + 1, "pool: announced")
        earliest = self.closes.get(number - 1, now) + self.clocks.skip_after
        require(now >= earliest, "pool: too early")
        self.put_round(number, now)
        self.skipped.add(number)

    def end_void(self, number: int, void: bool, now: int) -> None:
        """``void`` is what the oracle says of the round."""
        self._require_unbegun_head(number)
        self._require_closed(number, now)
        require(not self.queues.get(number), "pool: queue")
        require(number in self.skipped or void, "pool: not void")
        self.end_head(now)

    def call_void(self, number: int, final_at: int, now: int) -> None:
        """``final_at`` is when the oracle's result became final."""
        self._require_running()
        require(number == self.head, "pool: not head")
        require(number not in self.void_at, "pool: void called")
        clocks = self.clocks
        deadline = max(final_at + clocks.settle_time, self.head_since + clocks.head_time)
        require(now >= deadline, "pool: too early")
        self.void_at[number] = now + clocks.rest_delay

    def void_rest(self, number: int, now: int) -> None:
        self._require_running()
        require(number == self.head, "pool: not head")
        require(number in self.void_at, "pool: void not called")
        require(now >= self.void_at[number], "pool: too early")
        require(not self.queues.get(number), "pool: queue")
        self.end_head(now)

    def wind_down(self, now: int) -> None:
        self._require_running()
        require(now >= self.head_since + self.clocks.wind_down_after, "pool: too early")
        self.wound_down = True

    def exit(self, model: int, rounds: Sequence[int]) -> int:
        """What a model gets out of a pool that is wound down, in U."""
        require(self.wound_down, "pool: not wound down")
        waiting = {
            number: self.queues[number][model]
            for number in rounds
            if model in self.queues.get(number, {})
        }
        deposits = sum(record.deposit for record in waiting.values())
        amount = self.lane(model).stake + self.out.get(model, 0) + deposits
        require(amount > 0, "pool: nothing to pay")
        self.lanes.pop(model, None)
        self.out.pop(model, None)
        for number, record in waiting.items():
            self._put(number, model, replace(record, deposit=0))
        return amount

    def pause(self, now: int) -> None:
        earliest = self.paused_until + self.clocks.pause_cooldown
        require(now >= earliest, "pool: paused lately")
        self.paused_until = now + self.clocks.pause

    def unpause(self, now: int) -> None:
        require(now < self.paused_until, "pool: not paused")
        self.paused_until = now

    def flush_burn(self) -> int:
        """What goes to the burn vault, in U."""
        amount = self.burn_owed
        require(amount > 0, "pool: nothing to burn")
        self.burn_owed = 0
        return amount

    def end_head(self, now: int) -> None:
        self.head += 1
        self.head_since = now
        self.progress = None

    def _require_running(self) -> None:
        require(not self.wound_down, "pool: wound down")

    def _require_not_paused(self, now: int) -> None:
        require(now >= self.paused_until, "pool: paused")

    def _require_closed(self, number: int, now: int) -> None:
        require(number <= self.last_announced and now >= self.closes[number], "pool: open")

    def _require_unbegun_head(self, number: int) -> None:
        self._require_running()
        require(number == self.head, "pool: not head")
        require(self.progress is None, "pool: begun")
