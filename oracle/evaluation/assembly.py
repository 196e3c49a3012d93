"""From what a round's scoring found to everything that is published and signed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from oracle.evaluation.inputs import Entry, EvaluationError, RoundInputs
from oracle.evaluation.score_sets import ScoreSet, score_set
from oracle.settlement.batches import Batch, chain, cut
from oracle.settlement.manifest import (
    TARGETS,
    BatchChain,
    File,
    Manifest,
    Saturated,
    Totals,
    canonical,
    hex32,
    list_files,
    submission_path,
)
from oracle.settlement.merkle import leaf, root
from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.reference import Stakes
from oracle.settlement.specs import Spec
from oracle.settlement.typed_data import Announcement, Commit
from oracle.settlement.units import LANES_PER_WORD, words_for
from oracle.settlement.words import ScoreLane, pack_score, score_words

META_HEADER: Final = "id,value"


@dataclass(frozen=True, slots=True)
class Scored:
    """What scoring found. ``rows``: of each accepted entry the published integers by column of the
    round's `ScoreSet`, scores and rho at 10^-9; ``meta``: (id, value at 10^-9) of the meta model.
    """

    accepted: Sequence[Entry]
    rejected: Sequence[tuple[Entry, str]]
    rows: Sequence[Mapping[str, int]]
    meta: Sequence[tuple[str, int]]
    statuses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A round's result: manifest, batches with their links, the Commit, and ``files``, those that
    are plain in every mode. Targets and submissions are listed in the manifest only."""

    files: Mapping[str, bytes]
    manifest: Manifest
    batches: Sequence[Batch]
    links: Sequence[bytes]
    commit: Commit


def assemble(inputs: RoundInputs, spec: Spec, scored: Scored, targets: File) -> Evaluation:
    """Everything that follows from scores; ``targets`` is the manifest's entry of that file.

    Raises ``EvaluationError``.
    """
    announced = inputs.announcement
    stakes = [
        inputs.stakes.stakes.get(entry.model, 0) if entry.on_time else 0
        for entry in scored.accepted
    ]
    found = score_set(spec, announced.tournament)
    lanes, saturated = _lanes(scored, announced, found)
    words = words_for(inputs.stakes.models)
    batches = cut(
        score_words(lanes, words),
        {model // LANES_PER_WORD for model in inputs.stakes.take_profit},
    )
    links = chain(batches)
    files = {
        "inputs/announcement.json": canonical(_announcement_json(announced)),
        "inputs/universe.csv": inputs.universe,
        "inputs/stakes.json": canonical(stakes_json(inputs.stakes, inputs.lower_owners())),
        "inputs/submissions.json": canonical(_submissions_json(scored)),
        "outputs/scores.csv": _scores_csv(scored, stakes, found),
        "outputs/unscored.csv": _unscored_csv(inputs.stakes, scored),
        "outputs/meta_model.csv": _csv(META_HEADER, scored.meta),
        "outputs/batches.json": canonical(_batches_json(batches)),
        "outputs/statuses.json": canonical(dict(scored.statuses)),
    }
    at_risk = sum(stakes)
    meta_root = root(leaf(announced.round, row_id, value) for row_id, value in scored.meta)
    manifest = Manifest(
        spec=spec.name,
        chain_id=inputs.chain_id,
        pool=announced.pool.lower(),
        oracle=inputs.oracle.lower(),
        tournament=announced.tournament,
        round=announced.round,
        announce_hash=hex32(announced.hash()),
        close_block=inputs.close_block,
        files=_listed(files, inputs.entries, targets),
        batch_chain=BatchChain(head=hex32(links[0]), words=words, batches=len(batches)),
        meta_root=hex32(meta_root),
        at_risk=str(at_risk),
        totals=Totals(
            accepted=len(scored.accepted),
            on_time=sum(entry.on_time for entry in scored.accepted),
            rejected=len(scored.rejected),
        ),
        saturated=saturated,
    )
    commit = Commit(
        pool=announced.pool,
        tournament=announced.tournament,
        round=announced.round,
        epoch=announced.epoch,
        announce_hash=announced.hash(),
        close_block_hash=bytes.fromhex(inputs.close_block.hash[2:]),
        chain_head=links[0],
        at_risk=at_risk,
        words=words,
        manifest=manifest.digest(),
        meta_root=meta_root,
    )
    return Evaluation(files, manifest, batches, links, commit)


def _listed(files: Mapping[str, bytes], entries: Iterable[Entry], targets: File) -> list[File]:
    """The manifest's list; one submission may be several models'."""
    sent = {
        entry.sha256: File(
            path=submission_path(entry.sha256), sha256=hex32(entry.sha256), size=entry.size
        )
        for entry in entries
    }
    everything = [*list_files(files), targets, *sent.values()]
    if targets.path != TARGETS:
        raise ValueError(f"{targets.path} is not the path of the targets")
    return sorted(everything, key=lambda file: file.path)


def _lanes(
    scored: Scored, announced: Announcement, found: ScoreSet
) -> tuple[dict[int, ScoreLane], list[Saturated]]:
    """Score lanes of the on-time models, and the scores that did not fit."""
    kinds = _kind_names(announced, found)
    lanes: dict[int, ScoreLane] = {}
    saturated: list[Saturated] = []
    for entry, values in zip(scored.accepted, scored.rows, strict=True):
        if not entry.on_time:
            continue
        packed = []
        for name in kinds:
            value = values[name] if name else 0
            score, cut_off = pack_score(value)
            packed.append(score)
            if cut_off:
                saturated.append(Saturated(model=entry.model, score=name, value=value))
        first, second, third = packed
        lanes[entry.model] = ScoreLane((first, second, third), values["level"])
    return lanes, saturated


def _kind_names(announced: Announcement, found: ScoreSet) -> list[str]:
    """Names of the template's three scores, empty for none."""
    known = {SCORE_KINDS[name.upper()]: name for name in found.scores}
    names = {**known, SCORE_KINDS["NONE"]: ""}
    for code in announced.template.kinds:
        if code not in names:
            raise EvaluationError(
                f"tournament {announced.tournament} cannot score kind {code}; "
                f"it knows {', '.join(found.scores)}"
            )
    return [names[code] for code in announced.template.kinds]


def _csv(header: str, rows: Iterable[Sequence[object]]) -> bytes:
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _scores_csv(scored: Scored, stakes: Sequence[int], found: ScoreSet) -> bytes:
    rows = [
        (entry.model, int(entry.on_time), stake, *(values[name] for name in found.columns))
        for entry, stake, values in zip(scored.accepted, stakes, scored.rows, strict=True)
    ]
    return _csv(found.header, rows)


def _unscored_csv(stakes: Stakes, scored: Scored) -> bytes:
    """Models with stake whose lane is zero, since none of their submissions was valid and on time:
    ``late`` ones have scores all the same, of ``refused`` ones no submission counted."""
    on_time = {entry.model for entry in scored.accepted if entry.on_time}
    late = {entry.model for entry in scored.accepted if not entry.on_time}
    refused = {entry.model for entry, _ in scored.rejected}

    def reason(model: int) -> str:
        if model in late:
            return "late"
        return "refused" if model in refused else "none"

    rows = [
        (model, stake, reason(model))
        for model, stake in sorted(stakes.stakes.items())
        if stake and model not in on_time
    ]
    return _csv("model,stake,reason", rows)


def stakes_json(stakes: Stakes, owners: Mapping[int, str]) -> dict[str, Any]:
    return {
        "models": stakes.models,
        "owners": {str(model): owner for model, owner in owners.items()},
        "stakes": {str(m): str(v) for m, v in sorted(stakes.stakes.items()) if v},
        "take_profit": sorted(stakes.take_profit),
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "model": entry.model,
        "sha256": hex32(entry.sha256),
        "sequence": entry.sequence,
        "on_time": entry.on_time,
        "signature": "0x" + entry.signature.hex(),
    }


def _submissions_json(scored: Scored) -> dict[str, Any]:
    return {
        "accepted": [_entry_json(entry) for entry in scored.accepted],
        "rejected": [{**_entry_json(entry), "reason": why} for entry, why in scored.rejected],
    }


def _batches_json(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    return [{"start": b.start, "words": [f"0x{word:064x}" for word in b.words]} for b in batches]


def _announcement_json(announced: Announcement) -> dict[str, Any]:
    template = announced.template
    return {
        "pool": announced.pool.lower(),
        "tournament": announced.tournament,
        "round": announced.round,
        "opens": announced.opens,
        "closes": announced.closes,
        "horizon": announced.horizon,
        "phi": announced.phi,
        "series_hash": hex32(announced.series_hash),
        "spec_hash": hex32(announced.spec_hash),
        "epoch": announced.epoch,
        "template": {
            "kinds": list(template.kinds),
            "multipliers": list(template.multipliers),
            "clip_up": str(template.clip_up),
            "clip_down": str(template.clip_down),
            "threshold": str(template.threshold),
            "kappa": template.kappa,
        },
    }
