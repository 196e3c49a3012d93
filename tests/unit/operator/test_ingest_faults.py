"""Hostile and broken uploads against an operator's real HTTP server, with real encryption.

Whatever is sent, the server answers the next honest request, and nothing of a refused one is kept.
"""

import gzip
import io
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from ingest_world import (
    IDENTITIES,
    MODEL,
    OWNER,
    PEER,
    RAW,
    ROUND,
    SELF,
    STRANGER,
    ChainStandIn,
    kept,
    key_of,
    new_ingest,
    plain_files,
    served,
    signed,
    to_operators,
)
from synthetic_round import IDS, csv, predictions

from oracle.operator.ingest import Ingest
from oracle.operator.limits import Limits
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement.typed_data import Submission

LIMITS = Limits(requests=8, uploads=4, working=2, seconds=1.0)


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    return new_ingest(tmp_path, chain)


@pytest.fixture
def url(ingest: Ingest) -> Iterator[str]:
    with served(ingest, LIMITS) as address:
        yield address


def query(raw: bytes = RAW, key: Submission | None = None, **changed: object) -> dict[str, str]:
    key = key or key_of(raw)
    values = {
        "round": key.round,
        "model": key.model,
        "sequence": key.sequence,
        "signature": "0x" + signed(key, OWNER).hex(),
        **changed,
    }
    return {name: str(value) for name, value in values.items()}


def send(url: str, raw: bytes = RAW, body: bytes | None = None, **changed: object):
    sealed = to_operators(raw) if body is None else body
    return httpx.post(f"{url}/submissions", params=query(raw, **changed), content=sealed)


def request_head(url: str, length: int) -> bytes:
    path = httpx.URL(f"{url}/submissions", params=query()).raw_path
    return b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (path, length)


def connection(url: str) -> socket.socket:
    parts = httpx.URL(url)
    return socket.create_connection((parts.host, parts.port), timeout=20)


def assert_untouched(ingest: Ingest, url: str) -> None:
    """Nothing is kept, and the next honest file is taken."""
    assert kept(ingest) == []
    assert list(ingest.journal.listed(ROUND)) == []
    assert send(url).status_code == 201
    assert plain_files(ingest) == {key_of(): RAW}


_BOM_CRLF = b"\xef\xbb\xbf" + RAW.replace(b"\n", b"\r\n")
_ROWS = RAW.decode().splitlines()


@pytest.mark.parametrize(
    "raw", [_BOM_CRLF, RAW.rstrip(b"\n"), RAW + b"\n\n"], ids=["bom-crlf", "no-end", "blank-end"]
)
def test_upload__spelled_as_the_rules_allow__taken_byte_for_byte(ingest, url, raw):
    assert send(url, raw).status_code == 201
    assert plain_files(ingest) == {key_of(raw): raw}


def _zip(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictions.csv", raw)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (RAW.replace(_ROWS[3].split(",")[1].encode(), b"NaN", 1), "invalid_submission_values"),
        (RAW.replace(_ROWS[3].split(",")[1].encode(), b"inf", 1), "invalid_submission_values"),
        (csv(predictions(MODEL), [*IDS[:-1], IDS[0]]), "invalid_submission_ids"),
        ("\n".join(_ROWS[:20]).encode(), "invalid_submission_ids"),
        (RAW[: len(RAW) // 2], "invalid_submission_"),
        (_zip(RAW), "invalid_submission_file: compressed files are not accepted"),
        (gzip.compress(bytes(200_000_000), 9), "invalid_submission_file: compressed"),
        (b"", "invalid_submission_file"),
    ],
    ids=["nan", "infinite", "duplicate", "truncated", "half", "zip", "gzip-bomb", "empty"],
)
def test_upload__file_breaks_the_rules__422_with_the_code(ingest, url, raw, why):
    answer = send(url, raw)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith(why)
    assert_untouched(ingest, url)


@pytest.mark.parametrize(
    ("changed", "status", "why"),
    [
        ({"body": to_operators(RAW + b" ")}, 409, "not signed by the owner"),
        ({"signature": "0x" + signed(key_of(), STRANGER).hex()}, 409, "not signed by the owner"),
        ({"round": ROUND + 1}, 409, "not announced"),
        ({"body": RAW}, 422, "not encrypted"),
        ({"body": to_operators(RAW)[:-9]}, 422, "cannot be opened"),
        ({"body": to_operators(RAW)[:99]}, 422, "cannot be opened"),
        ({"body": to_operators(RAW, PEER)}, 422, "sealed to others"),
        ({"body": b"age-encryption.org/v1\n" + bytes(1000)}, 422, "cannot be opened"),
        ({"body": bytes(10_000_000)}, 422, f"larger than {MAX_BODY} bytes"),
    ],
    ids=lambda value: "",
)
def test_upload__not_what_was_signed_or_sealed__refused(ingest, url, changed, status, why):
    answer = send(url, **changed)
    assert (answer.status_code, why in answer.json()["error"]["message"]) == (status, True)
    assert_untouched(ingest, url)


def test_upload__replayed_to_another_round__refused(ingest, url, chain):
    """The same body and signature, valid for the round before."""
    chain.rounds[ROUND + 1] = replace(chain.rounds[ROUND], round=ROUND + 1)
    answer = send(url, round=ROUND + 1)
    assert answer.status_code == 409
    assert "not signed by the owner" in answer.json()["error"]["message"]
    assert list(ingest.journal.listed(ROUND + 1)) == []


def test_upload__length_larger_than_the_body__nothing_is_kept(ingest, url):
    body = to_operators(RAW)
    with connection(url) as sent:
        sent.sendall(request_head(url, len(body) + 1) + body)
        sent.shutdown(socket.SHUT_WR)
        while sent.recv(4096):
            pass
    assert_untouched(ingest, url)


def test_upload__ten_megabytes_without_a_length__cut_off(ingest, url):
    def pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield bytes(2**16)

    try:
        answer = httpx.post(f"{url}/submissions", params=query(), content=pieces())
        assert answer.status_code == 422
    except httpx.TransportError:
        pass  # closed while it was still being sent
    assert_untouched(ingest, url)


def read_all(sent: socket.socket) -> bytes:
    return b"".join(iter(lambda: sent.recv(4096), b""))


def test_upload__body_comes_too_slowly__told_so_and_closed(ingest, url):
    with connection(url) as slow:
        slow.sendall(request_head(url, 1000) + b"age")
        answer = read_all(slow)
    assert b" 422 " in answer
    assert b"did not arrive within 1 s" in answer
    assert_untouched(ingest, url)


def test_upload__slow_clients_take_all_places__others_are_told_at_once(ingest):
    """Looking at the operator goes on, and a place is free again once one of them has gone."""
    with served(ingest, replace(LIMITS, seconds=600.0)) as url:
        slow = [connection(url) for _ in range(LIMITS.uploads)]
        for one in slow:
            one.sendall(request_head(url, 1000) + b"age")
        busy = send(url)
        while busy.status_code == 201:  # the server has not read all of the slow ones' heads yet
            busy = send(url)
        assert busy.status_code == 429
        assert "too many requests at work" in busy.json()["error"]["message"]
        assert busy.json()["error"]["code"] == "busy"
        assert httpx.get(f"{url}/healthz").status_code == 200
        for one in slow:
            one.close()
        again = send(url)
        while again.status_code == 429:
            again = send(url)
        assert again.status_code == 201


def test_sealed_targets__many_ask_at_once__few_are_sealed_anew_at_the_same_time(
    ingest, url, monkeypatch
):
    inside: list[None] = []
    most: list[int] = []

    def shared(*_: object) -> None:
        inside.append(None)
        most.append(len(inside))
        time.sleep(0.1)
        inside.pop()

    monkeypatch.setattr(type(ingest.desk), "shared", shared)
    path = f"{url}/rounds/{ROUND}/targets/{'07' * 32}"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(httpx.get, [path] * 6))
    assert {answer.status_code for answer in answers} == {404}
    assert (len(most), max(most)) == (6, LIMITS.working)


_MEASURED = """
import resource, sys
from oracle.operator.wrapping import MAX_BODY, opened
from oracle.store.sealing import Identity, seal
from oracle.errors import InputError

identity = Identity(sys.argv[1])
body = seal(bytes(MAX_BODY - 30_000), [identity.recipient])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    opened(body, identity)
except InputError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, len(body))
"""


def test_opened__the_largest_body__memory_grows_by_little_more_than_its_size():
    """age compresses nothing, so the bound on the body bounds the file."""
    secret = IDENTITIES[SELF.address]._secret
    command = [sys.executable, "-c", _MEASURED, secret]
    kilobytes, size = map(int, subprocess.check_output(command).split())
    assert kilobytes * 1024 < 3 * size
