"""Whether the index of events has what the contracts' state says must have happened.

Endpoints that leave out logs give no sign of it; but each of these states is reached by one event.
"""

from typing import Any

from hexbytes import HexBytes

from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import Block
from oracle.settlement.rounds import Status
from oracle.store.event_index import EventStore

_WITH_A_RESULT = (Status.COMMITTED, Status.CHALLENGED, Status.FINAL)


def missing(reader: PoolReader, store: EventStore, block: Block) -> list[str]:
    """What the index up to ``block`` lacks, in words; empty if it agrees with the views there.

    Asks for the pool's state, the numbers of models and operators, and each round that is due and
    has not ended.
    """
    return _Comparison(reader, store, block).missing()


class _Comparison:
    def __init__(self, reader: PoolReader, store: EventStore, block: Block) -> None:
        self._reader, self._store, self._block = reader, store, block
        self._logs = IndexedLogs(store)

    def missing(self) -> list[str]:
        state = self._reader.state(self._block.number)
        rounds = range(state["head"], state["last_announced"] + 1)
        return [
            *self._of_counts(state),
            *self._of_head(state),
            *(text for number in rounds for text in self._of_round(number)),
        ]

    def _of_counts(self, state: dict[str, Any]) -> list[str]:
        reader, at = self._reader, self._block.number
        pool, oracle, registry = (c.events for c in (reader.pool, reader.oracle, reader.registry))
        announced = state["last_announced"] - self._count(pool.RoundSkipped)
        found = {
            "rounds scheduled": (self._count(pool.RoundScheduled), announced),
            "rounds announced": (self._count(oracle.Announced), announced),
            "rounds ended": (
                self._count(pool.RoundSettled) + self._count(pool.RoundVoided),
                state["head"] - 1,
            ),
            "models registered": (self._count(registry.Registered), reader.models(at)),
            "operators added": (self._count(oracle.SignerAdded), len(reader.operators(at))),
        }
        texts = [f"{what}: {have} of {due}" for what, (have, due) in found.items() if have < due]
        if state["wound_down"] and not self._count(pool.WoundDown):
            texts.append("the pool was wound down")
        return texts

    def _of_head(self, state: dict[str, Any]) -> list[str]:
        if not state["begun"]:
            return []
        head, events = state["head"], self._reader.pool.events
        batches = self._of(events.BatchSettled, head)
        ends = [log["args"]["start"] + log["args"]["words"] for log in batches]
        if not self._of(events.RoundBegun, head) or max(ends, default=0) < state["next_word"]:
            return [f"round {head}: a batch"]
        return []

    def _of_round(self, number: int) -> list[str]:
        events = self._reader.oracle.events
        announced = self._of(events.Announced, number)
        if not announced:  # skipped, or counted above
            return []
        times = announced[-1]["args"]
        if self._block.timestamp < times["closes"] + times["horizon"]:
            return []
        known = self._reader.facts(number, self._block, head=number)
        texts = []
        if known.challenged_at and not self._of(events.Challenged, number):
            texts.append(f"round {number}: the challenge")
        if known.status in _WITH_A_RESULT and not self._has_result(number):
            texts.append(f"round {number}: the result")
        return texts

    def _has_result(self, number: int) -> bool:
        events = self._reader.oracle.events
        logs = self._of(events.Confirmed, number) or self._of(events.Committed, number)
        in_force = self._reader.chain_head(number, self._block.number)
        return bool(logs) and logs[-1]["args"]["chain_head"] == in_force

    def _of(self, event: Any, number: int) -> list[Any]:
        return self._logs.logs(event, {"round": number}, 0, self._block.number)

    def _count(self, event: Any) -> int:
        instance = event()
        return self._store.count_of(instance.address, bytes(HexBytes(instance.topic)))
