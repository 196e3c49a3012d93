"""A round's payout factor phi: named, or following from a published volatility series."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from oracle.errors import InputError, RefusedError
from oracle.scoring.errors import ScoringError
from oracle.scoring.volatility import (
    MAX_PHI_STEP,
    MIN_PHI,
    PHI_ONE,
    PublishedSeries,
    announced_phi,
    decimal,
    parse_canonical_series,
)

NO_SERIES = bytes(32)
_DAY = 86_400
_PUBLISH = "write it with `assay data phi --publish FILE`"


@dataclass(frozen=True, slots=True)
class PhiSource:
    """Where a round's phi comes from: a published volatility series, or numbers given by hand.

    ``phi`` is at 10^-6, None if nobody named one. With ``series``, the file of a canonical text,
    phi and the series hash follow from that, and a ``phi`` that was named must be the same.
    """

    phi: int | None = None
    series_hash: bytes = NO_SERIES
    series: Path | None = None

    def announced(self, previous: int, now: int) -> tuple[int, bytes]:
        """phi and series hash of a round announced at block time ``now``, the last one's phi being
        ``previous``. Raises InputError, RefusedError."""
        if self.series is not None:
            return self._of_series(self.series, previous, now // _DAY)
        phi = PHI_ONE if self.phi is None else self.phi
        _require_step(phi, previous)
        return phi, self.series_hash

    def _of_series(self, path: Path, previous: int, day: int) -> tuple[int, bytes]:
        content = _read(path)
        try:
            published = parse_canonical_series(content)
            _require_past(path, published, day)
            found = announced_phi(
                published.days,
                published.returns,
                day,
                published.target,
                published.gamma,
                previous,
            )
        except ScoringError as error:
            raise InputError(f"{path}: {error}", _PUBLISH) from None
        if self.phi is not None and self.phi != found.phi:
            raise InputError(
                f"--phi {decimal(self.phi, PHI_ONE)} is not {decimal(found.phi, PHI_ONE)}, which "
                f"follows from {path} and the last announced phi {decimal(previous, PHI_ONE)}",
                "leave out --phi, or find out which of them is wrong",
            )
        return found.phi, hashlib.sha256(content).digest()


def _require_step(phi: int, previous: int) -> None:
    """Refuses what the contract would refuse, and says what it would take."""
    if abs(phi - previous) <= MAX_PHI_STEP:
        return
    least, most = max(previous - MAX_PHI_STEP, MIN_PHI), min(previous + MAX_PHI_STEP, PHI_ONE)
    raise RefusedError(
        f"phi {decimal(phi, PHI_ONE)} is more than {decimal(MAX_PHI_STEP, PHI_ONE)} from the last "
        f"announced one, {decimal(previous, PHI_ONE)}",
        f"announce {decimal(least, PHI_ONE)} to {decimal(most, PHI_ONE)}: `assay data phi "
        f"--previous {decimal(previous, PHI_ONE)}` keeps to the step",
    )


def _require_past(path: Path, published: PublishedSeries, day: int) -> None:
    """Refuses returns that may not be known yet: only earlier days are hashed."""
    if published.days.size and int(published.days[-1]) >= day:
        announced = datetime.fromtimestamp(day * _DAY, UTC).date().isoformat()
        raise InputError(
            f"{path} has returns of {announced} or later, and that is the day of the announcement",
            f"write it with `assay data phi --day {announced} --publish FILE`",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", _PUBLISH) from None
