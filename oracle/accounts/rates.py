"""How often something may be done, by whom; kept in memory, so each process counts for itself."""

from collections.abc import Mapping
from types import MappingProxyType

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from oracle.errors import InputError, RefusedError

DEFAULT_RATES: Mapping[str, str] = MappingProxyType(
    {
        "sign_in": "20/minute",
        "refused": "30/minute",
        "anonymous": "600/minute",
        "signed_in": "1200/minute",
        "upload": "120/minute",
        "stake": "30/minute",
    }
)
"""By what is done: sign-ins and refused tokens by address, requests by address or account, uploads
and changes of stakes, for which the server pays, by account."""


class TooManyError(RefusedError):
    """Asked too often."""

    code = "too_many"


class Rates:
    """Counts what was done in the last minute."""

    def __init__(self, rates: Mapping[str, str] = DEFAULT_RATES) -> None:
        self._items = {name: _item(name, text) for name, text in {**DEFAULT_RATES, **rates}.items()}
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, what: str, who: str) -> None:
        """Counts one. Raises ``TooManyError`` where ``who`` has had as many as allowed."""
        if not self._limiter.hit(self._items[what], what, who):
            raise _too_many(self._items[what])

    def require(self, what: str, who: str) -> None:
        """The same without counting."""
        if not self._limiter.test(self._items[what], what, who):
            raise _too_many(self._items[what])


def _too_many(item: RateLimitItem) -> TooManyError:
    return TooManyError(f"too many requests: at most {item}", "try again in a minute")


def _item(name: str, text: str) -> RateLimitItem:
    if name not in DEFAULT_RATES:
        raise InputError(f"there is no rate {name!r}", f"rates are {', '.join(DEFAULT_RATES)}")
    try:
        return parse(text)
    except ValueError:
        raise InputError(f"{name}: {text!r} is no rate", "write 20/minute") from None
