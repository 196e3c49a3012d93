"""Opening a round's folder to those who may see it, and copying it to the object store."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from oracle.errors import RefusedError
from oracle.operator.context import Context
from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import copied, manifest_digest
from oracle.settlement.specs import spec_of
from oracle.store.artefacts import RoundFolder, write_file
from oracle.store.disclosure import disclose

_log = structlog.get_logger("disclosing")

Mirror = Callable[[Path, int], None]
"""Copies a round's folder to where others read it."""


@dataclass
class Disclosing:
    """Acts once the commit is final on chain, when nobody gains by a look any more.

    ``verifiers`` are the recipients of whoever may verify rounds that are not open.
    """

    context: Context
    verifiers: Sequence[str] = ()
    mirror: Mirror | None = None
    _done: dict[int, bytes] = field(default_factory=dict)

    def is_done(self, number: int, manifest: bytes) -> bool:
        """Whether the folder with this manifest is as open as it will be, and copied."""
        return self._done.get(number) == manifest

    def disclose(self, number: int, manifest: bytes) -> None:
        """Opens the folder that holds the result in force, whose manifest has this digest."""
        context, folder = self.context, self.context.folder(number)
        if manifest_digest(folder) != manifest:
            raise RefusedError(f"round {number}: the folder does not hold the result in force")
        announced = context.reader.announced(number)
        spec = None if announced is None else spec_of(announced.spec_hash)
        if spec is None:
            raise RefusedError(f"round {number} has a specification this release does not know")
        context.at(Failpoint.COMMIT_SEEN)
        disclose(
            folder,
            spec,
            context.identity,
            context.ingest.recipients(number),
            self.verifiers,
            self._owners(number),
        )
        context.at(Failpoint.DISCLOSED)
        _log.info("disclosed", round=number, to=spec.disclosure.value)
        if self.mirror is not None:
            self.mirror(folder, number)
            write_file(copied(folder), manifest)
            context.at(Failpoint.MIRRORED)
        self._done[number] = manifest

    def _owners(self, number: int) -> dict[bytes, list[str]]:
        """Recipients of submissions' owners, by the submission's SHA-256."""
        found = defaultdict(list)
        for item in self.context.journal.listed(number):
            if item.recipient:
                found[item.key.sha256].append(item.recipient)
        return found

    def left_over(self, since: int, before: int) -> list[int]:
        """Rounds from ``since`` on and before ``before`` whose folder is still sealed, or not
        copied, or beside which an answer waits to be put in force: of a time when nobody was there
        to do it."""
        rounds = self.context.folder(before).parent
        found = {int(path.name.split(".")[1]) for path in rounds.glob(".*.confirm-*")}
        for folder in rounds.glob("*"):
            if not folder.name.isdecimal() or not since <= int(folder.name) < before:
                continue
            if RoundFolder(folder).disclosed() is None or not self._is_copied(folder):
                found.add(int(folder.name))
        return sorted(n for n in found if since <= n < before and n not in self._done)

    def _is_copied(self, folder: Path) -> bool:
        if self.mirror is None:
            return True
        try:
            return copied(folder).read_bytes() == manifest_digest(folder)
        except FileNotFoundError:
            return False

    def forget_before(self, number: int) -> None:
        self._done = {n: manifest for n, manifest in self._done.items() if n >= number}
