"""Files that grow by an era, and the check that no id is there twice."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.datasets import parquet
from oracle.datasets.binning import MISSING_FEATURE, quintiles
from oracle.datasets.parquet import EraParquet, SeenIds


def _frames(columns: int, eras: int, rows: int = 3) -> Iterator[pd.DataFrame]:
    for era in range(eras):
        values = np.full((rows, columns), era % 5, np.int8)
        frame = pd.DataFrame(values, [f"e{era}r{row}" for row in range(rows)])
        yield frame.set_axis([f"c{i}" for i in range(columns)], axis=1).rename_axis("id")


@pytest.mark.parametrize(
    ("columns", "eras", "groups"),
    [(10, 3, [3, 3, 3]), (498, 3, [3, 3, 3]), (749, 7, [9, 9, 3])],
)
def test_era_parquet__eras__wide_ones_share_a_row_group(
    tmp_path: Path, columns: int, eras: int, groups: list[int]
) -> None:
    path = tmp_path / "a.parquet"
    with EraParquet(path) as file:
        for frame in _frames(columns, eras):
            file.append(frame)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == groups
    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.concat(_frames(columns, eras)))


def test_era_parquet__many_cells_wait__written_before_there_are_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_CELLS_A_GROUP", 2 * 3 * 1000)
    path = tmp_path / "a.parquet"
    with EraParquet(path) as file:
        for frame in _frames(999, 5):
            file.append(frame)
    assert pq.read_metadata(path).num_row_groups == 3


def _append_until_broken(path: Path) -> None:
    with EraParquet(path) as file:
        for frame in [*_frames(999, 2), None]:
            file.append(frame)


def test_era_parquet__an_error__does_not_write_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(AttributeError):
        _append_until_broken(path)
    assert pq.read_metadata(path).num_rows == 0


@given(st.lists(st.lists(st.text(max_size=2), max_size=6), max_size=12))
def test_seen_ids__any_eras__as_a_set_would(eras: list[list[str]]) -> None:
    seen, known = SeenIds(), set()
    for ids in eras:
        fresh = len(set(ids)) == len(ids) and not known & set(ids)
        assert seen.add(ids) == fresh
        if fresh:
            known.update(ids)


def test_seen_ids__many_eras__few_runs_of_8_bytes_an_id() -> None:
    seen = SeenIds()
    for era in range(300):
        assert seen.add(hashlib.sha256(f"{era} {row}".encode()).hexdigest() for row in range(20))
    assert len(seen._runs) <= 12
    assert sum(run.nbytes for run in seen._runs) == 300 * 20 * 8
    assert not seen.add([hashlib.sha256(b"17 3").hexdigest()])


@given(
    st.integers(1, 30).flatmap(
        lambda rows: st.lists(
            st.lists(
                st.sampled_from([-1.5, 0.0, -0.0, 1.0, 2.0, 3.0, float("inf"), float("nan")]),
                min_size=rows,
                max_size=rows,
            ),
            min_size=1,
            max_size=4,
        )
    ),
    st.sampled_from([np.float32, np.float64]),
)
def test_quintiles__ties_and_missing_values__as_mean_ranks_say(columns, kind) -> None:
    """Against pandas' average ranks r of n: floor(5 (2r - 1) / 2n)."""
    values = np.array(columns, kind).T
    ranks = pd.DataFrame(values).rank()
    expected = np.floor(5 * (2 * ranks - 1) / (2 * ranks.notna().sum()))
    assert quintiles(values).tolist() == expected.fillna(MISSING_FEATURE).to_numpy().tolist()
