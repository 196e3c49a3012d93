"""How often something may be done, by whom; kept in memory, so each process counts for itself."""

from collections.abc import Mapping
from types import MappingProxyType

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from oracle.errors import InputError, RefusedError

_MINUTE = 60
DEFAULT_RATES: Mapping[str, str] = MappingProxyType(
    {
        "sign_in": "20/minute",
        "refused": "30/minute",
        "address": "6000/minute",
        "anonymous": "600/minute",
        "signed_in": "1200/minute",
        "values": "4000000/minute",
        "upload": "120/minute",
        "stake": "30/minute;100/day",
        "relayer": "3000/day",
        "webhook": "20/minute",
        "name": "60/hour",
    }
)
"""By what is done: sign-ins and refused tokens by address, requests by address (all of them, and
those without credentials) and by account, ``values`` in answers to queries by either, uploads by
account, changes of stakes, for which the
server pays, by account and (``relayer``) in all, names said of models by account, calls to webhooks
that somebody wishes by their model's owner."""


class TooManyError(RefusedError):
    """Asked too often."""

    code = "too_many"


class Rates:
    """Counts what was done in the last minute, hour or day."""

    def __init__(self, rates: Mapping[str, str] = DEFAULT_RATES) -> None:
        every = {**DEFAULT_RATES, **rates}
        self._items = {name: _items(name, text) for name, text in every.items()}
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, what: str, who: str) -> None:
        """Counts one. Raises ``TooManyError`` where ``who`` has had as many as allowed."""
        self.require(what, who)
        for item in self._items[what]:
            if not self._limiter.hit(item, what, who):
                raise _too_many(item)

    def require(self, what: str, who: str, cost: int = 1) -> None:
        """The same without counting: whether ``cost`` more would be allowed."""
        for item in self._items[what]:
            if not self._limiter.test(item, what, who, cost=cost):
                raise _too_many(item)

    def charge(self, what: str, who: str, cost: int) -> None:
        """Counts what was done, if ``require`` allowed as much."""
        for item in self._items[what]:
            self._limiter.hit(item, what, who, cost=cost)


def _too_many(item: RateLimitItem) -> TooManyError:
    when = "in a minute" if item.get_expiry() <= _MINUTE else "later"
    return TooManyError(f"too many requests: at most {item}", f"try again {when}")


def _items(name: str, text: str) -> list[RateLimitItem]:
    if name not in DEFAULT_RATES:
        raise InputError(f"there is no rate {name!r}", f"rates are {', '.join(DEFAULT_RATES)}")
    try:
        return parse_many(text)
    except ValueError:
        raise InputError(
            f"{name}: {text!r} is no rate", "write 20/minute, or 20/minute;100/day"
        ) from None
