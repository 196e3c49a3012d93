"""The operator's reconcile loop: look at the chain and at what is kept, do what is due, look again.

Nothing that matters is remembered between cycles, so a restart at any point is harmless. Signing is
guarded by the journal; everything sent to the chain is permissionless and checked by the contracts.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from oracle.settlement.wire import AttestationMessage, VoteMessage
from oracle.store.artefacts import ArtefactError, RoundFolder

_T = TypeVar("_T")
_WAITING = frozenset({Action.AWAIT_TARGETS})
_log = structlog.get_logger("operator")


@dataclass(frozen=True, slots=True)
class _Done:
    """The actions that were due, and whether any of them is to be gone on with in the next cycle,
    be it without another block."""

    actions: tuple[Action, ...]
    busy: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """What the last look came to: its block, the events indexed then, whether anything was due and
    of that anything left to do without another block, and from what block time on something may be
    due by itself."""

    block: Block
    events: int
    due: bool
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
            self._last = replace(self._last, block=block, events=events)
            return
        # A cycle that fails half-way is to be repeated, whatever the next block brings.
        self._last = None
        rounds = list(self.duties.progress.rounds(block))
        done = [
            self._guarded(f"round {facts.number}", self._advance, facts, block) for facts in rounds
        ]
        head, pool = self.duties.progress.pool(block)
        of_pool = self._guarded("pool", self._advance_pool, head, pool, block)
        left_over = self._guarded("left over", self.duties.left_over.make_up, head, block)
        self._guarded("pruning", self.duties.pruning.prune, head, block)
        self.context.observe.ended(head)
        self.duties.forget_before(head)
        self._last = _Look(
            block,
            events,
            # What failed (None) is tried again at once.
            due=left_over is None
            or any(one is None or set(one.actions) - _WAITING for one in (*done, of_pool)),
            busy=bool(left_over) or any(one is None or one.busy for one in (*done, of_pool)),
            wakes_at=wakes_at([self.duties.progress.wakes_at(rounds, block), _pool_wakes(pool)]),
            awaits_targets=tuple(
                facts.number
                for facts, one in zip(rounds, done, strict=True)
                if one is not None and Action.AWAIT_TARGETS in one.actions
            ),
        )

    def _has_news(self, last: _Look, block: Block, events: int) -> bool:
        """Whether anything may be due that was not at the last look."""
        if last.busy:
            return True
        if events != last.events or any(map(self.duties.await_targets, last.awaits_targets)):
            return True
        if self.duties.announces(block.timestamp):
            return True
        if block.hash == last.block.hash:
            return False
        if last.due or not self.duties.has_index:
            return True
        return last.wakes_at is not None and block.timestamp >= last.wakes_at

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

    def _advance(self, facts: RoundFacts, block: Block) -> _Done:
        own = self.duties.progress.own(facts, block)
        takes_part = self.context.signer is None or self.context.is_member(facts.number)
        actions = tuple(
            action
            for action in next_actions(facts, own, block.timestamp)
            if takes_part or action in KEEPING
        )
        self.context.observe.round(facts, actions, block.timestamp)
        manifest = self.duties.progress.in_force(facts, block)
        return self._do(actions, facts.number, manifest)

    def _advance_pool(self, head: int, facts: PoolFacts, block: Block) -> _Done:
        """What was due for the pool as a whole."""
        actions = pool_actions(facts, self.duties.announces(block.timestamp), block.timestamp)
        return self._do(actions, head, None)

    def _do(self, actions: tuple[Action, ...], number: int, manifest: bytes | None) -> _Done:
        left = [action for action in actions if self.duties.do(action, number, manifest)]
        return _Done(actions, busy=any(action not in _WAITING for action in left))

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

    def draft_targets(self, number: int, digest: bytes) -> bytes | None:
        """The targets that such a result was evaluated by, sealed to operators, or None."""
        return self.duties.agreeing.targets(number, digest)

    def own_attestation(self, number: int) -> AttestationMessage | None:
        return self.duties.attesting.own(number)

    def votes(self, number: int, challenge: bytes) -> list[VoteMessage]:
        """Every vote known on a round's result, or on the answer to a challenge."""
        return self.duties.agreeing.shown(number, challenge)

    def draft(self, number: int, digest: bytes, page: int) -> bytes | None:
        """A page of what a result that this operator voted for follows from, or None."""
        return self.duties.agreeing.page(number, digest, page)

    def attestations_of(self, number: int, operator: str) -> list[AttestationMessage]:
        """Every result of the round that ``operator`` is known to have signed."""
        return self.duties.attesting.attestations(number).all_of(operator)

    def confirmation(self, number: int) -> ConfirmationMessage | None:
        """This operator's signed answer to the round's challenge, or None."""
        return self.duties.confirming.shown(number)


def _pool_wakes(facts: PoolFacts) -> int | None:
    flush = facts.flushed_at + FLUSH_AFTER if facts.burn_owed else None
    return wakes_at([facts.skippable_at, flush])
