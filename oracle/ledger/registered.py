"""What ModelRegistry tells: who has which model, and where its claims are paid."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import case

from oracle.ledger.changes import Changes
from oracle.ledger.decoding import Event
from oracle.records.schema.chain import models


def apply_registry(event: Event, changes: Changes, uuid: Callable[[int], str]) -> None:
    """``uuid`` gives the id that clients know a model by."""
    arguments, now = event.arguments, event.timestamp
    model = arguments.get("model")
    if model is None:  # a reserved name is nobody's yet
        return
    values: dict[str, Any]
    match event.name:
        case "Registered":
            values = {
                "uuid": uuid(model),
                "owner": arguments["owner"],
                "payout": arguments["payout"],
                "name_hash": arguments["name_hash"],
                "registered_at": now,
            }
            account = arguments["owner"]
        case "PayoutChangeRequested":
            # The address requested before it counts from here on, if its time had come.
            is_due = models.c.next_payout_at <= now
            values = {
                "payout": case((is_due, models.c.next_payout), else_=models.c.payout),
                "next_payout": arguments["payout"],
                "next_payout_at": arguments["effective_at"],
            }
            account = arguments["payout"]
        case "Transferred":
            account = arguments["to"]
            values = {
                "owner": account,
                "payout": account,
                "next_payout": None,
                "next_payout_at": None,
            }
        case _:
            values, account = {}, arguments["to"]
    if values:
        changes.models.append((model, values))
    changes.moved(event, account)
