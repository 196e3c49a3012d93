"""Canonical text of a round's universe and targets (docs/formats.md, section 9).

One content has one text, since operators sign hashes of it: LF line ends, one header line, no
quotes, no blank lines, an LF at the end; decimals without exponent or trailing zeros. The
parsers refuse every other spelling.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oracle.scoring.limits import SCALE
from oracle.tournaments.decimals import decimal_text, parse_unit
from oracle.tournaments.errors import quoted

UNIVERSE_HEADER = "id"
TARGETS_HEADER = "id,target"

_ID = re.compile(r"[!#-&(-+\--~]{1,64}")  # printable ASCII without space, comma and quotes
_DECIMAL = re.compile(r"0|1|0\.[0-9]{0,8}[1-9]")


class UniverseError(ValueError):
    """A universe or targets file, or what should become one, breaks the canonical form."""


@dataclass(frozen=True, slots=True)
class Universe:
    """The rows of a round: ``ids`` name them; ``names`` holds by id column of a submission what
    they are called there, where that is not their id, "" for a row without a name."""

    ids: tuple[str, ...]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)


def universe_bytes(ids: Sequence[str]) -> bytes:
    """Canonical universe file of ``ids``, in their order. Raises ``UniverseError``."""
    _check_ids(ids, "id", first=1)
    return joined([UNIVERSE_HEADER, *ids])


def parse_universe(raw: bytes) -> tuple[str, ...]:
    """Ids of a canonical universe file, in file order. Raises ``UniverseError`` naming the line."""
    lines = lines_of(raw, UNIVERSE_HEADER)
    _check_ids(lines, "line", first=2)
    return tuple(lines)


def targets_bytes(ids: Sequence[str], targets: NDArray[np.int64]) -> bytes:
    """Canonical targets file: ``targets`` int64 (n,) at 10^-9 in [0, 10^9], aligned with ``ids``.

    Raises ``UniverseError``.
    """
    _check_ids(ids, "id", first=1)
    if targets.shape != (len(ids),) or not np.issubdtype(targets.dtype, np.integer):
        got = f"{targets.dtype} of shape {targets.shape}"
        raise UniverseError(f"targets must be {len(ids)} integers at 10^-9, got {got}")
    numbers = targets.tolist()
    for number, (name, target) in enumerate(zip(ids, numbers, strict=True), 1):
        if not 0 <= target <= SCALE:
            raise UniverseError(f"id {number} ({name}): target {target} is outside [0, {SCALE}]")
    rows = (f"{name},{decimal_text(t)}" for name, t in zip(ids, numbers, strict=True))
    return joined([TARGETS_HEADER, *rows])


def parse_targets(raw: bytes, universe: Sequence[str]) -> NDArray[np.int64]:
    """Targets of a canonical file as int64 (n,) at 10^-9, in universe order.

    The file holds exactly the universe's ids, in its order. Raises ``UniverseError`` naming the
    line.
    """
    lines = lines_of(raw, TARGETS_HEADER)
    if len(lines) != len(universe):
        raise UniverseError(f"{len(lines)} targets for a universe of {len(universe)} ids")
    targets = np.empty(len(lines), dtype=np.int64)
    for index, (line, name) in enumerate(zip(lines, universe, strict=True)):
        found, comma, text = line.partition(",")
        if found != name or not comma:
            where = f"line {index + 2}"
            raise UniverseError(f"{where}: expected a target of {name}, found {quoted(line)}")
        if _DECIMAL.fullmatch(text) is None:
            reason = "is not a canonical decimal in [0, 1] of at most 9 places"
            raise UniverseError(f"line {index + 2}: target {quoted(text)} {reason}")
        targets[index] = parse_unit(text)
    return targets


def joined(lines: Sequence[str]) -> bytes:
    """Canonical text of lines."""
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def lines_of(raw: bytes, header: str) -> list[str]:
    """Lines of a canonical text after its header. Raises ``UniverseError``."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UniverseError(f"line {line}: not ASCII") from error
    if not text.endswith("\n"):
        raise UniverseError("the last line does not end with a line feed: cut short?")
    first, *lines = text.removesuffix("\n").split("\n")
    if first != header:
        raise UniverseError(f"line 1: expected {quoted(header)}, found {quoted(first)}")
    return lines


def _check_ids(ids: Sequence[str], what: str, first: int) -> None:
    if not ids:
        raise UniverseError("there are no ids")
    seen: dict[str, int] = {}
    for number, name in enumerate(ids, first):
        if _ID.fullmatch(name) is None:
            rule = "1 to 64 printable ASCII characters without space, comma or quotes"
            raise UniverseError(f"{what} {number}: {quoted(name)} is not an id: {rule}")
        if name in seen:
            raise UniverseError(f"{what} {number}: {quoted(name)} is already {what} {seen[name]}")
        seen[name] = number
