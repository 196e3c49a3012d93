"""Sending a submission to operators, signed by the model's owner."""

import hashlib
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from eth_account.signers.local import LocalAccount
from pydantic import ValidationError

from oracle.errors import AssayError, InputError, RefusedError, UnreachableError
from oracle.settlement.typed_data import Domain, Submission, message, recover
from oracle.settlement.wire import ReceiptMessage, receipt_of, unhex

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """Receipts by operator URL, and why the others gave none."""

    key: Submission
    receipts: dict[str, ReceiptMessage]
    failures: dict[str, AssayError]


def submit(
    raw: bytes,
    round_number: int,
    model: int,
    owner: LocalAccount,
    domain: Domain,
    operators: list[str],
    needed: int,
    signers: Collection[str],
) -> Sent:
    """Sends ``raw`` to every operator; raises unless ``needed`` of them sign a receipt.

    Fewer receipts would not make it count; operators share among each other what they accepted.
    """
    sequence = time.time_ns() // 1_000_000
    key = Submission(round_number, model, hashlib.sha256(raw).digest(), sequence)
    signature = bytes(owner.sign_message(message(key, domain)).signature)
    receipts: dict[str, ReceiptMessage] = {}
    failures: dict[str, AssayError] = {}
    with ThreadPoolExecutor(max_workers=len(operators)) as pool:
        sends = {
            url: pool.submit(_send, url, key, signature, raw, domain, signers) for url in operators
        }
    for url, sending in sends.items():
        try:
            receipts[url] = sending.result()
        except AssayError as error:
            failures[url] = error
    if len(receipts) < needed:
        url, error = next(iter(failures.items()), ("", None))
        if not receipts and error:
            raise error
        raise RefusedError(
            f"{len(receipts)} operators took the file, {needed} must"
            + (f"; {url}: {error.message}" if error else ""),
            "send it again, to more of the operators, before the round closes",
        )
    return Sent(key, receipts, failures)


def _send(
    url: str,
    key: Submission,
    signature: bytes,
    raw: bytes,
    domain: Domain,
    signers: Collection[str],
) -> ReceiptMessage:
    parameters = {
        "round": key.round,
        "model": key.model,
        "sequence": key.sequence,
        "signature": "0x" + signature.hex(),
    }
    try:
        answer = httpx.post(f"{url}/submissions", params=parameters, content=raw, timeout=_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"operator {url} does not answer ({type(error).__name__})",
            "try again, or send to another operator",
        ) from None
    if answer.status_code != httpx.codes.CREATED:
        raise _refusal(url, answer)
    try:
        receipt = ReceiptMessage.model_validate_json(answer.content)
    except ValidationError:
        raise UnreachableError(f"operator {url} answered with no receipt") from None
    signer = recover(receipt_of(key, receipt.received), domain, unhex(receipt.signature))
    if signer != receipt.operator or signer not in signers:
        raise UnreachableError(f"{url} answered with a receipt that no operator signed")
    return receipt


def _refusal(url: str, answer: httpx.Response) -> AssayError:
    try:
        error = answer.json()["error"]
        text, fix = str(error["message"]), str(error["fix"])
    except (ValueError, KeyError, TypeError):
        return UnreachableError(f"operator {url} answered with status {answer.status_code}")
    kinds = {422: InputError, 503: UnreachableError}
    return kinds.get(answer.status_code, RefusedError)(text, fix)
