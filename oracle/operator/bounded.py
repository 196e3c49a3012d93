"""Reading answers of operators that may be lying: so large, so slow, and no more."""

import time
from dataclasses import dataclass, field

import httpx

PLAIN = {"accept-encoding": "identity"}
"""Request headers: no compression, a few bytes of it may stand for more than memory holds."""

RATE = 2**16
"""Bytes a second that an answer of any length must come with."""


class BoundsError(Exception):
    """An answer is larger, or takes longer, than it may."""


@dataclass
class Pace:
    """How long an answer may take: ``seconds``, and what has arrived of it at ``rate`` (0: that
    buys no time)."""

    seconds: float
    rate: int = 0
    started: float = field(default_factory=time.monotonic)
    arrived: int = 0

    def deadline(self) -> float:
        """On ``time.monotonic``; moves on with what arrives."""
        earned = self.arrived / self.rate if self.rate else 0.0
        return self.started + self.seconds + earned


def bounded_body(response: httpx.Response, limit: int, pace: Pace) -> bytes:
    """The bytes of a streamed answer as they were sent; at most ``limit``, and none of them later
    than ``pace`` has it, or ``BoundsError``. Notes in ``pace`` what has arrived."""
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        pace.arrived = len(body)
        if len(body) > limit or time.monotonic() > pace.deadline():
            raise BoundsError
    return bytes(body)
