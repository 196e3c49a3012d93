"""Small rounds of the tournaments whose submissions may leave ids out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import synthetic_round as given_round
from synthetic_round import ANNOUNCEMENT, TEMPLATE, entry

from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.scoring.limits import SCALE
from oracle.scoring.signal_round import SignalTarget
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.reference import Stakes
from oracle.settlement.specs import SPECS
from oracle.settlement.units import UNITS_PER_NMR
from oracle.tournaments import by_number
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.signal_files import (
    COLUMNS,
    signal_targets_bytes,
    signal_universe_bytes,
)
from oracle.tournaments.universe import targets_bytes, universe_bytes

ROWS, MODELS = 130, 6
IDS = tuple(f"T{i}" for i in range(ROWS))
TARGET = np.random.default_rng(12).integers(0, 5, ROWS) * (SCALE // 4)
STAKES = Stakes(
    MODELS + 1, {m: (m + 1) * UNITS_PER_NMR for m in range(MODELS) if m != 2}, frozenset({1})
)
LATE, WHOLE = 4, 5
"""The model whose file is late, and the one that leaves no id out."""


def given(model: int) -> Mapping[str, int]:
    """What a model predicts: of all ids but every seventh or so, and of one that is not live."""
    dice = np.random.default_rng(model)
    values = (dice.integers(0, SCALE, ROWS) * 9 + TARGET * (model % 3)) // (9 + model % 3)
    rows = range(ROWS) if model == WHOLE else dice.permutation(ROWS)[: 117 + 2 * model]
    return {**{IDS[row]: int(values[row]) for row in rows}, "GONE": SCALE // 3}


def file(predictions: Mapping[str, int], header: str = "symbol,signal") -> bytes:
    """A submission of these predictions at 10^-9."""
    rows = (f"{name},{decimal_text(value)}" for name, value in predictions.items())
    return "\n".join([header, *rows, ""]).encode()


def filled(predictions: Mapping[str, int], ids: Sequence[str] = IDS) -> list[int]:
    """A prediction of every id: those left out as an element in the middle of the others."""
    live = sorted(value for name, value in predictions.items() if name in ids)
    middle = live[(len(live) + 1) // 2 - 1]
    return [predictions.get(name, middle) for name in ids]


def template(tournament: int) -> Template:
    """One that pays on the tournament's scores."""
    first, second, third = (SCORE_KINDS[name] for name in by_number(tournament).scores)
    return replace(TEMPLATE, kinds=(first, second, third), kappa=500_000)


@cache
def entries() -> list[Entry]:
    return [entry(m, file(given(m)), on_time=m != LATE) for m in range(MODELS)]


def inputs(tournament: int = 12, spec: str = "assay/scoring/2", **changes: object) -> RoundInputs:
    """The round; ``changes`` replace fields of its inputs."""
    announcement = replace(
        ANNOUNCEMENT,
        tournament=tournament,
        spec_hash=SPECS[spec].hash,
        template=template(tournament),
    )
    base = given_round.inputs(
        announcement=announcement,
        universe=universe_bytes(IDS),
        targets=targets_bytes(IDS, TARGET),
        stakes=STAKES,
        entries=entries(),
    )
    return replace(base, **changes)


@cache
def crypto() -> Evaluation:
    return evaluate(inputs(), given_round.read)


# ---------------------------------------------------------------------- Signals

NAMES = {
    "numerai_ticker": tuple(f"T{i} US" for i in range(ROWS)),
    "composite_figi": tuple(f"BBG{i:09d}" for i in range(ROWS)),
    "bloomberg_ticker": tuple(f"T{i} UW" for i in range(ROWS)),
    "ticker": tuple(f"T{i}" if i % 10 else "" for i in range(ROWS)),
    "sedol": tuple(f"{i:07d}" if i % 50 else "" for i in range(ROWS)),
}
"""What each row is called; some have no ticker, and some no SEDOL."""

COLUMN_OF = [*NAMES, "numerai_ticker"]
"""The id column that each model uses."""


def weighted() -> SignalTarget:
    """Orthonormal neutralizers and positive weights, as a data provider has them."""
    dice = np.random.default_rng(13)
    basis = np.linalg.qr(dice.normal(size=(ROWS, 7)))[0]
    return SignalTarget(
        TARGET,
        dice.integers(1, 2 * SCALE, ROWS),
        np.rint(basis * SCALE).astype(np.int64),
    )


def signal_universe() -> bytes:
    return signal_universe_bytes(list(zip(*(NAMES[c] for c in COLUMNS), strict=True)))


def signal_rows(model: int) -> dict[int, int]:
    """What a model predicts, by row: of those that have a name in its column."""
    names = NAMES[COLUMN_OF[model]]
    rows = {IDS.index(name): v for name, v in given(model).items() if name in IDS}
    return {row: value for row, value in rows.items() if names[row]}


def signal_file(model: int) -> bytes:
    names = NAMES[COLUMN_OF[model]]
    values = {names[row]: value for row, value in signal_rows(model).items()}
    return file({**values, "GONE": 1}, f"{COLUMN_OF[model]},prediction")


@cache
def signal_entries() -> list[Entry]:
    return [entry(m, signal_file(m), on_time=m != LATE) for m in range(MODELS)]


def signal_inputs(**changes: object) -> RoundInputs:
    """The round of Signals in which each model names its rows in a way of its own."""
    usual: dict[str, object] = {
        "universe": signal_universe(),
        "targets": signal_targets_bytes(NAMES["numerai_ticker"], weighted()),
        "entries": signal_entries(),
    }
    return inputs(11, **{**usual, **changes})


@cache
def signals() -> Evaluation:
    return evaluate(signal_inputs(), given_round.read)
