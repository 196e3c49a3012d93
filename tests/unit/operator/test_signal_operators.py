"""An operator of Signals: files under any name of a row, targets with weights in the vault."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ingest_world import (
    ADDRESSES,
    DUE,
    MODEL,
    OWNER,
    PROVIDER,
    ROUND,
    ChainStandIn,
    key_of,
    new_ingest,
    plain_files,
    signed,
    signed_targets,
    to_operators,
)
from partial_round import NAMES, file, signal_universe, weighted
from synthetic_round import IDS, TARGET

from oracle.errors import InputError
from oracle.operator.ingest import Ingest
from oracle.scoring.limits import SCALE
from oracle.tournaments.signal_files import signal_targets_bytes
from oracle.tournaments.universe import targets_bytes

WEIGHTED = signal_targets_bytes(NAMES["numerai_ticker"], weighted())


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn(addresses=replace(ADDRESSES, tournament=11))


@pytest.fixture
def ingest(tmp_path: Path, chain: ChainStandIn) -> Ingest:
    made = new_ingest(tmp_path, chain)
    (tmp_path / "provider" / str(ROUND) / "universe.csv").write_bytes(signal_universe())
    return made


def _sent(column: str) -> bytes:
    names = [name for name in NAMES[column] if name]
    values = np.linspace(0, SCALE, len(names)).astype(int)
    return file(dict(zip(names, values.tolist(), strict=True)), f"{column},signal")


@pytest.mark.parametrize("column", NAMES)
def test_accept__rows_under_any_name__taken_with_a_receipt(ingest: Ingest, column: str) -> None:
    raw = _sent(column)
    key = key_of(raw)
    receipt = ingest.accept(to_operators(raw), ROUND, MODEL, 1, signed(key, OWNER))
    assert receipt.key == key
    assert plain_files(ingest) == {key: raw}


def test_accept__other_names_for_the_same_rows__no_change_since_the_last_file(
    ingest: Ingest,
) -> None:
    for sequence, column in enumerate(("numerai_ticker", "composite_figi"), 1):
        key = key_of(_sent(column), sequence=sequence)
        ingest.accept(to_operators(_sent(column)), ROUND, MODEL, sequence, signed(key, OWNER))
    [_, newest] = ingest.history.kept.of(MODEL, 5)
    assert b'"churn":0,' in newest
    assert b'"turnover":0}' in newest


def test_accept__names_of_no_row__refused_with_the_reason(ingest: Ingest) -> None:
    raw = file({f"X{i}": i for i in range(120)}, "ticker,signal")
    with pytest.raises(InputError, match="invalid_submission_ids: 0 ids of the live universe"):
        ingest.accept(to_operators(raw), ROUND, MODEL, 1, signed(key_of(raw), OWNER))


def test_targets__with_their_weights__kept_until_their_time(
    ingest: Ingest, chain: ChainStandIn
) -> None:
    signature = signed(signed_targets(WEIGHTED), PROVIDER)
    ingest.desk.accept(to_operators(WEIGHTED), ROUND, DUE, signature)
    assert ingest.data.targets(ROUND) is None
    chain.now = DUE
    assert ingest.data.targets(ROUND) == WEIGHTED


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (targets_bytes(IDS, TARGET), "line 1: expected 'id,target,weight'"),
        (WEIGHTED.replace(b"n7", b"n8", 1), "line 1: expected"),
        (WEIGHTED.replace(b"T1 US,", b"T1,", 1), "line 3: expected 9 values of T1 US"),
    ],
    ids=["Classic's", "columns", "names"],
)
def test_targets__of_another_form__not_taken(ingest: Ingest, raw: bytes, reason: str) -> None:
    signature = signed(signed_targets(raw), PROVIDER)
    with pytest.raises(InputError, match=f"^targets of round {ROUND}: {reason}"):
        ingest.desk.accept(to_operators(raw), ROUND, DUE, signature)
    assert ingest.desk.shown(ROUND) is None
