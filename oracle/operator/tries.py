"""How often one model's owner may have a file looked at: the part of ingest that costs time."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from oracle.errors import RefusedError


class BusyError(RefusedError):
    """Too many requests for now; the same one may be sent again later."""


class OverloadedError(BusyError):
    """So many at once that this request, whoever sent it, has to wait for others to end."""

    code = "busy"


@dataclass
class Tries:
    """At most ``most`` tries a model within ``seconds``.

    Counted once a try is known to come from the owner, so that nobody uses up another's.
    """

    most: int = 60
    seconds: float = 600.0
    clock: Callable[[], float] = time.monotonic
    _made: dict[int, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, model: int) -> None:
        """Counts a try; raises ``BusyError`` if there were too many."""
        with self._lock:
            now = self.clock()
            self._forget(now)
            made = self._made.setdefault(model, deque())
            if len(made) >= self.most:
                raise BusyError(
                    f"model {model} has sent {self.most} files within {self.seconds:.0f} s",
                    "send fewer, later",
                )
            made.append(now)

    def _forget(self, now: float) -> None:
        for model in list(self._made):
            made = self._made[model]
            while made and made[0] <= now - self.seconds:
                made.popleft()
            if not made:
                del self._made[model]
