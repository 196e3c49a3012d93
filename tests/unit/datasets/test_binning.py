"""Ranks, bins and ids."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oracle.datasets.binning import era_label, quintiles, row_ids, target_bins, unit_ranks
from oracle.datasets.dataset import DatasetError

columns = arrays(np.float64, st.tuples(st.integers(1, 60), st.just(1)), elements=st.integers(-9, 9))


@given(st.permutations(range(200)))
def test_target_bins__distinct_values__documented_proportions(order: list[int]) -> None:
    bins = target_bins(np.array(order, dtype=float)[:, None])[:, 0]
    counts = {level: int((bins == level).sum()) for level in (0, 0.25, 0.5, 0.75, 1)}
    assert counts == {0: 10, 0.25: 40, 0.5: 100, 0.75: 40, 1: 10}


@given(st.integers(20, 400))
def test_target_bins__any_size__counts_within_one_of_the_proportions(size: int) -> None:
    bins = target_bins(np.arange(float(size))[:, None])[:, 0]
    for level, share in {0: 0.05, 0.25: 0.2, 0.5: 0.5, 0.75: 0.2, 1: 0.05}.items():
        assert abs((bins == level).sum() - share * size) <= 1


@given(columns)
def test_target_bins__negated_values__mirrored_bins(values: np.ndarray) -> None:
    assert (target_bins(-values) == 1 - target_bins(values)).all()


@given(columns)
def test_bins__any_values__keep_order_and_ties(values: np.ndarray) -> None:
    for bins in (quintiles(values)[:, 0], target_bins(values)[:, 0], unit_ranks(values[:, 0])):
        order = np.argsort(values[:, 0], kind="stable")
        assert (np.diff(bins[order].astype(float)) >= 0).all()
        for value in np.unique(values):
            assert len(set(bins[values[:, 0] == value])) == 1


def test_quintiles__distinct_values__a_fifth_each() -> None:
    values = np.random.default_rng(0).permutation(500).astype(float)
    bins = quintiles(np.column_stack([values, -values]))
    assert bins.dtype == np.int8
    assert np.bincount(bins[:, 0]).tolist() == [100] * 5
    assert (bins[:, 0] + bins[:, 1] == 4).all()


def test_bins__missing_values__middle_feature_and_missing_target() -> None:
    values = np.arange(21.0)
    values[[3, 8]] = np.nan
    bins, targets = quintiles(values[:, None])[:, 0], target_bins(values[:, None])[:, 0]
    assert bins[[3, 8]].tolist() == [2, 2]
    assert np.flatnonzero(np.isnan(targets)).tolist() == [3, 8]
    known = ~np.isnan(values)
    alone = values[known][:, None]
    assert (bins[known] == quintiles(alone)[:, 0]).all()
    assert (targets[known] == target_bins(alone)[:, 0]).all()
    assert (quintiles(np.full((5, 1), np.nan)) == 2).all()


def test_unit_ranks__ties__mean_rank_minus_half_over_count() -> None:
    assert unit_ranks(np.array([7.0, 1.0, 7.0, 9.0])).tolist() == [0.5, 0.125, 0.5, 0.875]


@given(st.integers(0, 2**70), st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_row_ids__any_names__numerai_form_and_unlinkable(seed: int, names: list[str]) -> None:
    ids = row_ids(seed, "source", "0001", names)
    assert all(re.fullmatch(r"n[0-9a-f]{15}", i) for i in ids)
    others = {
        *row_ids(seed, "source", "0002", names),
        *row_ids(seed + 1, "source", "0001", names),
        *row_ids(seed, "other", "0001", names),
    }
    assert len(set(ids)) == len(names)
    assert not others & set(ids)
    assert ids == row_ids(seed, "source", "0001", names)


def test_row_ids__negative_seed__error() -> None:
    with pytest.raises(DatasetError, match="seed -1 is negative"):
        row_ids(-1, "source", "0001", ["a"])


def test_era_label__beyond_four_digits__error() -> None:
    assert era_label(7) == "0007"
    with pytest.raises(DatasetError, match="10000 does not fit four digits"):
        era_label(10_000)
