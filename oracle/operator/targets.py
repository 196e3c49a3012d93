"""What the data provider gives an operator for a round: the live universe, later the targets.

A provider folder holds ``<round>/universe.csv`` from the opening on and ``<round>/targets.csv``
once the round has resolved, both in the canonical form of docs/formats.md.
"""

from dataclasses import dataclass
from pathlib import Path

from oracle.errors import RefusedError

_UNIVERSE, _TARGETS = "universe.csv", "targets.csv"


@dataclass(frozen=True, slots=True)
class RoundData:
    """Read access to a provider's folder."""

    folder: Path

    def universe(self, round_number: int) -> bytes:
        raw = self._read(round_number, _UNIVERSE)
        if raw is None:
            raise RefusedError(f"the universe of round {round_number} is not published yet")
        return raw

    def targets(self, round_number: int) -> bytes | None:
        return self._read(round_number, _TARGETS)

    def has_targets(self, round_number: int) -> bool:
        """Whether the round has resolved; asked every cycle, so it reads nothing."""
        return self._path(round_number, _TARGETS).is_file()

    def _path(self, round_number: int, name: str) -> Path:
        return self.folder / str(round_number) / name

    def _read(self, round_number: int, name: str) -> bytes | None:
        try:
            return self._path(round_number, name).read_bytes()
        except FileNotFoundError:
            return None
