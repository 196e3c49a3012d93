"""Evaluating a round: which submission counts, what is at risk, what is published and signed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st
from synthetic_round import (
    ENTRIES,
    IDS,
    MODELS,
    ROWS,
    STAKES,
    all_files,
    csv,
    csv_rows,
    entry,
    inputs,
    predictions,
    read,
    score_lanes,
    scored,
)

from oracle.evaluation.evaluate import Entry, Evaluation, EvaluationError, evaluate
from oracle.evaluation.selection import (
    CROWDED_OUT,
    FORMER_OWNER,
    SUPERSEDED,
    UNREGISTERED,
    Selection,
    within,
)
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import plain_problem
from oracle.settlement.batches import Batch, chain
from oracle.settlement.manifest import CloseBlock, Saturated, hex32, list_files
from oracle.settlement.merkle import leaf, root
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Domain, digest
from oracle.settlement.units import UNITS_PER_NMR, words_for
from oracle.settlement.words import ScoreLane, pack_score
from oracle.tournaments.universe import targets_bytes

DOMAIN = Domain(731371, given_round.ORACLE)


@pytest.fixture(scope="module")
def result() -> Evaluation:
    return evaluate(inputs(), read)


def _listed(result: Evaluation) -> dict[str, list[dict[str, object]]]:
    return json.loads(result.files["inputs/submissions.json"])


# ---------------------------------------------------------------------- which one counts


def test_evaluate__each_model__latest_valid_on_time_counts(result: Evaluation) -> None:
    accepted = {item["model"]: item for item in _listed(result)["accepted"]}
    assert sorted(accepted) == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert accepted[given_round.SUPERSEDING]["sequence"] == 3
    assert accepted[given_round.MENDED]["sequence"] == 1
    assert accepted[given_round.LATE]["on_time"] is False
    expected = predictions(given_round.SUPERSEDING, version=1)
    only = evaluate(
        inputs(entries=[e for e in ENTRIES if e.model != given_round.SUPERSEDING]), read
    )
    alone = entry(given_round.SUPERSEDING, csv(expected))
    again = evaluate(inputs(entries=[*only_entries(only), alone]), read)
    assert again.files["outputs/scores.csv"] == result.files["outputs/scores.csv"]


def only_entries(result: Evaluation) -> list[Entry]:
    """The accepted entries of a result."""
    counted = {(i["model"], i["sha256"], i["sequence"]) for i in _listed(result)["accepted"]}
    return [e for e in ENTRIES if (e.model, hex32(e.sha256), e.sequence) in counted]


def test_evaluate__every_other_entry__rejected_with_its_reason(result: Evaluation) -> None:
    rejected = _listed(result)["rejected"]
    reasons = {(item["model"], item["sequence"]): item["reason"] for item in rejected}
    assert list(reasons) == sorted(reasons)
    constant = (
        "invalid_submission_values: the predictions are constant: "
        "their standard deviation is 0.00000001 or less"
    )
    assert reasons == {
        (given_round.SUPERSEDING, 1): SUPERSEDED,
        (given_round.SUPERSEDING, 2): SUPERSEDED,
        (given_round.SUPERSEDING, 9): SUPERSEDED,
        (given_round.MENDED, 2): constant,
        (given_round.ONLY_INVALID, 1): constant,
    }
    assert result.manifest.totals.model_dump() == {"accepted": 11, "on_time": 10, "rejected": 5}


def test_evaluate__equal_sequence__larger_hash_counts() -> None:
    rivals = sorted((entry(0, sequence=4, version=v) for v in range(4)), key=lambda e: e.sha256)
    for order in (rivals, rivals[::-1]):
        [counted] = _listed(evaluate(inputs(entries=order), read))["accepted"]
        assert counted["sha256"] == hex32(rivals[-1].sha256)


def test_evaluate__on_time_invalid_and_late_valid__the_late_one_is_scored() -> None:
    late = entry(0, sequence=2, on_time=False)
    found = evaluate(inputs(entries=[entry(0, given_round.INVALID), late, entry(1)]), read)
    assert [(r["model"], r["on_time"]) for r in csv_rows(found)] == [("0", "0"), ("1", "1")]


@pytest.mark.parametrize(
    ("raw", "prefix"),
    [
        (b"", "invalid_submission_file"),
        (b"\x1f\x8b\x08", "invalid_submission_file"),
        (b"id,wrong\n", "invalid_submission_headers"),
        (csv(predictions(0)[1:], IDS[1:]), "invalid_submission_ids"),
        (csv(predictions(0)).replace(b",0.", b",7.", 1), "invalid_submission_values"),
    ],
)
def test_evaluate__invalid_file__documented_prefix(raw: bytes, prefix: str) -> None:
    found = evaluate(inputs(entries=[entry(0, raw), entry(1)]), read)
    [rejected] = _listed(found)["rejected"]
    assert (rejected["model"], rejected["reason"].split(":")[0]) == (0, prefix)
    path = f"inputs/submissions/{hashlib.sha256(raw).hexdigest()}"
    assert len(raw) in [file.size for file in found.manifest.files if file.path == path]


@given(st.permutations(ENTRIES))
def test_evaluate__entries_in_any_order__identical_bytes(entries: Sequence[Entry]) -> None:
    found, usual = evaluate(inputs(entries=entries), read), evaluate(inputs(), read)
    assert found.files == usual.files
    assert found.manifest.to_bytes() == usual.manifest.to_bytes()
    assert found.commit == usual.commit


def test_within__more_than_can_be_scored__most_stake_at_risk_stays() -> None:
    """A late one has nothing at risk, whatever its stake; equals go by model."""
    values = np.zeros(1)
    accepted = [(entry(m, on_time=m != 2), values) for m in range(6)]
    stakes = {0: 5, 1: 7, 2: 99, 3: 5, 4: 0}
    whole = Selection(accepted, [(entry(9), SUPERSEDED)])
    assert within(whole, stakes, 6) == within(whole, stakes, 7) == whole
    for most, kept in ((5, [0, 1, 3, 4, 5]), (4, [0, 1, 3, 4]), (2, [0, 1]), (1, [1])):
        found = within(whole, stakes, most)
        assert [e.model for e, _ in found.accepted] == kept
        left = [(m, CROWDED_OUT) for m in range(6) if m not in kept]
        assert [(e.model, why) for e, why in found.rejected] == [*left, (9, SUPERSEDED)]


# ---------------------------------------------------------------------- stakes and scores


def test_evaluate__scores__are_those_of_the_scoring_room(result: Evaluation) -> None:
    rows = csv_rows(result)
    models = sorted(e.model for e in only_entries(result))
    assert [int(row["model"]) for row in rows] == models
    stakes = [STAKES.stakes.get(m, 0) if m != given_round.LATE else 0 for m in models]
    expected = scored(models, stakes, plain_problem(ROWS, seed=int(given_round.CLOSE.hash, 16)))
    assert [int(row["corr"]) for row in rows] == expected.corr.tolist()
    assert [int(row["mmc"]) for row in rows] == expected.mmc.tolist()
    assert [int(row["rho"]) for row in rows] == expected.rho.tolist()
    assert [int(row["stake"]) for row in rows] == stakes
    assert [int(row["tc"]) for row in rows] == expected.tc.tolist()
    assert any(expected.tc)
    statuses = json.loads(result.files["outputs/statuses.json"])
    assert statuses == {"meta_model": "ok", "tc": "ok"}
    meta = [(row["id"], int(row["value"])) for row in csv_rows(result, "outputs/meta_model.csv")]
    assert meta == list(zip(IDS, expected.meta_values.tolist(), strict=True))
    assert result.commit.meta_root == root(leaf(7, row_id, value) for row_id, value in meta)


def test_evaluate__late_model__scored_without_weight_lane_or_risk(result: Evaluation) -> None:
    late = next(row for row in csv_rows(result) if row["model"] == str(given_round.LATE))
    assert (late["on_time"], late["stake"]) == ("0", "0")
    assert late["corr"] != "0"
    assert given_round.LATE not in score_lanes(result)
    without = evaluate(inputs(entries=[e for e in ENTRIES if e.model != given_round.LATE]), read)
    assert without.files["outputs/meta_model.csv"] == result.files["outputs/meta_model.csv"]
    assert without.commit.at_risk == result.commit.at_risk
    assert without.batches == result.batches


def test_evaluate__at_risk__is_the_sum_over_on_time_models(result: Evaluation) -> None:
    at_risk = sum((m + 1) * UNITS_PER_NMR for m in (0, 1, 4, 5, 6, 7, 9, 10, 11))
    assert result.commit.at_risk == at_risk
    assert result.manifest.at_risk == str(at_risk)
    assert sum(int(row["stake"]) for row in csv_rows(result)) == at_risk


def test_evaluate__lanes__hold_the_packed_scores_of_on_time_models(result: Evaluation) -> None:
    expected = {
        int(row["model"]): ScoreLane(
            tuple(pack_score(int(row[name]))[0] for name in ("corr", "mmc", "tc"))
        )
        for row in csv_rows(result)
        if row["on_time"] == "1"
    }
    assert score_lanes(result) == expected


def test_evaluate__identical_predictions__identical_scores(result: Evaluation) -> None:
    one, copycat = (next(r for r in csv_rows(result) if r["model"] == m) for m in ("1", "9"))
    assert (one["corr"], one["mmc"]) == (copycat["corr"], copycat["mmc"])


def test_evaluate__template_order__decides_the_order_in_the_lane(result: Evaluation) -> None:
    turned = replace(given_round.TEMPLATE, kinds=(2, 0, 1))
    announcement = replace(given_round.ANNOUNCEMENT, template=turned)
    found = score_lanes(evaluate(inputs(announcement=announcement), read))
    for model, lane in score_lanes(result).items():
        corr, mmc, _ = lane.scores
        assert found[model].scores == (mmc, 0, corr)


def test_evaluate__other_close_block__other_dropout_of_true_contribution() -> None:
    """Its hash is the seed, and nothing else of a score."""
    block = replace_block(given_round.CLOSE, "0x" + "77" * 32)
    usual, found = (csv_rows(evaluate(inputs(**c), read)) for c in ({}, {"close_block": block}))
    assert [row["tc"] for row in usual] != [row["tc"] for row in found]
    for row in (*usual, *found):
        del row["tc"]
    assert usual == found


def replace_block(block: CloseBlock, name: str) -> CloseBlock:
    return block.model_copy(update={"hash": name})


def test_evaluate__score_beyond_the_range__saturates_and_is_listed() -> None:
    """A model that knows the target, and one that knows its opposite."""
    order = np.argsort(np.argsort(given_round.TARGET, kind="stable"), kind="stable")
    best = order * (SCALE // ROWS)
    entries = [entry(0, csv(best)), entry(1, csv(SCALE - best)), entry(2)]
    found = evaluate(inputs(entries=entries), read)
    scores = {row["model"]: int(row["corr"]) for row in csv_rows(found)}
    assert scores["0"] > 524_287_500
    corr = [s for s in found.manifest.saturated if s.score == "corr"]
    assert corr == [
        Saturated(model=0, score="corr", value=scores["0"]),
        Saturated(model=1, score="corr", value=scores["1"]),
    ]
    assert score_lanes(found)[0].scores[0] == 524_287
    assert score_lanes(found)[1].scores[0] == -524_287


def test_evaluate__stakes_without_a_score__listed_with_the_reason(result: Evaluation) -> None:
    listed = result.files["outputs/unscored.csv"].decode().splitlines()
    on_time = {row["model"] for row in csv_rows(result) if row["on_time"] == "1"}
    expected = {
        model: stake
        for model, stake in STAKES.stakes.items()
        if stake and str(model) not in on_time
    }
    rows = [line.split(",") for line in listed[1:]]
    assert listed[0] == "model,stake,reason"
    assert {int(model): int(stake) for model, stake, _ in rows} == expected
    reasons = {int(model): reason for model, _, reason in rows}
    assert reasons[given_round.LATE] == "late"
    assert reasons[given_round.ONLY_INVALID] == "refused"
    assert {r for m, r in reasons.items() if m not in {e.model for e in ENTRIES}} == {"none"}
    zero = {m for m in expected if m not in score_lanes(result)}
    assert zero == set(expected)


def test_evaluate__usual_scores__none_saturated(result: Evaluation) -> None:
    assert result.manifest.saturated == []


# ---------------------------------------------------------------------- corners


def test_evaluate__nobody_staked__scored_without_a_meta_model() -> None:
    found = evaluate(inputs(stakes=Stakes(MODELS, {}, frozenset())), read)
    assert found.commit.at_risk == 0
    statuses = json.loads(found.files["outputs/statuses.json"])
    assert statuses == {"meta_model": "no_stake", "tc": "no_stake"}
    assert {row["tc"] for row in csv_rows(found)} == {"0"}
    assert found.files["outputs/meta_model.csv"] == b"id,value\n"
    assert found.commit.meta_root == bytes(32)
    assert {row["mmc"] for row in csv_rows(found)} == {"0"}
    assert any(row["corr"] != "0" for row in csv_rows(found))


def test_evaluate__no_submissions__one_empty_batch() -> None:
    found = evaluate(inputs(entries=[]), read)
    assert list(found.batches) == [Batch(0, ())]
    assert found.files["outputs/scores.csv"] == b"model,on_time,stake,corr,mmc,tc,rho,level\n"
    assert found.files["outputs/batches.json"] == b'[{"start":0,"words":[]}]'
    assert found.commit.chain_head == chain([Batch(0, ())])[0]
    assert (found.commit.words, found.commit.at_risk) == (words_for(MODELS), 0)


def test_evaluate__only_invalid_submissions__one_empty_batch() -> None:
    found = evaluate(inputs(entries=[entry(0, given_round.INVALID)]), read)
    assert list(found.batches) == [Batch(0, ())]
    assert len(_listed(found)["rejected"]) == 1


def test_evaluate__no_model_registered__no_words() -> None:
    found = evaluate(inputs(entries=[], stakes=Stakes(0, {}, frozenset())), read)
    assert found.commit.words == 0
    assert list(found.batches) == [Batch(0, ())]


def test_evaluate__model_registered_after_the_close__rejected_and_the_round_goes_on(
    result: Evaluation,
) -> None:
    """Anyone can register a model and send a late file while the round waits for its targets."""
    stranger = entry(MODELS, on_time=False)
    found = evaluate(inputs(entries=[*ENTRIES, stranger]), read)
    assert _listed(found)["rejected"][-1]["reason"] == UNREGISTERED
    assert found.files["outputs/scores.csv"] == result.files["outputs/scores.csv"]
    assert found.commit.chain_head == result.commit.chain_head


def test_evaluate__take_profit_words__are_weighed_as_such() -> None:
    """400 words of 40,000 do not fit one batch of 14,000,000; of 10,000 they do."""
    models = 1600
    entries = [entry(m) for m in range(0, models, 4)]
    usual = evaluate(inputs(entries=entries, stakes=Stakes(models, {}, frozenset())), read)
    costly = Stakes(models, {}, frozenset(range(0, models, 4)))
    found = evaluate(inputs(entries=entries, stakes=costly), read)
    assert [len(b.words) for b in usual.batches] == [400]
    assert [len(b.words) for b in found.batches] == [350, 50]
    assert found.manifest.batch_chain.batches == 2


@pytest.mark.parametrize("kind", [4, 5, 6, 7, 255])
def test_evaluate__score_kind_it_does_not_know__refused(kind: int) -> None:
    template = replace(given_round.TEMPLATE, kinds=(1, kind, 0))
    announcement = replace(given_round.ANNOUNCEMENT, template=template)
    with pytest.raises(EvaluationError, match="cannot score"):
        evaluate(inputs(announcement=announcement), read)


# ---------------------------------------------------------------------- what is signed


def test_evaluate__manifest__lists_every_file_and_repeats_the_commit(result: Evaluation) -> None:
    manifest, commit = result.manifest, result.commit
    assert manifest.files == list_files(all_files(result, inputs()))
    assert manifest.spec == "assay/scoring/1"
    assert bytes.fromhex(manifest.announce_hash[2:]) == commit.announce_hash
    assert manifest.batch_chain.head == hex32(commit.chain_head) == hex32(result.links[0])
    assert manifest.batch_chain.words == commit.words == words_for(MODELS)
    assert manifest.meta_root == hex32(commit.meta_root)
    assert manifest.close_block.hash == hex32(commit.close_block_hash)
    assert commit.manifest == hashlib.sha256(manifest.to_bytes()).digest()
    assert list(result.links) == chain(result.batches)


def test_evaluate__signed_by_a_former_owner__rejected_with_the_reason() -> None:
    """A model that changed hands is its new owner's at the close, and so is its word."""
    sold = entry(0, by=given_round.account(1))
    found = evaluate(inputs(entries=[sold, entry(1)]), read)
    listed = json.loads(found.files["inputs/submissions.json"])
    assert [item["model"] for item in listed["accepted"]] == [1]
    assert [(item["model"], item["reason"]) for item in listed["rejected"]] == [(0, FORMER_OWNER)]
    both = evaluate(inputs(entries=[sold, entry(0, version=1, sequence=0), entry(1)]), read)
    assert both.manifest.totals.accepted == 2  # the new owner's counts, though older


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 5},
        {"oracle": "0x" + "99" * 20},
        {"announcement": replace(given_round.ANNOUNCEMENT, round=8)},
        {"announcement": replace(given_round.ANNOUNCEMENT, phi=999_999)},
        {"announcement": replace(given_round.ANNOUNCEMENT, epoch=2)},
        {"announcement": replace(given_round.ANNOUNCEMENT, series_hash=b"\x01" * 32)},
        {"close_block": given_round.CLOSE.model_copy(update={"number": 100})},
        {"close_block": given_round.CLOSE.model_copy(update={"hash": "0x" + "44" * 32})},
        {"stakes": replace(STAKES, stakes={**STAKES.stakes, 13: 1})},
        {"stakes": replace(STAKES, take_profit=frozenset())},
        {"stakes": replace(STAKES, models=MODELS + 1)},
        {"owners": {**inputs().owners, 4: given_round.owner(5)}},
        {"entries": ENTRIES[1:]},
        {"entries": [replace(ENTRIES[0], on_time=False), *ENTRIES[1:]]},
        {"entries": [replace(ENTRIES[0], sequence=2), *ENTRIES[1:]]},
        {"entries": [replace(ENTRIES[0], signature=bytes(65)), *ENTRIES[1:]]},
        {"targets": targets_bytes(IDS, given_round.TARGET[::-1].copy())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_evaluate__any_input_changed__another_digest(
    result: Evaluation, change: dict[str, object]
) -> None:
    assert digest(evaluate(inputs(**change), read).commit, DOMAIN) != digest(result.commit, DOMAIN)


def test_evaluate__address_case__does_not_matter(result: Evaluation) -> None:
    announcement = replace(given_round.ANNOUNCEMENT, pool=given_round.POOL.lower())
    owners = {model: "0x" + owner[2:].upper() for model, owner in inputs().owners.items()}
    found = evaluate(
        inputs(announcement=announcement, oracle=given_round.ORACLE.lower(), owners=owners), read
    )
    assert digest(found.commit, DOMAIN) == digest(result.commit, DOMAIN)
    assert found.manifest == result.manifest
