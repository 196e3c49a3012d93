"""An HTTP server that has an operator's real key and does not play by the rules.

It stands where the operator's own server stood, asks an honest operator what the truth is, and says
something else: see ``Lies``. It signs whatever it likes.

    with LyingOperator(port, account, honest_url, domain, Lies.WRONG_ROOT) as liar:
        ...
        liar.asked                       # Counter of the requests that came, by their last word
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from pydantic import TypeAdapter

from oracle.settlement.agreement import NIL
from oracle.settlement.typed_data import Commit, Domain, Vote, digest
from oracle.settlement.wire import (
    AttestationMessage,
    VoteMessage,
    attestation_message,
    vote_message,
)

BODY = 10 * 2**20
_VOTES = TypeAdapter(list[VoteMessage])


class Lies(StrEnum):
    """What is wrong with it."""

    MUTE = "mute"
    """Takes connections and never answers."""
    SLOW = "slow"
    """Answers the truth, a few bytes a second."""
    WRONG_ROOT = "wrong root"
    """Votes for and signs a result of its own making."""
    TWO_ROOTS = "two roots"
    """Votes for the true result and signs it for one asker, another one for the next."""
    REPLAY = "replayed round"
    """Answers with what was true of the round before."""
    HUGE = "10 MB body"
    """Answers everything with ten megabytes."""
    GARBAGE = "garbage"
    """Answers with what is no message, and no JSON every other time."""
    TIMED = "lies in time"
    """Agrees with each in turn, and shows a receipt once it is late: see ``timed_liar``."""


class LyingOperator:
    """Serves in threads of its own until it is closed."""

    def __init__(
        self,
        port: int,
        account: LocalAccount,
        honest: str,
        domain: Domain,
        lies: Lies,
        asker: Callable[[int], str] = lambda port: "",
    ) -> None:
        """``asker`` names who asks from a port, if the liar can tell."""
        self.account, self.honest, self.domain, self.lies = account, honest, domain, lies
        self.asker = asker
        self.asked: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self.signed: set[bytes] = set()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.liar = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "LyingOperator":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------------ what it says

    def answer(self, path: str, port: int) -> tuple[int, bytes]:
        """Status and body for a GET that comes from a port."""
        parts = path.strip("/").split("/")
        self.asked[parts[-1]] += 1
        if self.lies is Lies.HUGE:
            return 200, b'["' + b"0" * BODY + b'"]'
        if self.lies is Lies.GARBAGE:
            return 200, b"{" if sum(self.asked.values()) % 2 else b'{"digest": 7, "signature": []}'
        if parts[0] != "rounds" or len(parts) < 3:
            return self._true(path)
        number, what = int(parts[1]), parts[2]
        if self.lies is Lies.REPLAY:
            number -= 1
            path = "/".join(["", "rounds", str(number), *parts[2:]])
        if what == "attestation":
            return self._attestation(number, port)
        if what.startswith("votes"):
            return self._votes(path)
        return self._true(path)

    def _true(self, path: str) -> tuple[int, bytes]:
        """What the honest operator says."""
        try:
            answer = httpx.get(self.honest + path, timeout=5)
        except httpx.HTTPError:
            return 503, b"{}"
        return answer.status_code, answer.content

    def _commit(self, number: int) -> Commit | None:
        """The true result of a round, once the honest operator has signed it."""
        status, body = self._true(f"/rounds/{number}/attestation")
        if status != httpx.codes.OK:
            return None
        return AttestationMessage.model_validate_json(body).attestation().commit

    def _attestation(self, number: int, port: int) -> tuple[int, bytes]:
        commit = self._commit(number)
        if commit is None:
            return 404, b"{}"
        # Both results to everybody, one after the other, where it can tell who asks.
        asker = self.asker(port) if self.lies is Lies.TWO_ROOTS else ""
        self._told[asker] += 1
        is_second = self._told[asker] % 2 == 0
        if self.lies is Lies.WRONG_ROOT or (self.lies is Lies.TWO_ROOTS and is_second):
            commit = _changed(commit)
        signed = digest(commit, self.domain)
        self.signed.add(signed)
        return 200, attestation_message(commit, self._sign(signed)).model_dump_json().encode()

    def _votes(self, path: str) -> tuple[int, bytes]:
        """The votes that the honest operator knows, and its own: the same ones, or others."""
        status, body = self._true(path)
        if status != httpx.codes.OK:
            return status, body
        shown = _VOTES.validate_json(body)
        lies = self.lies is Lies.WRONG_ROOT or (
            self.lies is Lies.TWO_ROOTS and self.asked[path.rsplit("/", 1)[-1]] % 2 == 0
        )
        cast = {vote if not lies else _other(vote) for vote in (m.vote() for m in shown)}
        own = [vote_message(vote, self._sign(digest(vote, self.domain))) for vote in cast]
        return 200, _VOTES.dump_json([*shown, *own])

    def _sign(self, signed: bytes) -> bytes:
        return bytes(self.account.unsafe_sign_hash(signed).signature)  # type: ignore[arg-type]


def _changed(commit: Commit) -> Commit:
    """The same result with scores of its own, whose batches nobody has."""
    return replace(commit, chain_head=keccak(commit.chain_head), meta_root=keccak(commit.meta_root))


def _other(vote: Vote) -> Vote:
    """A vote for what nobody has come to, in the place of one for a result."""
    return vote if vote.value == NIL else replace(vote, value=keccak(vote.value))


class _Server(ThreadingHTTPServer):
    liar: LyingOperator
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up on a liar is right."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        liar = self.server.liar
        if liar.lies is Lies.MUTE:
            liar.asked[self.path.rsplit("/", 1)[-1]] += 1
            liar.closing.wait()
            return
        status, body = liar.answer(self.path, self.client_address[1])
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if liar.lies is Lies.SLOW:
            self._drip(body)
        else:
            self.wfile.write(body)

    def do_POST(self) -> None:
        """Takes every file and gives no receipt."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def _drip(self, body: bytes) -> None:
        for start in range(0, len(body), 8):
            if self.server.liar.closing.is_set():
                return
            self.wfile.write(body[start : start + 8])
            self.wfile.flush()
            time.sleep(1)

    def log_message(self, *_: object) -> None:
        """Silent."""
