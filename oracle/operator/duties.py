"""All duties of one operator, built on one context."""

import time
from collections.abc import Sequence

from oracle.chain.index import ChainIndex
from oracle.chain.outbox import Outbox
from oracle.chain.rpc import Block
from oracle.operator.agreeing import Agreeing
from oracle.operator.announcing import Announcing
from oracle.operator.attesting import Attesting
from oracle.operator.committing import Committing
from oracle.operator.confirming import Confirming
from oracle.operator.context import Context
from oracle.operator.disclosing import Disclosing, Mirror
from oracle.operator.drafts import Drafts
from oracle.operator.evidence import EvidenceDesk
from oracle.operator.failpoints import Failpoint
from oracle.operator.following import Following
from oracle.operator.inputs import Inputs
from oracle.operator.keeping import Keeping
from oracle.operator.left_over import LeftOver
from oracle.operator.progress import Progress
from oracle.operator.pruning import Pruning
from oracle.operator.reporting import Reporting
from oracle.operator.sharing import Sharing
from oracle.settlement.rounds import Action
from oracle.store.event_index import EventStore

_BALANCE_SECONDS = 60


class Duties:
    """``outboxes`` are those of every account this process sends from; without ``chain_index``
    every new block counts as news. ``keep_files``: seconds, see `Pruning`."""

    def __init__(
        self,
        context: Context,
        *,
        outboxes: Sequence[Outbox] = (),
        chain_index: ChainIndex | None = None,
        events: EventStore | None = None,
        announcing: Announcing | None = None,
        verifiers: Sequence[str] = (),
        mirror: Mirror | None = None,
        keep_files: float | None = None,
    ) -> None:
        self.context, self.outboxes = context, outboxes
        self.chain_index, self.events, self.announcing = chain_index, events, announcing
        self.sharing, self.inputs = Sharing(context), Inputs(context)
        self.drafts = Drafts(context, self.inputs)
        self.agreeing = Agreeing(context, self.drafts)
        self.attesting = Attesting(context, self.sharing, self.drafts, self.agreeing)
        self.committing = Committing(context, self.attesting, Reporting(context))
        self.desk = EvidenceDesk(context, self.sharing)
        self.confirming = Confirming(context, self.attesting, self.sharing, self.desk)
        self.following = Following(context, self.attesting, self.sharing, self.confirming)
        self.disclosing = Disclosing(context, verifiers, mirror)
        self.left_over = LeftOver(context, self.confirming, self.disclosing)
        self.keeping = Keeping(context)
        self.pruning = Pruning(context, keep_files)
        self.progress = Progress(context, self.attesting, self.disclosing)
        self._last_close: int | None = None
        self._next_balance = 0.0

    # ------------------------------------------------------------------ every cycle

    @property
    def has_index(self) -> bool:
        return self.chain_index is not None

    def tend(self, block: Block) -> None:
        """Sees to the transactions that were sent and are not final yet."""
        pending = 0
        for outbox in self.outboxes:
            outbox.tend(block)
            pending += len(outbox.pending())
        self.context.observe.transactions(pending)
        if time.monotonic() >= self._next_balance:
            self._next_balance = time.monotonic() + _BALANCE_SECONDS
            for outbox in self.outboxes:
                self.context.observe.balance(outbox.signer.address, outbox.balance())

    def index(self, block: Block) -> int:
        """Brings the index of events up to the block; how many events it has."""
        if self.chain_index is None or self.events is None:
            return 0
        self.chain_index.update(block)
        self.context.at(Failpoint.INDEX_STORED)
        return self.events.count()

    def refresh(self) -> None:
        """Asks peers for their cards, now and then."""
        self.context.ingest.cards.refresh(self.context.peers, self.context.reader)

    def await_targets(self, number: int) -> bool:
        """Whether a round's targets are there, here or at a peer; asked every cycle."""
        if not self.context.data.has_targets(number):
            self.context.ingest.desk.fetch(self.context.peers, number)
        return self.context.data.has_targets(number)

    # ------------------------------------------------------------------ what is due

    def do(self, action: Action, number: int, manifest: bytes | None) -> bool:
        """Does one action; ``manifest`` is the digest of the round's result in force.

        False if nothing of it is left to do unless another block comes.
        """
        match action:
            case Action.ATTEST:
                self.attesting.attest(number)
            case Action.GATHER:
                return self.committing.gather(number)
            case Action.COLLECT:
                self.committing.collect(number)
            case Action.FOLLOW if manifest is not None:
                self.following.follow(number, manifest)
            case Action.CONFIRM:
                return self.confirming.answer(number)
            case Action.DISCLOSE if manifest is not None:
                self.disclosing.disclose(number, manifest)
            case Action.ANNOUNCE if self.announcing is not None:
                self._last_close = None
                self.announcing.announce()
            case Action.SHARE:
                return self.sharing.share(number)
            case Action.AWAIT_TARGETS:
                self.await_targets(number)
            case _:
                return self.keeping.keep(action, number)
        return True

    def announces(self, now: int) -> bool:
        """Whether the calendar has a round to announce at block time ``now``."""
        if self.announcing is None:
            return False
        if self._last_close is None:
            self._last_close = self.context.reader.last_close()
        return self.announcing.due(self._last_close, now) is not None

    def forget_before(self, number: int) -> None:
        """Drops what is only remembered for rounds before ``number``, which have ended."""
        self.context.forget_before(number)
        for duty in (
            self.context.ingest.desk,
            self.sharing,
            self.inputs,
            self.drafts,
            self.agreeing,
            self.attesting,
            self.following,
            self.disclosing,
            self.progress,
        ):
            duty.forget_before(number)
