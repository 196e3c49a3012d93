"""A submission of one round as one for the next: the same predictions under the next one's ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.scoring.limits import SCALE
from oracle.tournaments import classic, crypto, signals
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.remapping import RemappingError, ids_bytes, parse_ids, remapped
from oracle.tournaments.submissions import parse_submission
from oracle.tournaments.universe import Universe, UniverseError

ROWS = 150
OLD = Universe(tuple(f"n{i:04d}" for i in range(ROWS)))
NEW = Universe(tuple(f"m{i:04d}" for i in range(ROWS)))
values_of_all = st.lists(st.integers(0, SCALE), min_size=ROWS, max_size=ROWS).filter(
    lambda values: len(set(values)) > 20
)


def file(header: str, ids, values) -> bytes:
    rows = [f"{name},{decimal_text(int(v))}" for name, v in zip(ids, values, strict=True)]
    return ("\n".join([header, *rows]) + "\n").encode()


@given(values_of_all, st.randoms(use_true_random=False))
def test_remapped__classic_by_the_providers_table__every_value_under_its_new_id(
    values: list[int], dice
) -> None:
    new = list(NEW.ids)
    dice.shuffle(new)
    ids = parse_ids(ids_bytes(dict(zip(OLD.ids, new, strict=True))))
    sent = parse_submission(file("id,prediction", OLD.ids, values), OLD.ids, classic.RULES)
    raw = remapped(sent, OLD, NEW, classic.RULES, ids)
    found = parse_submission(raw, NEW.ids, classic.RULES)
    by_id = dict(zip(NEW.ids, found.over(ROWS).tolist(), strict=True))
    assert by_id == dict(zip(new, values, strict=True))


def test_remapped__classic_and_one_id_has_no_successor__refused() -> None:
    values = np.arange(ROWS) * 10**6
    sent = parse_submission(file("id,prediction", OLD.ids, values), OLD.ids, classic.RULES)
    ids = dict(zip(OLD.ids[1:], NEW.ids[1:], strict=True))
    with pytest.raises(RemappingError, match=r"149 of its ids .* 150 are needed"):
        remapped(sent, OLD, NEW, classic.RULES, ids)


def test_remapped__symbols_that_went__left_out_and_the_rest_kept() -> None:
    after = Universe((*OLD.ids[20:], "NEWCOIN"))
    values = np.arange(ROWS) * 10**6
    sent = parse_submission(file("symbol,signal", OLD.ids, values), OLD.ids, crypto.RULES)
    raw = remapped(sent, OLD, after, crypto.RULES)
    assert raw == file("symbol,prediction", OLD.ids[20:], values[20:])
    assert parse_submission(raw, after.ids, crypto.RULES).ignored_ids == ()


def test_remapped__fewer_symbols_than_the_rules_need__refused() -> None:
    after = Universe(OLD.ids[51:])
    values = np.arange(ROWS) * 10**6
    sent = parse_submission(file("symbol,signal", OLD.ids, values), OLD.ids, crypto.RULES)
    with pytest.raises(RemappingError, match=r"99 of its ids .* 100 are needed"):
        remapped(sent, OLD, after, crypto.RULES)


def test_remapped__signals_by_ticker__kept_under_what_names_the_rows() -> None:
    tickers = tuple(f"T{i} US" for i in range(ROWS))
    before = Universe(OLD.ids, {"bloomberg_ticker": tickers, "ticker": tickers})
    after = Universe(OLD.ids[::-1], dict.fromkeys(("bloomberg_ticker", "ticker"), tickers[::-1]))
    names = dict.fromkeys(("sedol", "composite_figi"), OLD.ids)
    before.names.update(names)
    after.names.update(dict.fromkeys(names, OLD.ids[::-1]))
    values = np.arange(ROWS) * 10**6
    raw = file("bloomberg_ticker,signal", tickers, values)
    sent = parse_submission(raw, before.ids, signals.RULES, before.names)
    found = remapped(sent, before, after, signals.RULES)
    assert found == file("numerai_ticker,prediction", OLD.ids, values)
    again = parse_submission(found, after.ids, signals.RULES, after.names)
    assert again.over(ROWS).tolist() == values[::-1].tolist()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("new,old\na,b\n", "line 1"),
        ("old,new\na\n", "line 2: expected old,new"),
        ("old,new\na,b,c\n", "line 2: expected old,new"),
        ("old,new\n,b\n", "line 2: expected old,new"),
        ("old,new\na,b\na,c\n", "line 3: .* second time"),
        ("old,new\na,b\nc,b\n", "line 3: .* second time"),
        ("old,new\na,b", "cut short"),
        ("old,new\na,\u00e9\n", "not ASCII"),
    ],
)
def test_parse_ids__not_canonical__refused_naming_the_line(text: str, why: str) -> None:
    with pytest.raises(UniverseError, match=why):
        parse_ids(text.encode())
