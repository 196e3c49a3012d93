"""A submission for one round as one for the next: the same predictions under the next one's ids.

Where ids name the same thing in every round (tickers, symbols) they stay. Obfuscated ids change:
then the data provider says which id became which, in a canonical text ``old,new`` (docs/server.md).
"""

from collections.abc import Mapping
from typing import Final

from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.errors import quoted
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import Submission
from oracle.tournaments.universe import Universe, UniverseError, joined, lines_of

HEADER: Final = "old,new"


class RemappingError(ValueError):
    """The submission cannot be one for the other round; the text says why."""


def ids_bytes(pairs: Mapping[str, str]) -> bytes:
    """Canonical text of which id became which, in their order."""
    return joined([HEADER, *(f"{old},{new}" for old, new in pairs.items())])


def parse_ids(raw: bytes) -> dict[str, str]:
    """New ids by old ones. Raises ``UniverseError`` naming the line; no id may stand twice."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, line in enumerate(lines_of(raw, HEADER), 2):
        old, comma, new = line.partition(",")
        if not old or not comma or not new or "," in new:
            raise UniverseError(f"line {number}: expected old,new, found {quoted(line)}")
        if old in found or new in taken:
            raise UniverseError(f"line {number}: {quoted(line)} names an id a second time")
        found[old] = new
        taken.add(new)
    return found


def remapped(
    submission: Submission,
    before: Universe,
    after: Universe,
    rules: SubmissionRules,
    ids: Mapping[str, str] | None = None,
) -> bytes:
    """A file for ``after`` with the predictions of ``submission``, which was one for ``before``.

    ``ids`` are new ids by old ones; None where ids stay as they are. Ids that ``after`` does not
    have are left out. The first id column and prediction column of the rules head the file, or the
    one that names the rows. Raises ``RemappingError`` where the rules would refuse what is left.
    """
    there = frozenset(after.ids)
    rows: list[str] = []
    for position, value in zip(
        submission.positions.tolist(), submission.values.tolist(), strict=True
    ):
        old = before.ids[position]
        new = old if ids is None else ids.get(old)
        if new is not None and new in there:
            rows.append(f"{new},{decimal_text(value)}")
    needed = len(after.ids) if rules.need_all_ids else rules.min_ids
    if len(rows) < needed:
        raise RemappingError(
            f"{len(rows)} of its ids are in the next round's universe, {needed} are needed"
        )
    column = next(name for name in rules.id_columns if name not in after.names)
    return joined([f"{column},{rules.prediction_columns[0]}", *rows])
