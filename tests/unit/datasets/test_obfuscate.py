"""Obfuscation: what it hides without the key, the way back with it, and what it refuses."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.datasets import tables
from oracle.datasets.binning import quintiles, target_bins
from oracle.datasets.dataset import DatasetError
from oracle.datasets.files import content_digest, open_dataset, read_split
from oracle.datasets.obfuscate import Columns, Key, obfuscate, read_key
from oracle.datasets.reveal import reveal
from oracle.datasets.tables import era_labels, open_source

KEY = Key(bytes(range(32)))
OTHER_KEY = Key(bytes(range(1, 33)))
STOCKS = [f"US{number:06d}" for number in range(200)]
DAYS = ("2024-01-05", "2024-01-12", "2024-01-19")
FEATURES = ("book_value", "momentum", "sentiment", "volatility")
BY_DATE = Columns(era="date")


def raw_table(days: tuple[str, ...] = DAYS, stocks: list[str] = STOCKS) -> pd.DataFrame:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(list(product(days, stocks)), columns=["date", "id"])
    for name in FEATURES:
        frame[name] = random.standard_normal(len(frame))
    frame["target"] = random.standard_normal(len(frame))
    return frame


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("obfuscated")
    raw_table().to_parquet(folder / "raw.parquet", index=False)
    obfuscate(folder / "raw.parquet", folder / "out", KEY, BY_DATE)
    return folder


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "raw.parquet")


def by_era(folder: Path) -> list[pd.DataFrame]:
    return [frame for _, frame in rows_of(folder).groupby("era")]


# ---------------------------------------------------------------------- content


def test_obfuscate__values__quintiles_and_target_bins_of_their_era(made: Path) -> None:
    names = KEY.feature_names(FEATURES)
    rows = rows_of(made)
    assert list(rows.columns) == ["era", *sorted(names.values()), "target"]
    for label, (day, raw) in zip(
        ("0001", "0002", "0003"), raw_table().groupby("date"), strict=True
    ):
        raw = raw.set_index(pd.Index(KEY.row_ids(day, list(raw["id"]))))
        era = rows[rows["era"] == label]
        assert set(era.index) == set(raw.index)
        raw = raw.loc[era.index]
        for name in FEATURES:
            expected = quintiles(raw[[name]].to_numpy())[:, 0]
            assert (era[names[name]] == expected).all()
        assert (era["target"] == target_bins(raw[["target"]].to_numpy())[:, 0]).all()
        assert all(re.fullmatch("n[0-9a-f]{15}", i) for i in era.index)


def test_obfuscate__ids__hmac_sha256_under_a_key_of_their_own(made: Path) -> None:
    derived = hmac.new(KEY.secret, b"assay/obfuscate/1/ids", hashlib.sha256).digest()
    tag = hmac.new(derived, b"10:2024-01-12US000007", hashlib.sha256).hexdigest()
    assert "n" + tag[:15] in rows_of(made).index


def test_obfuscate__files__readable_as_a_data_set(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for split, days in (("train", DAYS[:2]), ("live", DAYS[2:])):
        table = raw_table()
        table = table[table["date"].isin(days)].assign(data_type=split)
        (table if split == "train" else table.assign(target=np.nan)).to_csv(
            folder / f"{split}.csv", index=False
        )
    found = obfuscate(folder, tmp_path / "out", KEY, BY_DATE)
    assert (found.files, found.eras, found.rows) == (("live.parquet", "train.parquet"), 3, 600)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.eras == {"train": ("0001", "0002"), "live": ("0003",)}
    assert dataset.targets == ("target",)
    live = read_split(tmp_path / "out", "live")
    assert live["target"].isna().all()
    assert set(live["data_type"]) == {"live"}
    features = list(dataset.features)
    train = read_split(tmp_path / "out", "train", ["era", *features])
    alone = rows_of(made)
    pd.testing.assert_frame_equal(train, alone.loc[alone["era"] != "0003", ["era", *features]])


def test_obfuscate__parquet_or_csv_or_other_row_order__same_content(tmp_path: Path) -> None:
    table = raw_table()
    table.to_parquet(tmp_path / "a.parquet", index=False)
    table.to_csv(tmp_path / "a.csv", index=False)
    shuffled = table.sample(frac=1, random_state=1).sort_values("date", kind="stable")
    (tmp_path / "c").mkdir()
    shuffled[list(reversed(shuffled.columns))].to_parquet(tmp_path / "c" / "a.parquet")
    digests = {
        content_digest(obfuscate(tmp_path / name, tmp_path / f"{number}", KEY, BY_DATE).root)
        for number, name in enumerate(("a.parquet", "a.csv", "c"))
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "convert",
    [pd.to_datetime, lambda s: pd.to_datetime(s).dt.date, lambda s: s.astype("category")],
    ids=["timestamps", "dates", "categories"],
)
def test_obfuscate__eras_of_another_type__same_content(
    made: Path, tmp_path: Path, convert: Callable[[pd.Series], pd.Series]
) -> None:
    table = raw_table()
    table.assign(date=convert(table["date"])).to_parquet(tmp_path / "raw.parquet", index=False)
    out = obfuscate(tmp_path / "raw.parquet", tmp_path / "out", KEY, BY_DATE).root
    assert content_digest(out) == content_digest(made / "out")


def test_obfuscate__columns_kept_and_dropped__as_asked(tmp_path: Path) -> None:
    table = raw_table().assign(country="CA", ticker_name="X", weight=range(600))
    for name in ("raw.parquet", "raw.csv"):
        out = tmp_path / name.replace(".", " ")
        (table.to_csv if name.endswith("csv") else table.to_parquet)(tmp_path / name, index=False)
        columns = Columns(era="date", keep=("country", "weight"), drop=("ticker_name", "target"))
        obfuscate(tmp_path / name, out, KEY, columns)
        rows = pd.read_parquet(out / "raw.parquet")
        assert [c for c in rows.columns if not c.startswith("feature_")] == [
            *("era", "country", "weight")
        ]
        assert set(rows["country"]) == {"CA"}
        assert sorted(rows["weight"]) == list(range(600))
        assert not (rows["weight"].diff().dropna() == 1).all()


def test_obfuscate__missing_allowed__middle_quintile(tmp_path: Path) -> None:
    table = raw_table()
    table.loc[3, "momentum"] = np.nan
    table.to_csv(tmp_path / "raw.csv", index=False)
    obfuscate(tmp_path / "raw.csv", tmp_path / "out", KEY, Columns(era="date", missing=True))
    row = rows_of(tmp_path).loc[KEY.row_ids(DAYS[0], [STOCKS[3]])[0]]
    assert row[KEY.feature_names(FEATURES)["momentum"]] == 2


# ---------------------------------------------------------------------- without the key


def test_obfuscate__a_stock_in_two_eras__ids_have_nothing_in_common(made: Path) -> None:
    eras = by_era(made)
    for one, other in pairwise(eras):
        assert not set(one.index) & set(other.index)
    prefixes = [{i[:6] for i in era.index} for era in eras]
    # 200 prefixes of 20 bits meet by chance 0.04 times.
    assert all(len(one & other) <= 2 for one, other in pairwise(prefixes))


def test_obfuscate__order_of_rows__says_nothing_of_the_stock(made: Path) -> None:
    """Places of one stock in two eras, found with the key, are unrelated."""
    places = pd.DataFrame(
        {
            day: era.index.get_indexer(KEY.row_ids(day, STOCKS))
            for day, era in zip(DAYS, by_era(made), strict=True)
        }
    )
    places["input"] = range(len(STOCKS))
    correlations = places.corr("spearman").to_numpy() - np.eye(len(DAYS) + 1)
    assert np.abs(correlations).max() < 4 / len(STOCKS) ** 0.5


def _guesses(day: str, stock: str) -> Iterator[str]:
    """What somebody would try who knows the stocks, the days and this code, but not the key."""
    joined = [f"{len(day)}:{day}{stock}", day + stock, stock + day, f"{day}|{stock}", stock]
    keys = [b"", b"\0" * 32, b"key", b"assay", b"assay/obfuscate/1/ids", day.encode()]
    for text in joined:
        for name in ("sha256", "sha1", "md5", "blake2b"):
            yield hashlib.new(name, text.encode()).hexdigest()
        for key in keys:
            yield hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    for key in keys[:3] if keys[0] else keys[1:3]:
        yield Key(key).row_ids(day, [stock])[0][1:]
    yield OTHER_KEY.row_ids(day, [stock])[0][1:]


def test_obfuscate__all_stocks_and_days_tried__no_id_is_met(made: Path) -> None:
    ids = {i[1:] for i in rows_of(made).index}
    tried = {guess[:15] for day in DAYS for stock in STOCKS[:60] for guess in _guesses(day, stock)}
    assert len(tried) > 5_000
    assert not tried & ids
    with_key = {i[1:] for day in DAYS for i in KEY.row_ids(day, STOCKS[:60])}
    assert with_key < ids


def test_obfuscate__names_of_features__hidden_and_in_another_order(made: Path) -> None:
    names = KEY.feature_names(FEATURES)
    raw = {path.name: path.read_bytes() for path in (made / "out").iterdir()}
    assert set(raw) == {"raw.parquet", "features.json", "dataset.json"}
    for word in (*FEATURES, "US0000", "2024-01", "date"):
        assert not any(word.encode() in content for content in raw.values()), word
    listed = json.loads(raw["features.json"])["feature_sets"]["all"]
    assert listed == sorted(names.values())
    assert set(OTHER_KEY.feature_names(FEATURES).values()).isdisjoint(listed)
    orders = {
        tuple(Key(bytes([n] * 16 + list(range(16)))).feature_names(FEATURES)) for n in range(40)
    }
    assert len(orders) > 10


def test_obfuscate__another_key__nothing_in_common_but_the_values(
    made: Path, tmp_path: Path
) -> None:
    obfuscate(made / "raw.parquet", tmp_path / "out", OTHER_KEY, BY_DATE)
    one, other = rows_of(made), rows_of(tmp_path)
    assert not set(one.index) & set(other.index)
    assert set(one.columns) & set(other.columns) == {"era", "target"}


def test_obfuscate__features_that_persist__link_rows_all_the_same(tmp_path: Path) -> None:
    """The limit that docs/data.md states: no key hides what the values say."""
    random = np.random.default_rng(1)
    lasting = random.standard_normal((200, 12))
    table = pd.DataFrame(list(product(DAYS[:2], STOCKS)), columns=["date", "id"])
    values = np.vstack([lasting, lasting + 0.1 * random.standard_normal(lasting.shape)])
    table[[f"f{i}" for i in range(12)]] = values
    table.to_parquet(tmp_path / "raw.parquet", index=False)
    obfuscate(tmp_path / "raw.parquet", tmp_path / "out", KEY, BY_DATE)
    first, second = (era.drop(columns="era") for era in by_era(tmp_path))
    distances = np.abs(first.to_numpy()[:, None].astype(int) - second.to_numpy()[None]).sum(axis=2)
    nearest = second.index[distances.argmin(axis=1)]
    truth = dict(zip(*(KEY.row_ids(day, STOCKS) for day in DAYS[:2]), strict=True))
    linked = np.mean([truth[i] == j for i, j in zip(first.index, nearest, strict=True)])
    assert linked > 0.5


# ---------------------------------------------------------------------- with the key


def test_reveal__key_and_original__every_row_and_feature(made: Path, tmp_path: Path) -> None:
    assert reveal(made / "out", made / "raw.parquet", tmp_path / "back", KEY, BY_DATE) == (600, 600)
    ids = pd.read_csv(tmp_path / "back" / "ids.csv", dtype=str)
    assert list(ids.columns) == ["id", "era", "original"]
    assert set(ids["id"]) == set(rows_of(made).index)
    for day, rows in ids.groupby("era"):
        assert list(rows["id"]) == KEY.row_ids(day, list(rows["original"]))
    features = pd.read_csv(tmp_path / "back" / "features.csv")
    assert dict(features[["original", "feature"]].itertuples(index=False)) == KEY.feature_names(
        FEATURES
    )


def test_reveal__some_predictions__only_their_rows(made: Path, tmp_path: Path) -> None:
    wanted = KEY.row_ids(DAYS[1], STOCKS[5:8])
    lines = "".join(f"{i},0.5\n" for i in [*wanted, "n" + "0" * 15])
    (tmp_path / "p.csv").write_text("id,prediction\n" + lines)
    found = reveal(tmp_path / "p.csv", made / "raw.parquet", tmp_path / "back", KEY, BY_DATE)
    assert found == (3, 4)
    ids = pd.read_csv(tmp_path / "back" / "ids.csv")
    assert list(ids["original"]) == STOCKS[5:8]


def test_reveal__another_key__error_and_nothing_written(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no id of"):
        reveal(made / "out", made / "raw.parquet", tmp_path / "back", OTHER_KEY, BY_DATE)
    assert list(tmp_path.iterdir()) == []


def test_reveal__no_ids_or_in_the_way__error(made: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prediction\n1\n")
    with pytest.raises(DatasetError, match=r"p\.csv: cannot be read"):
        reveal(tmp_path / "p.csv", made / "raw.parquet", tmp_path / "back", KEY, BY_DATE)
    with pytest.raises(DatasetError, match="exists already"):
        reveal(made / "out", made / "raw.parquet", made / "out", KEY, BY_DATE)


# ---------------------------------------------------------------------- bad input


def _set(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object}) if isinstance(value, str | None) else table
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set(3, "id", STOCKS[9]), "id US000009 occurs more than once in era 2024-01-05"),
        (_set(3, "id", None), "1 rows have no id"),
        (_set(450, "date", None), "1 rows have no era"),
        (_set(450, "momentum", np.nan), "column momentum has a missing value in era 2024-01-19"),
        (_set(450, "momentum", np.inf), "column momentum has an infinite value in era 2024-01-19"),
        (_set(450, "target", -np.inf), "column target has an infinite value"),
        (_set(450, "date", DAYS[0]), "the rows of era 2024-01-05 are not together"),
        (_set(0, "date", "soon"), "era soon: eras must be whole numbers or dates"),
        (lambda t: t.assign(sector="tech"), "column sector(:| is)"),
        (lambda t: t.drop(columns="id"), "there is no column id"),
        (lambda t: t.drop(columns="date"), "there is no column date"),
        (lambda t: t[["id", "date", "target"]], "there is no feature column"),
        (lambda t: t.iloc[:0], "there are no rows"),
    ],
)
@pytest.mark.parametrize("name", ["raw.parquet", "raw.csv"])
def test_obfuscate__bad_table__error_says_what_and_nothing_is_written(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], said: str, name: str
) -> None:
    table = change(raw_table())
    (table.to_csv if name.endswith("csv") else table.to_parquet)(tmp_path / name, index=False)
    with pytest.raises(DatasetError, match=said):
        obfuscate(tmp_path / name, tmp_path / "out", KEY, BY_DATE)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_obfuscate__error_late_in_the_table__earlier_eras_were_streamed(tmp_path: Path) -> None:
    table = _set(450, "momentum", np.nan)(raw_table())
    table.to_parquet(tmp_path / "raw.parquet", index=False)
    steps: list[str] = []
    with pytest.raises(DatasetError, match="missing value"):
        obfuscate(
            *(tmp_path / "raw.parquet", tmp_path / "out", KEY, BY_DATE),
            lambda done, total, what: steps.append(f"{done}/{total} {what}"),
        )
    assert steps == ["1/3 era 0001", "2/3 era 0002"]


def test_blocks__an_era_at_a_time__never_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is cut short after its 20th era; the eras before are handed out all the same."""
    monkeypatch.setattr(tables, "_BATCH_ROWS", 200)
    path = tmp_path / "raw.parquet"
    raw_table(tuple(f"{n:04d}" for n in range(1, 41))).to_parquet(
        path, index=False, row_group_size=200
    )
    raw, footer = bytearray(path.read_bytes()), pq.read_metadata(path)
    column = footer.row_group(20).column(footer.schema.names.index("momentum"))
    start = column.dictionary_page_offset or column.data_page_offset
    raw[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(raw)
    blocks = open_source(path, "id", "date").blocks(["momentum"])
    for number in range(1, 20):
        era, rows = next(blocks)
        assert (era, len(rows)) == (f"{number:04d}", 200)
    with pytest.raises(DatasetError, match="cannot be read"):
        list(blocks)


def test_obfuscate__folder_places_and_files_in_the_way__errors(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"no \.parquet or \.csv file"):
        obfuscate(folder, tmp_path / "out", KEY, BY_DATE)
    raw_table(DAYS[:1]).to_csv(folder / "train.csv", index=False)
    with pytest.raises(DatasetError, match="lies inside"):
        obfuscate(folder, folder / "out", KEY, BY_DATE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(DatasetError, match="exists already"):
        obfuscate(folder, tmp_path / "out", KEY, BY_DATE)
    assert (tmp_path / "out" / "mine").read_text() == "kept"
    with pytest.raises(DatasetError, match=r"must be a \.parquet or \.csv file"):
        obfuscate(tmp_path / "out" / "mine", tmp_path / "new", KEY, BY_DATE)
    with pytest.raises(DatasetError, match="cannot be read"):
        obfuscate(tmp_path / "none.csv", tmp_path / "new", KEY, BY_DATE)
    with pytest.raises(DatasetError, match="no column colour to keep or drop"):
        obfuscate(folder, tmp_path / "new", KEY, Columns(era="date", drop=("colour",)))
    raw_table(DAYS[1:2]).to_parquet(folder / "train.parquet")
    with pytest.raises(DatasetError, match="two files are called train"):
        obfuscate(folder, tmp_path / "new", KEY, BY_DATE)
    (folder / "train.parquet").rename(folder / "live.parquet")
    raw_table(DAYS[:1]).to_parquet(folder / "live.parquet")
    with pytest.raises(DatasetError, match="era 2024-01-05 is in"):
        obfuscate(folder, tmp_path / "new", KEY, BY_DATE)
    raw_table(DAYS[1:2]).drop(columns="momentum").to_parquet(folder / "live.parquet")
    with pytest.raises(DatasetError, match="only one has the feature momentum"):
        obfuscate(folder, tmp_path / "new", KEY, BY_DATE)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("eras", "labels"),
    [
        (["0007", "0003"], ["0007", "0003"]),
        (["12", "2", "100"], ["0002", "0001", "0003"]),
        (["era12", "era2"], ["0002", "0001"]),
        (["2024-02-02", "2023-12-29"], ["0002", "0001"]),
    ],
)
def test_era_labels__forms_of_eras__in_the_order_of_time(
    eras: list[str], labels: list[str]
) -> None:
    assert list(era_labels(eras).values()) != []
    assert [era_labels(eras)[era] for era in eras] == labels


@pytest.mark.parametrize("eras", [["1", "2024-01-05"], ["1/5/2024"], ["era1", "1"], ["week 3"]])
def test_era_labels__other_forms_or_two_at_once__error(eras: list[str]) -> None:
    with pytest.raises(DatasetError, match="era"):
        era_labels(eras)


# ---------------------------------------------------------------------- the key


@given(st.binary(max_size=31))
def test_read_key__short__error_that_does_not_show_it(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "short"
    path.write_bytes(secret)
    with pytest.raises(DatasetError, match="must have at least 32") as caught:
        read_key(path)
    assert str(len(secret.strip())) in caught.value.message
    if len(secret.strip()) > 4:
        assert repr(secret.strip())[2:-1] not in caught.value.message


def test_read_key__missing_or_repeating__error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read") as caught:
        read_key(tmp_path / "none")
    assert "openssl rand" in caught.value.fix
    (tmp_path / "same").write_text("ab" * 40)
    with pytest.raises(DatasetError, match="repeats itself"):
        read_key(tmp_path / "same")


def test_read_key__line_end__is_no_part_of_it(tmp_path: Path) -> None:
    text = "0123456789abcdef" * 4
    for name, end in (("a", ""), ("b", "\n"), ("c", "\r\n")):
        (tmp_path / name).write_bytes((text + end).encode())
        assert read_key(tmp_path / name) == Key(text.encode())


def test_key__printed__shows_nothing() -> None:
    key = Key(b"correct horse battery staple 1234")
    assert "horse" not in repr(key) + str(key) + f"{key}"
