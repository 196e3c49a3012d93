"""Round folders on disk: written whole or not at all, checked against their manifest."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from oracle.settlement.manifest import HASHED_FOLDERS, Manifest, ManifestError, hex32, parse

MANIFEST = "manifest.json"
MAX_FILE = 256 * 2**20


class ArtefactError(ValueError):
    """A round folder is missing, incomplete or altered; the text names the file."""


def round_path(root: Path, chain_id: int, pool: str, round_number: int) -> Path:
    return root / "rounds" / str(chain_id) / pool.lower() / str(round_number)


def write_file(path: Path, raw: bytes) -> None:
    """Writes or replaces one file so that a reader sees the old bytes or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp made it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_round(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Publishes a round: everything under a temporary name, read back, then renamed into place.

    A folder that is there already must hold the same manifest; it is left as it is.
    """
    if folder.exists():
        if read_file(folder, MANIFEST) != manifest.to_bytes():
            raise ArtefactError(f"{folder} already holds another result of this round")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for path, raw in files.items():
            write_file(temporary / path, raw)
        write_file(temporary / MANIFEST, manifest.to_bytes())
        check_files(temporary, manifest)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_file(folder: Path, path: str) -> bytes:
    """Bytes of one artefact; never follows a link out of the folder."""
    full = folder / path
    if not full.is_file() or full.resolve() != folder.resolve() / path:
        raise ArtefactError(f"{path} is missing from {folder}")
    if full.stat().st_size > MAX_FILE:
        raise ArtefactError(f"{path} is larger than {MAX_FILE} bytes")
    return full.read_bytes()


def read_manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        raise ArtefactError(f"{folder} is not a folder; name the folder that holds manifest.json")
    try:
        return parse(read_file(folder, MANIFEST))
    except ManifestError as error:
        raise ArtefactError(str(error)) from None


def check_files(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """All files the manifest lists, each checked by size and SHA-256; refuses any other file."""
    listed = {file.path for file in manifest.files}
    for top in HASHED_FOLDERS:
        for found in (folder / top).rglob("*"):
            path = found.relative_to(folder).as_posix()
            is_folder = found.is_dir() and not found.is_symlink()
            if not is_folder and path not in listed:
                raise ArtefactError(f"{path} is not in the manifest")
    contents = {}
    for file in manifest.files:
        raw = read_file(folder, file.path)
        if len(raw) != file.size or hex32(hashlib.sha256(raw).digest()) != file.sha256:
            raise ArtefactError(f"{file.path} differs from its SHA-256 in the manifest")
        contents[file.path] = raw
    return contents
