"""From a round's inputs to everything that is signed: pure, and the same code for sign and verify.

Bytes in, bytes out. Operators run it before they sign, anyone runs it afterwards to check them.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle import __version__
from oracle.scoring.limits import MAX_MODELS
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.round import RoundScores, score_round
from oracle.settlement.batches import Batch, chain, cut
from oracle.settlement.manifest import (
    BatchChain,
    CloseBlock,
    Manifest,
    Saturated,
    Totals,
    canonical,
    hex32,
    list_files,
)
from oracle.settlement.merkle import leaf, root
from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Announcement, Commit, Domain, Submission, recover
from oracle.settlement.units import LANES_PER_WORD, words_for
from oracle.settlement.words import ScoreLane, pack_score, score_words
from oracle.tournaments import by_number
from oracle.tournaments.rules import SubmissionRules
from oracle.tournaments.submissions import SubmissionError, parse_submission
from oracle.tournaments.universe import parse_targets, parse_universe

SUPERSEDED = "superseded"
UNREGISTERED = "unregistered"
"""Reason to reject the submission of a model that was not there at the close block."""
FORMER_OWNER = "not signed by the owner at the close"
"""Reason to reject the submission of a model that changed hands before the close."""

CROWDED_OUT = "more submissions than a round can score"
"""Reason to reject a submission of less stake than as many others as can be scored."""


class EvaluationError(ValueError):
    """The round cannot be evaluated from these inputs; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission with its owner's signature; ``on_time`` as the operators' receipts say."""

    model: int
    sha256: bytes
    sequence: int
    on_time: bool
    signature: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class RoundInputs:
    """All a round's result depends on. ``owners`` are those at the close block, of all models with
    an entry that were registered then."""

    chain_id: int
    oracle: str
    announcement: Announcement
    close_block: CloseBlock
    stakes: Stakes
    owners: Mapping[int, str]
    universe: bytes
    targets: bytes
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A round's result: artefact files, manifest, batches with their links, and the Commit."""

    files: Mapping[str, bytes]
    manifest: Manifest
    batches: Sequence[Batch]
    links: Sequence[bytes]
    commit: Commit
    scores: RoundScores | None


@dataclass(frozen=True, slots=True)
class _Selection:
    accepted: list[tuple[Entry, np.ndarray]]
    rejected: list[tuple[Entry, str]]


def select(
    entries: Iterable[Entry],
    universe: Sequence[str],
    rules: SubmissionRules,
    is_owners: Callable[[Entry], bool],
    owners: Container[int],
) -> _Selection:
    """Each model's counted submission with its predictions, and why every other one does not count.

    The valid on-time entry with the highest (sequence, sha256) counts; failing that, the highest
    valid late one. Models that are not in ``owners`` were not registered at the close block;
    ``is_owners`` says whether the owner at the close block signed an entry.
    """
    by_model: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_model[entry.model].append(entry)
    accepted: list[tuple[Entry, np.ndarray]] = []
    rejected: list[tuple[Entry, str]] = []
    for model in sorted(by_model):
        if model not in owners:
            rejected += [(entry, UNREGISTERED) for entry in by_model[model]]
            continue
        counted = False
        for entry in sorted(by_model[model], key=_preference, reverse=True):
            if not is_owners(entry):
                rejected.append((entry, FORMER_OWNER))
                continue
            if counted:
                rejected.append((entry, SUPERSEDED))
                continue
            try:
                parsed = parse_submission(entry.raw, universe, rules)
            except SubmissionError as error:
                rejected.append((entry, str(error)))
                continue
            accepted.append((entry, parsed.values))
            counted = True
    rejected.sort(key=lambda pair: _order(pair[0]))
    return _Selection(accepted, rejected)


def within(selection: _Selection, stakes: Mapping[int, int], most: int = MAX_MODELS) -> _Selection:
    """The selection with at most ``most`` accepted, as many as a round can score.

    Those at risk come first, by their stake: to crowd somebody out takes more stake than he has.
    """

    def precedence(pair: tuple[Entry, np.ndarray]) -> tuple[int, bool, int]:
        entry, _ = pair
        return (-stakes.get(entry.model, 0) * entry.on_time, not entry.on_time, entry.model)

    ordered = sorted(selection.accepted, key=precedence)
    kept = sorted(ordered[:most], key=lambda pair: pair[0].model)
    crowded = [(entry, CROWDED_OUT) for entry, _ in ordered[most:]]
    rejected = sorted([*selection.rejected, *crowded], key=lambda pair: _order(pair[0]))
    return _Selection(kept, rejected)


def _preference(entry: Entry) -> tuple[bool, int, bytes]:
    return (entry.on_time, entry.sequence, entry.sha256)


def _order(entry: Entry) -> tuple[int, int, bytes]:
    return (entry.model, entry.sequence, entry.sha256)


def evaluate(inputs: RoundInputs) -> Evaluation:
    """Scores the round and builds everything that is published and signed."""
    announced = inputs.announcement
    universe = parse_universe(inputs.universe)
    target = parse_targets(inputs.targets, universe)
    rules = by_number(announced.tournament)
    if not rules.need_all_ids:
        # Models would predict different rows, and the scores below compare row with row.
        raise EvaluationError(
            f"this release cannot score tournament {rules.number} ({rules.name}), "
            "whose submissions may leave ids out"
        )
    owners = _owners(inputs)
    domain = Domain(inputs.chain_id, announced.pool)

    def is_owners(entry: Entry) -> bool:
        said = Submission(announced.round, entry.model, entry.sha256, entry.sequence)
        signer = recover(said, domain, entry.signature)
        return signer is not None and signer.lower() == owners[entry.model]

    selection = select(inputs.entries, universe, rules, is_owners, owners)
    selection = within(selection, inputs.stakes.stakes)
    on_time = [entry.on_time for entry, _ in selection.accepted]
    stakes = [
        inputs.stakes.stakes.get(entry.model, 0) if entry.on_time else 0
        for entry, _ in selection.accepted
    ]
    scores = (
        score_round(
            np.stack([values for _, values in selection.accepted]),
            target,
            stakes,
            accounts=[owners[entry.model] for entry, _ in selection.accepted],
            # The close block's hash is not known while stakes and predictions can change.
            portfolio=plain_problem(len(universe), seed=int(inputs.close_block.hash, 16)),
        )
        if selection.accepted
        else None
    )
    published = _published(scores, hardened=announced.template.kappa > 0)
    lanes, saturated = _lanes(selection.accepted, published, announced)
    words = words_for(inputs.stakes.models)
    batches = cut(
        score_words(lanes, words),
        {model // LANES_PER_WORD for model in inputs.stakes.take_profit},
    )
    links = chain(batches)
    meta_rows = _meta_rows(universe, scores)
    files = {
        "inputs/announcement.json": canonical(_announcement_json(announced)),
        "inputs/universe.csv": inputs.universe,
        "inputs/targets.csv": inputs.targets,
        "inputs/stakes.json": canonical(stakes_json(inputs.stakes, owners)),
        "inputs/submissions.json": canonical(_submissions_json(selection)),
        **{f"inputs/submissions/{e.sha256.hex()}": e.raw for e in inputs.entries},
        "outputs/scores.csv": _scores_csv(selection.accepted, stakes, published),
        "outputs/unscored.csv": _unscored_csv(inputs.stakes, selection),
        "outputs/meta_model.csv": _csv("id,value", meta_rows),
        "outputs/batches.json": canonical(_batches_json(batches)),
        "outputs/statuses.json": canonical(_statuses_json(scores)),
    }
    meta_root = root(leaf(announced.round, row_id, value) for row_id, value in meta_rows)
    at_risk = sum(stakes)
    manifest = Manifest(
        code_version=__version__,
        chain_id=inputs.chain_id,
        pool=announced.pool.lower(),
        oracle=inputs.oracle.lower(),
        tournament=announced.tournament,
        round=announced.round,
        announce_hash=hex32(announced.hash()),
        close_block=inputs.close_block,
        files=list_files(files),
        batch_chain=BatchChain(head=hex32(links[0]), words=words, batches=len(batches)),
        meta_root=hex32(meta_root),
        at_risk=str(at_risk),
        totals=Totals(
            accepted=len(on_time), on_time=sum(on_time), rejected=len(selection.rejected)
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
    return Evaluation(files, manifest, batches, links, commit, scores)


def _owners(inputs: RoundInputs) -> dict[int, str]:
    """Owner, in lower case, of each registered model with an entry, in the order of the models."""
    models = sorted({e.model for e in inputs.entries if e.model < inputs.stakes.models})
    unknown = [model for model in models if model not in inputs.owners]
    if unknown:
        raise EvaluationError(f"the owner of model {unknown[0]} is not given")
    return {model: inputs.owners[model].lower() for model in models}


def _published(scores: RoundScores | None, hardened: bool) -> Sequence[dict[str, int]]:
    """What is published of each model, by name: scores and rho at 10^-9, and the hardening level,
    0 unless ``hardened``."""
    if scores is None:
        return []
    return [
        {
            "corr": int(corr),
            "mmc": int(mmc),
            "tc": int(tc),
            "rho": int(rho),
            "level": int(level) if hardened else 0,
        }
        for corr, mmc, tc, rho, level in zip(
            scores.corr, scores.mmc, scores.tc, scores.rho, scores.levels, strict=True
        )
    ]


def _lanes(
    accepted: Sequence[tuple[Entry, np.ndarray]],
    published: Sequence[dict[str, int]],
    announced: Announcement,
) -> tuple[dict[int, ScoreLane], list[Saturated]]:
    """Score lanes of the on-time models, and the scores that did not fit."""
    kinds = _kind_names(announced)
    lanes: dict[int, ScoreLane] = {}
    saturated: list[Saturated] = []
    for (entry, _), values in zip(accepted, published, strict=True):
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


def _kind_names(announced: Announcement) -> list[str]:
    """Names of the template's three scores, empty for none."""
    known = {SCORE_KINDS[name]: name.lower() for name in ("CORR", "MMC", "TC")}
    names = {**known, SCORE_KINDS["NONE"]: ""}
    for code in announced.template.kinds:
        if code not in names:
            raise EvaluationError(
                f"this release cannot score kind {code}; it knows {', '.join(known.values())}"
            )
    return [names[code] for code in announced.template.kinds]


def _meta_rows(universe: Sequence[str], scores: RoundScores | None) -> list[tuple[str, int]]:
    if scores is None or scores.meta_status != "ok":
        return []
    return [(i, int(v)) for i, v in zip(universe, scores.meta_values, strict=True)]


def _csv(header: str, rows: Iterable[Sequence[object]]) -> bytes:
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _statuses_json(scores: RoundScores | None) -> dict[str, str]:
    """Whether there is a meta model and a True Contribution, or why not."""
    if scores is None:
        return {"meta_model": "no_submission", "tc": "no_submission"}
    return {"meta_model": scores.meta_status, "tc": scores.tc_status}


def _scores_csv(
    accepted: Sequence[tuple[Entry, np.ndarray]],
    stakes: Sequence[int],
    published: Sequence[dict[str, int]],
) -> bytes:
    rows = [
        (entry.model, int(entry.on_time), stake, *values.values())
        for (entry, _), stake, values in zip(accepted, stakes, published, strict=True)
    ]
    return _csv("model,on_time,stake,corr,mmc,tc,rho,level", rows)


def _unscored_csv(stakes: Stakes, selection: _Selection) -> bytes:
    """Models with stake whose lane is zero, since none of their submissions was valid and on time:
    ``late`` ones have scores all the same, of ``refused`` ones no submission counted."""
    on_time = {entry.model for entry, _ in selection.accepted if entry.on_time}
    late = {entry.model for entry, _ in selection.accepted if not entry.on_time}
    refused = {entry.model for entry, _ in selection.rejected}

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


def _submissions_json(selection: _Selection) -> dict[str, Any]:
    return {
        "accepted": [_entry_json(entry) for entry, _ in selection.accepted],
        "rejected": [{**_entry_json(entry), "reason": why} for entry, why in selection.rejected],
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
