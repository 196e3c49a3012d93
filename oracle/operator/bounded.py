"""Reading answers of operators that may be lying: so large, so slow, and no more."""

import time

import httpx

PLAIN = {"accept-encoding": "identity"}
"""Request headers: no compression, a few bytes of it may stand for more than memory holds."""


class BoundsError(Exception):
    """An answer is larger, or takes longer, than it may."""


def bounded_body(response: httpx.Response, limit: int, deadline: float) -> bytes:
    """The bytes of a streamed answer as they were sent; at most ``limit``, all of them there before
    ``deadline`` (of ``time.monotonic``), or ``BoundsError``."""
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > limit or time.monotonic() > deadline:
            raise BoundsError
    return bytes(body)
