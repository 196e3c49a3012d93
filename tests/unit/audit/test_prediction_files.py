"""Files of predictions: every spelling, exact values, and a named error for all else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.audit.predictions import ABSENT, read_predictions
from oracle.errors import InputError
from oracle.tournaments.decimals import parse_unit

IDS = np.array([b"a", b"b", b"c"])


def written(folder: Path, text: str | bytes, name: str = "model.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "id,prediction\nb,0.5\na,0.25\nc,1\n",
        "prediction,id\n0.5,b\n0.25,a\n1,c\n",
        "id,probability,note\na,0.25,x\nb,.5,y\nc,1e0,z\n",
        "\ufeffid,prediction\r\na,0.25\r\nb,5e-1\r\nc,1\r\n",
        'id,prediction\n"a",0.25\n"b","0.5"\nc,1.0\n\n',
    ],
)
def test_read__csv_spellings__same_integers(tmp_path: Path, text: str) -> None:
    found = read_predictions(written(tmp_path, text))
    assert (found.name, found.rows, found.by_era) == ("model", 3, False)
    assert found.of("0001", IDS).tolist() == [250_000_000, 500_000_000, 10**9]


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_read__parquet__same_integers(tmp_path: Path, index: bool, kind: str) -> None:
    frame = pd.DataFrame({"id": ["b", "a", "c"], "prediction": np.array([0.5, 0.25, 1], kind)})
    path = tmp_path / "model.parquet"
    (frame.set_index("id") if index else frame).to_parquet(path)
    assert read_predictions(path).of("", IDS).tolist() == [250_000_000, 500_000_000, 10**9]


def test_of__unknown_ids__absent_whatever_their_length(tmp_path: Path) -> None:
    found = read_predictions(written(tmp_path, "id,prediction\nab,0.5\nb,0.1\n"))
    asked = np.array([b"a", b"ab", b"abc", b"b", b"zz"])
    assert found.of("", asked).tolist() == [ABSENT, 500_000_000, ABSENT, 100_000_000, ABSENT]


def test_read__column_of_eras__the_same_id_has_one_value_an_era(tmp_path: Path) -> None:
    found = read_predictions(
        written(tmp_path, "era,id,prediction\n0001,a,0.1\n0002,a,0.2\n0002,b,0.3\n0001,c,0.4\n")
    )
    assert found.by_era
    assert found.of("0001", IDS).tolist() == [100_000_000, ABSENT, 400_000_000]
    assert found.of("0002", IDS).tolist() == [200_000_000, 300_000_000, ABSENT]
    assert found.of("0003", IDS).tolist() == [ABSENT] * 3


def test_read__given_columns__first_that_is_there(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a"], "era": ["1"], "other": [0.9], "meta": [0.5]})
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_predictions(tmp_path / "x.parquet", ["meta"]).column == "meta"
    assert read_predictions(tmp_path / "x.parquet", ()).column == "other"


def test_read__gaps_allowed__rows_without_value_are_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "prediction": [0.5, np.nan, 0.25]})
    frame.to_parquet(tmp_path / "x.parquet")
    wanted = [500_000_000, ABSENT, 250_000_000]
    assert read_predictions(tmp_path / "x.parquet", gaps=True).of("", IDS).tolist() == wanted
    text = written(tmp_path, "id,prediction\na,0.5\nb,\nc,0.25\n")
    assert read_predictions(text, gaps=True).of("", IDS).tolist() == wanted


@given(
    st.lists(
        st.one_of(
            st.floats(0, 1).map(repr),
            st.integers(0, 10**12).map(lambda n: f"0.{n:012d}"),
            # Ties of the ninth place, and what lies a hair beside them.
            st.integers(0, 10**9 - 1).map(lambda n: f"0.{n:09d}5"),
            st.integers(0, 10**9 - 1).map(lambda n: f"0.{n:09d}50000000000000000001"),
            st.integers(0, 10**9 - 1).map(lambda n: f"0.{n:09d}49999999999999999999"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_read__csv_decimals__rounded_as_in_a_submission(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "decimals.csv"
    path.write_text("id,prediction\n" + "".join(f"i{n:03d},{t}\n" for n, t in enumerate(texts)))
    ids = np.array([f"i{n:03d}".encode() for n in range(len(texts))])
    assert read_predictions(path).of("", ids).tolist() == [parse_unit(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs a column id"),
        ("id,other\na,0.5\n", "needs a column id and one of prediction, probability; found"),
        ("name,prediction\na,0.5\n", "needs a column id"),
        ("id,id,prediction\na,a,0.5\n", "column id stands twice"),
        ("id,prediction\n", "no predictions in it"),
        ("id,prediction\na,0.5\na,0.6\n", "id a occurs more than once"),
        ("id,prediction,era\na,0.5,1\na,0.6,1\n", "id a occurs more than once in era 1"),
        ("id,prediction\na,0.5\nb,nan\n", "line 3: the prediction is missing"),
        ("id,prediction\na,0.5\nb,\n", "line 3: the prediction is empty"),
        ("id,prediction\na,1.5\n", r"line 2: the prediction is outside \[0, 1\]"),
        ("id,prediction\na,1.00000000000000000001\n", r"outside \[0, 1\]"),
        ("id,prediction\na,inf\n", "line 2: the prediction is infinite"),
        ("id,prediction\na,-0.1\n", r"outside \[0, 1\]"),
        ("id,prediction\na,half\n", "line 2: the prediction is not a decimal number"),
        ("id,prediction\n,0.5\n", "ids must be text"),
        (f"id,prediction\n{'a' * 65},0.5\n", "ids must be text of 1 to 64 bytes"),
        ("id,prediction\na,0.5,7\n", "cannot be read as CSV"),
        (b"id,prediction\n\xff,0.5\n", "cannot be read as CSV"),
        (b"id,\xff\n", "cannot be read as CSV"),
        (b"PAR1 and then nothing", "cannot be read as Parquet"),
    ],
)
def test_read__bad_file__named_reason(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=reason) as caught:
        read_predictions(path)
    assert caught.value.message.startswith(str(path))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.5, np.nan], "row 2: the prediction is missing"),
        ([0.5, np.inf], "row 2: the prediction is outside"),
        ([-0.5, 0.5], "row 1: the prediction is outside"),
        ([True, False], "predictions must be numbers"),
    ],
)
def test_read__bad_parquet_values__named_reason(
    tmp_path: Path, values: list[float], reason: str
) -> None:
    pd.DataFrame({"id": ["a", "b"], "prediction": values}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match=reason):
        read_predictions(tmp_path / "x.parquet")


def test_read__no_file__named_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        read_predictions(tmp_path / "absent.csv")
