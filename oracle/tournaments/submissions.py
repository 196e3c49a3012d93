"""Raw bytes of a submission to exact integer predictions, or a named refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.tournaments.csv_table import read_csv
from oracle.tournaments.errors import ErrorCode, SubmissionError, some
from oracle.tournaments.parquet_footer import MAGIC
from oracle.tournaments.parquet_table import read_parquet
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.table import Format, Table

__all__ = ["ErrorCode", "Submission", "SubmissionError", "parse_submission"]

_CONTAINERS: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip (or an Excel workbook)",
    b"PK\x05\x06": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


_NO_OTHERS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """Validated predictions for rows of a universe.

    ``positions``: int64 (n,), ascending rows of the universe; all of them where the rules need
    every id. ``values``: int64 (n,) at 10^-9, in [0, 10^9], aligned with ``positions``.
    ``ignored_ids``: distinct ids outside the universe, in file order, that were dropped.
    """

    values: NDArray[np.int64]
    positions: NDArray[np.int64]
    ignored_ids: tuple[str, ...]
    format: Format

    def over(self, rows: int) -> NDArray[np.int64]:
        """Predictions of all ``rows`` of the universe, int64 (rows,) at 10^-9.

        Ids that were left out take the lower median of the given predictions, the one in place
        ceil(n / 2) of n in ascending order: in the submission's ranks they then stand in the
        middle, where a score hardly sees them, wherever its values lie in [0, 1].
        """
        middle = (len(self.values) - 1) // 2
        complete = np.full(rows, np.partition(self.values, middle)[middle])
        complete[self.positions] = self.values
        return complete


def parse_submission(
    raw: bytes,
    universe: Sequence[str],
    rules: SubmissionRules,
    names: Mapping[str, Sequence[str]] = _NO_OTHERS,
) -> Submission:
    """Predictions in ``raw`` (CSV or Parquet, told apart by content) for the ids in ``universe``.

    ``names``: by id column what the rows are called there, "" for none; under the other columns
    they go by their ids. The same bytes, universe and rules give the same result everywhere. Rows
    of ids outside the universe are dropped before ids are compared and values read. Checked in this
    order, the first fault being the one reported: file, headers, rows, ids, values.

    Raises ``SubmissionError`` for any fault of ``raw``, ``ValueError`` for a universe that is
    empty or repeats an id.
    """
    index = _index(universe)
    table = _read(raw, rules)
    if table.id_column in names:
        index = _index(names[table.id_column])
    found = np.fromiter((index.get(name, -1) for name in table.ids), np.int64, len(table.ids))
    rows = np.flatnonzero(found >= 0)
    positions = found[rows]
    _check_ids(table, rows, positions, universe, rules)
    values = table.integers(rows)
    _check_spread(values)
    order = np.argsort(positions)
    ignored = dict.fromkeys(table.ids[row] for row in np.flatnonzero(found < 0).tolist())
    return Submission(values[order], positions[order], tuple(ignored), table.format)


def _index(names: Sequence[str]) -> dict[str, int]:
    """Positions by name, of those that have one."""
    index = {name: position for position, name in enumerate(names)}
    nameless = index.pop("", None) is not None and names.count("")
    if not names or len(index) + nameless != len(names):
        raise ValueError("the universe must hold at least one id, and each only once")
    return index


def _read(raw: bytes, rules: SubmissionRules) -> Table:
    if len(raw) > rules.max_bytes:
        text = f"the file is {len(raw)} bytes; at most {rules.max_bytes} are accepted"
        raise SubmissionError(ErrorCode.FILE, text)
    if raw.startswith(MAGIC):
        return read_parquet(raw, rules)
    if raw.startswith(b"PARE"):
        raise SubmissionError(ErrorCode.FILE, "encrypted Parquet is not accepted")
    for magic, name in _CONTAINERS.items():
        if raw.startswith(magic):
            text = f"compressed files are not accepted: this is {name}; send plain CSV or Parquet"
            raise SubmissionError(ErrorCode.FILE, text)
    return read_csv(raw, rules)


def _check_ids(
    table: Table,
    rows: NDArray[np.int64],
    positions: NDArray[np.int64],
    universe: Sequence[str],
    rules: SubmissionRules,
) -> None:
    times = np.bincount(positions, minlength=len(universe))
    if bool((times > 1).any()):
        raise _duplicate_error(table, rows, positions)
    if rules.need_all_ids and len(rows) < len(universe):
        missing = [universe[p] for p in np.flatnonzero(times == 0).tolist()]
        text = f"{len(missing)} of {len(universe)} live ids are missing: {some(missing)}"
        raise SubmissionError(ErrorCode.IDS, f"{text}. Is this the latest live universe?")
    if len(rows) < rules.min_ids:
        text = f"{len(rows)} ids of the live universe, at least {rules.min_ids} are needed"
        raise SubmissionError(ErrorCode.IDS, f"{text}. Is this the latest live universe?")


def _duplicate_error(
    table: Table, rows: NDArray[np.int64], positions: NDArray[np.int64]
) -> SubmissionError:
    seen: dict[int, int] = {}
    for row, position in zip(rows.tolist(), positions.tolist(), strict=True):
        if position in seen:
            name, first = some([table.ids[row]]), table.where(seen[position])
            text = f"id {name} stands here and in {first}; each id may stand once"
            return SubmissionError(ErrorCode.IDS, text, table.where(row))
        seen[position] = row
    raise AssertionError("called without a duplicate")


def _check_spread(values: NDArray[np.int64]) -> None:
    """Refuse (nearly) constant predictions, exactly where Numerai's rule does, in integers.

    numerai-tools refuses np.isclose(0, std), that is std <= 1e-8 + 1e-5 * std with the sample
    standard deviation. With values v at 10^-9: (99999 * std)^2 <= (10 * 10^5)^2, where
    std^2 = (n * sum(v^2) - sum(v)^2) / (n * (n - 1)).
    """
    numbers = values.tolist()
    n = len(numbers)
    spread = n * sum(map(mul, numbers, numbers)) - sum(numbers) ** 2
    if 99_999**2 * spread <= 10**12 * n * (n - 1):
        text = "the predictions are constant: their standard deviation is 0.00000001 or less"
        raise SubmissionError(ErrorCode.VALUES, text)
