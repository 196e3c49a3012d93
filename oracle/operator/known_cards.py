"""Operators' cards, remembered for a while by whoever sends many files."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable

from oracle.settlement.wire import CardMessage

_SECONDS = 30.0


class KnownCards:
    """Cards by operators' URLs, each believed for ``seconds``. May be used by many threads: one
    asks, the others wait for its answer. ``clock`` never goes back."""

    def __init__(
        self, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._known: dict[str, tuple[float, CardMessage]] = {}
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, url: str, ask: Callable[[str], CardMessage]) -> CardMessage:
        """The card that is known, else what ``ask`` gives; what it raises is not remembered."""
        with self._asking[url]:
            until, card = self._known.get(url, (0.0, None))
            if card is None or self._clock() >= until:
                card = ask(url)
                self._known[url] = self._clock() + self._seconds, card
            return card

    def forget(self, url: str) -> None:
        """Asks anew next time: an operator that did not take a file may have another card now."""
        self._known.pop(url, None)
