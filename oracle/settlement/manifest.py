"""The round's manifest: canonical JSON, its schema and digest (docs/formats.md, section 10)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.settlement.specs import SPECS

HASHED_FOLDERS = ("inputs/", "outputs/")
TARGETS = "inputs/targets.csv"
SUBMISSIONS = "inputs/submissions/"
"""The folder of the submissions' bytes; `submission_path` names one."""
_SAFE_PATH = re.compile(r"(inputs|outputs)(/[a-z0-9_]+)*/[a-z0-9_]+(\.[a-z]+)?")


class ManifestError(ValueError):
    """The bytes are not a manifest of this version; the text says where."""


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


_Hash = Field(pattern=r"^0x[0-9a-f]{64}$")
_Address = Field(pattern=r"^0x[0-9a-f]{40}$")
_Count = Field(ge=0, lt=2**53)


class File(_Part):
    path: str
    sha256: str = _Hash
    size: int = _Count


class CloseBlock(_Part):
    number: int = _Count
    hash: str = _Hash
    timestamp: int = _Count


class BatchChain(_Part):
    head: str = _Hash
    words: int = _Count
    batches: int = Field(ge=1, lt=2**53)


class Totals(_Part):
    accepted: int = _Count
    on_time: int = _Count
    rejected: int = _Count


class Saturated(_Part):
    model: int = _Count
    score: str
    value: int


class Manifest(_Part):
    """Everything a round's result rests on; see docs/formats.md for each field.

    ``files`` are named, measured and hashed as plain files, also where they are published sealed.
    """

    format: Literal["assay/manifest/2"] = Field(default="assay/manifest/2", alias="schema")
    spec: str
    chain_id: int = _Count
    pool: str = _Address
    oracle: str = _Address
    tournament: int = _Count
    round: int = _Count
    announce_hash: str = _Hash
    close_block: CloseBlock
    files: list[File]
    batch_chain: BatchChain
    meta_root: str = _Hash
    at_risk: str = Field(pattern=r"^(0|[1-9][0-9]*)$")
    totals: Totals
    saturated: list[Saturated]

    def to_bytes(self) -> bytes:
        return canonical(self.model_dump(by_alias=True))

    def digest(self) -> bytes:
        return hashlib.sha256(self.to_bytes()).digest()


def hex32(value: bytes) -> str:
    return "0x" + value.hex()


def canonical(value: Any) -> bytes:
    """RFC 8785 canonical JSON."""
    return rfc8785.dumps(value)


def parse_canonical(raw: bytes, what: str) -> Any:
    """JSON that must be in canonical form, so that one content has one hash."""
    try:
        value = json.loads(raw)
        repeated = canonical(value)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{what} is not JSON: {error}") from None
    if repeated != raw:
        raise ManifestError(f"{what} is not canonical JSON (RFC 8785)")
    return value


def parse(raw: bytes) -> Manifest:
    """A manifest from its canonical bytes; refuses anything else."""
    value = parse_canonical(raw, "manifest.json")
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(f"manifest.json: {where}: {first['msg']}") from None
    for name in manifest.model_dump(by_alias=True):
        if name not in value:  # one with a default: its absence would be a second spelling
            raise ManifestError(f"manifest.json: {name}: Field required")
    paths = [file.path for file in manifest.files]
    if paths != sorted(set(paths)):
        raise ManifestError("manifest.json: files are not in order, or one is listed twice")
    if manifest.spec not in SPECS:
        raise ManifestError(f"manifest.json: spec: this release does not know {manifest.spec!r}")
    for path in paths:
        if not _SAFE_PATH.fullmatch(path):
            raise ManifestError(f"manifest.json: {path!r} is not a path of an artefact")
    return manifest


def list_files(contents: Mapping[str, bytes]) -> list[File]:
    """Manifest entries for {path: bytes}, sorted by path."""
    return [listed(path, raw) for path, raw in sorted(contents.items())]


def listed(path: str, raw: bytes) -> File:
    """The manifest's entry for a file."""
    return File(path=path, sha256=hex32(hashlib.sha256(raw).digest()), size=len(raw))


def is_private(path: str) -> bool:
    """Whether the file at ``path`` is sealed unless the round's specification says it is open."""
    return path == TARGETS or path.startswith(SUBMISSIONS)


def submission_path(sha256: bytes) -> str:
    return SUBMISSIONS + sha256.hex()
