"""Asking the other operators over HTTP; an operator that does not answer is no error here."""

import hashlib
import time
from dataclasses import dataclass
from typing import TypeVar

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from oracle.settlement.wire import AttestationMessage, ProposalMessage, SubmissionMessage, unhex

_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
_MAX_LIST = 64 * 2**20
# For a whole answer: a peer that sends a byte now and then must not hold up the loop.
_ANSWER_SECONDS = 30
_T = TypeVar("_T")
_SUBMISSIONS = TypeAdapter(list[SubmissionMessage])
_log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class Peer:
    """One other operator."""

    url: str

    def submissions(self, round_number: int) -> list[SubmissionMessage] | None:
        """The peer's accepted submissions, or None if it gives no usable answer."""
        raw = self._get(f"/rounds/{round_number}/submissions", _MAX_LIST)
        return None if raw is None else self._parsed(_SUBMISSIONS, raw)

    def submission_bytes(self, round_number: int, sha256: bytes, limit: int) -> bytes | None:
        raw = self._get(f"/rounds/{round_number}/submissions/{sha256.hex()}", limit)
        return raw if raw is not None and hashlib.sha256(raw).digest() == sha256 else None

    def attestation(self, round_number: int) -> AttestationMessage | None:
        raw = self._get(f"/rounds/{round_number}/attestation", 2**16)
        return None if raw is None else self._parsed(TypeAdapter(AttestationMessage), raw)

    def proposal(self, round_number: int) -> bytes | None:
        """Digest of the result that the peer has signed or would sign."""
        raw = self._get(f"/rounds/{round_number}/proposal", 2**10)
        found = None if raw is None else self._parsed(TypeAdapter(ProposalMessage), raw)
        return None if found is None else unhex(found.digest)

    def _get(self, path: str, limit: int) -> bytes | None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        try:
            with httpx.stream("GET", self.url + path, timeout=_TIMEOUT) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > limit or time.monotonic() > deadline:
                        _log.warning("answer too large or too slow", peer=self.url, path=path)
                        return None
                return bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.debug("no answer", peer=self.url, path=path, error=type(error).__name__)
            return None

    def _parsed(self, kind: TypeAdapter[_T], raw: bytes) -> _T | None:
        try:
            return kind.validate_json(raw)
        except ValidationError:
            _log.warning("malformed answer", peer=self.url)
            return None
