"""GET over HTTP from a server that may be slow, wrong or hostile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from oracle.errors import InputError, UnreachableError

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_ANSWER_SECONDS = 30
_BYTES_PER_SECOND = 2**14
"""A download that stays below this on average is given up."""
_MAX_ANSWER = 2**16


@dataclass(frozen=True, slots=True)
class Web:
    """One server. Answers are taken as they are: no redirects, no compression."""

    url: str
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=_TIMEOUT, headers={"accept-encoding": "identity"}
        ),
        repr=False,
        compare=False,
    )

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError("a source of artefacts must be a folder or http://..")

    @property
    def name(self) -> str:
        """Without path and credentials, which may be secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def small(self, path: str, limit: int) -> bytes | None:
        """An answer held in memory; None where there is none at ``path``."""
        started = time.monotonic()
        try:
            with self._answer("GET", path) as response:
                if not self._found(response, path):
                    return None
                return self._body(response, path, limit, started)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._silent(error) from None

    def _body(self, response: httpx.Response, path: str, limit: int, started: float) -> bytes:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > limit:
                raise UnreachableError(f"{self.name}: {path} is larger than {limit} bytes")
            self._require_pace(started, len(body), path)
        return bytes(body)

    def download(self, path: str, to: Path, size: int) -> bool:
        """Writes at most ``size`` bytes to ``to``, going on where an earlier try ended; False
        where there is nothing at ``path``."""
        have = to.stat().st_size if to.is_file() else 0
        if have >= size:
            to.unlink(missing_ok=True)
            have = 0
        headers = {"range": f"bytes={have}-"} if have else {}
        started = time.monotonic()
        try:
            with self._answer("GET", path, headers=headers) as response:
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                    to.unlink()
                    return self.download(path, to, size)
                if not self._found(response, path):
                    return False
                goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT
                before = written = have if goes_on else 0
                with to.open("ab" if goes_on else "wb") as file:
                    for piece in response.iter_raw():
                        written += len(piece)
                        if written > size:
                            break
                        file.write(piece)
                        self._require_pace(started, written - before, path)
            if written > size:
                to.unlink()
                raise UnreachableError(f"{self.name}: {path} is larger than {size} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._silent(error) from None
        return True

    def post(self, path: str, body: bytes) -> httpx.Response:
        """Sends JSON; the answer, whatever it says, of at most 64 KiB."""
        started, headers = time.monotonic(), {"content-type": "application/json"}
        try:
            with self._answer("POST", path, content=body, headers=headers) as response:
                said = self._body(response, path, _MAX_ANSWER, started)
                return httpx.Response(response.status_code, content=said)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._silent(error) from None

    @contextmanager
    def _answer(self, method: str, path: str, **sent: Any) -> Iterator[httpx.Response]:
        """An answer whose head is here; its body is read as it comes.

        Asked for in a thread that is left alone when it takes too long: httpx has a time limit for
        each read, and a server can send its headers byte by byte.
        """
        request = self.client.build_request(method, self._address(path), **sent)
        answers: SimpleQueue[httpx.Response | Exception] = SimpleQueue()
        given_up = threading.Event()

        def send() -> None:
            try:
                answer = self.client.send(request, stream=True)
            except Exception as error:  # noqa: BLE001, RUF100 - raised where it is waited for
                answers.put(error)
                return
            answers.put(answer)
            if given_up.is_set():
                answer.close()

        threading.Thread(target=send, daemon=True).start()
        try:
            answer = answers.get(timeout=_ANSWER_SECONDS)
        except Empty:
            given_up.set()
            raise UnreachableError(f"{self.name}: {path} comes too slowly") from None
        if isinstance(answer, Exception):
            raise answer
        try:
            yield answer
        finally:
            answer.close()

    def _address(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{quote(path)}"

    def _found(self, response: httpx.Response, path: str) -> bool:
        # A store that lists nothing to strangers says 403 for what is not there.
        if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
            return False
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise UnreachableError(f"{self.name}: status {response.status_code} for {path}")
        return True

    def _require_pace(self, started: float, received: int, path: str) -> None:
        if time.monotonic() - started > _ANSWER_SECONDS + received / _BYTES_PER_SECOND:
            raise UnreachableError(f"{self.name}: {path} comes too slowly")

    def _silent(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"{self.name} does not answer ({type(error).__name__})",
            "try again later, or name another source",
        )
