"""Events to changes of the tables: those of the pool on the reference model, which refuses what
does not add up."""

from collections.abc import Callable, Iterable
from typing import Any

from oracle.ledger.changes import Changes
from oracle.ledger.decoding import Event
from oracle.ledger.registered import apply_registry
from oracle.ledger.snapshot import Snapshot
from oracle.records.rows import coefficients_text, template_text
from oracle.settlement.events import PoolEvent, SettledBatch, apply_event
from oracle.settlement.reference import ReferencePool
from oracle.settlement.typed_data import Announcement, template_hash
from oracle.settlement.units import LANES_PER_WORD

_RESULT = ("chain_head", "at_risk", "words", "close_block_hash", "manifest", "meta_root")
_PLACE_BITS = 20


class Replay:
    """Applies events of one tournament to ``state`` and gathers what they change.

    ``announced`` gives a round's announcement at a block; ``batch`` the words of a settled batch;
    ``window`` is how long a result can be challenged.
    """

    def __init__(
        self,
        state: Snapshot,
        *,
        announced: Callable[[int, int], Announcement | None],
        batch: Callable[[Event], SettledBatch],
        window: int,
        uuid: Callable[[int], str],
    ) -> None:
        self.state = state
        self._announced, self._batch, self._window, self._uuid = announced, batch, window, uuid

    @property
    def pool(self) -> ReferencePool:
        return self.state.pool

    def apply(self, events: Iterable[Event]) -> Changes:
        """Raises ``EventError`` for one that does not fit the state."""
        changes = Changes()
        for event in events:
            self.take_closes(event.timestamp, changes)
            match event.contract:
                case "pool":
                    self._pool_event(event, changes)
                case "oracle":
                    self._oracle_event(event, changes)
                case "registry":
                    apply_registry(event, changes, self._uuid)
                    self._owned(event)
        return changes

    def _owned(self, event: Event) -> None:
        to = {"Registered": "owner", "Transferred": "to"}.get(event.name)
        if to is not None:
            self.state.owners[event.arguments["model"]] = event.arguments[to]

    def take_closes(self, now: int, changes: Changes) -> None:
        """The projected stakes of rounds that closed before block time ``now`` or at it: whatever
        happened in blocks before the close has been applied, and nothing after it."""
        for number, closes in sorted(self.state.untaken.items()):
            if closes > now:
                return
            stakes = self.pool.stakes(number, len(self.state.owners)).stakes
            changes.closes += [
                {"round": number, "model": model, "stake": stake} for model, stake in stakes.items()
            ]
            changes.rounds[number]["stakes_taken"] = True
            del self.state.untaken[number]

    # ------------------------------------------------------------------ the oracle contract

    def _oracle_event(self, event: Event, changes: Changes) -> None:
        arguments, now = event.arguments, event.timestamp
        if "round" not in arguments:
            return
        values = changes.rounds[arguments["round"]]
        match event.name:
            case "Announced":
                values |= self._announcement(event)
                self.state.untaken[arguments["round"]] = arguments["closes"]
            case "RoundCancelled":
                values["cancelled"] = True
            case "Committed":
                values |= _named(arguments, _RESULT)
                values |= {"committed_at": now, "final_at": now + self._window}
            case "Challenged":
                values |= {"challenged_at": now, "final_at": None}
            case "Confirmed":
                values |= _named(arguments, _RESULT)
                values |= {"confirmed_at": now, "final_at": now}

    def _announcement(self, event: Event) -> dict[str, Any]:
        number, block = event.arguments["round"], event.log.block_number
        found = self._announced(number, block)
        assert found is not None, "the event was just read"
        names = ("opens", "closes", "horizon", "phi", "series_hash", "spec_hash", "epoch")
        return {
            **{name: getattr(found, name) for name in names},
            "template": template_text(found.template),
            "template_hash": template_hash(found.template),
            "announce_hash": found.hash(),
            "announced_at": event.timestamp,
        }

    # ------------------------------------------------------------------ the pool

    def _pool_event(self, event: Event, changes: Changes) -> None:
        arguments = event.arguments
        shown = PoolEvent(event.name, arguments, event.timestamp)
        number, model = arguments.get("round"), arguments.get("model")
        if event.name == "BatchSettled":
            self._settle(event, shown, changes)
        elif event.name == "Drained":
            self._drain(shown, changes)
        else:
            apply_event(self.pool, shown)
        if model is not None:
            self._moved(event, changes)
        if number is not None:
            self._round(event, changes)

    def _drain(self, shown: PoolEvent, changes: Changes) -> None:
        number: int = shown.arguments["round"]
        before = list(self.pool.queues.get(number, {}))
        apply_event(self.pool, shown)
        left = self.pool.queues.get(number, {})
        drained = [model for model in before if model not in left]
        changes.touched.update(drained)
        changes.records.update((number, model) for model in drained)

    def _moved(self, event: Event, changes: Changes) -> None:
        arguments, model = event.arguments, event.arguments["model"]
        changes.touched.add(model)
        rounds = arguments["rounds"] if "rounds" in arguments else [arguments.get("round")]
        for number in rounds:
            if number is not None:
                changes.records.add((number, model))
                place = event.log.block_number << _PLACE_BITS | event.log.log_index
                changes.places.setdefault((number, model), place)
        amount = arguments.get("amount")
        if event.name == "Exited":
            amount = sum(arguments[name] for name in ("stake", "claimable", "deposits"))
        account = arguments.get("payout") or self.state.owners[model]
        changes.moved(event, account, amount)

    def _round(self, event: Event, changes: Changes) -> None:
        arguments, now = event.arguments, event.timestamp
        number = arguments["round"]
        match event.name:
            case "RoundScheduled":
                changes.rounds[number]["closes"] = arguments["close"]
            case "RoundSkipped":
                changes.rounds[number]["closes"] = now
            case "RoundBegun":
                assert self.pool.progress is not None
                text = coefficients_text(self.pool.progress.coefficients)
                changes.rounds[number] |= {"begun_at": now, "coefficients": text}
            case "RoundSettled":
                changes.rounds[number] |= {"ended_at": now, "ended": "settled"}
            case "VoidCalled":
                changes.rounds[number]["void_at"] = arguments["void_at"]
            case "RoundVoided":
                how = "skipped" if number in self.pool.skipped else "void"
                changes.rounds[number] |= {"ended_at": now, "ended": how}

    def _settle(self, event: Event, shown: PoolEvent, changes: Changes) -> None:
        settled, number = self._batch(event), event.arguments["round"]
        words = range(settled.batch.start, settled.batch.start + len(settled.batch.words))
        models = [w * LANES_PER_WORD + lane for w in words for lane in range(LANES_PER_WORD)]
        before = {m: (self.pool.lane(m).stake, self.pool.out.get(m, 0)) for m in models}
        apply_event(self.pool, shown, settled)
        for model, (stake, out) in before.items():
            grown = self.pool.lane(model).stake - stake
            taken = self.pool.out.get(model, 0) - out
            if stake:
                changes.settlements.append(
                    {
                        "round": number,
                        "model": model,
                        "stake": stake,
                        "change": grown + taken,
                        "taken": taken,
                    }
                )
            if grown or taken:
                changes.touched.add(model)
        values = changes.rounds[number]
        for name in ("gains", "burns"):
            values[name] = values.get(name, 0) + event.arguments[name]


def _named(arguments: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: arguments[name] for name in names}
