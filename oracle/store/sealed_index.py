"""``sealed/files.json``: size and SHA-256 of a round's sealed files.

Every operator seals with chance of its own, so no manifest can list what comes of it. The index
shows damage to those who cannot open a file too; that it holds what the manifest lists shows to
those who can.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.settlement.manifest import (
    File,
    ManifestError,
    canonical,
    is_private,
    parse_canonical,
)

SEALED = "sealed"
INDEX = f"{SEALED}/files.json"

SealedTo = Literal["operators", "verifiers", "owner"]
"""Who can open sealed files: operators alone before the disclosure, a `Disclosure` after it."""


class SealedIndex(BaseModel):
    """Plain paths, as the manifest lists them, with size and SHA-256 of the sealed files."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["assay/sealed/1"] = Field(default="assay/sealed/1", alias="schema")
    to: SealedTo
    files: list[File]

    def to_bytes(self) -> bytes:
        return canonical(self.model_dump(by_alias=True))


def sealed_path(path: str) -> str:
    """Where the file that the manifest lists as ``path`` lies while it is sealed."""
    return f"{SEALED}/{path}.age"


def parse_index(raw: bytes) -> SealedIndex:
    """An index from its canonical bytes. Raises ``ManifestError`` for anything else."""
    value = parse_canonical(raw, INDEX)
    try:
        index = SealedIndex.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise ManifestError(f"{INDEX}: {where}{first['msg']}") from None
    if "schema" not in value:  # its absence would be a second spelling
        raise ManifestError(f"{INDEX}: schema: Field required")
    paths = [file.path for file in index.files]
    if paths != sorted(set(paths)) or not all(map(is_private, paths)):
        raise ManifestError(f"{INDEX}: not in order, or not what may be sealed")
    return index
