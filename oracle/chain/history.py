"""Replaying what the pool did while a round settled, on the reference model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.errors import DifferenceError
from oracle.settlement.batches import Batch, followers
from oracle.settlement.events import (
    POOL_EVENTS,
    EventError,
    PoolEvent,
    SettledBatch,
    apply_event,
)
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.units import nmr

_SETTLING = ("RoundBegun", "BatchSettled")


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks from the one in which a round began to the one in which its last batch settled."""

    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The reference model after the span; the round's gains and burns in U."""

    pool: ReferencePool
    gains: int
    burns: int


class PoolHistory:
    """The pool's events, from where the reader takes them."""

    def __init__(self, reader: PoolReader) -> None:
        self._reader = reader

    def settled_span(self, number: int) -> Span | None:
        """Where round ``number`` settled, or None if it has not."""
        reader, events = self._reader, self._reader.pool.events
        last, filters = reader.newest().number, {"round": number}
        begun = reader.logs.logs(events.RoundBegun, filters, 0, last)
        settled = reader.logs.logs(events.RoundSettled, filters, 0, last)
        if not begun or not settled:
            return None
        return Span(number, begun[0]["blockNumber"], settled[0]["blockNumber"])

    def replay(self, span: Span, terms: RoundTerms, batches: Sequence[Batch]) -> Replayed | None:
        """State before the span, then every event of it in order, the round's batches too.

        None where another round's settlement shares the span's first or last block: the state at
        the edge of that block is not this round's alone.
        """
        events = self._events(span)
        if any(e.name in _SETTLING and e.arguments["round"] != span.number for e in events):
            return None
        pool = self._reader.pool_at(span.first - 1)
        waiting = zip(batches, followers(batches), strict=True)
        result = Replayed(pool, 0, 0)
        for event in events:
            if event.name == "RoundBegun":
                pool.begin(span.number, terms)
                continue
            settled = SettledBatch(*next(waiting)) if event.name == "BatchSettled" else None
            try:
                apply_event(pool, event, settled)
            except EventError as error:
                raise DifferenceError(str(error)) from None
            if settled:
                paid = event.arguments
                result = replace(
                    result, gains=result.gains + paid["gains"], burns=result.burns + paid["burns"]
                )
        return result

    def _events(self, span: Span) -> list[PoolEvent]:
        reader, events = self._reader, self._reader.pool.events
        found = [
            log
            for name in POOL_EVENTS
            for log in reader.logs.logs(events[name], {}, span.first, span.last)
        ]
        found.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
        with readable(reader.url):
            blocks = {log["blockNumber"] for log in found}
            times = {n: reader.web3.eth.get_block(n)["timestamp"] for n in blocks}
        return [PoolEvent(log["event"], log["args"], times[log["blockNumber"]]) for log in found]

    def compare(self, expected: ReferencePool, span: Span) -> None:
        """Holds the chain after the span against ``expected``; names the first difference."""
        actual = self._reader.pool_at(span.last)
        for model in sorted(set(actual.lanes) | set(expected.lanes)):
            if actual.lane(model) != expected.lane(model):
                raise DifferenceError(
                    f"model {model} holds {nmr(actual.lane(model).stake)} NMR on chain, "
                    f"by the reference model {nmr(expected.lane(model).stake)} NMR"
                )
        for name in ("out", "vault", "burn_owed", "queues", "head"):
            if getattr(actual, name) != getattr(expected, name):
                raise DifferenceError(
                    f"{name} is {getattr(actual, name)} on chain, "
                    f"by the reference model {getattr(expected, name)}"
                )
