"""One RPC endpoint: asked over HTTP, and what is known of its health."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from oracle.chain.answers import Answer, is_of_a_chain, most_bytes
from oracle.chain.bounded_http import BoundedAdapter

_HEADERS = {"Content-Type": "application/json"}
_CHUNK = 1 << 16
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0
_FIRST_QUARANTINE, _LONGEST_QUARANTINE = 300.0, 3600.0
_SMOOTHING = 0.3
_TOO_MANY = 429
_UNUSABLE = (401, 402, 403, 404, 407, _TOO_MANY)
_RATE_LIMITED = ("rate limit", "too many requests", "exceeded its compute", "capacity exceeded")


def host(url: str) -> str:
    """The endpoint without path and credentials: endpoint URLs often hold a secret.

    A label of hosts, which has no scheme, stays as it is.
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


class NoAnswerError(Exception):
    """An endpoint cannot be used at present; the text says why, without any secret."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """For metrics and checks. ``head`` and ``finalized`` are block numbers, -1 where unknown."""

    host: str
    healthy: bool
    head: int
    finalized: int
    errors: int
    disagreements: int
    reason: str
    unconfirmed: int = 0


class Endpoint:
    """Thread-safe: sessions are lent to one request at a time, the state is changed under a lock.

    ``clock`` gives seconds that never go back.
    """

    def __init__(
        self, url: str, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url, self.host = url, host(url)
        self.head, self.head_time, self.finalized = -1, 0, -1
        self.latency = 0.0
        self.checked_at = -float("inf")
        self._timeout, self._clock = timeout, clock
        self._lock = threading.Lock()
        self._idle: list[requests.Session] = []
        self._healthy, self._quarantined = False, False
        self._reason = "not asked yet"
        self._failures, self._outvoted = 0, 0
        self._errors, self._disagreements, self._unconfirmed = 0, 0, 0
        self._retry_at = -float("inf")

    # ------------------------------------------------------------------ health

    @property
    def healthy(self) -> bool:
        return self._healthy

    @property
    def quarantined(self) -> bool:
        """Whether it is kept out for having been outvoted, its time not being over yet."""
        return self._quarantined and self._clock() < self._retry_at

    @property
    def reason(self) -> str:
        """Why it is not healthy."""
        return self._reason

    @property
    def retry_due(self) -> bool:
        return not self._healthy and self._clock() >= self._retry_at

    def passed(self) -> None:
        """It answered a check rightly."""
        with self._lock:
            if not self.quarantined:
                self._healthy, self._quarantined, self._reason = True, False, ""
                self._failures = 0

    def failed(self, reason: str) -> None:
        """It is left alone for a time that doubles with every failure in a row."""
        with self._lock:
            self._errors += 1
            if self.quarantined:
                return
            self._healthy, self._reason = False, reason
            pause = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self._failures, 10))
            self._failures += 1
            self._retry_at = self._clock() + _jittered(pause)

    def outvoted(self, reason: str) -> None:
        """It gave an answer that others agree is wrong: not asked for a long time."""
        with self._lock:
            self._disagreements += 1
            self._healthy, self._quarantined, self._reason = False, True, reason
            pause = min(_LONGEST_QUARANTINE, _FIRST_QUARANTINE * 2 ** min(self._outvoted, 10))
            self._outvoted += 1
            self._retry_at = self._clock() + _jittered(pause)

    def differed(self) -> None:
        """Counts a difference that could not be settled, or that may come from a reorganisation."""
        with self._lock:
            self._disagreements += 1

    def unconfirmed(self) -> int:
        """Counts an answer where the others refuse one; how many there are by now."""
        with self._lock:
            self._unconfirmed += 1
            return self._unconfirmed

    def health(self) -> EndpointHealth:
        with self._lock:
            return EndpointHealth(
                self.host,
                self._healthy,
                self.head,
                self.finalized,
                self._errors,
                self._disagreements,
                self._reason,
                self._unconfirmed,
            )

    # ------------------------------------------------------------------ asking

    def ask(self, method: str, parameters: list[Any], timeout: float | None = None) -> Answer:
        """The response, be it an RPC error; raises NoAnswerError where there is none to rely on."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        body = json.dumps(request, default=_plain)
        started = time.monotonic()
        seconds = min(timeout or self._timeout, self._timeout)
        status, raw = self._post(body, seconds, most_bytes(method))
        took = time.monotonic() - started
        self.latency += _SMOOTHING * (took - self.latency)
        answer = _parsed(status, raw)
        if "result" in answer and not is_of_a_chain(method, answer["result"]):
            raise NoAnswerError(f"answers {method} with something that is no chain's")
        return answer

    def _post(self, body: str, timeout: float, limit: int) -> tuple[int, bytes]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._session()
        deadline = time.monotonic() + timeout
        try:
            # No redirects: an endpoint must not choose who else is asked, from within our network.
            with session.post(
                self.url,
                data=body,
                headers=_HEADERS,
                timeout=timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                raw = _read(response, deadline, limit)
                status = response.status_code
        except (requests.RequestException, OSError) as error:
            session.close()
            raise NoAnswerError(_transport_reason(error)) from None
        self._idle.append(session)
        return status, raw

    def _session(self) -> requests.Session:
        """With the environment's proxies looked up once, not anew for every request."""
        session = requests.Session()
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter())
        session.proxies.update(get_environ_proxies(self.url))
        return session


def _read(response: requests.Response, deadline: float, limit: int) -> bytes:
    """The whole body; one that drips in beyond the deadline or is longer than ``limit`` bytes is
    no answer."""
    parts, size = [], 0
    for part in response.iter_content(_CHUNK):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise requests.Timeout
        if size > limit:
            raise requests.exceptions.ContentDecodingError
    return b"".join(parts)


def _transport_reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "breaks off its answers"
    return "does not answer"


def _parsed(status: int, raw: bytes) -> Answer:
    if status in _UNUSABLE or status >= 500 or 300 <= status < 400:
        raise NoAnswerError(f"answers with status {status}")
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        raise NoAnswerError("answers with something that is no JSON") from None
    if not isinstance(answer, dict):
        raise NoAnswerError("answers with something that is no JSON-RPC")
    error = answer.get("error")
    if isinstance(error, Mapping):
        if _is_rate_limit(error):
            raise NoAnswerError("refuses for too many requests")
        return {"jsonrpc": "2.0", "id": 1, "error": dict(error)}
    if error is not None or "result" not in answer:
        raise NoAnswerError("answers with something that is no JSON-RPC")
    return {"jsonrpc": "2.0", "id": 1, "result": answer["result"]}


def _is_rate_limit(error: Mapping[str, Any]) -> bool:
    message = str(error.get("message", "")).lower()
    return error.get("code") == _TOO_MANY or any(text in message for text in _RATE_LIMITED)


def _plain(value: Any) -> Any:
    """What web3 may hand over, as JSON has it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def _jittered(seconds: float) -> float:
    """So that many operators do not come back to an endpoint in the same moment."""
    return seconds * (0.5 + random.random())
