"""The committed artefacts of rounds, brought here from whoever shows them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oracle.errors import AssayError, UnreachableError
from oracle.store.artefacts import ArtefactError, RoundFolder
from oracle.verification.fetch import RoundKey, Source, Wanted, bring

FILES = (
    "inputs/announcement.json",
    "inputs/stakes.json",
    "inputs/submissions.json",
    "outputs/batches.json",
    "outputs/meta_model.csv",
    "outputs/scores.csv",
    "outputs/statuses.json",
    "outputs/unscored.csv",
)
"""Of a round's folder: everything but predictions, universe and targets."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0


@dataclass
class Folders:
    """Folders of one tournament, each checked against the digest that the chain has. A round that
    nobody shows is asked for again ever more seldom: it is open only once its result is final."""

    chain_id: int
    pool: str
    sources: Sequence[Source]
    cache: Path
    clock: Callable[[], float] = time.monotonic
    _found: dict[tuple[int, bytes], Path] = field(default_factory=dict)
    _again: dict[tuple[int, bytes], tuple[float, float]] = field(default_factory=dict)

    def bring(self, number: int, manifest: bytes) -> RoundFolder:
        """The folder of round ``number`` with the committed manifest of this digest.

        Raises ``UnreachableError`` where nobody shows it as it was committed.
        """
        key = (number, manifest)
        if key not in self._found:
            pause, due = self._again.get(key, (_FIRST_PAUSE, 0.0))
            if self.clock() < due:
                raise UnreachableError(f"round {number}: its artefacts are asked for again soon")
            # Before the asking: whatever goes wrong in it, the next one waits.
            longer = min(2 * pause, _LONGEST_PAUSE)
            self._again[key] = (longer, self.clock() + pause)
            self._found[key] = self._bring(number, manifest)
            del self._again[key]
        return RoundFolder(self._found[key])

    def _bring(self, number: int, manifest: bytes) -> Path:
        """From the first source whose files are all as the manifest says."""
        key = RoundKey(self.chain_id, self.pool, number)
        wanted = Wanted(self.cache, manifest, only=FILES)
        said = []
        for source in self.sources:
            try:
                folder = bring([source], key, wanted)
                _check(RoundFolder(folder))
            except (AssayError, ArtefactError) as error:
                said.append(str(error))
            else:
                return folder
        raise UnreachableError("; ".join(said) or "no source of artefacts")

    def try_bring(self, number: int, manifest: bytes) -> RoundFolder | None:
        """The same, None where it cannot be had now."""
        try:
            return self.bring(number, manifest)
        except AssayError:
            return None


def _check(folder: RoundFolder) -> None:
    """Reads each of `FILES` that the manifest lists: what is there must be as listed."""
    for file in folder.manifest().files:
        if file.path in FILES:
            folder.read(file.path)
