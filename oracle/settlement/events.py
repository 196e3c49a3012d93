"""StakePool's events, applied to the reference model: what an indexer does.

The events hold everything but the score words of a batch, which are in the calldata of ``settle``
(and in the round's artefacts); the batch chain shows that they are the right ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oracle.settlement.batches import Batch
from oracle.settlement.payout import Coefficients
from oracle.settlement.reference import Progress, ReferencePool
from oracle.settlement.refusals import Refused
from oracle.settlement.units import RELEASE_ALL

POOL_EVENTS = (
    "RoundScheduled",
    "RoundSkipped",
    "Deposited",
    "ReleaseRequested",
    "ModeRequested",
    "Claimed",
    "Exited",
    "Funded",
    "BurnFlushed",
    "Drained",
    "RoundBegun",
    "BatchSettled",
    "RoundSettled",
    "VoidCalled",
    "RoundVoided",
    "Paused",
    "WoundDown",
)
"""Every event of StakePool and its modules."""


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """A decoded log; ``timestamp`` is its block's. Amounts are in U."""

    name: str
    arguments: Mapping[str, Any]
    timestamp: int


@dataclass(frozen=True, slots=True)
class SettledBatch:
    """A batch from a ``settle`` call, with the link of the one after it."""

    batch: Batch
    following: bytes


class EventError(ValueError):
    """An event that does not fit the state; the text says which."""


def apply_event(pool: ReferencePool, event: PoolEvent, settled: SettledBatch | None = None) -> None:
    """Changes ``pool`` as the contract changed. ``settled`` is needed for ``BatchSettled`` only.

    Raises EventError where the model would have refused the call, or come to other amounts.
    """
    try:
        _apply(pool, event, settled)
    except Refused as refusal:
        raise EventError(f"{event.name}: {refusal}") from None


def _apply(pool: ReferencePool, event: PoolEvent, settled: SettledBatch | None) -> None:
    arguments, now = event.arguments, event.timestamp
    # Events that have neither do not use them.
    number: int = arguments.get("round", 0)
    model: int = arguments.get("model", 0)
    match event.name:
        case "RoundScheduled":
            pool.put_round(number, arguments["close"])
        case "RoundSkipped":
            pool.put_round(number, now)
            pool.skipped.add(number)
        case "Deposited":
            pool.queue_deposit(number, model, arguments["amount"])
        case "ReleaseRequested":
            pool.queue_release(number, model, min(arguments["amount"], RELEASE_ALL))
        case "ModeRequested":
            pool.queue_mode(number, model, arguments["mode"])
        case "Claimed":
            _require(event, pool.claim(model), arguments["amount"])
        case "Exited":
            paid = sum(arguments[name] for name in ("stake", "claimable", "deposits"))
            _require(event, pool.exit(model, arguments["rounds"]), paid)
        case "Funded":
            pool.vault += arguments["amount"]
        case "BurnFlushed":
            _require(event, pool.flush_burn(), arguments["amount"])
        case "Drained":
            drained = pool.drain(number, arguments["records"], now)
            _require(event, drained, arguments["records"])
        case "RoundBegun":
            pool.progress = Progress(
                _coefficients(arguments["coefficients"]),
                arguments["chain_head"],
                arguments["words"],
            )
        case "BatchSettled":
            if settled is None:
                raise EventError("BatchSettled needs the batch of its settle call")
            gains, burns = pool.settle(number, settled.batch, settled.following, now)
            _require(event, (gains, burns), (arguments["gains"], arguments["burns"]))
        case "VoidCalled":
            pool.void_at[number] = arguments["void_at"]
        case "RoundVoided":
            pool.end_head(now)
        case "Paused":
            pool.paused_until = arguments["until"]
        case "WoundDown":
            pool.wound_down = True
        case "RoundSettled":
            _require(event, pool.head, number + 1)
        case _:
            raise EventError(f"{event.name} is not an event of the pool")


def _coefficients(shown: Any) -> Coefficients:
    """The struct of the event, a mapping or a tuple by name."""
    value = shown if isinstance(shown, Mapping) else shown._asdict()
    return Coefficients(
        c=(value["c1"], value["c2"], value["c3"]),
        up=value["up"],
        down=value["down"],
        hk=value["hk"],
        scale=value["scale"],
    )


def _require(event: PoolEvent, computed: object, reported: object) -> None:
    if computed != reported:
        raise EventError(f"{event.name}: {reported} reported, {computed} by the reference model")
