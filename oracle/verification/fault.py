"""Is a difference the round's fault, or only that of the copy here?

A bond is lost where a result is confirmed as it was, so only a folder that is intact, and the very
one whose manifest was committed, can speak against it.
"""

import hashlib
import json
from pathlib import Path

from oracle.chain.reader import PoolReader
from oracle.errors import RefusedError
from oracle.evaluation.assembly import stakes_json
from oracle.evaluation.recompute import RecomputedError, derive, recompute
from oracle.evaluation.scorer import ProcessError
from oracle.settlement.evidence import MANIFEST_PATH, Wrong
from oracle.settlement.manifest import Manifest, canonical, hex32
from oracle.settlement.typed_data import Announcement, Commit
from oracle.store.artefacts import MANIFEST, ArtefactError, RoundFolder, read_file
from oracle.store.sealing import Identity

_STAKES = "inputs/stakes.json"
_MOST_TEXT = 1000


def fault(folder: Path, reader: PoolReader, number: int, identity: Identity | None = None) -> Wrong:
    """What is wrong with the committed result of round ``number``.

    Raises ``RefusedError`` where that cannot be said from this folder: it is damaged, of another
    result, made by rules that this release does not have, or nothing is wrong.
    """
    announced, committed = reader.announced(number), reader.committed(number)
    if announced is None or committed is None:
        raise RefusedError(f"round {number} has no commit")
    manifest, files = _committed(folder, committed, identity)
    found = _against_chain(manifest, files, reader, announced) or _against_inputs(
        manifest, files, committed
    )
    if found is None:
        raise RefusedError("the committed result follows from its inputs")
    path, published, recomputed, text = found
    return Wrong(
        chain_id=manifest.chain_id,
        pool=manifest.pool,
        round=number,
        manifest=hex32(committed.manifest),
        path=path,
        published=published,
        recomputed=recomputed,
        difference=text[:_MOST_TEXT],
    )


_Found = tuple[str, str, str, str]
"""Path, its published and its recomputed SHA-256, and the difference in words."""


def _committed(
    folder: Path, committed: Commit, identity: Identity | None
) -> tuple[Manifest, RoundFolder]:
    files = RoundFolder(folder, identity)
    try:
        if hashlib.sha256(read_file(folder, MANIFEST)).digest() != committed.manifest:
            raise RefusedError("the folder is not the committed round's")
        files.check()
        return files.manifest(), files
    except ArtefactError as error:
        raise RefusedError(f"the copy here is damaged: {error}") from None


def _against_chain(
    manifest: Manifest, files: RoundFolder, reader: PoolReader, announced: Announcement
) -> _Found | None:
    published = hex32(manifest.digest())
    if announced.hash() != bytes.fromhex(manifest.announce_hash[2:]):
        text = "the round was announced with other parameters"
        return MANIFEST_PATH, published, "", text
    close = reader.close_block(announced.closes)
    if close != manifest.close_block:
        text = f"the close block is {close.number} {close.hash}, not the manifest's"
        return MANIFEST_PATH, published, "", text
    raw = files.read(_STAKES)
    stakes = reader.stakes(manifest.round, close)
    try:
        models = [int(model) for model in json.loads(raw)["owners"]]
    except (ValueError, KeyError, TypeError):
        return _STAKES, _sha256(raw), "", "it is malformed"
    owners = reader.owners(close.number)
    known = {model: owners[model] for model in models if model < stakes.models}
    own = canonical(stakes_json(stakes, known))
    if own != raw:
        return _STAKES, _sha256(raw), _sha256(own), "it is not the pool's state at the close block"
    return None


def _against_inputs(manifest: Manifest, files: RoundFolder, committed: Commit) -> _Found | None:
    """Anew from all inputs, or from the scores where predictions are sealed to others."""
    try:
        result = (derive if files.unreadable else recompute)(manifest, files.read)
    except RecomputedError as error:
        return error.path, error.published, error.recomputed, str(error)
    except (ArtefactError, ProcessError) as error:
        # It may be this release that cannot do it.
        raise RefusedError(f"the round cannot be evaluated here: {error}") from None
    published, own = hex32(committed.manifest), hex32(result.manifest.digest())
    for name in Commit.fields:
        signed, right = getattr(committed, name), getattr(result.commit, name)
        if (signed.lower() != right.lower()) if isinstance(right, str) else (signed != right):
            text = f"the committed {name} is not what the round's inputs lead to"
            return MANIFEST_PATH, published, "" if own == published else own, text
    return None


def _sha256(raw: bytes) -> str:
    return hex32(hashlib.sha256(raw).digest())
