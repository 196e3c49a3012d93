"""Taking in what the other operators accepted, so that all evaluate the same round."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from oracle.operator.context import Context
from oracle.operator.exchange import Exchange, adopt, known_receipts
from oracle.operator.peers import Peer
from oracle.settlement.wire import SubmissionMessage

_EARLY = "share early"
_SLICE_SECONDS = 1.0
"""Of an early exchange in one cycle; other duties wait no longer."""
_EARLY_SECONDS = 600.0
"""How long silent peers are asked again before the round is due."""


@dataclass
class Sharing:
    """Adopts peers' submissions and receipts."""

    context: Context
    _complete: dict[tuple[int, str], bool] = field(default_factory=dict)
    _under_way: dict[int, Exchange] = field(default_factory=dict)
    _shared: set[int] = field(default_factory=set)

    # ------------------------------------------------------------------ from the close on

    def is_shared(self, number: int) -> bool:
        """Whether every peer's list was taken in, or waited for long enough, since the close. What
        comes after that is taken in when the round is evaluated."""
        return number in self._shared

    def share(self, number: int) -> bool:
        """Takes in a part of what the peers accepted up to the close; False once it is shared, and
        until then to be called every cycle while nothing else can be done for the round."""
        turns, clock = self.context.turns, self.context.turns.clock
        is_over = turns.waited(number, _EARLY) >= _EARLY_SECONDS
        exchange = self._under_way.pop(number, None)
        if exchange is None:
            if not turns.is_time(number, _EARLY):
                return True
            exchange = Exchange(self.context, number)
        until = clock() + _SLICE_SECONDS
        while exchange.step():
            if clock() >= until:
                self._under_way[number] = exchange
                return True
        if exchange.complete or is_over:
            self._shared.add(number)
        return number not in self._shared

    # ------------------------------------------------------------------ when it is due

    def synchronise(self, number: int, what: str) -> bool:
        """Adopts all that is new. False while a peer is silent and there is time to wait for it;
        ``what`` it is wanted for has a wait of its own. Asked again soon, it answers as before:
        lists are long, and a round may take many cycles to be agreed on.

        After an exchange that failed on this side it is False, however long that lasts: what peers
        have accepted is not known then, and a result without it would be wrong."""
        turns, key = self.context.turns, (number, what)
        is_over = turns.waited(*key) >= self.context.patience
        if turns.is_time(number, f"share {what}"):
            self._complete.pop(key, None)
            self._complete[key] = self._exchange(number)
        return key in self._complete and (self._complete[key] or is_over)

    def _exchange(self, number: int) -> bool:
        """Adopts what every peer has; returns whether all of them answered."""
        self._under_way.pop(number, None)
        exchange = Exchange(self.context, number)
        while exchange.step():
            pass
        return exchange.complete

    def adopt(self, peers: Sequence[Peer], item: SubmissionMessage) -> None:
        """Takes in one submission, its file from whichever of the peers has it."""
        known = known_receipts(self.context.journal, item.round)
        adopt(self.context, peers, item, self.context.ingest.new_receipts(item, known), known)

    def forget_before(self, number: int) -> None:
        """Drops what is only remembered for rounds before this one."""
        self._complete = {key: done for key, done in self._complete.items() if key[0] >= number}
        self._under_way = {n: kept for n, kept in self._under_way.items() if n >= number}
        self._shared = {n for n in self._shared if n >= number}
