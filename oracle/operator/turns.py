"""Who sends what anyone may send: operators take turns, so that as a rule only one pays for it."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


@dataclass
class Turns:
    """``stagger`` is the wait in seconds between one operator's turn and the next one's."""

    stagger: float
    clock: Callable[[], float] = time.monotonic
    _since: dict[tuple[int, Hashable], float] = field(default_factory=dict)
    _asks: dict[tuple[int, Hashable], tuple[float, float]] = field(default_factory=dict)

    def is_time(self, number: int, what: Hashable) -> bool:
        """Whether to ask the peers again: soon at first, then ever more seldom."""
        now, key = self.clock(), (number, what)
        due, pause = self._asks.get(key, (now, 0.0))
        if now < due:
            return False
        pause = min(max(_FIRST_PAUSE, 2 * pause), _LONGEST_PAUSE)
        self._asks[key] = (now + pause, pause)
        return True

    def waited(self, number: int, what: Hashable) -> float:
        """Seconds since this was first asked for the round."""
        now = self.clock()
        return now - self._since.setdefault((number, what), now)

    def is_mine(self, own: str, members: Sequence[str], number: int, what: Hashable) -> bool:
        """Leaders change by round; each later one waits ``stagger`` seconds more."""
        ordered = sorted(members, key=lambda address: int(address, 16))
        position = len(ordered)  # whoever joined or left since comes last
        if own in ordered:
            position = (ordered.index(own) + number) % len(ordered)
        return self.waited(number, what) >= position * self.stagger

    def done(self, number: int, what: Hashable) -> None:
        """It was done, or is no longer due: the next time, all wait anew."""
        self._since.pop((number, what), None)

    def forget_before(self, number: int) -> None:
        """Drops what was waited for in earlier rounds."""
        self._since = {key: at for key, at in self._since.items() if key[0] >= number}
        self._asks = {key: at for key, at in self._asks.items() if key[0] >= number}
