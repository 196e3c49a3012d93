"""Directories appear whole or not at all; both builders write one format."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from invented_markets import build, two_markets

from oracle.datasets.dataset import TARGETS, Dataset, DatasetError
from oracle.datasets.files import content_digest, read_split
from oracle.datasets.writer import EraBlock, Layout, write_dataset

FEATURES = ("feature_a", "feature_b")
LAYOUT = Layout("toy", "made for a test", {"small": FEATURES[:1], "all": FEATURES})


def _block(split: str, era: str, prefix: str, rows: int = 6) -> EraBlock:
    return EraBlock(
        split,
        era,
        [f"{prefix}{row}" for row in reversed(range(rows))],
        np.arange(2 * rows, dtype=np.int8).reshape(rows, 2) % 5,
        np.tile(np.linspace(0, 1, rows, dtype=np.float32)[:, None], (1, len(TARGETS))),
    )


def _blocks() -> list[EraBlock]:
    return [
        _block("train", "0001", "a"),
        _block("train", "0002", "b"),
        _block("validation", "0003", "c"),
        _block("live", "0004", "d"),
    ]


def _left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*")]


def test_write_dataset__blocks__rows_sorted_by_id_and_kept_together(
    places: tuple[Path, Path],
) -> None:
    steps: list[tuple[int, int]] = []
    write_dataset(
        *places,
        LAYOUT,
        _blocks(),
        total=4,
        progress=lambda done, total, _: steps.append((done, total)),
    )
    frame = read_split(places[0], "train")
    assert list(frame.index) == [f"{p}{row}" for p in "ab" for row in range(6)]
    block = _blocks()[0]
    for position, name in enumerate(block.ids):
        row = frame.loc[name]
        assert row[list(FEATURES)].tolist() == block.features[position].tolist()
        assert row["target"] == row["target_raw_60"] == block.targets[position, 0]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_write_dataset__interrupted__nothing_left(tmp_path: Path) -> None:
    def broken() -> Iterator[EraBlock]:
        yield from _blocks()[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "data", tmp_path / "secret", LAYOUT, broken(), total=4)
    assert _left(tmp_path) == []


def test_write_dataset__id_twice__error_and_nothing_left(tmp_path: Path) -> None:
    blocks = [*_blocks()[:3], _block("live", "0004", "a")]
    with pytest.raises(DatasetError, match="era 0004: an id occurs twice"):
        write_dataset(tmp_path / "data", tmp_path / "secret", LAYOUT, blocks, total=4)
    assert _left(tmp_path) == []


@pytest.mark.parametrize("secret", ["data", "data/secret", "."])
def test_write_dataset__resolution_not_apart__refused(tmp_path: Path, secret: str) -> None:
    with pytest.raises(DatasetError, match="secret until resolution"):
        write_dataset(tmp_path / "data", tmp_path / secret, LAYOUT, _blocks(), total=4)
    assert _left(tmp_path) == []


@pytest.mark.parametrize("occupied", ["data", "secret"])
def test_write_dataset__directory_in_use__left_as_it_is(tmp_path: Path, occupied: str) -> None:
    (tmp_path / occupied).mkdir()
    (tmp_path / occupied / "mine").write_text("keep")
    with pytest.raises(DatasetError, match=f"{occupied} exists already"):
        write_dataset(tmp_path / "data", tmp_path / "secret", LAYOUT, _blocks(), total=4)
    assert _left(tmp_path) == [occupied, "mine"]


def test_write_dataset__target_blocked_at_the_end__nothing_published(tmp_path: Path) -> None:
    def blocks() -> Iterator[EraBlock]:
        yield from _blocks()
        (tmp_path / "data").write_text("a file now stands where the data set goes")

    with pytest.raises(DatasetError, match="cannot put"):
        write_dataset(tmp_path / "data", tmp_path / "secret", LAYOUT, blocks(), total=4)
    assert _left(tmp_path) == ["data"]


def test_write_dataset__parent_is_a_file__error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write beside"):
        write_dataset(tmp_path / "file/data", tmp_path / "secret", LAYOUT, _blocks(), total=4)


def _format(root: Path, name: str) -> list[tuple[str, pa.DataType]]:
    """Columns and types, features left out: their names are each builder's own."""
    schema = pq.read_schema(root / name)
    return [(f.name, f.type) for f in schema if not f.name.startswith("feature_")]


def test_builders__market_and_synthetic__one_format(tmp_path: Path, synthetic: Dataset) -> None:
    market = build(two_markets(), tmp_path)
    names = sorted(path.name for path in market.root.iterdir())
    assert names == sorted(path.name for path in synthetic.root.iterdir())
    for name in names:
        if name.endswith(".parquet"):
            assert _format(market.root, name) == _format(synthetic.root, name), name
    for dataset in (market, synthetic):
        for split in ("train", "validation", "live"):
            schema = pq.read_schema(dataset.root / f"{split}.parquet")
            assert {schema.field(name).type for name in dataset.features} == {pa.int8()}
            assert {schema.field(name).type for name in dataset.targets} == {pa.float32()}
            assert schema.pandas_metadata["index_columns"] == ["id"]
    assert market.targets == synthetic.targets


def test_build__same_seed__same_content_and_other_seed_other_ids(tmp_path: Path) -> None:
    markets = two_markets()
    first, second, other = (
        build(markets, tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert content_digest(first.root) == content_digest(second.root)
    assert not set(first.live_ids) & set(other.live_ids)
