"""Replaying what the pool did while a round settled, on the reference model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.errors import DifferenceError
from oracle.settlement.batches import Batch, followers
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.units import RELEASE_ALL, nmr

_ACTIONS = (
    "RoundScheduled",
    "Deposited",
    "ReleaseRequested",
    "ModeRequested",
    "Claimed",
    "Funded",
    "Drained",
    "RoundBegun",
    "BatchSettled",
)
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
    """The pool's events, read over the reader's endpoint."""

    def __init__(self, reader: PoolReader) -> None:
        self._reader = reader

    def settled_span(self, number: int) -> Span | None:
        """Where round ``number`` settled, or None if it has not."""
        events = self._reader.pool.events
        with readable(self._reader.url):
            filters = {"argument_filters": {"round": number}, "from_block": 0}
            begun = events.RoundBegun().get_logs(**filters)
            settled = events.RoundSettled().get_logs(**filters)
        if not begun or not settled:
            return None
        return Span(number, begun[0]["blockNumber"], settled[0]["blockNumber"])

    def replay(self, span: Span, terms: RoundTerms, batches: Sequence[Batch]) -> Replayed | None:
        """State before the span, then every event of it in order, the round's batches too.

        None where another round's settlement shares the span's first or last block: the state at
        the edge of that block is not this round's alone.
        """
        events = self._events(span)
        if any(e["event"] in _SETTLING and e["args"]["round"] != span.number for e in events):
            return None
        pool = self._reader.pool_at(span.first - 1)
        waiting = zip(batches, followers(batches), strict=True)
        result = Replayed(pool, 0, 0)
        for event in events:
            if event["event"] == "RoundBegun":
                pool.begin(span.number, terms)
            elif event["event"] == "BatchSettled":
                gains, burns = pool.settle(span.number, *next(waiting))
                _require_sums(event["args"], gains, burns)
                result = replace(result, gains=result.gains + gains, burns=result.burns + burns)
            else:
                _apply(pool, event)
        return result

    def _events(self, span: Span) -> list[Any]:
        events = self._reader.pool.events
        with readable(self._reader.url):
            found = [
                log
                for name in _ACTIONS
                for log in events[name]().get_logs(from_block=span.first, to_block=span.last)
            ]
        return sorted(found, key=lambda log: (log["blockNumber"], log["logIndex"]))

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


def _require_sums(reported: Any, gains: int, burns: int) -> None:
    if (reported["gains"], reported["burns"]) != (gains, burns):
        raise DifferenceError(
            f"the batch at word {reported['start']} paid {nmr(reported['gains'])} and burned "
            f"{nmr(reported['burns'])} NMR, by the reference model {nmr(gains)} and {nmr(burns)}"
        )


def _apply(pool: ReferencePool, event: Any) -> None:
    """One event that is not part of the settlement. Amounts are in U."""
    arguments = event["args"]
    match event["event"]:
        case "RoundScheduled":
            pool.schedule(arguments["round"], arguments["close"])
        case "Deposited":
            pool.queue_deposit(arguments["round"], arguments["model"], arguments["amount"])
        case "ReleaseRequested":
            amount = min(arguments["amount"], RELEASE_ALL)
            pool.queue_release(arguments["round"], arguments["model"], amount)
        case "ModeRequested":
            pool.queue_mode(arguments["round"], arguments["model"], arguments["mode"])
        case "Claimed":
            pool.claim(arguments["model"])
        case "Funded":
            pool.fund(arguments["amount"])
        case "Drained":
            pool.drain(arguments["round"], arguments["records"], pool.closes[arguments["round"]])
