"""Queued files of each tournament under the next round's ids: files of a provider, no chain."""

from pathlib import Path
from typing import Any, cast

import pytest

from oracle.errors import InputError, RefusedError
from oracle.intake.desk import Desk
from oracle.intake.queue import for_its_round
from oracle.intake.rows import Status, Submission
from oracle.tournaments import by_number
from oracle.tournaments.remapping import RemappingError, ids_bytes
from oracle.tournaments.signal_files import signal_universe_bytes
from oracle.tournaments.universe import universe_bytes

IDS = [f"ID{i:04d}" for i in range(120)]
VALUES = [f"0.{i:04d}1" for i in range(120)]


def signals(ids: list[str]) -> bytes:
    return signal_universe_bytes([(i, f"F{i}", f"{i} US", f"{i}.US", "") for i in ids])


def desk(folder: Path, tournament: int, universes: dict[int, bytes]) -> Desk:
    for number, raw in universes.items():
        (folder / str(number)).mkdir(exist_ok=True)
        (folder / str(number) / "universe.csv").write_bytes(raw)
    return Desk(cast(Any, None), by_number(tournament), folder, [], None)


def row(tournament: int, number: int = 5) -> Submission:
    return Submission(
        id="a",
        tournament=tournament,
        round=number,
        model=0,
        account="b",
        filename="a.csv",
        key="uploads/a",
        sha256=bytes(32),
        size=1,
        sequence=None,
        signature=None,
        status=Status.QUEUED,
        reason="",
        late=False,
        queued_from=4,
        source=None,
        trigger_id=None,
        data_datestamp=None,
        receipts="",
        inserted_at=0,
    )


def sent(column: str, ids: list[str]) -> bytes:
    lines = [f"{name},{value}" for name, value in zip(ids, VALUES, strict=False)]
    return "\n".join([f"{column},prediction", *lines, ""]).encode()


def test_crypto__symbols_stay__those_that_went_are_left_out(tmp_path: Path) -> None:
    here = desk(tmp_path, 12, {4: universe_bytes(IDS), 5: universe_bytes([*IDS[10:], "NEW"])})
    raw = for_its_round(here, row(12), sent("symbol", IDS))
    assert raw.decode().splitlines()[1:] == [
        f"{name},{value}" for name, value in zip(IDS[10:], VALUES[10:], strict=True)
    ]
    here.check(5, raw)


def test_crypto__missed_a_round__sent_for_the_one_after(tmp_path: Path) -> None:
    here = desk(tmp_path, 12, {4: universe_bytes(IDS), 6: universe_bytes(IDS)})
    assert for_its_round(here, row(12, 6), sent("symbol", IDS)) == sent("symbol", IDS)


def test_signals__sent_by_bloomberg_ticker__under_what_names_the_rows(tmp_path: Path) -> None:
    here = desk(tmp_path, 11, {4: signals(IDS), 5: signals(IDS[::-1])})
    raw = for_its_round(here, row(11), sent("bloomberg_ticker", [f"{i} US" for i in IDS]))
    assert raw == sent("numerai_ticker", IDS)
    here.check(5, raw)


def test_classic__no_table_of_ids_or_a_broken_one__refused_saying_so(tmp_path: Path) -> None:
    here = desk(tmp_path, 8, {4: universe_bytes(IDS), 5: universe_bytes(IDS[::-1])})
    with pytest.raises(RefusedError, match="does not say which ids of round 4"):
        for_its_round(here, row(8), sent("id", IDS))
    (tmp_path / "5" / "ids.csv").write_bytes(b"old,new\nonly\n")
    with pytest.raises(RefusedError, match=r"ids.csv of round 5 is broken: line 2"):
        for_its_round(here, row(8), sent("id", IDS))
    (tmp_path / "5" / "ids.csv").write_bytes(ids_bytes(dict(zip(IDS[1:], IDS, strict=False))))
    with pytest.raises(RemappingError, match="119 of its ids"):
        for_its_round(here, row(8), sent("id", IDS))


def test_classic__the_round_it_waited_for_is_over__refused(tmp_path: Path) -> None:
    here = desk(tmp_path, 8, {4: universe_bytes(IDS), 6: universe_bytes(IDS)})
    (tmp_path / "6" / "ids.csv").write_bytes(ids_bytes(dict(zip(IDS, IDS, strict=True))))
    with pytest.raises(RefusedError, match="round 5, for which it waited, is over"):
        for_its_round(here, row(8, 6), sent("id", IDS))


def test_desk__universe_missing_or_broken__refused_naming_the_round(tmp_path: Path) -> None:
    here = desk(tmp_path, 8, {4: b"nonsense"})
    with pytest.raises(RefusedError, match="universe of round 4 is broken: "):
        here.check(4, sent("id", IDS))
    with pytest.raises(RefusedError, match="universe of round 5 is not published yet"):
        here.check(5, sent("id", IDS))


def test_desk__file_for_another_universe__documented_words(tmp_path: Path) -> None:
    here = desk(tmp_path, 8, {4: universe_bytes(IDS)})
    with pytest.raises(InputError, match=r"^invalid_submission_ids: 20 of 120 live ids"):
        here.check(4, sent("id", IDS[:100]))
