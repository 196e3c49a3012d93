"""What anyone may do so that rounds go on: drain, settle, end, skip, flush burns, settle bonds."""

from dataclasses import dataclass

from oracle.errors import RefusedError
from oracle.evaluation.published import read_batches
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.settlement.batches import chain, followers
from oracle.settlement.rounds import Action
from oracle.store.artefacts import ArtefactError

_DRAIN_CHUNK = 200


@dataclass
class Keeping:
    """Sends what is due, in turn. The newest block is asked before: it may show what the finalized
    one does not yet, that it is done."""

    context: Context

    def keep(self, action: Action, number: int) -> bool:
        """Does ``action``, one of those that anyone may, for the round.

        False if nothing of it is left to do unless another block comes: the newest one shows that
        it is done, or this operator sends nothing.
        """
        if self.context.writer is None:
            return False
        return {
            Action.DRAIN: self._drain,
            Action.SETTLE: self._settle,
            Action.END_VOID: self._end_void,
            Action.SETTLE_BOND: self._settle_bond,
            Action.SKIP: self._skip,
            Action.FLUSH: self._flush,
        }[action](number)

    def _drain(self, number: int) -> bool:
        waiting = self.context.reader.round_state(number)["queue_head"]
        # Its own turn for each chunk: the leader that works it off is not overtaken.
        if waiting and self.context.is_my_turn(number, f"drain {waiting}"):
            self._send("drain", Failpoint.DRAINED, number, _DRAIN_CHUNK)
        return bool(waiting)

    def _settle(self, number: int) -> bool:
        context = self.context
        if not self._is_head(number):
            return False
        try:
            batches = read_batches(context.folder(number))
        except ArtefactError as error:
            raise RefusedError(str(error), "another operator, or anyone else, can settle") from None
        links, following = chain(batches), followers(batches)
        cursor = context.reader.cursor(number) or context.reader.chain_head(number)
        if cursor not in links:
            raise RefusedError(f"round {number}: the committed batches are not the ones kept here")
        if not context.is_my_turn(number, f"settle {cursor.hex()}"):
            return True
        for position in range(links.index(cursor), len(batches)):
            context.observe.settled(number, position, len(batches))
            sent = self._send(
                "settle", Failpoint.BATCH_SETTLED, number, batches[position], following[position]
            )
            if not sent:
                return True
        context.observe.settled(number, len(batches), len(batches))
        context.at(Failpoint.SETTLED)
        return True

    def _end_void(self, number: int) -> bool:
        is_open = self._is_head(number)
        if is_open and self.context.is_my_turn(number, "end void"):
            self._send("end_void", Failpoint.VOID_ENDED, number)
        return is_open

    def _settle_bond(self, number: int) -> bool:
        challenge = self.context.reader.challenge_of(number)
        is_open = bool(challenge is not None and challenge.bond and not challenge.bond_settled)
        if is_open and self.context.is_my_turn(number, "settle bond"):
            self._send("settle_bond", Failpoint.BOND_SETTLED, number)
        return is_open

    def _skip(self, number: int) -> bool:
        """Closes a round that nobody announces, so that what waits for it goes on, and so that
        the pool is never wound down for want of rounds."""
        is_open = bool(self.context.reader.state()["last_announced"] < number)
        if is_open and self.context.is_my_turn(number, "skip"):
            self._send("skip", Failpoint.SKIPPED, number)
        return is_open

    def _flush(self, number: int) -> bool:
        owed = self.context.reader.totals()["burn_owed"]
        if owed and self.context.is_my_turn(number, "flush"):
            self._send("flush_burn", Failpoint.BURN_FLUSHED)
            self.context.turns.done(number, "flush")
        return bool(owed)

    def _is_head(self, number: int) -> bool:
        return bool(self.context.reader.state()["head"] == number)

    def _send(self, name: str, place: Failpoint, *arguments: object) -> bool:
        sent = self.context.send(getattr(self.context.writer, name), *arguments)
        if sent:
            self.context.at(place)
        return sent
