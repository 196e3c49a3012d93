"""Further rounds of the demo: eras of the past that no model has seen, and files for them."""

from pathlib import Path

import pandas as pd
import pytest

from oracle.datasets.dataset import Dataset, DatasetError
from oracle.datasets.files import read_split
from oracle.datasets.synthetic import build_synthetic
from oracle.demo.forecasts import Forecasts
from oracle.demo.further import with_files
from oracle.demo.models import predict_live, train_workshop
from oracle.demo.players import INVALID, LATE, TWIN, make_players
from oracle.scoring.limits import SCALE
from oracle.tournaments import classic
from oracle.tournaments.submissions import parse_submission
from oracle.tournaments.universe import targets_bytes

SEED = 4


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("forecasts")
    return build_synthetic(
        folder / "data", folder / "secret", rows=100, features=10, eras=40, seed=SEED
    )


@pytest.fixture(scope="module")
def forecasts(dataset: Dataset) -> Forecasts:
    return Forecasts(*train_workshop(dataset, SEED))


def test_eras__asked_for__the_last_ones_with_every_target(
    forecasts: Forecasts, dataset: Dataset
) -> None:
    past = forecasts.eras(3)
    assert len(past) == 3
    validation = read_split(dataset.root, "validation")
    for each in past:
        rows = validation[validation["era"] == each.era]
        assert list(each.ids) == list(rows.index)
        assert (each.targets / SCALE).tolist() == rows["target"].tolist()
        targets_bytes(each.ids, each.targets)  # in the form that operators take
    assert [each.era for each in past] == sorted(each.era for each in past)
    assert forecasts.eras(0) == []


def test_eras__more_than_there_are__says_how_many(forecasts: Forecasts) -> None:
    with pytest.raises(DatasetError, match="1000 more rounds") as info:
        forecasts.eras(1_000)
    assert info.value.fix.startswith("play at most ")


def test_live_rows__as_published__without_targets(forecasts: Forecasts, tmp_path: Path) -> None:
    [past] = forecasts.eras(1)
    past.write_live(tmp_path / "live.parquet")
    shown = pd.read_parquet(tmp_path / "live.parquet")
    assert tuple(shown.index) == past.ids
    assert not [name for name in shown.columns if name.startswith("target")]


def test_files__of_an_era__operators_take_them(forecasts: Forecasts) -> None:
    [past] = forecasts.eras(1)
    live = predict_live(forecasts.shop, forecasts.planned)
    players = make_players(live, 3, SEED)
    again = with_files(players, forecasts.of(past))
    assert {one.name for one in players} - {one.name for one in again} == {INVALID}
    for one in again:
        parse_submission(one.raw, past.ids, classic.RULES)
        assert not one.late
    files = {one.name: one.raw for one in again}
    assert files[TWIN] == files[live[0].name]
    assert files[LATE] == files[live[1].name]
    assert {one.filename.rpartition(".")[2] for one in players} == {"csv", "parquet"}
