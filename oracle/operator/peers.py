"""Asking the other operators over HTTP; an operator that does not answer is no error here."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from oracle.operator.bounded import PLAIN, BoundsError, bounded_body
from oracle.settlement.confirmation import ConfirmationMessage
from oracle.settlement.evidence import MAX_BYTES as MAX_EVIDENCE
from oracle.settlement.wire import AttestationMessage, ProposalMessage, SubmissionMessage, unhex

_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
_MAX_LIST = 64 * 2**20
# For a whole answer, headers included: a peer that sends a byte now and then must not hold up the
# loop. What may be large gets a second a megabyte more, up to a bound.
_ANSWER_SECONDS, _LONGEST_ANSWER_SECONDS = 10.0, 30.0
# A peer that did not answer is left alone for a while, or each cycle would wait for it.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_T = TypeVar("_T")
_SUBMISSIONS = TypeAdapter(list[SubmissionMessage])
_ATTESTATION = TypeAdapter(AttestationMessage)
_CONFIRMATION = TypeAdapter(ConfirmationMessage)
_PROPOSAL = TypeAdapter(ProposalMessage)
_log = structlog.get_logger("peers")


class Peer:
    """One other operator."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._clock = clock
        self._client = httpx.Client(timeout=_TIMEOUT, headers=PLAIN)
        self._pause = 0.0
        self._silent_until = float("-inf")
        self._asking: threading.Thread | None = None

    def submissions(self, round_number: int) -> list[SubmissionMessage] | None:
        """The peer's accepted submissions, or None if it gives no usable answer."""
        return self.read(_SUBMISSIONS, f"/rounds/{round_number}/submissions", _MAX_LIST)

    def sealed_submission(self, round_number: int, sha256: bytes, limit: int) -> bytes | None:
        """A submission's file, sealed to operators; ``sha256`` is that of the plain file."""
        return self.get(f"/rounds/{round_number}/submissions/{sha256.hex()}", limit)

    def attestation(self, round_number: int) -> AttestationMessage | None:
        return self.read(_ATTESTATION, f"/rounds/{round_number}/attestation", 2**16)

    def proposal(self, round_number: int) -> bytes | None:
        """Digest of the result that the peer has signed or would sign."""
        found = self.read(_PROPOSAL, f"/rounds/{round_number}/proposal", 2**10)
        return None if found is None else unhex(found.digest)

    def confirmation(self, round_number: int) -> ConfirmationMessage | None:
        """The peer's signed answer to the round's challenge."""
        return self.read(_CONFIRMATION, f"/rounds/{round_number}/confirmation", 2**16)

    def confirmation_proposal(self, round_number: int) -> bytes | None:
        """Digest of the answer that the peer has signed or would sign."""
        path = f"/rounds/{round_number}/confirmation/proposal"
        found = self.read(_PROPOSAL, path, 2**10)
        return None if found is None else unhex(found.digest)

    def evidence(self, round_number: int, sha256: bytes) -> bytes | None:
        """The evidence with this hash, unchecked."""
        return self.get(f"/rounds/{round_number}/evidence/{sha256.hex()}", MAX_EVIDENCE)

    def read(self, kind: TypeAdapter[_T], path: str, limit: int) -> _T | None:
        """The answer to a GET as ``kind``, or None where there is none or it is malformed."""
        raw = self.get(path, limit)
        if raw is None:
            return None
        try:
            return kind.validate_json(raw)
        except ValidationError:
            _log.warning("malformed answer", peer=self.url, path=path)
            return None

    def get(self, path: str, limit: int) -> bytes | None:
        """Bytes of an answer with status 200, at most ``limit``, or None."""
        if self._clock() < self._silent_until or self._still_asking():
            return None
        answer: list[bytes | None] = []
        # In a thread of its own, since the library bounds each wait for a byte, not their sum.
        self._asking = threading.Thread(target=self._ask, args=(path, limit, answer), daemon=True)
        self._asking.start()
        self._asking.join(_seconds(limit))
        if not answer:
            self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
            self._silent_until = self._clock() + self._pause
            return None
        self._pause = 0.0
        return answer[0]

    def _still_asking(self) -> bool:
        """Whether an answer that was given up is still coming in: one a peer, no more."""
        return self._asking is not None and self._asking.is_alive()

    def _ask(self, path: str, limit: int, answer: list[bytes | None]) -> None:
        """Appends the answer; nothing where there is none that is complete and within bounds."""
        try:
            answer.append(self._streamed(path, limit))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.debug("no answer", peer=self.url, path=path, error=type(error).__name__)
        except BoundsError:
            _log.warning("answer too large or too slow", peer=self.url, path=path)

    def _streamed(self, path: str, limit: int) -> bytes | None:
        deadline = time.monotonic() + _seconds(limit)
        with self._client.stream("GET", self.url + path) as response:
            if response.status_code != httpx.codes.OK:
                return None
            return bounded_body(response, limit, deadline)


def _seconds(limit: int) -> float:
    """How long an answer of at most ``limit`` bytes may take."""
    return min(_ANSWER_SECONDS + limit / 2**20, _LONGEST_ANSWER_SECONDS)


def ask_all(peers: Sequence[Peer], question: Callable[[Peer], _T]) -> Iterator[tuple[Peer, _T]]:
    """Every peer's answer, asked at the same time: one that is slow costs no more than itself."""
    if not peers:
        return
    with ThreadPoolExecutor(max_workers=len(peers), thread_name_prefix="peers") as pool:
        yield from zip(peers, pool.map(question, peers), strict=True)
