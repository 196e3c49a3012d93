"""Asking the other operators over HTTP; an operator that does not answer is no error here."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from oracle.operator.bounded import PLAIN, RATE, BoundsError, Pace, bounded_body
from oracle.operator.paging import (
    MAX_PAGE,
    PAGE,
    goes_on,
    page_path,
    position,
)
from oracle.settlement.confirmation import ConfirmationMessage
from oracle.settlement.evidence import MAX_BYTES as MAX_EVIDENCE
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import AttestationMessage, SubmissionMessage, VoteMessage

_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
# For a whole answer, headers included: a peer that sends a byte now and then must not hold up the
# loop. What may be large gets more time with every byte that arrives.
_SMALL = 2**16
_MAX_VOTES = 2**22
_SMALL_SECONDS, _LARGE_SECONDS = 3.0, 5.0
# Of a list that is wanted whole, in memory: its entries, and how long its pages may take together.
_MAX_LIST, _LIST_SECONDS = 2**17, 30.0
# A peer that did not answer is left alone for a while, at least as long as it was waited for.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
# How long one that lately did not answer may keep the others' answers waiting.
_GRACE = 1.0
_T = TypeVar("_T")
_SUBMISSIONS = TypeAdapter(list[SubmissionMessage])
_ATTESTATION = TypeAdapter(AttestationMessage)
_CONFIRMATION = TypeAdapter(ConfirmationMessage)
_VOTES = TypeAdapter(list[VoteMessage])
_log = structlog.get_logger("peers")


class Peer:
    """One other operator. May be asked from several threads: one question at a time, to all others
    it has no answer."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._clock = clock
        self._client = httpx.Client(timeout=_TIMEOUT, headers=PLAIN)
        self._pause = 0.0
        self._silent_until = float("-inf")
        self._asking: threading.Thread | None = None
        self._asked = threading.Lock()

    @property
    def hesitates(self) -> bool:
        """Whether it lately gave no answer, and has not given good ones for as long since."""
        return self._pause > 0

    def submissions_after(
        self, round_number: int, after: Submission | None
    ) -> list[SubmissionMessage] | None:
        """A page of them, those behind ``after``; one that is not full is the last."""
        at = None if after is None else position(after)
        path = page_path(f"/rounds/{round_number}/submissions", at)
        page = self.read(_SUBMISSIONS, path, MAX_PAGE)
        if page is not None and not goes_on(page, at):
            _log.warning("list in bad order", peer=self.url, path=path)
            return None
        return page

    def sealed_submission(self, round_number: int, sha256: bytes, limit: int) -> bytes | None:
        """A submission's file, sealed to operators; ``sha256`` is that of the plain file."""
        return self.get(f"/rounds/{round_number}/submissions/{sha256.hex()}", limit)

    def attestation(self, round_number: int) -> AttestationMessage | None:
        return self.read(_ATTESTATION, f"/rounds/{round_number}/attestation", 2**16)

    def votes(self, round_number: int, challenge: bytes) -> list[VoteMessage] | None:
        """Every vote that the peer knows on the round's result, or on the answer to a challenge."""
        path = f"/rounds/{round_number}/votes?challenge=0x{challenge.hex()}"
        return self.read(_VOTES, path, _MAX_VOTES)

    def draft(self, round_number: int, digest: bytes) -> list[SubmissionMessage] | None:
        """What the result with this digest follows from, unchecked; None if the peer lacks it."""
        found: list[SubmissionMessage] = []
        path, started = f"/rounds/{round_number}/drafts/{digest.hex()}", time.monotonic()
        for page in range(_MAX_LIST // PAGE):
            items = self.read(_SUBMISSIONS, f"{path}?page={page}", MAX_PAGE)
            if items is None or time.monotonic() > started + _LIST_SECONDS:
                return None
            found += items
            if len(items) < PAGE:
                return found
        return None

    def draft_targets(self, round_number: int, digest: bytes, limit: int) -> bytes | None:
        """The targets that the draft was evaluated by, sealed to operators."""
        return self.get(f"/rounds/{round_number}/drafts/{digest.hex()}/targets", limit)

    def confirmation(self, round_number: int) -> ConfirmationMessage | None:
        """The peer's signed answer to the round's challenge."""
        return self.read(_CONFIRMATION, f"/rounds/{round_number}/confirmation", 2**16)

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
        if not self._asked.acquire(blocking=False):
            return None
        try:
            if self._clock() < self._silent_until or self._still_asking():
                return None
            return self._answer(path, limit)
        finally:
            self._asked.release()

    def _answer(self, path: str, limit: int) -> bytes | None:
        answer: list[bytes | None] = []
        pace, began = _pace(limit), self._clock()
        # In a thread of its own, since the library bounds each wait for a byte, not their sum.
        arguments = (path, limit, pace, answer)
        asking = self._asking = threading.Thread(target=self._ask, args=arguments, daemon=True)
        asking.start()
        while asking.is_alive() and (left := pace.deadline() - time.monotonic()) > 0:
            asking.join(left)
        now = self._clock()
        if not answer:
            longer = max(_FIRST_PAUSE, now - began, 2 * self._pause)
            self._pause = min(longer, _LONGEST_PAUSE)
            self._silent_until = now + self._pause
            return None
        # One that answers now and then must not be waited for anew each time that it does not.
        if now >= self._silent_until + self._pause:
            self._pause = 0.0
        return answer[0]

    def _still_asking(self) -> bool:
        """Whether an answer that was given up is still coming in: one a peer, no more."""
        return self._asking is not None and self._asking.is_alive()

    def _ask(self, path: str, limit: int, pace: Pace, answer: list[bytes | None]) -> None:
        """Appends the answer; nothing where there is none that is complete and within bounds."""
        try:
            answer.append(self._streamed(path, limit, pace))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.debug("no answer", peer=self.url, path=path, error=type(error).__name__)
        except BoundsError:
            _log.warning("answer too large or too slow", peer=self.url, path=path)

    def _streamed(self, path: str, limit: int, pace: Pace) -> bytes | None:
        with self._client.stream("GET", self.url + path) as response:
            if response.status_code != httpx.codes.OK:
                return None
            return bounded_body(response, limit, pace)


def _pace(limit: int) -> Pace:
    """How long an answer of at most ``limit`` bytes may take."""
    return Pace(_SMALL_SECONDS) if limit <= _SMALL else Pace(_LARGE_SECONDS, RATE)


def ask_all(
    peers: Sequence[Peer], question: Callable[[Peer], _T | None]
) -> Iterator[tuple[Peer, _T | None]]:
    """Every peer's answer, in order, all asked at the same time.

    Peers that answered the last time are waited for; one that did not gets little more time than
    they take, and counts as silent then. Its answer ends by itself, unheard.
    """
    if not peers:
        return
    pool = ThreadPoolExecutor(max_workers=len(peers), thread_name_prefix="peers")
    asked = [(peer, peer.hesitates, pool.submit(question, peer)) for peer in peers]
    pool.shutdown(wait=False)
    everybody = [answer for _, _, answer in asked]
    wait([answer for _, hesitates, answer in asked if not hesitates] or everybody)
    wait(everybody, _GRACE)
    for peer, _, answer in asked:
        yield peer, answer.result() if answer.done() else None
