"""Rules on ids and values, the same for CSV and Parquet."""

import dataclasses
import pickle
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_files import csv_file, decimal_table, float_table, live_ids, parquet_file, texts

from oracle.tournaments import classic, crypto, signals
from oracle.tournaments.decimals import parse_unit
from oracle.tournaments.submissions import ErrorCode, SubmissionError, parse_submission

Writer = Callable[[Sequence[str], Sequence[str]], bytes]

UNIVERSE = live_ids(120)
VALUES = texts(120)


def parquet(ids: Sequence[str], values: Sequence[str]) -> bytes:
    return parquet_file(float_table(ids, values))


both = pytest.mark.parametrize("write", [csv_file, parquet], ids=["csv", "parquet"])


def for_tournament(write: Writer, column: str) -> Writer:
    def renamed(ids: Sequence[str], values: Sequence[str]) -> bytes:
        if write is csv_file:
            return csv_file(ids, values, f"{column},signal")
        return parquet_file(float_table(ids, values).rename_columns([column, "signal"]))

    return renamed


@both
def test_parse_submission__any_row_order__values_in_universe_order(write: Writer) -> None:
    rows = list(zip(UNIVERSE, VALUES, strict=True))
    np.random.default_rng(1).shuffle(rows)
    result = parse_submission(write(*zip(*rows, strict=True)), UNIVERSE, classic.RULES)
    assert result.values.tolist() == [parse_unit(v) for v in VALUES]
    assert result.positions.tolist() == list(range(120))
    assert result.values.dtype == result.positions.dtype == np.int64
    assert result.ignored_ids == ()
    assert result.format == ("csv" if write is csv_file else "parquet")


@both
def test_parse_submission__unknown_ids__dropped_and_named_once(write: Writer) -> None:
    ids = ["nffffffffffffff0", *UNIVERSE, "x", "nffffffffffffff0"]
    values = ["0.5", *VALUES, "7", "0.1"]  # a value that is never used is never judged
    result = parse_submission(write(ids, values), UNIVERSE, classic.RULES)
    assert result.ignored_ids == ("nffffffffffffff0", "x")
    assert result.values.tolist() == [parse_unit(v) for v in VALUES]


@both
def test_parse_submission__duplicate_live_id__names_both_places(write: Writer) -> None:
    raw = write([*UNIVERSE, UNIVERSE[3]], [*VALUES, "0.5"])
    with pytest.raises(SubmissionError, match=UNIVERSE[3]) as caught:
        parse_submission(raw, UNIVERSE, classic.RULES)
    here, there = ("line 122", "line 5") if write is csv_file else ("row 121", "row 4")
    assert str(caught.value).startswith(f"invalid_submission_ids: {here}: ")
    assert there in caught.value.message


@both
def test_parse_submission__classic_without_some_ids__counts_and_names_them(write: Writer) -> None:
    raw = write(UNIVERSE[7:], VALUES[7:])
    with pytest.raises(SubmissionError) as caught:
        parse_submission(raw, UNIVERSE, classic.RULES)
    assert str(caught.value).startswith("invalid_submission_ids: 7 of 120 live ids are missing")
    assert UNIVERSE[4] in str(caught.value)
    assert UNIVERSE[5] not in str(caught.value)


@both
@pytest.mark.parametrize("rules", [signals.RULES, crypto.RULES], ids=lambda r: r.name)
def test_parse_submission__at_least_100_ids__partial_is_enough(write: Writer, rules) -> None:
    write = for_tournament(write, rules.id_columns[-1])
    result = parse_submission(write(UNIVERSE[110:9:-1], VALUES[110:9:-1]), UNIVERSE, rules)
    assert result.positions.tolist() == list(range(10, 111))
    assert result.values.tolist() == [parse_unit(v) for v in VALUES[10:111]]
    assert len(parse_submission(write(UNIVERSE[:100], VALUES[:100]), UNIVERSE, rules).values) == 100
    with pytest.raises(SubmissionError, match=r"^invalid_submission_ids: 99 ids .* at least 100"):
        parse_submission(write([*UNIVERSE[:99], "X"], VALUES[:100]), UNIVERSE, rules)


@both
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("nan", "missing"),
        ("inf", "infinite"),
        ("-0.1", r"outside \[0, 1\]"),
        ("1.0000000000000002", r"outside \[0, 1\]"),
    ],
)
def test_parse_submission__bad_value__names_the_row(write: Writer, bad: str, reason: str) -> None:
    values = [*VALUES]
    values[41] = values[60] = bad
    with pytest.raises(SubmissionError, match=reason) as caught:
        parse_submission(write(UNIVERSE, values), UNIVERSE, classic.RULES)
    where = "line 43" if write is csv_file else "row 42"
    assert str(caught.value).startswith(f"invalid_submission_values: {where}: prediction ")


@both
def test_parse_submission__bounds_themselves__accepted(write: Writer) -> None:
    result = parse_submission(write(UNIVERSE, ["0", "1"] * 60), UNIVERSE, classic.RULES)
    assert result.values.tolist() == [0, 10**9] * 60


@both
@pytest.mark.parametrize("value", ["0.5", "0", "1"])
def test_parse_submission__constant__refused(write: Writer, value: str) -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_values: .* constant"):
        parse_submission(write(UNIVERSE, [value] * 120), UNIVERSE, classic.RULES)


def reference_refuses(integers: Sequence[int]) -> bool:
    """numerai-tools' rule, np.isclose(0, std), on numbers of 60 digits."""
    with localcontext() as context:
        context.prec = 60
        numbers = [Decimal(i).scaleb(-9) for i in integers]
        mean = sum(numbers) / len(numbers)
        squares = sum((number - mean) ** 2 for number in numbers)
        std = (squares / (len(numbers) - 1)).sqrt()
        return std <= Decimal("1e-8") + Decimal("1e-5") * std


@given(st.lists(st.integers(0, 40), min_size=2, max_size=12), st.integers(0, 10**9 - 40))
def test_parse_submission__tiny_spread__refused_where_the_reference_does(
    offsets: list[int], base: int
) -> None:
    ids = UNIVERSE[: len(offsets)]
    integers = [base + offset for offset in offsets]
    raw = csv_file(ids, [f"{i}e-9" for i in integers])
    if reference_refuses(integers):
        with pytest.raises(SubmissionError, match=r"^invalid_submission_values: .* constant"):
            parse_submission(raw, ids, classic.RULES)
    else:
        assert parse_submission(raw, ids, classic.RULES).values.tolist() == integers


def test_parse_submission__spread_at_the_threshold__exact() -> None:
    ids = UNIVERSE[:2]  # of two values d apart the standard deviation is d / sqrt(2)
    with pytest.raises(SubmissionError, match="constant"):
        parse_submission(csv_file(ids, ["0", "14e-9"]), ids, classic.RULES)
    assert parse_submission(csv_file(ids, ["0", "15e-9"]), ids, classic.RULES).values[1] == 15


@given(st.data())
def test_parse_submission__csv_and_parquet_of_same_decimals__agree(data: st.DataObject) -> None:
    ids = UNIVERSE[:8]
    decimals = st.decimals(0, 1, places=20).map(lambda d: format(d, "f"))
    values = data.draw(st.lists(decimals, min_size=8, max_size=8, unique=True))

    def outcome(raw: bytes) -> list[int] | str:
        try:
            return parse_submission(raw, ids, classic.RULES).values.tolist()
        except SubmissionError as error:
            return error.code.value

    assert outcome(csv_file(ids, values)) == outcome(parquet_file(decimal_table(ids, values)))


def test_parse_submission__too_large__refused_before_reading() -> None:
    rules = dataclasses.replace(classic.RULES, max_bytes=100)
    with pytest.raises(SubmissionError, match=r"^invalid_submission_file: the file is 10\d bytes"):
        parse_submission(b"PAR1" + b"x" * 100, UNIVERSE, rules)


@pytest.mark.parametrize("universe", [[], ["a", "b", "a"]])
def test_parse_submission__broken_universe__is_the_callers_fault(universe: list[str]) -> None:
    with pytest.raises(ValueError, match="universe") as caught:
        parse_submission(csv_file(["a"], ["1"]), universe, classic.RULES)
    assert not isinstance(caught.value, SubmissionError)


def test_submission_error__pickled__keeps_its_parts() -> None:
    error = SubmissionError(ErrorCode.IDS, "id is empty", "line 3")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.message, again.where) == (ErrorCode.IDS, "id is empty", "line 3")
    assert str(again) == "invalid_submission_ids: line 3: id is empty"
