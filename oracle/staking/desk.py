"""One tournament's staking counter: its contracts, and who sends for owners that allow it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from oracle.chain.outbox import Outbox
from oracle.chain.reader import PoolReader
from oracle.errors import InputError
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeMandate
from oracle.settlement.typed_data import Domain
from oracle.settlement.units import MIN_STAKE, WEI_PER_UNIT, nmr
from oracle.staking.rows import Action

_ACTIONS = {Action.INCREASE: StakeAction.DEPOSIT, Action.DECREASE: StakeAction.RELEASE}


@dataclass(frozen=True)
class StakeDesk:
    """``outbox`` sends for the server's relayer; None without one. ``url``: where people reach the
    server; ``now`` tells the chain's time."""

    reader: PoolReader
    outbox: Outbox | None
    url: str
    now: Callable[[], int]

    @property
    def tournament(self) -> int:
        return self.reader.addresses.tournament

    @property
    def domain(self) -> Domain:
        """Of mandates and intents."""
        return Domain(self.reader.addresses.chain_id, self.reader.addresses.relay)

    @property
    def relayer(self) -> str | None:
        """Address of the account that sends."""
        return None if self.outbox is None else self.outbox.signer.address

    def page(self, model: int, action: str) -> str:
        """Where an owner signs."""
        asked = {"tournament": self.tournament, "model": model, "action": action}
        return f"{self.url}/sign?{urlencode(asked)}"

    def call(
        self, mandate: StakeMandate, signature: bytes, model: int, asked: "Asked", number: int
    ) -> Any:
        """The call that passes on a request for round ``number``."""
        return self.reader.relay.functions.act_by_mandate(
            mandate.argument(), signature, model, int(asked.kind), asked.wei, number
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: ``units`` in U, None for a release of everything."""

    action: Action
    units: int | None

    @property
    def kind(self) -> StakeAction:
        return _ACTIONS[self.action]

    @property
    def wei(self) -> int:
        return ALL_WEI if self.units is None else self.units * WEI_PER_UNIT


def asked_for(action: str, units: int | None) -> Asked:
    """Raises ``InputError`` for what the pool would refuse whoever asked."""
    if action not in tuple(Action):
        raise InputError(f"{action[:40]!r} is no change of a stake", "increase or decrease")
    asked = Asked(Action(action), units)
    if units is None and asked.action is Action.INCREASE:
        raise InputError("an increase needs an amount")
    if units is not None and units < MIN_STAKE:
        raise InputError(
            f"{nmr(units)} NMR is too little to change a stake by", f"at least {nmr(MIN_STAKE)} NMR"
        )
    return asked
