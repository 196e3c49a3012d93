"""The operator's reconcile loop: look at the chain and at what is kept, do what is due, look again.

Nothing that matters is remembered between cycles, so a restart at any point is harmless. Signing is
guarded by the journal; everything sent to the chain is permissionless and checked by the contracts.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from oracle.chain.rpc import Block
from oracle.errors import AssayError
from oracle.operator.duties import Duties
from oracle.operator.evidence import EvidenceDesk
from oracle.settlement.confirmation import ConfirmationMessage
from oracle.settlement.rounds import (
    FLUSH_AFTER,
    KEEPING,
    Action,
    PoolFacts,
    RoundFacts,
    next_actions,
    pool_actions,
    wakes_at,
)
from oracle.settlement.wire import AttestationMessage
from oracle.store.artefacts import ArtefactError, RoundFolder

_T = TypeVar("_T")
_WAITING = frozenset({Action.AWAIT_TARGETS})
_log = structlog.get_logger("operator")


@dataclass(frozen=True, slots=True)
class _Look:
    """What the last look came to: its block, the events indexed then, whether anything was due, and
    from what block time on something may be due by itself."""

    block: Block
    events: int
    busy: bool
    wakes_at: int | None
    awaits_targets: tuple[int, ...]


class Worker:
    """One operator's work on one pool."""

    def __init__(self, duties: Duties) -> None:
        self.duties, self.context = duties, duties.context
        self._last: _Look | None = None
        self._last_error = ("", "")

    def run(self, stop: threading.Event, pause: float) -> None:
        """Cycles until ``stop`` is set; an error ends a cycle, never the loop."""
        while not stop.is_set():
            started, self._last_error = time.monotonic(), ("", "")
            self._guarded("cycle", self.cycle)
            # Its class alone: whoever is told may be anyone, and a text may quote what is sealed.
            self.context.observe.cycle(time.monotonic() - started, self._last_error[0])
            stop.wait(pause)

    @property
    def error(self) -> str:
        """The last one of the last cycle, empty if there was none."""
        return ": ".join(filter(None, self._last_error))

    def cycle(self) -> None:
        """One look at every round that is not settled; trouble with one leaves the others alone."""
        block = self.context.reader.finalized()
        self.context.observe.block(block.number, block.timestamp)
        self._guarded("transactions", self.duties.tend, block)
        self._guarded("cards", self.duties.refresh)
        events = self.duties.index(block)
        if self._last is not None and not self._has_news(self._last, block, events):
            self._last = _Look(block, events, False, self._last.wakes_at, self._last.awaits_targets)
            return
        # A cycle that fails half-way is to be repeated, whatever the next block brings.
        self._last = None
        rounds = list(self.duties.progress.rounds(block))
        due = [
            self._guarded(f"round {facts.number}", self._advance, facts, block) for facts in rounds
        ]
        head, pool = self.duties.progress.pool(block)
        busy_pool = self._guarded("pool", self._advance_pool, head, pool, block)
        self._guarded("left over", self.duties.disclose_left_over, head, block)
        self.context.observe.ended(head)
        self.duties.forget_before(head)
        self._last = _Look(
            block,
            events,
            busy=busy_pool is not False or any(actions != () for actions in self._busy(due)),
            wakes_at=wakes_at([self.duties.progress.wakes_at(rounds, block), _pool_wakes(pool)]),
            awaits_targets=tuple(
                facts.number
                for facts, actions in zip(rounds, due, strict=True)
                if actions and Action.AWAIT_TARGETS in actions
            ),
        )

    def _has_news(self, last: _Look, block: Block, events: int) -> bool:
        """Whether anything may be due that was not at the last look."""
        if last.busy:
            return True
        if events != last.events or any(map(self.duties.await_targets, last.awaits_targets)):
            return True
        if block.hash != last.block.hash and not self.duties.has_index:
            return True
        if self.duties.announces(block.timestamp):
            return True
        return last.wakes_at is not None and block.timestamp >= last.wakes_at

    def _busy(self, due: list[tuple[Action, ...] | None]) -> list[tuple[Action, ...]]:
        """What keeps the loop awake; a round that failed (None) does."""
        return [
            (Action.ATTEST,) if actions is None else tuple(a for a in actions if a not in _WAITING)
            for actions in due
        ]

    def _guarded(self, what: str, work: Callable[..., _T], *arguments: object) -> _T | None:
        """What ``work`` returns, None where it failed."""
        try:
            return work(*arguments)
        except AssayError as error:
            self._last_error = type(error).__name__, error.message
            _log.warning(what, error=error.message, fix=error.fix)
        except Exception as error:  # noqa: BLE001 - a bug must not end the loop
            self._last_error = type(error).__name__, str(error)
            _log.exception(what)
        return None

    def _advance(self, facts: RoundFacts, block: Block) -> tuple[Action, ...]:
        own = self.duties.progress.own(facts, block)
        takes_part = self.context.signer is None or self.context.is_member(facts.number)
        actions = tuple(
            action
            for action in next_actions(facts, own, block.timestamp)
            if takes_part or action in KEEPING
        )
        self.context.observe.round(facts, actions, block.timestamp)
        manifest = self.duties.progress.in_force(facts, block)
        for action in actions:
            self.duties.do(action, facts.number, manifest)
        return actions

    def _advance_pool(self, head: int, facts: PoolFacts, block: Block) -> bool:
        """Whether anything was due for the pool as a whole."""
        actions = pool_actions(facts, self.duties.announces(block.timestamp), block.timestamp)
        for action in actions:
            self.duties.do(action, head, None)
        return bool(actions)

    # ------------------------------------------------------------------ what others see

    @property
    def evidence(self) -> EvidenceDesk:
        """What speaks against rounds."""
        return self.duties.desk

    def shown_folder(self, number: int) -> Path | None:
        """The round's folder once it is as open as it will be, None before."""
        folder = self.context.folder(number)
        try:
            return folder if folder.is_dir() and RoundFolder(folder).disclosed() else None
        except ArtefactError:
            return None

    def own_attestation(self, number: int) -> AttestationMessage | None:
        return self.duties.attesting.own(number)

    def proposal(self, number: int) -> bytes | None:
        """The digest this operator has signed or would sign, or None."""
        return self.duties.attesting.proposal(number)

    def attestations_of(self, number: int, operator: str) -> list[AttestationMessage]:
        """Every result of the round that ``operator`` is known to have signed."""
        return self.duties.attesting.attestations(number).all_of(operator)

    def confirmation(self, number: int) -> ConfirmationMessage | None:
        """This operator's signed answer to the round's challenge, or None."""
        return self.duties.confirming.shown(number)

    def confirmation_proposal(self, number: int) -> bytes | None:
        return self.duties.confirming.proposal(number)


def _pool_wakes(facts: PoolFacts) -> int | None:
    flush = facts.flushed_at + FLUSH_AFTER if facts.burn_owed else None
    return wakes_at([facts.skippable_at, flush])
