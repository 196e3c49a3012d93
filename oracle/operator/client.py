"""Sending files to operators, encrypted to them and signed by whose word it is."""

import functools
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from oracle.chain.signing import Signer, sign
from oracle.errors import AssayError, InputError, RefusedError, UnreachableError
from oracle.operator.asking import Patience, SlowError, ask_all
from oracle.operator.bounded import PLAIN, BoundsError, Pace, bounded_body
from oracle.operator.cards import is_genuine
from oracle.operator.known_cards import KnownCards
from oracle.operator.tries import OverloadedError
from oracle.operator.wrapping import MAX_BYTES
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.submitters import SubmissionKey, delegated
from oracle.settlement.typed_data import Domain, HistoryRequest, Submission, Targets, recover
from oracle.settlement.wire import (
    CardMessage,
    ReceiptMessage,
    ReceiptsFile,
    TargetsMessage,
    payload,
    receipt_of,
    submission_message,
    unhex,
)
from oracle.store.sealing import Identity, SealError, is_recipient, seal

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
# Operators take so many files at a time. In a round's last minute their turn comes within seconds.
_BUSY_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0
# For a whole answer, headers included, and what is sent before it: an operator that sends a byte
# now and then must not keep the sender from the others.
_SECONDS = {"GET": 30.0, "POST": 120.0}
_MAX_ANSWER = 2**16
_MAX_HISTORY = 8 * 2**20
_T = TypeVar("_T")
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Sent:
    """Receipts by operator URL, one an operator, and why the others gave none."""

    key: Submission
    signature: bytes
    receipts: dict[str, ReceiptMessage]
    failures: dict[str, AssayError]

    def file(self, domain: Domain) -> ReceiptsFile:
        """What the submitter should keep."""
        signed: list[SignedReceipt] = [r.stored(self.key) for r in self.receipts.values()]
        return ReceiptsFile(
            chain_id=domain.chain_id,
            pool=domain.contract,
            submission=submission_message(self.key, self.signature, signed),
        )


class TooFewError(RefusedError):
    """Some operators have the file now, fewer than must: ``sent`` has their receipts."""

    def __init__(self, sent: Sent, message: str, fix: str) -> None:
        super().__init__(message, fix)
        self.sent = sent


def submit(
    raw: bytes,
    round_number: int,
    model: int,
    owner: Signer,
    domain: Domain,
    operators: Sequence[str],
    needed: int,
    signers: Collection[str],
    times: range,
    recipient: str = "",
    allowed: tuple[SubmissionKey, bytes] | None = None,
    cards: KnownCards | None = None,
    sequence: int | None = None,
    patience: float | None = None,
) -> Sent:
    """Sends ``raw`` to every operator; raises unless ``needed`` of them sign a receipt.

    A receipt counts if it is of ``times``: block times from the round's opening to the end of its
    horizon.

    The file is encrypted to those of ``signers``, the round's operators, that show a card at
    ``operators``. They share among each other what they accepted. ``recipient`` is an age
    recipient of the owner's, to whom the file is sealed where a round is not disclosed to all.

    ``owner`` signs; if it is not the model's owner but a key of his, ``allowed`` is what he signed
    for it, and his signature. ``cards`` are those of earlier files; without them operators are
    asked. Of a model's files the one with the highest ``sequence`` counts: the time in
    milliseconds, by default now. All are waited for; with ``patience`` the others for so many
    seconds once ``needed`` have signed, and sending to them goes on behind.
    """
    if recipient and not is_recipient(recipient):
        raise InputError("the recipient is not an age recipient (age1...)", "see age-keygen")
    sequence = time.time_ns() // 1_000_000 if sequence is None else sequence
    key = Submission(round_number, model, hashlib.sha256(raw).digest(), sequence)
    signature = sign(owner, key, domain)
    if allowed is not None:
        signature = delegated(signature, *allowed)
    cards = cards or KnownCards()
    waits = None if patience is None else Patience(needed, patience)
    sealed = payload(raw, recipient)
    body, urls, failures = _sealed(sealed, operators, domain, signers, cards, waits)
    parameters = {
        "round": key.round,
        "model": key.model,
        "sequence": key.sequence,
        "signature": "0x" + signature.hex(),
    }

    def send(url: str) -> ReceiptMessage:
        receipt = _when_it_is_free(
            lambda: _post(url, "/submissions", parameters, body, ReceiptMessage)
        )
        signed = receipt_of(key, receipt.received)
        signer = recover(signed, domain, unhex(receipt.signature))
        if signer != receipt.operator or signer not in signers:
            raise UnreachableError(f"{url} answered with a receipt that no operator signed")
        if receipt.received not in times:
            raise UnreachableError(
                f"{url} answered with a receipt of {receipt.received}, when the round took no files"
            )
        return receipt

    answers, refusals = ask_all(urls, send, waits)
    for url, error in refusals.items():
        # It may have another card now, unless it had no time to look at the file.
        if not isinstance(error, (OverloadedError, SlowError)):
            cards.forget(url)
    receipts, repeated = _by_operator(answers)
    sent = Sent(key, signature, receipts, {**failures, **refusals, **repeated})
    if len(receipts) < needed:
        raise _too_few(sent, needed)
    return sent


def _by_operator(
    answers: Mapping[str, ReceiptMessage],
) -> tuple[dict[str, ReceiptMessage], dict[str, AssayError]]:
    """The first receipt in time of each operator by URL, and why the other URLs' do not count."""
    kept: dict[str, str] = {}
    repeated: dict[str, AssayError] = {}
    for url in sorted(answers, key=lambda url: answers[url].received):
        first = kept.setdefault(answers[url].operator, url)
        if first != url:
            repeated[url] = RefusedError(f"{url} is the operator of {first}: one receipt counts")
    return {url: answers[url] for url in answers if url not in repeated}, repeated


def _too_few(sent: Sent, needed: int) -> AssayError:
    url, error = next(iter(sent.failures.items()), ("", None))
    if not sent.receipts and error:
        return error
    return TooFewError(
        sent,
        f"{len(sent.receipts)} operators took the file, {needed} must"
        + (f"; {url}: {error.message}" if error else ""),
        "send it again, to more of the operators, before the round closes",
    )


def put_targets(
    raw: bytes,
    round_number: int,
    release_at: int,
    provider: Signer,
    domain: Domain,
    operators: Sequence[str],
    signers: Collection[str],
) -> tuple[dict[str, TargetsMessage], dict[str, AssayError]]:
    """Puts a round's targets into the operators' vaults; what each keeps, and who refused.

    Raises the first refusal if none took them.
    """
    targets = Targets(round_number, hashlib.sha256(raw).digest(), release_at)
    signature = sign(provider, targets, domain)
    body, urls, failures = _sealed(raw, operators, domain, signers, KnownCards())
    parameters = {"release_at": release_at, "signature": "0x" + signature.hex()}
    path = f"/rounds/{round_number}/targets"
    taken, refusals = ask_all(urls, lambda u: _post(u, path, parameters, body, TargetsMessage))
    failures.update(refusals)
    if not taken:
        raise next(iter(failures.values()))
    return taken, failures


def vaults(
    round_number: int, operators: Sequence[str]
) -> tuple[dict[str, TargetsMessage | None], dict[str, AssayError]]:
    """What each operator's vault has for a round, None for nothing, and who did not answer."""

    def look(url: str) -> TargetsMessage | None:
        answer = _request(url, "GET", f"/rounds/{round_number}/targets")
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        return _parsed(url, answer, httpx.codes.OK, TargetsMessage)

    return ask_all(operators, look)


def history(
    model: int, owner: Signer, domain: Domain, asked_at: int, operator: str
) -> list[dict[str, Any]]:
    """The model's diagnostics as one operator has them, oldest first; only its owner gets them.

    ``asked_at`` is the newest block's time.
    """
    identity = Identity.new()
    request = HistoryRequest(model, identity.recipient, asked_at)
    parameters = {
        "recipient": request.recipient,
        "asked_at": asked_at,
        "signature": "0x" + sign(owner, request, domain).hex(),
    }
    path = f"/models/{model}/diagnostics"
    answer = _request(operator, "GET", path, _MAX_HISTORY, params=parameters)
    if answer.status != httpx.codes.OK:
        raise _refusal(operator, answer)
    try:
        found: list[dict[str, Any]] = json.loads(identity.open(answer.content))
    except (SealError, ValueError):
        raise UnreachableError(f"operator {operator} answered with no history") from None
    return found


# ---------------------------------------------------------------------- one operator


def _sealed(
    raw: bytes,
    operators: Sequence[str],
    domain: Domain,
    signers: Collection[str],
    known: KnownCards,
    patience: Patience | None = None,
) -> tuple[bytes, list[str], dict[str, AssayError]]:
    """``raw`` encrypted to the operators with a genuine card, their URLs, and the others' faults.

    Raises the first fault if there is no such operator.
    """

    def ask(url: str) -> CardMessage:
        found = _parsed(url, _request(url, "GET", "/card"), httpx.codes.OK, CardMessage)
        if not is_genuine(found, domain, signers):
            raise UnreachableError(f"{url} shows a card that no operator of the round signed")
        return found

    def card(url: str) -> CardMessage:
        found = known.get(url, ask)
        if found.operator in signers:
            return found
        known.forget(url)  # one of an earlier round
        return known.get(url, ask)

    if not operators:
        raise InputError("no operator named", "pass --operator http://...")
    if len(raw) > MAX_BYTES:
        raise InputError(f"the file is larger than {MAX_BYTES} bytes")
    cards, failures = ask_all(operators, card, patience)
    if not cards:
        raise next(iter(failures.values()))
    return seal(raw, (c.recipient for c in cards.values())), list(cards), failures


def _when_it_is_free(ask: Callable[[], _T]) -> _T:
    """Asks until the operator has the time to look at it; for ``_BUSY_SECONDS`` at most."""
    until, pause = time.monotonic() + _BUSY_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return ask()
        except OverloadedError:
            if time.monotonic() + pause > until:
                raise
        # Not all at the same time again.
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _post(url: str, path: str, parameters: Mapping[str, Any], body: bytes, kind: type[_M]) -> _M:
    answer = _request(url, "POST", path, params=parameters, content=body)
    return _parsed(url, answer, httpx.codes.CREATED, kind)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes


def _request(url: str, method: str, path: str, limit: int = _MAX_ANSWER, **more: Any) -> _Answer:
    """The whole answer, at most ``limit`` bytes; raises ``UnreachableError`` without one."""
    answers: list[_Answer] = []
    errors: list[str] = []

    def ask() -> None:
        try:
            answers.append(_streamed(method, f"{url.rstrip('/')}{path}", limit, more))
        except BoundsError:
            errors.append("its answer is too large or too slow")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            errors.append(type(error).__name__)

    # In a thread of its own, since the library bounds each wait for a byte, not their sum.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_SECONDS[method])
    if answers:
        return answers[0]
    why = errors[0] if errors else f"no whole answer in {_SECONDS[method]:.0f} s"
    raise UnreachableError(
        f"operator {url} does not answer ({why})", "try again, or send to another operator"
    )


def _streamed(method: str, url: str, limit: int, more: Mapping[str, Any]) -> _Answer:
    pace = Pace(_SECONDS[method])
    with _client().stream(method, url, **more) as response:
        return _Answer(response.status_code, bounded_body(response, limit, pace))


@functools.cache
def _client() -> httpx.Client:
    """One for all requests, since making one costs 20 times as much as a request. It keeps no
    connection, which the other side might have closed meanwhile, and no cookie."""
    return httpx.Client(
        timeout=_TIMEOUT,
        headers=PLAIN,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _parsed(url: str, answer: _Answer, status: int, kind: type[_M]) -> _M:
    if answer.status != status:
        raise _refusal(url, answer)
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError:
        raise UnreachableError(
            f"operator {url} answered with no {kind.__name__.removesuffix('Message').lower()}"
        ) from None


def _refusal(url: str, answer: _Answer) -> AssayError:
    try:
        error = json.loads(answer.content)["error"]
        text, fix = str(error["message"]), str(error["fix"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return UnreachableError(f"operator {url} answered with status {answer.status}")
    if error.get("code") == OverloadedError.code:
        return OverloadedError(text, fix)
    kinds = {422: InputError, 503: UnreachableError}
    return kinds.get(answer.status, RefusedError)(text, fix)
