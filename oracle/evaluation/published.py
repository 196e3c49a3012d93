"""From a round's published files back to its inputs and to what scoring found.

The files may come from anyone: each is read through a model of its format (docs/formats.md,
sections 9 and 10) that admits nothing else. That its numbers are spelled in the one canonical way
shows when they are written anew.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from oracle.evaluation.assembly import META_HEADER
from oracle.evaluation.inputs import Entry, RoundInputs
from oracle.evaluation.score_sets import ScoreSet
from oracle.settlement.batches import Batch
from oracle.settlement.manifest import (
    Manifest,
    ManifestError,
    parse_canonical,
    submission_path,
)
from oracle.settlement.payout import Template
from oracle.settlement.reference import Stakes
from oracle.settlement.submitters import PATTERN
from oracle.settlement.typed_data import Announcement
from oracle.settlement.units import MAX_AMOUNT, MAX_LEVEL, MAX_MODELS
from oracle.settlement.wire import unhex
from oracle.store.artefacts import ArtefactError, read_file

_BATCHES = "outputs/batches.json"
_ANNOUNCEMENT = "inputs/announcement.json"
_STAKES = "inputs/stakes.json"
_SUBMISSIONS = "inputs/submissions.json"
_SCORES = "outputs/scores.csv"
_META = "outputs/meta_model.csv"
_STATUSES = "outputs/statuses.json"

ReadFile = Callable[[str], bytes]
"""A file's plain bytes by its path in the manifest; raises ``ArtefactError``."""

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Model = Annotated[int, Field(ge=0, lt=MAX_MODELS)]
_Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
_ModelKey = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,6})$")]
_Address = Annotated[str, Field(pattern="^0x[0-9a-f]{40}$")]
_Amount = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,17})$")]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)


class _TemplateJson(_Part):
    kinds: Annotated[list[_Count], Field(min_length=3, max_length=3)]
    multipliers: Annotated[list[_Count], Field(min_length=3, max_length=3)]
    clip_up: _Amount
    clip_down: _Amount
    threshold: _Amount
    kappa: _Count


class _AnnouncementJson(_Part):
    pool: _Address
    tournament: _Count
    round: _Count
    opens: _Count
    closes: _Count
    horizon: _Count
    phi: _Count
    series_hash: _Hash
    spec_hash: _Hash
    epoch: _Count
    template: _TemplateJson


class _StakesJson(_Part):
    models: Annotated[int, Field(ge=0, le=MAX_MODELS)]
    owners: dict[_ModelKey, _Address]
    stakes: dict[_ModelKey, _Amount]
    take_profit: list[_Model]


class _AcceptedJson(_Part):
    model: _Count
    sha256: _Hash
    sequence: _Count
    on_time: bool
    signature: Annotated[str, Field(pattern=PATTERN)]


class _RejectedJson(_AcceptedJson):
    reason: str


class _SubmissionsJson(_Part):
    accepted: list[_AcceptedJson]
    rejected: list[_RejectedJson]


class _BatchJson(_Part):
    start: _Count
    words: list[_Hash]


_T = TypeVar("_T")
_ANNOUNCEMENT_JSON = TypeAdapter(_AnnouncementJson)
_STAKES_JSON = TypeAdapter(_StakesJson)
_SUBMISSIONS_JSON = TypeAdapter(_SubmissionsJson)
_STATUSES_JSON = TypeAdapter(dict[str, str])
_BATCHES_JSON = TypeAdapter(list[_BatchJson])


def _read(kind: TypeAdapter[_T], raw: bytes, path: str) -> _T:
    try:
        return kind.validate_python(parse_canonical(raw, path))
    except ManifestError as error:
        raise ArtefactError(str(error), path) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise ArtefactError(f"{path}: {where}{first['msg']}", path) from None


# ---------------------------------------------------------------------- inputs


def inputs_of(manifest: Manifest, read: ReadFile, targets: bytes) -> RoundInputs:
    """The inputs that a folder's files state. Raises ``ArtefactError`` where one is malformed."""
    submissions = _submissions(read)
    stakes = _read(_STAKES_JSON, read(_STAKES), _STAKES)
    sizes = {file.path: file for file in manifest.files}
    entries = []
    for item in (*submissions.accepted, *submissions.rejected):
        path = submission_path(unhex(item.sha256))
        if path not in sizes:
            raise ArtefactError(f"{path} is missing from the manifest", path)
        if sizes[path].sha256 != item.sha256:
            # The manifest vouches for the bytes, the model's owner for the hash: they must agree.
            raise ArtefactError(f"{path} does not hold the bytes of that SHA-256", path)
        entries.append(_entry(item, sizes[path].size))
    return RoundInputs(
        chain_id=manifest.chain_id,
        oracle=manifest.oracle,
        announcement=parse_announcement(read(_ANNOUNCEMENT)),
        close_block=manifest.close_block,
        stakes=_stakes(stakes),
        owners={int(model): owner for model, owner in stakes.owners.items()},
        universe=read("inputs/universe.csv"),
        targets=targets,
        entries=entries,
    )


def _submissions(read: ReadFile) -> _SubmissionsJson:
    return _read(_SUBMISSIONS_JSON, read(_SUBMISSIONS), _SUBMISSIONS)


def _entry(item: _AcceptedJson, size: int) -> Entry:
    return Entry(
        model=item.model,
        sha256=unhex(item.sha256),
        sequence=item.sequence,
        on_time=item.on_time,
        signature=unhex(item.signature),
        size=size,
    )


def published_reasons(read: ReadFile, entries: Sequence[Entry]) -> dict[Entry, str | None]:
    """Why each of the round's entries was rejected; None for the accepted ones."""
    listed = _submissions(read)
    reasons = [*(None for _ in listed.accepted), *(item.reason for item in listed.rejected)]
    return dict(zip(entries, reasons, strict=True))


def parse_announcement(raw: bytes) -> Announcement:
    read = _read(_ANNOUNCEMENT_JSON, raw, _ANNOUNCEMENT)
    values: dict[str, Any] = read.model_dump(exclude={"template"})
    for name in ("series_hash", "spec_hash"):
        values[name] = unhex(values[name])
    template = read.template
    return Announcement(
        **values,
        template=Template(
            kinds=_three(template.kinds),
            multipliers=_three(template.multipliers),
            clip_up=int(template.clip_up),
            clip_down=int(template.clip_down),
            threshold=int(template.threshold),
            kappa=template.kappa,
        ),
    )


def _three(values: list[int]) -> tuple[int, int, int]:
    first, second, third = values
    return first, second, third


def _stakes(read: _StakesJson) -> Stakes:
    stakes = {int(model): int(stake) for model, stake in read.stakes.items()}
    if sum(stakes.values()) > MAX_AMOUNT:
        raise ArtefactError(f"{_STAKES}: the stakes sum to more than a pool can hold", _STAKES)
    return Stakes(
        models=read.models,
        stakes=stakes,
        take_profit=frozenset(read.take_profit),
    )


# ---------------------------------------------------------------------- outputs


def read_batches(folder: Path) -> list[Batch]:
    """The round's batches as published."""
    return parse_batches(read_file(folder, _BATCHES))


def parse_batches(raw: bytes) -> list[Batch]:
    items = _read(_BATCHES_JSON, raw, _BATCHES)
    return [Batch(item.start, tuple(int(word, 16) for word in item.words)) for item in items]


def published_rows(read: ReadFile, scored: ScoreSet) -> list[dict[str, int]]:
    """``outputs/scores.csv``: model, on_time and stake, then what scoring found of each model."""
    names = scored.header.split(",")
    rows = [dict(zip(names, row, strict=True)) for row in _table(read, _SCORES, scored.header)]
    found = [{name: _whole(_SCORES, text) for name, text in row.items()} for row in rows]
    for row in found:
        if not 0 <= row["level"] <= MAX_LEVEL:
            raise ArtefactError(f"{_SCORES}: model {row['model']}: no such level", _SCORES)
    return found


def published_meta(read: ReadFile) -> list[tuple[str, int]]:
    """``outputs/meta_model.csv``: (id, value at 10^-9)."""
    rows = _table(read, _META, META_HEADER)
    return [(row_id, _whole(_META, value)) for row_id, value in rows]


def published_statuses(read: ReadFile, scored: ScoreSet) -> dict[str, str]:
    """``outputs/statuses.json``."""
    found = _read(_STATUSES_JSON, read(_STATUSES), _STATUSES)
    if set(found) != set(scored.statuses):
        known = ", ".join(scored.statuses)
        raise ArtefactError(f"{_STATUSES}: it must say {known}, and nothing else", _STATUSES)
    return found


def _table(read: ReadFile, path: str, header: str) -> list[list[str]]:
    try:
        first, *lines = read(path).decode().splitlines()
    except ValueError:
        raise ArtefactError(f"{path} is not a table", path) from None
    width = header.count(",") + 1
    rows = [line.split(",") for line in lines]
    if first != header or any(len(row) != width for row in rows):
        raise ArtefactError(f"{path} is not a table of {header}", path)
    return rows


def _whole(path: str, text: str) -> int:
    """A whole number that JSON can hold."""
    try:
        number = int(text)
    except ValueError:
        number = _TOO_LARGE
    if abs(number) >= _TOO_LARGE:
        raise ArtefactError(f"{path}: {text[:40]!r} is not a number that may stand there", path)
    return number


_TOO_LARGE: Final = 2**53
