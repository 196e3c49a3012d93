"""CSV: what is accepted, what is refused, and where the error points."""

import csv
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_files import csv_file, live_ids, texts

from oracle.tournaments import classic, signals
from oracle.tournaments.decimals import parse_unit
from oracle.tournaments.submissions import SubmissionError, parse_submission

UNIVERSE = live_ids(20)
VALUES = texts(20)
PLAIN = csv_file(UNIVERSE, VALUES)
EXPECTED = [parse_unit(v) for v in VALUES]


def quoted_file() -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("id", "prediction"), *zip(UNIVERSE, VALUES, strict=True)])
    return sink.getvalue().encode()


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r\n", 3),
        PLAIN.rstrip(b"\n"),
        PLAIN + b"\n\r\n\n",
        PLAIN.replace(b",prediction", b",probability"),
        quoted_file(),
        b"\xef\xbb\xbf" + quoted_file().replace(b"\n", b"\r\n"),
    ],
    ids=[
        "plain",
        "bom",
        "crlf",
        "mixed",
        "unended",
        "blanks",
        "probability",
        "quoted",
        "quoted-bom-crlf",
    ],
)
def test_csv__accepted_shape__same_values(raw: bytes) -> None:
    assert parse_submission(raw, UNIVERSE, classic.RULES).values.tolist() == EXPECTED


def test_csv__unknown_id_in_any_script_or_with_a_quoted_comma__dropped() -> None:
    raw = PLAIN + 'žluť,0.5\n"a,""b",0.5\n'.encode()
    assert parse_submission(raw, UNIVERSE, classic.RULES).ignored_ids == ("žluť", 'a,"b')


@pytest.mark.parametrize("column", signals.RULES.id_columns)
@pytest.mark.parametrize("prediction", signals.RULES.prediction_columns)
def test_csv__signals__any_of_its_columns(column: str, prediction: str) -> None:
    ids, values = live_ids(100), texts(100)
    raw = csv_file(ids, values, f"{column},{prediction}")
    assert len(parse_submission(raw, ids, signals.RULES).values) == 100


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("prediction,id", "in this order"),
        ("id", "in this order"),
        ("id,prediction,era", "era"),
        (",id,prediction", "index=False"),
        ("id;prediction", "comma"),
        ("id\tprediction", "comma"),
        ("id, prediction", "without spaces"),
        ("ID,Prediction", "capitals"),
        ("symbol,prediction", "symbol"),
        ("id,signal", "signal"),
        ("id,id", "in this order"),
        ("n0001,0.5", "n0001"),
        ("h" * 500, "'hhh"),
    ],
)
def test_csv__wrong_header__says_what_was_found(header: str, hint: str) -> None:
    with pytest.raises(SubmissionError, match=hint) as caught:
        parse_submission(csv_file(UNIVERSE, VALUES, header), UNIVERSE, classic.RULES)
    assert str(caught.value).startswith("invalid_submission_headers: the columns must be one of")
    assert len(str(caught.value)) < 400


def replace_line(number: int, line: bytes) -> bytes:
    lines = PLAIN.split(b"\n")
    lines[number - 1] = line
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", "file: line 7: is blank"),
        (b"n1", "file: line 7: has 1 fields"),
        (b"n1,0,5", "file: line 7: has 3 fields"),
        (b"n1,0.5,", "file: line 7: has 3 fields"),
        (b"n1,\x00", "file: line 7: holds a zero byte"),
        (b"n\rn1,0.5", "file: line 7: holds a lone carriage return"),
        (b"n\xff,0.5", "file: line 7: is not UTF-8"),
        (b'"n1,0.5', "file: line 7: has quotes"),
        (b'"n\n1",0.5', "file: line 7: has quotes"),
        (b'"n1"x,0.5', "file: line 7: has quotes"),
        (b"x" * 600 + b",0.5", "file: line 7: is 604 bytes long"),
        (b",0.5", "ids: line 7: id is empty"),
        (b'"",0.5', "ids: line 7: id is empty"),
        (f"{UNIVERSE[5]},".encode(), "values: line 7: prediction is empty"),
        (f"{UNIVERSE[5]},NA".encode(), "values: line 7: prediction 'NA' is missing"),
        (f"{UNIVERSE[5]}, 0.5".encode(), "values: line 7: prediction ' 0.5' has spaces"),
        (f"{UNIVERSE[5]},abc".encode(), "values: line 7: prediction 'abc' is not a decimal"),
        (f"{UNIVERSE[5]} ,0.5".encode(), "ids: 1 of 20 live ids are missing"),
    ],
)
def test_csv__broken_line__names_it(line: bytes, error: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        parse_submission(replace_line(7, line), UNIVERSE, classic.RULES)
    assert str(caught.value).startswith(f"invalid_submission_{error}")


def test_csv__quote_open_at_the_end__named() -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_file: line 22: has quotes"):
        parse_submission(PLAIN + b'"n1,0.5', UNIVERSE, classic.RULES)


@pytest.mark.parametrize("raw", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_csv__nothing_in_it__refused(raw: bytes) -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_file: the file is empty$"):
        parse_submission(raw, UNIVERSE, classic.RULES)


def test_csv__header_alone__all_ids_missing() -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_ids: 20 of 20 live ids"):
        parse_submission(b"id,prediction\n", UNIVERSE, classic.RULES)


def test_csv__utf16__refused_with_the_fix() -> None:
    with pytest.raises(SubmissionError, match=r"^invalid_submission_file: line 1: .*UTF-8"):
        parse_submission(PLAIN.decode().encode("utf-16"), UNIVERSE, classic.RULES)


def test_csv__rows__bounded_by_the_rules() -> None:
    rules = dataclasses.replace(classic.RULES, max_rows=20)
    assert len(parse_submission(PLAIN, UNIVERSE, rules).values) == 20
    with pytest.raises(SubmissionError, match="21 rows; at most 20"):
        parse_submission(PLAIN + b"x,0.5\n", UNIVERSE, rules)


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
    ],
)
def test_csv__compressed__refused_by_name(magic: bytes, name: str) -> None:
    with pytest.raises(SubmissionError, match=f"^invalid_submission_file: compressed .* {name}"):
        parse_submission(magic + PLAIN, UNIVERSE, classic.RULES)


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_csv__any_text_as_value__integer_or_named_error(text: str) -> None:
    raw = replace_line(7, f"{UNIVERSE[5]},{text}".encode())
    try:
        expected = parse_unit(text)
    except ValueError:
        with pytest.raises(SubmissionError) as caught:
            parse_submission(raw, UNIVERSE, classic.RULES)
        assert str(caught.value).isascii()
    else:
        assert parse_submission(raw, UNIVERSE, classic.RULES).values[5] == expected
