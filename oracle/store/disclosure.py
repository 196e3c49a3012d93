"""Opening a round's submissions and targets to those who may see them, once its commit is final.

Runs again after any crash: what is written is complete before what it replaces goes away.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from oracle.settlement.manifest import SUBMISSIONS, Manifest, is_private
from oracle.settlement.specs import Disclosure, Spec
from oracle.store.artefacts import (
    ArtefactError,
    RoundFolder,
    remove_tree,
    sync_tree,
    write_plain,
    write_sealed,
)
from oracle.store.sealed_index import INDEX, SEALED, SealedTo
from oracle.store.sealing import Identity, seal

_NEXT = ".disclosing"
"""What is being written; nothing there counts yet."""
_COMPLETE = ".disclosed"
"""Everything sealed anew; from here on only renames are left."""

_DONE: Mapping[Disclosure, SealedTo] = {
    Disclosure.VERIFIERS: "verifiers",
    Disclosure.OWNER: "owner",
}


def disclose(
    folder: Path,
    spec: Spec,
    identity: Identity,
    operators: Iterable[str],
    verifiers: Iterable[str],
    owners_recipients: Mapping[bytes, Iterable[str]],
) -> None:
    """Opens what ``spec`` says, from a folder that is sealed to the operators.

    ``operators`` and ``verifiers`` are recipients, ``owners_recipients`` those of the owners of a
    submission by its SHA-256; an owner who gave none reads nothing. ``identity`` must open every
    sealed file. A folder that has been disclosed is left as it is. Raises ``ArtefactError``.
    """
    _finish_interrupted(folder)
    round_folder = RoundFolder(folder, identity)
    manifest = round_folder.manifest()
    if manifest.spec != spec.name:
        raise ArtefactError(f"the round's specification is {manifest.spec}, not {spec.name}")
    if spec.disclosure is Disclosure.OPEN:
        _write_plain(round_folder, manifest)
        remove_tree(folder / SEALED)
    elif round_folder.disclosed() is None:
        everyone = [*operators, *(verifiers if spec.disclosure is Disclosure.VERIFIERS else ())]
        files = _sealed_anew(round_folder, manifest, everyone, owners_recipients)
        _replace_sealed(folder, _DONE[spec.disclosure], files)


def _write_plain(folder: RoundFolder, manifest: Manifest) -> None:
    following = folder.path / _NEXT
    shutil.rmtree(following, ignore_errors=True)
    paths = [file.path for file in manifest.files if is_private(file.path)]
    missing = [path for path in paths if not (folder.path / path).exists()]
    for path in missing:
        write_plain(following / path, folder.read(path))
    sync_tree(following)
    for path in missing:
        (folder.path / path).parent.mkdir(exist_ok=True)
        os.rename(following / path, folder.path / path)
    sync_tree(folder.path / "inputs")
    shutil.rmtree(following, ignore_errors=True)


def _sealed_anew(
    folder: RoundFolder,
    manifest: Manifest,
    everyone: list[str],
    owners_recipients: Mapping[bytes, Iterable[str]],
) -> Iterator[tuple[str, bytes]]:
    for file in manifest.files:
        if is_private(file.path):
            also: Iterable[str] = ()
            if file.path.startswith(SUBMISSIONS):
                also = owners_recipients.get(bytes.fromhex(file.sha256[2:]), ())
            yield file.path, seal(folder.read(file.path), [*everyone, *also])


def _replace_sealed(folder: Path, to: SealedTo, files: Iterable[tuple[str, bytes]]) -> None:
    following = folder / _NEXT
    shutil.rmtree(following, ignore_errors=True)
    write_sealed(following, to, files)
    sync_tree(following)
    os.rename(following, folder / _COMPLETE)
    _finish_interrupted(folder)


def _finish_interrupted(folder: Path) -> None:
    complete = folder / _COMPLETE
    if (complete / INDEX).exists():
        remove_tree(folder / SEALED)
        os.rename(complete / SEALED, folder / SEALED)
    shutil.rmtree(complete, ignore_errors=True)
