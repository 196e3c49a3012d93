"""A round anew from its published files, byte for byte, or the first file that differs."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from oracle.evaluation.assembly import Evaluation, Scored, assemble
from oracle.evaluation.evaluate import announced_spec, evaluate, signed_by_owners
from oracle.evaluation.inputs import Entry
from oracle.evaluation.published import (
    ReadFile,
    inputs_of,
    published_meta,
    published_reasons,
    published_rows,
    published_statuses,
)
from oracle.evaluation.score_sets import ScoreSet, score_set
from oracle.evaluation.scorer import Scorer
from oracle.evaluation.selection import (
    CROWDED_OUT,
    FORMER_OWNER,
    SUPERSEDED,
    UNREGISTERED,
    Invalid,
    select,
    within,
)
from oracle.settlement.manifest import TARGETS, File, Manifest, hex32, submission_path
from oracle.store.artefacts import ArtefactError
from oracle.tournaments import by_number
from oracle.tournaments.round_files import read_universe

_OF_RULES = frozenset({SUPERSEDED, UNREGISTERED, FORMER_OWNER, CROWDED_OUT})
"""Reasons that do not rest on what is in a file."""


class RecomputedError(ArtefactError):
    """A file is not as recomputed. ``published`` and ``recomputed`` are its SHA-256 as 0x text,
    empty where there is no such file."""

    def __init__(self, path: str, text: str, published: str, recomputed: str) -> None:
        super().__init__(f"{path}: {text}", path)
        self.published, self.recomputed = published, recomputed


def recompute(manifest: Manifest, read: ReadFile, *, scorer: Scorer | None = None) -> Evaluation:
    """Everything anew from the inputs, byte for byte; names the first file that differs.

    ``read`` gives a file's plain bytes by its path, as `RoundFolder.read` does; it must be able to
    give all. Raises ``ArtefactError``, ``RecomputedError`` for a difference.
    """
    inputs = inputs_of(manifest, read, read(TARGETS))

    def submission(sha256: bytes) -> bytes:
        return read(submission_path(sha256))

    try:
        result = evaluate(inputs, submission, scorer=scorer)
    except ArtefactError:
        raise
    except ValueError as error:
        raise ArtefactError(f"the round cannot be evaluated from its inputs: {error}") from error
    _compare(manifest, read, result)
    return result


def derive(manifest: Manifest, read: ReadFile) -> Evaluation:
    """Everything that follows from the published scores, without targets and submissions.

    What is signed and settled follows from scores, stakes and announcement: lanes, batches, at
    risk, the meta model's root, the manifest. Which submission counts follows from signatures,
    times and sequences, given which files are valid. That the scores, the meta model and what is
    said of invalid files are right takes the predictions: see `recompute`. Errors as there.
    """
    inputs = inputs_of(manifest, read, b"")
    try:
        spec = announced_spec(inputs)
        tournament = inputs.announcement.tournament
        found = score_set(spec, tournament)
        universe = read_universe(inputs.universe, by_number(tournament)).ids
        owners = inputs.lower_owners()
        reasons = published_reasons(read, inputs.entries)
        with Scorer(in_memory=_NO_PREDICTIONS).work(len(owners), len(universe)) as work:
            is_owners = signed_by_owners(inputs, owners, work)
        selection = within(
            select(inputs.entries, owners, is_owners, lambda tried: _as_said(tried, reasons)),
            inputs.stakes.stakes,
        )
        accepted = [entry for entry, _ in selection.accepted]
        scored = Scored(
            accepted=accepted,
            rejected=selection.rejected,
            rows=_rows(read, found, accepted, inputs.announcement.template.kappa > 0),
            meta=_meta(read, universe),
            statuses=_statuses(read, found, accepted),
        )
        result = assemble(inputs, spec, scored, _listed(manifest, TARGETS))
    except ArtefactError:
        raise
    except ValueError as error:
        raise ArtefactError(f"the round does not follow from its files: {error}") from error
    _compare(manifest, read, result)
    return result


_NO_PREDICTIONS = 2**63
"""Nothing is parsed, so nothing takes memory."""


def _as_said(
    tried: Sequence[Entry], reasons: Mapping[Entry, str | None]
) -> Iterator[Invalid | None]:
    for entry in tried:
        reason = reasons[entry]
        yield None if reason is None or reason in _OF_RULES else Invalid(reason)


def _rows(
    read: ReadFile, found: ScoreSet, accepted: Sequence[Entry], hardened: bool
) -> list[dict[str, int]]:
    """What is published of each accepted model; the rest of its row is compared later."""
    rows = published_rows(read, found)
    if [row["model"] for row in rows] != [entry.model for entry in accepted]:
        path = "outputs/scores.csv"
        raise ArtefactError(f"{path}: the models are not those with a counted submission", path)
    kept = [{name: row[name] for name in found.columns} for row in rows]
    return kept if hardened else [{**row, "level": 0} for row in kept]


def _meta(read: ReadFile, universe: Sequence[str]) -> list[tuple[str, int]]:
    rows = published_meta(read)
    if rows and [row_id for row_id, _ in rows] != list(universe):
        path = "outputs/meta_model.csv"
        raise ArtefactError(f"{path}: the ids are not the universe's", path)
    return rows


def _statuses(read: ReadFile, found: ScoreSet, accepted: Sequence[Entry]) -> dict[str, str]:
    """As published, where meta model and scores are as they say."""
    path = "outputs/statuses.json"
    statuses, meta = published_statuses(read, found), published_meta(read)
    rows = published_rows(read, found)
    if (statuses["meta_model"] == "no_submission") == bool(accepted):
        raise ArtefactError(f"{path}: meta_model is not as the submissions are", path)
    if (statuses["meta_model"] == "ok") != bool(meta):
        raise ArtefactError(f"{path}: meta_model is not as outputs/meta_model.csv", path)
    for name, key in found.rests_on.items():
        status = statuses[key]
        if status != "ok" and any(row[name] for row in rows):
            raise ArtefactError(
                f"{path}: {name} is {status}, and not 0 in outputs/scores.csv", path
            )
    return statuses


def _listed(manifest: Manifest, path: str) -> File:
    for file in manifest.files:
        if file.path == path:
            return file
    raise ArtefactError(f"{path} is missing from the manifest", path)


# ---------------------------------------------------------------------- comparing


def _compare(manifest: Manifest, read: ReadFile, result: Evaluation) -> None:
    """Every file as recomputed, and the manifest's list of them."""
    published = {file.path: file for file in manifest.files}
    recomputed = {file.path: file for file in result.manifest.files}
    for path in sorted({*published, *recomputed}):
        if path not in recomputed:
            raise RecomputedError(path, "does not belong to this round", published[path].sha256, "")
        if path not in published:
            raise RecomputedError(path, "is missing from the manifest", "", recomputed[path].sha256)
        if path in result.files and (given := read(path)) != result.files[path]:
            raise RecomputedError(
                path,
                _first_difference(given, result.files[path]),
                hex32(hashlib.sha256(given).digest()),
                recomputed[path].sha256,
            )


def _first_difference(given: bytes, own: bytes) -> str:
    lines = zip(given.split(b"\n"), own.split(b"\n"), strict=False)
    for number, (published, computed) in enumerate(lines, 1):
        if published != computed:
            return f"line {number} is {_shown(published)}, recomputed it is {_shown(computed)}"
    return "has another number of lines than recomputed"


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace")
    return repr(text if len(text) <= 120 else text[:117] + "...")
