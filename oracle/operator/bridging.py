"""Taking burns on to their end: the burn vaults' sweeps, and the exits between them.

Anyone may do it, so operators take turns. Without a root chain only the child chain's vault is
swept. Rounds do not wait for any of it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.bridge.sights import bridge_sight, vault_sight
from oracle.bridge.sweeping import (
    CHILD_SWEEP,
    Side,
    Sweeper,
    Taken,
    Vault,
    is_legacy_only,
    sweep_vault,
)
from oracle.chain.outbox import Outbox
from oracle.chain.reader import Addresses
from oracle.chain.rpc import Block, block, connect, endpoints_of, readable
from oracle.errors import AssayError, InputError
from oracle.operator.burn_metrics import BurnsSeen
from oracle.operator.config import BridgeSettings
from oracle.operator.context import Context
from oracle.operator.observing import ROOT
from oracle.operator.turns import Turns

_EVERY = 60.0
"""Seconds between looks at the vaults, where nothing else is said."""
_log = structlog.get_logger("operator")


@dataclass(frozen=True, slots=True)
class Crossing:
    """A bridge and, opened by ``open``, the root chain; its ``sender`` is an outbox or None."""

    record: BridgeRecord
    open: Callable[[], Side]
    every: float = _EVERY


def crossing(
    chosen: BridgeSettings, context: Context, outbox: Callable[[Side], Outbox | None]
) -> Crossing:
    """Raises InputError where the record is not of this tournament; connects later."""
    record = load_bridge(chosen.record)
    require_same_tournament(chosen.record, record, context.reader.addresses)

    def opened() -> Side:
        web3 = connect(
            chosen.urls,
            record.root.chain_id,
            chosen.agree,
            solo=chosen.solo,
            stale_seconds=chosen.stale_seconds,
        )
        looks = Side(web3, endpoints_of(web3).label)
        return Side(web3, looks.url, outbox(looks))

    return Crossing(record, opened, chosen.every)


def require_same_tournament(path: Path, record: BridgeRecord, here: Addresses) -> None:
    """Raises unless the tournament's NMR came over the record's bridge, and is burned over it."""
    named = (record.child.chain_id, record.child.token, record.burn_vault)
    if named != (here.chain_id, here.token, here.burn_vault):
        raise InputError(
            f"{path} is not the bridge of this tournament, whose chain, token and burn vault are "
            f"{here.chain_id}, {here.token} and {here.burn_vault}",
            "name the record that the tournament was deployed with",
        )


class Bridging:
    """The root chain is opened when it first can be."""

    def __init__(
        self,
        context: Context,
        crossing: Crossing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.context, self.crossing = context, crossing
        self.every = _EVERY if crossing is None else crossing.every
        # Two looks: who comes first has done it by then, and the others have seen it.
        self._turns = Turns(2 * self.every, clock)
        self._stop, self._head, self._due = threading.Event(), 0, set[str]()
        self._root: Side | None = None
        self._sweeper: Sweeper | None = None
        self.seen: BurnsSeen | None = None

    def run(self, stop: threading.Event) -> None:
        """Looks again and again until ``stop`` is set; an error ends a look, never the loop."""
        self._stop = stop
        while not stop.is_set():
            try:
                self.sweep()
                self.look()
            except AssayError as error:
                _log.warning("burns", error=error.message, fix=error.fix)
            except Exception:  # noqa: BLE001 - a bug must not end the loop
                _log.exception("burns")
            stop.wait(self.every)

    def sweep(self) -> list[Taken]:
        """Takes the steps that are due and this operator's to take; what became of each."""
        before, self._due = self._due, set()
        try:
            taken = self._steps()
        except AssayError:
            self._due |= before
            raise
        for one in taken:
            if one.trouble:
                _log.warning("not swept", step=one.step, wei=one.wei, reason=one.trouble)
                continue
            _log.info("swept", step=one.step, wei=one.wei, transaction=one.transaction)
            self._due.discard(one.step)
            before.add(one.step)
        # Done, by whomever: the next time, all wait anew.
        for step in before - self._due:
            self._turns.done(self._head, step)
        return taken

    def look(self) -> BurnsSeen:
        """Sees where burns stand now, for metrics."""
        sweeper, where = self._sweeper, self.context.reader.addresses
        child = vault_sight(Vault(self._child, where.burn_vault), where.token)
        bridge = None if sweeper is None else bridge_sight(sweeper)
        self.seen = BurnsSeen(time.time(), child, bridge)
        return self.seen

    def _steps(self) -> list[Taken]:
        try:
            sweeper = self._opened()
        except AssayError:
            self._sweep_child()  # which needs nobody on the root chain
            raise
        return self._sweep_child() if sweeper is None else sweeper.step()

    def _opened(self) -> Sweeper | None:
        """Ready to sweep, what it sent before being seen to; None without a root chain."""
        if self.crossing is None:
            return None
        if self._root is None:
            self._root = self.crossing.open()
        if isinstance(self._root.sender, Outbox):
            with readable(self._root.url):
                final = block(self._root.web3, "finalized")
            self._tend(self._root.sender, final)
        if self._sweeper is None:
            self._sweeper = Sweeper(self.crossing.record, self._root, self._child, may=self._may)
        return self._sweeper

    def _tend(self, outbox: Outbox, final: Block) -> None:
        """Looks after what the root chain's outbox sent, and shows what it has in hand."""
        observe = self.context.observe
        try:
            outbox.tend(final)
        finally:
            observe.transactions(len(outbox.pending()), ROOT)
        observe.balance(outbox.signer.address, outbox.balance(), ROOT)

    def _sweep_child(self) -> list[Taken]:
        vault = Vault(self._child, self.context.reader.addresses.burn_vault)
        return sweep_vault(vault, CHILD_SWEEP, self._may)

    @property
    def _child(self) -> Side:
        reader, writer = self.context.reader, self.context.writer
        sender = None if writer is None else writer.sender
        legacy = self.crossing is not None and is_legacy_only(self.crossing.record)
        return Side(reader.web3, reader.url, sender, legacy)

    def _may(self, step: str) -> bool:
        """Whether it is this operator's turn; the leader changes with the head round."""
        if self._stop.is_set():
            return False
        context = self.context
        head = self._head = context.reader.state()["head"]
        self._turns.forget_before(head)
        self._due.add(step)
        return self._turns.is_mine(context.address, context.terms(head).members, head, step)
