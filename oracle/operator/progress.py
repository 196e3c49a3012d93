"""What is due, from finalized chain facts and what this operator has; and when to look again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from oracle.chain.rpc import Block
from oracle.operator.attesting import Attesting
from oracle.operator.context import Context
from oracle.operator.disclosing import Disclosing
from oracle.operator.folders import manifest_digest
from oracle.settlement.rounds import (
    OperatorFacts,
    Phase,
    PoolFacts,
    RoundFacts,
    Status,
    next_change,
    phase,
    wakes_at,
)

_BEFORE_THE_COMMIT = (Phase.UPCOMING, Phase.OPEN, Phase.CLOSED)
_RESULT = (Phase.COMMITTED, Phase.CHALLENGED, Phase.FINAL)


@dataclass
class Progress:
    """Reads facts at one finalized block; asks for nothing that cannot have changed."""

    context: Context
    attesting: Attesting
    disclosing: Disclosing
    _facts: dict[int, tuple[RoundFacts, int]] = field(default_factory=dict)
    _in_force: dict[int, tuple[RoundFacts, bytes]] = field(default_factory=dict)
    _bonds_done: set[int] = field(default_factory=set)
    _signed: set[int] = field(default_factory=set)
    _folders: dict[int, bytes] = field(default_factory=dict)

    def rounds(self, block: Block) -> Iterator[RoundFacts]:
        """Facts of every round that has not ended."""
        reader = self.context.reader
        state = reader.state(block.number)
        for number in range(state["head"], state["last_announced"] + 1):
            yield self._round(number, block, state["head"])

    def _round(self, number: int, block: Block, head: int) -> RoundFacts:
        """From memory for a round that waits for its time: nothing it needs can change before.

        The head's queue can be filled at any time, so the head is always read.
        """
        if number != head and number in self._facts:
            facts, until = self._facts[number]
            if block.timestamp < until:
                return facts
        facts = self.context.reader.facts(number, block, head)
        self._facts.pop(number, None)
        if phase(facts, block.timestamp) in _BEFORE_THE_COMMIT:
            changes_at = next_change(facts, block.timestamp, 0)
            if changes_at is not None:
                self._facts[number] = (facts, changes_at)
        return facts

    def own(self, facts: RoundFacts, block: Block) -> OperatorFacts:
        """What this operator has for a round."""
        number, context = facts.number, self.context
        stage = phase(facts, block.timestamp)
        if stage in _BEFORE_THE_COMMIT:
            shared = stage is not Phase.CLOSED or self.attesting.sharing.is_shared(number)
            return OperatorFacts(targets=False, attested=False, shared=shared)
        manifest = self.in_force(facts, block)
        return OperatorFacts(
            targets=context.data.has_targets(number),
            attested=self.attesting.own(number) is not None,
            has_folder=manifest is None or self._has_folder(number, manifest),
            disclosed=manifest is None or self.disclosing.is_done(number, manifest),
            has_signatures=self._has_signatures(facts, manifest),
            shared=self.attesting.sharing.is_shared(number),
            super_quorum=context.terms(number).super_quorum if stage is Phase.CHALLENGED else 0,
            bond_open=self._bond_open(facts, block, stage),
        )

    def in_force(self, facts: RoundFacts, block: Block) -> bytes | None:
        """Digest of the manifest that was committed, or confirmed after that."""
        if phase(facts, block.timestamp) not in _RESULT:
            return None
        known = self._in_force.get(facts.number)
        if known is not None and _same_result(known[0], facts):
            return known[1]
        committed = self.context.reader.committed(facts.number, block.number)
        if committed is None:
            return None
        self._in_force[facts.number] = (facts, committed.manifest)
        return committed.manifest

    def _has_folder(self, number: int, manifest: bytes) -> bool:
        if self._folders.get(number) != manifest:
            found = manifest_digest(self.context.folder(number))
            if found != manifest:
                return False
            self._folders[number] = manifest
        return True

    def _has_signatures(self, facts: RoundFacts, manifest: bytes | None) -> bool:
        """Whether the commit can be shown with the signatures it took. Those of an answer to a
        challenge are the contract's business."""
        number = facts.number
        if manifest is None or facts.challenged_at is not None or number in self._signed:
            return True
        counted = self.attesting.attestations(number).count(self.context.terms(number).members)
        if counted.agreed(self.context.terms(number).needed) is None:
            return False
        self._signed.add(number)
        return True

    def _bond_open(self, facts: RoundFacts, block: Block, stage: Phase) -> bool:
        number = facts.number
        if facts.challenged_at is None or number in self._bonds_done:
            return False
        if stage not in (Phase.FINAL, Phase.VOID):
            return False
        challenge = self.context.reader.challenge_of(number, block.number)
        is_open = challenge is not None and challenge.bond > 0 and not challenge.bond_settled
        if not is_open:
            self._bonds_done.add(number)
        return is_open

    def pool(self, block: Block) -> tuple[int, PoolFacts]:
        """The head round and the pool as a whole."""
        reader = self.context.reader
        state = reader.state(block.number)
        head, last = state["head"], state["last_announced"]
        skippable_at = None
        if head > last:
            closed = reader.round_state(head - 1, block.number)["close"]
            skippable_at = closed + reader.clocks.skip_after
        owed = reader.totals(block.number)["burn_owed"]
        return head, PoolFacts(
            wound_down=state["wound_down"],
            skippable_at=skippable_at,
            burn_owed=owed,
            flushed_at=reader.flushed_at(block.number) if owed else 0,
        )

    def wakes_at(self, rounds: list[RoundFacts], block: Block) -> int | None:
        """The next time at which something may be due without any event."""
        grace = self.context.reader.timing["grace"]
        return wakes_at(next_change(facts, block.timestamp, grace) for facts in rounds)

    def forget_before(self, number: int) -> None:
        """Drops what is only remembered for rounds that have ended."""
        for kept in (self._facts, self._in_force, self._folders):
            for old in [n for n in kept if n < number]:
                del kept[old]
        self._signed = {n for n in self._signed if n >= number}
        self._bonds_done = {n for n in self._bonds_done if n >= number}


def _same_result(before: RoundFacts, after: RoundFacts) -> bool:
    """A result is replaced only by the answer to a challenge, which makes it final anew."""
    challenged = Status.CHALLENGED
    was, is_ = before.status is challenged, after.status is challenged
    return was == is_ and before.final_at == after.final_at
