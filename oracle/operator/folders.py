"""A round's folder of this operator: whose result is in it, and replacing it by another."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from oracle.evaluation.published import parse_announcement
from oracle.operator.failpoints import Failpoint
from oracle.settlement.manifest import Manifest
from oracle.settlement.typed_data import Commit
from oracle.settlement.wire import unhex
from oracle.store.artefacts import ArtefactError, RoundFolder, read_manifest

_ANNOUNCEMENT = "inputs/announcement.json"


def manifest_digest(folder: Path) -> bytes | None:
    """Digest of the folder's manifest, or None if there is none that can be read."""
    try:
        return read_manifest(folder).digest()
    except ArtefactError:
        return None


def commit_in(folder: Path) -> Commit | None:
    """The result that a complete folder holds, or None. Evaluates nothing."""
    try:
        found = RoundFolder(folder)
        found.check()
        manifest = found.manifest()
        epoch = parse_announcement(found.read(_ANNOUNCEMENT)).epoch
    except ArtefactError:
        return None
    return commit_for(manifest, epoch)


def commit_for(manifest: Manifest, epoch: int) -> Commit:
    """What operators sign for a manifest."""
    return Commit(
        pool=manifest.pool,
        tournament=manifest.tournament,
        round=manifest.round,
        epoch=epoch,
        announce_hash=unhex(manifest.announce_hash),
        close_block_hash=unhex(manifest.close_block.hash),
        chain_head=unhex(manifest.batch_chain.head),
        at_risk=int(manifest.at_risk),
        words=manifest.batch_chain.words,
        manifest=manifest.digest(),
        meta_root=unhex(manifest.meta_root),
    )


def candidate(folder: Path, challenge_id: bytes) -> Path:
    """Where the answer to a challenge is kept while the committed result is still in force."""
    return folder.with_name(f".{folder.name}.confirm-{challenge_id.hex()[:16]}")


def follower(folder: Path) -> Path:
    """Where the committed result is written if another one was there before."""
    return folder.with_name(f".{folder.name}.following")


def answers(folder: Path) -> Path:
    """Where operators' answers to challenges are kept."""
    return folder.with_name(f".{folder.name}.answers")


def copied(folder: Path) -> Path:
    """Where the manifest's digest is noted once the folder was copied to the object store."""
    return folder.with_name(f".{folder.name}.copied")


def replaced(folder: Path) -> Path:
    """Where a result is kept that is not, or no longer, the round's."""
    return folder.with_name(f".{folder.name}.replaced")


def replace_by(folder: Path, other: Path, at: Callable[[str], None]) -> None:
    """Puts ``other`` in the place of ``folder``, which is kept beside it.

    Does the rest if it was interrupted between the two steps.
    """
    if folder.exists():
        shutil.rmtree(replaced(folder), ignore_errors=True)
        os.rename(folder, replaced(folder))
        at(Failpoint.OLD_RESULT_MOVED)
    os.rename(other, folder)
    at(Failpoint.RESULT_REPLACED)


def move_aside(folder: Path) -> None:
    """Makes room for a folder that is written anew; nothing in it was signed."""
    doomed = folder.with_name(f".{folder.name}.unsigned")
    shutil.rmtree(doomed, ignore_errors=True)
    if folder.exists():
        os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
