"""From a folder's bytes back to the inputs of a round, so that it can be evaluated anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oracle.operator.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.operator.wire import unhex
from oracle.settlement.batches import Batch
from oracle.settlement.manifest import Manifest, ManifestError, parse_canonical
from oracle.settlement.payout import Template
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Announcement
from oracle.store.artefacts import ArtefactError, read_file

_BATCHES = "outputs/batches.json"


def read_batches(folder: Path) -> list[Batch]:
    """The round's batches as published."""
    return parse_batches(read_file(folder, _BATCHES))


def parse_batches(raw: bytes) -> list[Batch]:
    return [
        Batch(item["start"], tuple(int(word, 16) for word in item["words"]))
        for item in json.loads(raw)
    ]


def inputs_of(manifest: Manifest, files: Mapping[str, bytes]) -> RoundInputs:
    """The inputs that a folder's files state; raises ``ArtefactError`` where one is malformed."""
    try:
        submissions = parse_canonical(files["inputs/submissions.json"], "inputs/submissions.json")
        return RoundInputs(
            chain_id=manifest.chain_id,
            oracle=manifest.oracle,
            announcement=parse_announcement(files["inputs/announcement.json"]),
            close_block=manifest.close_block,
            stakes=_stakes(files["inputs/stakes.json"]),
            universe=files["inputs/universe.csv"],
            targets=files["inputs/targets.csv"],
            entries=[
                _entry(item, files) for item in (*submissions["accepted"], *submissions["rejected"])
            ],
        )
    except KeyError as error:
        raise ArtefactError(f"{error.args[0]} is missing from the artefacts") from None
    except (ManifestError, TypeError, ValueError) as error:
        raise ArtefactError(f"malformed inputs: {error}") from None


def recompute(manifest: Manifest, files: Mapping[str, bytes]) -> Evaluation:
    """Everything anew from the inputs, byte for byte; names the first file that differs."""
    result = evaluate(inputs_of(manifest, files))
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
    value: dict[str, Any] = parse_canonical(raw, "inputs/announcement.json")
    template = value.pop("template")
    for name in ("series_hash", "spec_hash"):
        value[name] = unhex(value[name])
    return Announcement(
        **value,
        template=Template(
            kinds=tuple(template["kinds"]),
            multipliers=tuple(template["multipliers"]),
            clip_up=int(template["clip_up"]),
            clip_down=int(template["clip_down"]),
            threshold=int(template["threshold"]),
            kappa=template["kappa"],
        ),
    )


def _stakes(raw: bytes) -> Stakes:
    value = parse_canonical(raw, "inputs/stakes.json")
    return Stakes(
        models=value["models"],
        stakes={int(model): int(stake) for model, stake in value["stakes"].items()},
        take_profit=frozenset(value["take_profit"]),
    )


def _entry(item: Mapping[str, Any], files: Mapping[str, bytes]) -> Entry:
    return Entry(
        model=item["model"],
        sha256=unhex(item["sha256"]),
        sequence=item["sequence"],
        on_time=item["on_time"],
        signature=unhex(item["signature"]),
        raw=files[f"inputs/submissions/{item['sha256'][2:]}"],
    )
