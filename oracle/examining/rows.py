"""An upload that is examined, as it is kept and as clients read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from oracle.examining.numbers import accepted_eras, overall, per_era


class Status(StrEnum):
    """What became of it. ``failed``: the message says why."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Diagnostics:
    """One upload. ``result``: JSON of what was found, with one model in ``models``; empty before.

    Times in seconds since 1970, by the wall's clock.
    """

    id: str
    account: str
    tournament: int
    model: int
    filename: str
    key: str
    sha256: bytes
    status: str
    message: str
    result: str
    inserted_at: int
    updated_at: int

    @cached_property
    def report(self) -> Mapping[str, Any] | None:
        """What was found; None where nothing was."""
        found: Mapping[str, Any] | None = json.loads(self.result) if self.result else None
        return found

    @property
    def overall(self) -> Mapping[str, float | None]:
        """Numbers over all eras by the names that Numerai's clients ask for."""
        return {} if self.report is None else overall(self.report)

    @property
    def per_era(self) -> list[tuple[int, Mapping[str, float | None]]]:
        """Each era's number, and its numbers by the same names."""
        return [] if self.report is None else per_era(self.report)

    @property
    def eras_accepted_count(self) -> int | None:
        """Eras that have a CORR."""
        return None if self.report is None else accepted_eras(self.report)

    @property
    def trained_on_val(self) -> bool | None:
        """Nobody can tell from predictions."""
        return None
