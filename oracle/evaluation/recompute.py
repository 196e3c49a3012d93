"""From a folder's bytes back to the inputs of a round, so that it can be evaluated anew.

The JSON files may come from anyone: each is read through a model of its format (docs/formats.md,
sections 9 and 10) that admits nothing else. That its numbers are spelled in the one canonical way
shows when they are written anew.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.settlement.batches import Batch
from oracle.settlement.manifest import Manifest, ManifestError, parse_canonical
from oracle.settlement.payout import Template
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Announcement
from oracle.settlement.units import MAX_AMOUNT, MAX_MODELS
from oracle.settlement.wire import unhex
from oracle.store.artefacts import ArtefactError, read_file

_BATCHES = "outputs/batches.json"
_ANNOUNCEMENT = "inputs/announcement.json"
_STAKES = "inputs/stakes.json"
_SUBMISSIONS = "inputs/submissions.json"

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
    signature: Annotated[str, Field(pattern="^0x[0-9a-f]{130}$")]


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
_BATCHES_JSON = TypeAdapter(list[_BatchJson])


def _read(kind: TypeAdapter[_T], raw: bytes, path: str) -> _T:
    try:
        return kind.validate_python(parse_canonical(raw, path))
    except ManifestError as error:
        raise ArtefactError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise ArtefactError(f"{path}: {where}{first['msg']}") from None


def read_batches(folder: Path) -> list[Batch]:
    """The round's batches as published."""
    return parse_batches(read_file(folder, _BATCHES))


def parse_batches(raw: bytes) -> list[Batch]:
    items = _read(_BATCHES_JSON, raw, _BATCHES)
    return [Batch(item.start, tuple(int(word, 16) for word in item.words)) for item in items]


def inputs_of(manifest: Manifest, files: Mapping[str, bytes]) -> RoundInputs:
    """The inputs that a folder's files state; raises ``ArtefactError`` where one is malformed."""
    try:
        submissions = _read(_SUBMISSIONS_JSON, files[_SUBMISSIONS], _SUBMISSIONS)
        stakes = _read(_STAKES_JSON, files[_STAKES], _STAKES)
        return RoundInputs(
            chain_id=manifest.chain_id,
            oracle=manifest.oracle,
            announcement=parse_announcement(files[_ANNOUNCEMENT]),
            close_block=manifest.close_block,
            stakes=_stakes(stakes),
            owners={int(model): owner for model, owner in stakes.owners.items()},
            universe=files["inputs/universe.csv"],
            targets=files["inputs/targets.csv"],
            entries=[
                _entry(item, files) for item in (*submissions.accepted, *submissions.rejected)
            ],
        )
    except KeyError as error:
        raise ArtefactError(f"{error.args[0]} is missing from the artefacts") from None


def recompute(manifest: Manifest, files: Mapping[str, bytes]) -> Evaluation:
    """Everything anew from the inputs, byte for byte; names the first file that differs.

    Raises ``ArtefactError``.
    """
    inputs = inputs_of(manifest, files)
    try:
        result = evaluate(inputs)
    except ValueError as error:
        raise ArtefactError(f"the round cannot be evaluated from its inputs: {error}") from error
    for path in sorted(set(files) | set(result.files)):
        if files.get(path) != result.files.get(path):
            raise ArtefactError(f"{path}: {_first_difference(files, result.files, path)}")
    return result


def _first_difference(given: Mapping[str, bytes], own: Mapping[str, bytes], path: str) -> str:
    if path not in given:
        return "is missing"
    if path not in own:
        return "does not belong to this round"
    lines = zip(given[path].split(b"\n"), own[path].split(b"\n"), strict=False)
    for number, (published, computed) in enumerate(lines, 1):
        if published != computed:
            return f"line {number} is {_shown(published)}, recomputed it is {_shown(computed)}"
    return "has another number of lines than recomputed"


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace")
    return repr(text if len(text) <= 120 else text[:117] + "...")


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
        raise ArtefactError(f"{_STAKES}: the stakes sum to more than a pool can hold")
    return Stakes(
        models=read.models,
        stakes=stakes,
        take_profit=frozenset(read.take_profit),
    )


def _entry(item: _AcceptedJson, files: Mapping[str, bytes]) -> Entry:
    sha256, path = unhex(item.sha256), f"inputs/submissions/{item.sha256[2:]}"
    raw = files[path]
    if hashlib.sha256(raw).digest() != sha256:
        # The manifest vouches for the bytes, the model's owner for the hash: they must agree.
        raise ArtefactError(f"{path} does not hold the bytes of that SHA-256")
    return Entry(
        model=item.model,
        sha256=sha256,
        sequence=item.sequence,
        on_time=item.on_time,
        signature=unhex(item.signature),
        raw=raw,
    )
