"""Uploads straight into a bucket (moto's server over HTTP): the file is verified by the server
when it is used, and nothing that is put there afterwards changes it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from s3_server import CREDENTIALS, REGION, new_bucket, s3_server
from server_operators import allow, caller, serving_operators
from server_world import ServerWorld, Serving, server_world

from oracle.errors import InputError
from oracle.gateway.intaking import datasets_of, intake_of, pickles_of
from oracle.intake.rows import Purpose


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, s3_server() as url:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        new_bucket(url, "server")
        yield url


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("model 0")
        made.announce()
        made.chain.finalize()
        yield made


@pytest.fixture
def serving(world: ServerWorld, bucket: str, tmp_path: Path) -> Iterator[Serving]:
    s3 = {"bucket": "server", "prefix": "files", "endpoint_url": bucket, "region": REGION}
    with serving_operators(world, tmp_path) as operators:
        config = {**operators.config(tmp_path), "files": {"s3": s3}}
        with world.serving(str(tmp_path / "s.sqlite"), tmp_path / "home", **config) as made:
            made.follow()
            yield made


def test_bucket__submission__taken_once_and_later_puts_change_nothing(serving, world) -> None:
    number = world.reader.state()["last_announced"]
    allow(serving, world, world.owner(0))
    intake, person = serving.services.part(intake_of), caller(serving, world.owner(0))
    [model] = serving.services.models.by_id(8, [0])
    raw = world.files[number].predictions(2)

    made = intake.authorize(person, 8, model, "a.csv")
    assert made.url.startswith("http://127.0.0.1")
    with pytest.raises(InputError, match="nothing was put"):
        intake.create(person, 8, model, made.filename)
    assert httpx.put(made.url, content=raw).status_code == 200
    row = intake.create(person, 8, model, made.filename)
    assert (row.status, row.sha256) == ("accepted", hashlib.sha256(raw).digest())

    assert httpx.put(made.url, content=b"something else").status_code == 200
    assert intake.create(person, 8, model, made.filename).id == row.id
    given = intake.download(person, row.id)
    got = httpx.get(given.url)
    assert (got.status_code, got.content) == (200, raw)
    assert httpx.get(given.url, headers={"Range": "bytes=3-5"}).content == raw[3:6]


def test_bucket__file_beyond_the_bound__refused_when_it_is_used(serving, world) -> None:
    intake, person = serving.services.part(intake_of), caller(serving, world.owner(0))
    [model] = serving.services.models.by_id(8, [0])
    made = intake.authorize(person, 8, model, "a.csv")
    most = serving.services.config.files.max_upload
    assert httpx.put(made.url, content=bytes(most + 1)).status_code == 200
    with pytest.raises(InputError, match=f"larger than {most} bytes"):
        intake.create(person, 8, model, made.filename)


def test_bucket__pickle_and_data_set__hashed_and_given_out_by_the_bucket(
    serving, world, tmp_path
) -> None:
    intake, person = serving.services.part(intake_of), caller(serving, world.owner(0))
    [model] = serving.services.models.by_id(8, [0])
    made = intake.authorize(person, 8, model, "model.pkl", Purpose.PICKLE)
    httpx.put(made.url, content=b"model")
    row = serving.services.part(pickles_of).create(person, model, made.filename)
    assert row.sha256 == hashlib.sha256(b"model").digest()

    datasets = serving.services.part(datasets_of)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "train.csv").write_bytes(b"train")
    object.__setattr__(datasets, "clock", lambda: 2**33)
    for _ in range(2):
        serving.run("publish")
    assert httpx.get(datasets.url(8, "train.csv")).content == b"train"
