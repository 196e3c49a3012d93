"""Putting a backup of an operator's database back, without the danger of signing twice."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oracle.errors import RefusedError
from oracle.operator.guard import Guard, Settled
from oracle.store.backup import backup, discard, put_in_place, require_operators, signed_in
from oracle.store.database import Database
from oracle.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Restored:
    """``kept``: where the database from before lies now, if there was one."""

    guard: Settled
    rounds_signed: int
    kept: Path | None


def restore(
    source: Path,
    target: Path,
    tournament: tuple[int, str],
    guard_of: Callable[[Journal], Guard],
    rounds: range,
    *,
    sure: bool = False,
) -> Restored:
    """Puts the backup ``source`` in the place of the SQLite database ``target``.

    All is prepared beside it: the tables of this release, what the present database and others know
    to be signed, and the block on what may be. Only then is it moved; an error before leaves
    ``target`` as it was. ``tournament`` is (chain id, pool). Nothing may have ``target`` open.
    """
    require_operators(source)
    prepared = target.with_name(f".{target.name}.restoring")
    discard(prepared)
    try:
        backup(source, prepared)
        database = Database.open(prepared)
        try:
            journal = Journal(database)
            database.claim(*tournament)
            _learn_from(target, journal)
            settled = guard_of(journal).settle(rounds, sure=sure, anew=True)
            signed = len(journal.signed_rounds())
        finally:
            database.close()
        return Restored(settled, signed, put_in_place(prepared, target))
    finally:
        discard(prepared)


def _learn_from(present: Path, journal: Journal) -> None:
    """What is being replaced, if it can still be read, may be newer than the backup."""
    for number, phase, digest in signed_in(present):
        if any(digest):
            if not journal.learn_digest(number, phase, digest):
                raise RefusedError(
                    f"round {number}: {present} and the backup hold different signed digests",
                    "one of them is another operator's; see which",
                )
        else:
            journal.block(number)
