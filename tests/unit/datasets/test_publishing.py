"""A data set published for a round: what a server lists, what operators read, nothing half."""

import csv
import os
from pathlib import Path

import pytest

from oracle.datasets.files import open_dataset
from oracle.datasets.publishing import publish
from oracle.datasets.synthetic import build_synthetic
from oracle.errors import EnvironmentLacksError, InputError
from oracle.examining.material import validation_data
from oracle.tournaments.remapping import parse_ids
from oracle.tournaments.universe import parse_universe


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets, ``a`` and ``b``, and the secret folders of their live targets."""
    folder = tmp_path_factory.mktemp("made")
    for name, seed in (("a", 5), ("b", 6)):
        secret = folder / f"{name}-secret"
        build_synthetic(folder / name, secret, rows=40, features=10, eras=12, seed=seed)
    return folder


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "provider", tmp_path / "published"


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_publish__data_set__listed_and_its_ids_in_their_order(
    made: Path, places: tuple[Path, Path]
) -> None:
    provider, published = places
    dataset = open_dataset(made / "a")
    names = publish(dataset, 7, provider, published, "v2.0")
    assert files(published) == set(names)
    assert {"v2.0/train.parquet", "v2.0/features.json", "rounds/7/v2.0/live.parquet"} <= set(names)
    assert not any("targets" in name for name in names)
    for name in names:
        assert (published / name).read_bytes() == (made / "a" / Path(name).name).read_bytes()
    universe = parse_universe((provider / "7" / "universe.csv").read_bytes())
    with (made / "a-secret" / "live_targets.csv").open() as file:
        assert list(universe) == [row["id"] for row in csv.DictReader(file)]
    assert validation_data(published) == published / "v2.0"


def test_publish__again_for_the_next_round__only_live_rows_are_new(
    made: Path, places: tuple[Path, Path], tmp_path: Path
) -> None:
    provider, published = places
    dataset = open_dataset(made / "a")
    publish(dataset, 7, provider, published, "v2.0")
    pairs = tmp_path / "pairs.csv"
    [first, second, *_] = dataset.live_ids
    pairs.write_text(f"old,new\nx1,{first}\nx2,{second}\n")
    before = files(published)
    publish(dataset, 8, provider, published, "v2.0", pairs)
    assert all(name.startswith("rounds/8/") for name in files(published) - before)
    found = parse_ids((provider / "8" / "ids.csv").read_bytes())
    assert found == {"x1": first, "x2": second}


def test_publish__other_content_under_the_same_names__refused_and_nothing_changed(
    made: Path, places: tuple[Path, Path]
) -> None:
    provider, published = places
    publish(open_dataset(made / "a"), 7, provider, published, "v2.0")
    before = {name: (published / name).read_bytes() for name in files(published)}
    with pytest.raises(InputError, match="published already, with another content"):
        publish(open_dataset(made / "b"), 8, provider, published, "v2.0")
    assert {name: (published / name).read_bytes() for name in files(published)} == before
    assert not (provider / "8").exists()
    publish(open_dataset(made / "b"), 8, provider, published, "v3.0")
    with pytest.raises(InputError, match=r"universe\.csv is published already"):
        publish(open_dataset(made / "a"), 8, provider, published, "v4.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("old,new\nx,nobody\n", "is no id of these live rows"),
        ("new,old\n", "line 1"),
        ("old,new\nx,y\nx,z\n", "a second time"),
        (None, "cannot read"),
    ],
    ids=["unknown", "header", "twice", "missing"],
)
def test_publish__bad_ids__refused_before_anything_is_written(
    made: Path, places: tuple[Path, Path], tmp_path: Path, text: str | None, said: str
) -> None:
    pairs = tmp_path / "pairs.csv"
    if text is not None:
        pairs.write_text(text)
    with pytest.raises(InputError, match=said):
        publish(open_dataset(made / "a"), 7, *places, "v2.0", pairs)
    assert not places[0].exists()
    assert not places[1].exists()


def test_publish__folder_that_cannot_be_written__said(
    made: Path, places: tuple[Path, Path]
) -> None:
    provider, published = places
    published.write_bytes(b"")
    with pytest.raises(EnvironmentLacksError, match="cannot publish"):
        publish(open_dataset(made / "a"), 7, provider, published, "v2.0")
    assert os.path.getsize(published) == 0
