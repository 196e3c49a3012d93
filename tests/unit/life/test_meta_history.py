"""Meta models of settled rounds, published as data sets; both databases."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from server_operators import Operators
from server_world import ServerWorld, server_world

from oracle.errors import DifferenceError
from oracle.gateway.intaking import datasets_of
from oracle.gateway.publishing import _history
from oracle.store.artefacts import RoundFolder

pytestmark = [pytest.mark.slow, pytest.mark.chain]
EIGHT = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """A settled round, one without any submission, and one that is open."""
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(3):
            made.register(f"model {number}")
        made.play({0: 9, 1: 2})
        made.play({})
        made.announce()
        made.chain.finalize()
        yield made


def test_round_settled__its_meta_model__a_file_of_that_round(
    world: ServerWorld, where: str, tmp_path: Path
) -> None:
    with world.serving(where, tmp_path / "home", **Operators(world, {}).config(tmp_path)) as made:
        made.follow()
        datasets = made.services.part(datasets_of)
        assert datasets.list(EIGHT, 1) == []
        made.run("publish meta models")
        made.run("publish meta models")
        assert datasets.list(EIGHT, 1) == datasets.list(EIGHT, 2) == ["meta_model.parquet"]
        assert datasets.list(EIGHT) == []  # the open round has none yet
        raw = made.client.get(datasets.url(EIGHT, "meta_model.parquet", 1)).content
        found = pd.read_parquet(io.BytesIO(raw))
        text = world.results[1].files["outputs/meta_model.csv"].decode().splitlines()[1:]
        expected = {line.split(",")[0]: int(line.split(",")[1]) / 10**9 for line in text}
        assert dict(zip(found["id"], found["numerai_meta_model"], strict=True)) == expected
        assert len(expected) == len(world.files[1].ids)
        assert set(found["round"]) == {1}
        empty = made.client.get(datasets.url(EIGHT, "meta_model.parquet", 2)).content
        assert pd.read_parquet(io.BytesIO(empty)).empty


def test_round_settled__provider_has_published_one__it_stays(
    world: ServerWorld, where: str, tmp_path: Path
) -> None:
    with world.serving(where, tmp_path / "home", **Operators(world, {}).config(tmp_path)) as made:
        made.follow()
        datasets = made.services.part(datasets_of)
        datasets.add(EIGHT, 1, "meta_model.parquet", b"the provider's")
        made.run("publish meta models")
        got = made.client.get(datasets.url(EIGHT, "meta_model.parquet", 1))
        assert got.content == b"the provider's"


def test_folder_with_another_meta_model__not_published(
    world: ServerWorld, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root in the commit decides, whoever wrote the manifest."""
    with world.serving(where, tmp_path / "home", **Operators(world, {}).config(tmp_path)) as made:
        made.follow()
        history = _history(made.services, made.services.tournaments[EIGHT])
        real = RoundFolder.read

        def read(folder: RoundFolder, path: str) -> bytes:
            raw = real(folder, path)
            return raw.replace(b",5", b",4") if path == "outputs/meta_model.csv" else raw

        monkeypatch.setattr(RoundFolder, "read", read)
        with pytest.raises(DifferenceError, match="not the committed one"):
            history.publish()
        assert made.services.part(datasets_of).list(EIGHT, 1) == []
