"""Signed addresses over HTTP: files come in once, whole and within bounds, and go out in parts."""

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from server_operators import Operators, caller, token
from server_world import SITE_URL, ServerWorld, Serving, server_world

from oracle.accounts.caller import Caller
from oracle.accounts.rates import TooManyError
from oracle.gateway import transfers
from oracle.gateway.app import build, settings
from oracle.gateway.intaking import datasets_of, intake_of, pickles_of, uploads_of
from oracle.gateway.transfers import Pace
from oracle.intake.rows import Purpose
from oracle.records.rows import ModelRow

RAW = bytes(range(256)) * 700


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("model 0")
        made.announce()
        made.chain.finalize()
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data sets that are published."""
    made = tmp_path / "datasets"
    made.mkdir()
    return made


@pytest.fixture
def serving(world: ServerWorld, where: str, tmp_path: Path, folder: Path) -> Iterator[Serving]:
    config = Operators(world, {}).config(tmp_path)
    with world.serving(where, tmp_path / "home", **config) as made:
        made.follow()
        yield made


@pytest.fixture
def mine(world: ServerWorld, serving: Serving) -> tuple[Caller, ModelRow]:
    [model] = serving.services.models.by_id(8, [0])
    return caller(serving, world.owner(0)), model


def authorized(serving: Serving, mine, purpose: Purpose = Purpose.SUBMISSION):
    person, model = mine
    intake = serving.services.part(intake_of)
    return intake.authorize(person, 8, model, "a.csv", purpose)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


def kept_files(serving: Serving) -> list[str]:
    blobs = serving.services.config.files.folder
    return [path.name for path in blobs.rglob("*") if path.is_file()]


# ---------------------------------------------------------------------- in


def test_put__address_used_twice__the_first_file_stays(serving: Serving, mine) -> None:
    url = authorized(serving, mine).url
    assert serving.client.put(url, content=RAW).status_code == 200
    assert said(serving.client.put(url, content=b"other")) == (409, "this address was used already")
    [upload] = kept_files(serving)
    assert (serving.services.config.files.folder / "uploads" / upload).read_bytes() == RAW


def test_put__address_changed__403_and_nothing_kept(serving: Serving, mine) -> None:
    url = authorized(serving, mine).url
    changed = [
        url.replace("most=8388608", "most=99999999"),
        url.replace("/uploads/", "/uploads/0"),
        url.replace("signature=", "signature=0"),
        url.split("?")[0],
        url + "&most=1",
        f"{SITE_URL}/files/uploads/x?most=1&expires=9999999999&signature=" + "0" * 64,
        f"{SITE_URL}/files/..%2f..%2fetc/passwd?most=1&expires=9999999999&signature=0",
    ]
    for address in changed:
        assert serving.client.put(address, content=RAW).status_code == 403, address
        assert serving.client.get(address).status_code == 403, address
    assert kept_files(serving) == []


def test_put__address_expired__403(serving: Serving, mine, monkeypatch) -> None:
    url = authorized(serving, mine).url
    later = time.time() + serving.services.config.files.url_seconds + 1
    monkeypatch.setattr(serving.services.part(uploads_of)._signed, "_clock", lambda: later)
    assert said(serving.client.put(url, content=RAW)) == (403, "this address has expired")


def test_put__announced_or_real_length_beyond_the_bound__refused_and_the_address_stays_good(
    serving: Serving, mine
) -> None:
    made = authorized(serving, mine)
    most = serving.services.config.files.max_upload

    def pieces() -> Iterator[bytes]:
        for _ in range(most // 2**20 + 1):
            yield bytes(2**20)

    too_large = f"the file is larger than {most} bytes"
    assert said(serving.client.put(made.url, content=bytes(most + 1))) == (422, too_large)
    assert said(serving.client.put(made.url, content=pieces())) == (422, too_large)
    assert kept_files(serving) == []
    assert serving.client.put(made.url, content=RAW).status_code == 200


def test_put__content_digest__must_be_that_of_the_file(serving: Serving, mine) -> None:
    url = authorized(serving, mine).url

    def header(raw: bytes) -> dict[str, str]:
        value = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        return {"content-digest": f"sha-256=:{value}:"}

    wrong = serving.client.put(url, content=RAW, headers=header(b"other"))
    assert said(wrong) == (422, "the file differs from its Content-Digest")
    for value in (b"sha-256=:?:", b"sha-256=:\xe9:", b"sha-256=:AAAAA:"):
        broken = serving.client.put(url, content=RAW, headers={b"content-digest": value})
        assert said(broken) == (422, "Content-Digest: sha-256 is not base64")
    assert kept_files(serving) == []
    assert serving.client.put(url, content=RAW, headers=header(RAW)).status_code == 200


def test_authorize__more_addresses_than_one_account_may_hold__refused(
    serving, mine, monkeypatch
) -> None:
    monkeypatch.setattr(serving.services.part(uploads_of), "_count", lambda _: None)
    answers = []
    for _ in range(201):
        try:
            answers.append(authorized(serving, mine).filename)
        except Exception as error:  # noqa: BLE001 - looked at below
            answers.append(str(error))
    assert len(set(answers[:200])) == 200
    assert answers[200] == "this account has 200 uploads open"


def test_authorize__more_often_than_the_rate__refused_and_others_served(
    world, where, tmp_path
) -> None:
    config = Operators(world, {}).config(tmp_path)
    with world.serving(where, tmp_path / "home", rates={"upload": "3/minute"}, **config) as made:
        made.follow()
        [model] = made.services.models.by_id(8, [0])
        mine = (caller(made, world.owner(0)), model)
        for _ in range(3):
            authorized(made, mine)
        with pytest.raises(TooManyError):
            authorized(made, mine)
        made.services.part(uploads_of)._count("another account")


def test_tidy__never_used_for_a_day__gone_and_a_used_one_stays(serving, mine, monkeypatch) -> None:
    uploads = serving.services.part(uploads_of)
    urls = [authorized(serving, mine, Purpose.PICKLE) for _ in range(2)]
    for made in urls:
        serving.client.put(made.url, content=RAW)
    person, model = mine
    serving.services.part(pickles_of).create(person, model, urls[0].filename)
    assert uploads.tidy() == 0
    monkeypatch.setattr(uploads, "_clock", lambda: time.time() + 90_000)
    assert uploads.tidy() == 1
    assert len(kept_files(serving)) == 1


# ---------------------------------------------------------------------- over a socket


@contextlib.contextmanager
def listening(serving: Serving, **paces: Pace) -> Iterator[tuple[str, int]]:
    """The application with these routes on a real server: the whole one has been started once."""
    usual = {purpose: Pace() for purpose in Purpose}
    routes = transfers.router(serving.services, {**usual, **paces})  # type: ignore[dict-item]
    app = build(serving.services, [routes])
    config = settings(app, serving.services)
    config.port = 0
    http = uvicorn.Server(config)
    thread = threading.Thread(target=http.run, daemon=True)
    thread.start()
    waiting = threading.Event()
    while not http.started:
        assert thread.is_alive(), "the server did not start"
        waiting.wait(0.01)
    try:
        yield "127.0.0.1", http.servers[0].sockets[0].getsockname()[1]
    finally:
        http.should_exit = True
        thread.join(10)


def test_put__connection_cut_in_the_middle__nothing_is_kept(serving: Serving, mine) -> None:
    url = urlsplit(authorized(serving, mine).url)
    with listening(serving) as where:
        with socket.create_connection(where) as line:
            head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            line.sendall(head.encode() + bytes(500))
        again = httpx.put(f"http://{where[0]}:{where[1]}{url.path}?{url.query}", content=RAW)
        assert again.status_code == 200
    assert len(kept_files(serving)) == 1


def test_put__slow_uploads__cut_off_and_others_told_to_wait(serving: Serving, mine) -> None:
    pace = Pace(uploads=1, seconds=1.5, rate=2**30)
    slow, quick = (urlsplit(authorized(serving, mine).url) for _ in range(2))
    with listening(serving, submission=pace) as where:
        with socket.create_connection(where) as line:
            head = f"PUT {slow.path}?{slow.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            line.sendall(f"{head}\r\nhalf".encode())
            address = f"http://{where[0]}:{where[1]}{quick.path}?{quick.query}"
            waited = [httpx.put(address, content=RAW)]
            while waited[-1].status_code == 200:  # it came before the slow one
                waited.append(httpx.put(address, content=RAW))
            assert said(waited[-1]) == (503, "too many uploads at work")
            line.settimeout(30)
            answer = b"".join(iter(lambda: line.recv(10_000), b""))
        assert answer.startswith(b"HTTP/1.1 422")
        assert b"the file came too slowly" in answer
        assert httpx.put(address, content=RAW).status_code in {200, 409}
    assert len(kept_files(serving)) == 1


def test_get__large_file_over_a_socket__whole_and_in_parts(serving: Serving, mine) -> None:
    uploads = serving.services.part(uploads_of)
    stored = uploads.blobs.put("uploads/large", [RAW] * 40, most=len(RAW) * 40)
    url = urlsplit(uploads.download("uploads/large", "large.bin", stored.sha256).url)
    with listening(serving) as (host, port):
        at = f"http://{host}:{port}{url.path}?{url.query}"
        assert hashlib.sha256(httpx.get(at).content).digest() == stored.sha256
        rest = httpx.get(at, headers={"Range": f"bytes={len(RAW)}-"})
        assert (rest.status_code, rest.content) == (206, RAW * 39)


# ---------------------------------------------------------------------- out


def test_get__own_address__length_name_hash_and_ranges(serving: Serving) -> None:
    uploads = serving.services.part(uploads_of)
    stored = uploads.blobs.put("uploads/a", [RAW], most=len(RAW))
    url = uploads.download("uploads/a", "live.parquet", stored.sha256).url
    whole = serving.client.get(url)
    assert (whole.status_code, whole.content) == (200, RAW)
    assert whole.headers["content-length"] == str(len(RAW))
    assert whole.headers["content-disposition"] == 'attachment; filename="live.parquet"'
    assert whole.headers["etag"] == f'"{stored.sha256.hex()}"'
    head = serving.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(RAW))
    part = serving.client.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, RAW[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(RAW)}"
    assert part.headers["content-length"] == "100"
    assert serving.client.get(url, headers={"Range": f"bytes={len(RAW)}-"}).status_code == 416


def test_get__file_is_gone__404(serving: Serving) -> None:
    url = serving.services.part(uploads_of).download("uploads/none", "a", b"").url
    assert said(serving.client.get(url)) == (404, "this file is not kept here")


def test_put__address_of_a_download__403(serving: Serving) -> None:
    url = serving.services.part(uploads_of).download("uploads/none", "a", b"").url
    assert serving.client.put(url, content=RAW).status_code == 403


# ---------------------------------------------------------------------- uploaded models


def test_pickles__uploaded__kept_as_pending_with_the_reason_and_never_opened(
    serving: Serving, mine
) -> None:
    person, model = mine
    pickles = serving.services.part(pickles_of)
    made = authorized(serving, mine, Purpose.PICKLE)
    bomb = b"cos\nsystem\n(S'exit 1'\ntR."
    assert serving.client.put(made.url, content=bomb).status_code == 200
    row = pickles.create(person, model, made.filename, None, None)
    assert (row.status, row.sha256) == ("pending", hashlib.sha256(bomb).digest())
    assert "runs no uploaded models" in row.reason
    assert pickles.create(person, model, made.filename) == row
    assert pickles.of_models(8, [0]) == [row]
    assert pickles.of_models(8, [1]) == []


# ---------------------------------------------------------------------- data sets


def _publish(serving: Serving) -> None:
    """Files are taken once they have stayed the same for a while."""
    datasets = serving.services.part(datasets_of)
    object.__setattr__(datasets, "clock", lambda: time.time() + 100)
    serving.run("publish")
    serving.run("publish")


def test_datasets__files_in_the_folder__listed_by_round_and_served(serving, world, folder) -> None:
    number = world.reader.state()["last_announced"]
    files = {
        "v1.0/train.parquet": b"train",
        "v1.0/features.json": b"{}",
        f"rounds/{number}/v1.0/live.parquet": b"live",
        f"rounds/{number + 1}/v1.0/live.parquet": b"of a round that has not opened",
        "v1.0/.hidden": b"",
        "v1.0/half.part": b"",
        "v1.0/with space.csv": b"",
        "rounds/x/live.parquet": b"",
    }
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    (folder / "v1.0" / "link.csv").symlink_to("/etc/passwd")
    datasets = serving.services.part(datasets_of)
    assert datasets.list(8) == []
    _publish(serving)
    every = ["v1.0/features.json", "v1.0/train.parquet"]
    assert datasets.list(8) == datasets.list(8, number) == sorted([*every, "v1.0/live.parquet"])
    assert datasets.list(8, number + 1) == datasets.list(8, 1_000) == every
    for name, raw in (("v1.0/train.parquet", b"train"), ("v1.0/live.parquet", b"live")):
        got = serving.client.get(datasets.url(8, name))
        assert (got.status_code, got.content) == (200, raw)
    for name in ("v1.0/with space.csv", "../server.toml", "v1.0/link.csv", "rounds/x/live.parquet"):
        with pytest.raises(Exception, match="there is no file"):
            datasets.url(8, name)


def test_datasets__file_still_growing__not_published_before_it_rests(serving, folder) -> None:
    datasets = serving.services.part(datasets_of)
    (folder / "train.csv").write_bytes(b"half")
    serving.run("publish")
    serving.run("publish")  # written just now
    assert datasets.list(8) == []
    object.__setattr__(datasets, "clock", lambda: time.time() + 100)
    (folder / "train.csv").write_bytes(b"half and half")
    serving.run("publish")  # another size than at the last look
    assert datasets.list(8) == []
    serving.run("publish")
    assert datasets.list(8) == ["train.csv"]


def test_datasets__published_file_is_replaced_by_the_provider__the_published_one_stays(
    serving, folder
) -> None:
    (folder / "train.csv").write_bytes(b"first")
    _publish(serving)
    new = folder / ".new"
    new.write_bytes(b"second")
    new.rename(folder / "train.csv")
    _publish(serving)
    url = serving.services.part(datasets_of).url(8, "train.csv")
    assert serving.client.get(url).content == b"first"


# ---------------------------------------------------------------------- owners' words


def test_submission_key__not_the_owners_or_another_key__refused(serving, world) -> None:
    headers = token(serving, world.owner(0))
    path = "/v1/tournaments/8/submission-key"
    asked = serving.client.get(path, headers=headers).json()
    assert asked["typed_data"]["primaryType"] == "SubmissionKey"
    assert asked["typed_data"]["domain"]["verifyingContract"] == world.reader.addresses.pool
    assert asked["allowed"] == []
    body = {"first_round": 1, "last_round": 5, "signature": "0x" + "11" * 64 + "1b"}
    answer = serving.client.put(path, headers=headers, json=body)
    assert said(answer)[0] == 409
    assert "not signed by this account's wallet" in said(answer)[1]
    long = {**body, "last_round": 5_000}
    assert serving.client.put(path, headers=headers, json=long).status_code == 422
    assert serving.client.get(path).status_code == 401
    weak = token(serving, world.owner(0), "read_user_info")
    assert serving.client.put(path, headers=weak, json=body).status_code == 403
    assert (
        serving.client.get("/v1/tournaments/9/submission-key", headers=headers).status_code == 422
    )
