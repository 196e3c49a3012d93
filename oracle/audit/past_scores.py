"""Scores of past rounds from a CSV, or from what ``assay diagnostics --json`` printed."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from oracle.audit.simulate import SCALE, require_level
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.words import ScoreLane, pack_score

MAX_FILE = 64 * 2**20
_NAMES = {code: name.lower() for name, code in SCORE_KINDS.items()}
LEVEL = "level"


@dataclass(frozen=True, slots=True)
class Past:
    """The rounds that have every score the template pays on, and how many others there were."""

    lanes: tuple[ScoreLane, ...]
    left_out: int


def score_names(template: Template) -> tuple[str, str, str]:
    """Names of the template's scores, empty where it pays nothing on one."""
    first, second, third = (
        _NAMES.get(kind, str(kind)) if multiplier and kind else ""
        for kind, multiplier in zip(template.kinds, template.multipliers, strict=True)
    )
    return first, second, third


def read_past(path: Path, template: Template, model: str | None = None) -> Past:
    """Past scores in ``path``; ``model`` names one of several in a JSON file.

    Raises `InputError`: no such file or column, a value that is no number, no complete round.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{path} is larger than {MAX_FILE} bytes")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from None
    names = score_names(template)
    is_json = text.lstrip().startswith("{")
    rows = _of_diagnostics(path, text, model) if is_json else _of_csv(path, text)
    lanes, left_out = [], 0
    for where, row in rows:
        values = [_number(path, where, name, row) for name in names]
        level = row.get(LEVEL)
        if any(value is None for value in values):
            left_out += 1
            continue
        first, second, third = (pack_score(value or 0)[0] for value in values)
        lanes.append(ScoreLane((first, second, third), _level(path, where, level)))
    if not lanes:
        raise InputError(f"{path}: no round has all of {', '.join(filter(None, names))}")
    return Past(tuple(lanes), left_out)


def _of_csv(path: Path, text: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines())
    try:
        reader.fieldnames = [column.strip().lower() for column in reader.fieldnames or []]
        for number, row in enumerate(reader, 2):
            yield f"line {number}", row
    except csv.Error as error:
        raise InputError(f"{path} is no CSV: {error}") from None


def _of_diagnostics(
    path: Path, text: str, model: str | None
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    try:
        found = json.loads(text)
        result = found.get("result", found)
        eras: Sequence[str] = result["eras"]
        models = {one["name"]: one for one in result["models"]}
        chosen = models[model] if model is not None else next(iter(models.values()))
        if model is None and len(models) > 1:
            raise InputError(
                f"{path} is about {len(models)} models", f"choose one: --name {min(models)}"
            )
        series = {name: one["by_era"] for name, one in chosen["scores"].items()}
        levels = chosen["levels"]
        return [
            (f"era {era}", {n: s[i] for n, s in series.items()} | {LEVEL: levels[i]})
            for i, era in enumerate(eras)
        ]
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError, StopIteration):
        known = f" about {model}" if model is not None else ""
        raise InputError(
            f"{path} is not what `assay diagnostics --json` prints{known}",
            "pass that file, or a CSV with a line a round: round,corr,mmc",
        ) from None


def _number(path: Path, where: str, name: str, row: Mapping[str, Any]) -> int | None:
    """A score at 10^-9, 0 for one that pays nothing, None where there is none."""
    if not name:
        return 0
    if name not in row:
        raise InputError(
            f"{path} has no column {name}, on which the template pays",
            "add it, or choose what pays with --multiplier",
        )
    value = row[name]
    if value is None or str(value).strip().lower() in ("", "nan"):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InputError(f"{path}: {where}: {name}: {str(value)[:40]!r} is no number") from None
    if not number.is_finite() or abs(number) > 1:
        raise InputError(
            f"{path}: {where}: {name}: {str(value)[:40]} is not from -1 to 1",
            "scores are numbers such as 0.0213",
        )
    return round(number * SCALE)


def _level(path: Path, where: str, value: Any) -> int:
    if value is None or str(value).strip() == "":
        return 0
    try:
        return require_level(int(str(value)))
    except ValueError:
        raise InputError(f"{path}: {where}: level {value!r} is no whole number") from None
