"""Which endpoints are to be trusted with a request: chain id, head, and when to look again."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from oracle.chain.endpoint import Endpoint, NoAnswerError
from oracle.chain.parallel import in_parallel
from oracle.errors import UnreachableError

_CHECK_TIMEOUT = 5.0
_CREDIBLE_SECONDS = 15.0
_SLUGGISH_SECONDS, _SLUGGISH_TIMES = 0.5, 3.0


class Watch:
    """Keeps the health of endpoints up to date, at most every ``every`` seconds for each.

    ``chain_id`` None is replaced by the one that the endpoints serve, if they serve one.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        chain_id: int | None,
        *,
        agree: int,
        stale_seconds: float,
        every: float,
    ) -> None:
        self.chain_id = chain_id
        self._all, self._agree = endpoints, agree
        self._stale_seconds, self._every = stale_seconds, every
        self._checking = threading.Lock()
        self._retrying: set[Endpoint] = set()
        self._ahead = 0.0

    def healthy(self) -> list[Endpoint]:
        """The best first: in the order given, but sluggish ones last."""
        found = [endpoint for endpoint in self._all if endpoint.healthy]
        limit = _SLUGGISH_SECONDS + _SLUGGISH_TIMES * min((e.latency for e in found), default=0)
        return sorted(found, key=lambda e: e.latency > limit)

    def keep(self) -> None:
        """Looks at the endpoints whose time has come.

        Those that failed are tried in the background, unless there is nothing else.
        """
        if not self._checking.acquire(blocking=not self.healthy()):
            return  # somebody else looks, and there are endpoints to go on with
        try:
            now = time.monotonic()
            seen = [e for e in self._all if e.healthy or e.checked_at < 0]
            self._check([e for e in seen if now - e.checked_at >= self._every])
            if not self.healthy():
                self._check([e for e in self._all if e.checked_at < now and not e.quarantined])
                return
        finally:
            self._checking.release()
        for endpoint in self._all:
            if endpoint.retry_due and endpoint not in self._retrying:
                self._retrying.add(endpoint)
                threading.Thread(target=self._retry, args=(endpoint,), daemon=True).start()

    def _retry(self, endpoint: Endpoint) -> None:
        try:
            with self._checking:
                pass  # a check under way goes first
            self._check([endpoint])
        finally:
            self._retrying.discard(endpoint)

    # ------------------------------------------------------------------ checks

    def _check(self, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            return
        chains = in_parallel(self._look, endpoints)
        answered = {e: c for e, c in zip(endpoints, chains, strict=True) if c is not None}
        self._settle_chain(answered)
        right = [e for e, chain in answered.items() if self._is_right_chain(e, chain)]
        self._measure_clock(right)
        for endpoint in right:
            # Its head may have moved on while the others were asked.
            if not self._is_stale(endpoint, right) or (
                self._look(endpoint) is not None and not self._is_stale(endpoint, right)
            ):
                endpoint.passed()
            elif endpoint.checked_at > 0:
                endpoint.failed(f"stands still at block {endpoint.head}")

    def _look(self, endpoint: Endpoint) -> int | None:
        """Its chain id, or None if it does not answer; notes its blocks."""
        endpoint.checked_at = time.monotonic()
        try:
            chain = int(_value(endpoint, "eth_chainId"), 16)
            head = _value(endpoint, "eth_getBlockByNumber", "latest", False)
            endpoint.head, endpoint.head_time = int(head["number"], 16), int(head["timestamp"], 16)
            return chain
        except NoAnswerError as error:
            endpoint.failed(str(error))
        except (KeyError, TypeError, ValueError):
            endpoint.failed("answers with something that is no chain's")
        return None

    def _settle_chain(self, answered: dict[Endpoint, int]) -> None:
        if self.chain_id is not None or not answered:
            return
        if len(Counter(answered.values())) > 1:
            served = ", ".join(f"{e.host} chain {chain}" for e, chain in answered.items())
            raise UnreachableError(
                f"the RPC endpoints serve different chains: {served}",
                "pass addresses of one chain",
            )
        self.chain_id = next(iter(answered.values()))

    def _is_right_chain(self, endpoint: Endpoint, chain: int) -> bool:
        if chain != self.chain_id:
            endpoint.failed(f"serves chain {chain}, expected chain {self.chain_id}")
        return chain == self.chain_id

    # ------------------------------------------------------------------ stale heads

    def _measure_clock(self, answered: Sequence[Endpoint]) -> None:
        """By how much the chain's time is ahead of ours, as enough endpoints say (a devnet's)."""
        times = sorted((e.head_time for e in answered), reverse=True)
        if len(times) >= self._agree:
            self._ahead = max(self._ahead, times[self._agree - 1] - time.time())

    def _is_stale(self, endpoint: Endpoint, answered: Sequence[Endpoint]) -> bool:
        """Whether others are ahead of it. One of them suffices if its head can be true; a liar
        with a head in the future must not make all honest endpoints look stale."""
        others = {e for e in (*self.healthy(), *answered) if e is not endpoint}
        ahead = [e for e in others if e.head_time > endpoint.head_time + self._stale_seconds]
        newest = time.time() + self._ahead + _CREDIBLE_SECONDS
        return any(e.head_time <= newest for e in ahead) or len(ahead) >= self._agree


def _value(endpoint: Endpoint, method: str, *parameters: Any) -> Any:
    answer = endpoint.ask(method, list(parameters), _CHECK_TIMEOUT)
    if "error" in answer:
        raise NoAnswerError(f"refuses {method}")
    return answer["result"]
