"""Submissions that leave ids out: neutral there, scored as if whole, and the same for everyone."""

import json
from dataclasses import replace

import numpy as np
import partial_round as partial
import pytest
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st
from partial_round import IDS, LATE, MODELS, ROWS, TARGET, WHOLE, file, filled, inputs
from synthetic_round import all_files, csv_rows, entry, read, score_lanes

from oracle.evaluation.evaluate import Evaluation, EvaluationError, Scorer, evaluate
from oracle.evaluation.recompute import RecomputedError, derive, recompute
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.round import score_round
from oracle.settlement.manifest import list_files
from oracle.settlement.specs import SPECS
from oracle.settlement.typed_data import SPEC_HASH, Domain, digest
from oracle.settlement.words import pack_score
from oracle.tournaments import crypto
from oracle.tournaments.submissions import parse_submission

NAMES = ("corr", "mmc", "tc", "rho")


@pytest.fixture(scope="module")
def result() -> Evaluation:
    return partial.crypto()


# ---------------------------------------------------------------------- scored as if whole


def test_evaluate__crypto__scores_are_those_of_the_filled_predictions(result: Evaluation) -> None:
    rows = csv_rows(result)
    assert [int(row["model"]) for row in rows] == list(range(MODELS))
    expected = score_round(
        np.array([filled(partial.given(m)) for m in range(MODELS)]),
        TARGET,
        [partial.STAKES.stakes.get(m, 0) if m != LATE else 0 for m in range(MODELS)],
        accounts=[given_round.owner(m) for m in range(MODELS)],
        portfolio=plain_problem(ROWS, seed=int(given_round.CLOSE.hash, 16)),
    )
    for name in NAMES:
        assert [int(row[name]) for row in rows] == getattr(expected, name).tolist()
    assert [int(row["level"]) for row in rows] == expected.levels.tolist()
    meta = {r["id"]: int(r["value"]) for r in csv_rows(result, "outputs/meta_model.csv")}
    assert meta == dict(zip(IDS, expected.meta_values.tolist(), strict=True))


def test_evaluate__crypto__pays_on_its_template_and_late_ones_on_nothing(
    result: Evaluation,
) -> None:
    lanes = score_lanes(result)
    assert set(lanes) == set(range(MODELS)) - {LATE}
    for row in csv_rows(result):
        if row["on_time"] == "1":
            packed = tuple(pack_score(int(row[name]))[0] for name in ("corr", "mmc"))
            assert lanes[int(row["model"])].scores == (*packed, 0)
    assert result.manifest.spec == "assay/scoring/2"
    assert result.manifest.tournament == 12


@pytest.mark.slow
def test_evaluate__crypto_over_processes__identical_bytes(result: Evaluation) -> None:
    found = evaluate(inputs(), read, scorer=Scorer(workers=2, in_memory=0))
    assert (found.files, found.manifest, found.commit) == (
        result.files,
        result.manifest,
        result.commit,
    )


def test_evaluate__too_few_live_ids__rejected_with_the_reason() -> None:
    few = dict(list(partial.given(WHOLE).items())[:99])
    found = evaluate(inputs(entries=[entry(0, file(few)), *partial.entries()[1:]]), read)
    [refused] = json.loads(found.files["inputs/submissions.json"])["rejected"]
    assert refused["model"] == 0
    assert refused["reason"].startswith("invalid_submission_ids: 99 ids of the live universe")


@pytest.mark.parametrize("tournament", [11, 12])
@pytest.mark.parametrize("name", [n for n, spec in SPECS.items() if spec.version == 1])
def test_evaluate__first_version__does_not_score_them(name: str, tournament: int) -> None:
    with pytest.raises(EvaluationError, match=f"{name} does not score tournament {tournament}"):
        evaluate(inputs(tournament, spec=name), read)


def test_evaluate__kinds_of_other_tournaments__refused() -> None:
    given = inputs()
    paid = replace(given.announcement, template=replace(given_round.TEMPLATE, kinds=(4, 5, 0)))
    with pytest.raises(EvaluationError, match="tournament 12 cannot score kind 4"):
        evaluate(replace(given, announcement=paid), read)


# ---------------------------------------------------------------------- neutral where left out


def _published(predictions: dict[str, int]) -> list[dict[str, str]]:
    """Everything that is said of the round in which model 0 sends these."""
    found = evaluate(inputs(entries=[entry(0, file(predictions)), *partial.entries()[1:]]), read)
    return [*csv_rows(found), *csv_rows(found, "outputs/meta_model.csv")]


def test_evaluate__left_out_or_sent_as_the_middle__the_same() -> None:
    given = dict(partial.given(0))
    middle = min(set(filled(given)) - set(given.values()), default=None)
    assert middle is None  # it is one of the submission's own
    assert _published(given) == _published(dict(zip(IDS, filled(given), strict=True)))


@given(st.sampled_from([lambda v: v // 5, lambda v: 900_000_000 + v // 10, lambda v: v]))
def test_evaluate__values_anywhere_in_the_range__order_alone_counts(move) -> None:
    """A fill of one half would rank the ids left out first or last of such predictions."""
    spread = {name: 9 * 50 * i for i, name in enumerate(list(partial.given(0))[:-1])}
    assert _published({name: move(value) for name, value in spread.items()}) == _published(spread)


@given(st.integers(100, 129).flatmap(lambda n: st.permutations(range(n))))
def test_over__different_values__left_out_ids_stand_in_the_middle(order: list[int]) -> None:
    predictions = {IDS[i]: 10**6 * place for i, place in enumerate(order)}
    parsed = parse_submission(file(predictions), IDS, crypto.RULES)
    complete = parsed.over(ROWS)
    assert complete.tolist() == filled(predictions)
    positions = np.unique(complete, return_inverse=True)[1]
    left_out = doubled_ranks(positions)[len(order) :]
    # An even number of predictions has no element in its middle: half a rank below it, then.
    assert set(left_out.tolist()) == {ROWS + 1 - (len(order) + 1) % 2}


@given(st.lists(st.integers(0, 3), min_size=100, max_size=ROWS).filter(lambda v: len(set(v)) > 1))
def test_over__any_values__given_ones_stay_and_the_others_take_one_of_them(
    values: list[int],
) -> None:
    predictions = {IDS[i]: value * (SCALE // 3) for i, value in enumerate(values)}
    complete = parse_submission(file(predictions), IDS, crypto.RULES).over(ROWS).tolist()
    assert complete[: len(values)] == list(predictions.values())
    assert complete == filled(predictions)


# ---------------------------------------------------------------------- checked by anyone


def test_recompute__crypto__identical_bytes_and_every_flip_is_named(result: Evaluation) -> None:
    files = all_files(result, inputs())
    assert recompute(result.manifest, files.__getitem__).manifest == result.manifest
    assert derive(result.manifest, result.files.__getitem__).manifest == result.manifest
    for path in sorted(p for p in files if p.startswith("outputs/")):
        changed = {**files, path: files[path].replace(b"1", b"2", 1).replace(b"ok", b"ko", 1)}
        if changed[path] == files[path]:
            continue
        manifest = result.manifest.model_copy(update={"files": list_files(changed)})
        with pytest.raises(RecomputedError, match=f"^{path}: "):
            recompute(manifest, changed.__getitem__)


# ---------------------------------------------------------------------- the first version stays

FIRST = {
    "assay/scoring/1": "1e5914329ae49331245cbd5a8706f4886226f5f474299d13832401fb3453f36e",
    "assay/scoring/1/verifiers": "1e926b5486da36053399afa449d6abf97ad2dd872086c53554da2d630db13f94",
    "assay/scoring/1/owner": "403af57154e3b66fa65375a50770cce40e50fb713ccdd7422867d26bfd34bbe1",
}
"""What is signed of the synthetic round by the first version, as it was before there was another.
Never to be changed."""


@pytest.mark.parametrize("name", FIRST)
def test_evaluate__first_version__signs_what_it_always_signed(name: str) -> None:
    announcement = replace(given_round.ANNOUNCEMENT, spec_hash=SPECS[name].hash)
    found = evaluate(given_round.inputs(announcement=announcement), read)
    assert digest(found.commit, Domain(731371, given_round.ORACLE)).hex() == FIRST[name]


def test_evaluate__both_versions__same_classic_scores() -> None:
    old, new = (
        evaluate(
            given_round.inputs(announcement=replace(given_round.ANNOUNCEMENT, spec_hash=hashed)),
            read,
        )
        for hashed in (SPEC_HASH, SPECS["assay/scoring/2"].hash)
    )
    assert {p for p in old.files if old.files[p] != new.files[p]} == {"inputs/announcement.json"}
    assert old.batches == new.batches
