"""Hardening levels on their way from owners and predictions to the burn they raise."""

import json
from dataclasses import replace

import pytest
import synthetic_round as given_round
from synthetic_round import (
    ENTRIES,
    MODELS,
    STAKES,
    csv,
    csv_rows,
    entry,
    inputs,
    predictions,
    read,
    score_lanes,
    scored,
)

from oracle.evaluation.evaluate import Evaluation, EvaluationError, evaluate
from oracle.scoring.limits import SCALE
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms, Stakes
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.settlement.words import Lane

HALF = MILLIONTH // 2


def _template(kappa: int) -> Template:
    """Of hardening strength ``kappa``; a burn may take all, so that no clip hides its size."""
    return replace(given_round.TEMPLATE, clip_down=RATE_ONE, kappa=kappa)


def _hardened(kappa: int = HALF, **changes: object) -> Evaluation:
    """The round, or one with other inputs, under such a template."""
    announcement = replace(given_round.ANNOUNCEMENT, template=_template(kappa))
    return evaluate(inputs(announcement=announcement, **changes), read)


def test_evaluate__kappa__levels_of_the_scoring_room_in_file_and_lanes() -> None:
    whale = {**STAKES.stakes, 1: 900 * UNITS_PER_NMR}
    found = _hardened(stakes=replace(STAKES, stakes=whale))
    rows = csv_rows(found)
    expected = scored(
        [int(row["model"]) for row in rows], [int(row["stake"]) for row in rows]
    ).levels.tolist()
    assert [int(row["level"]) for row in rows] == expected
    assert expected[[row["model"] for row in rows].index(str(given_round.COPYCAT))] == 15
    levels = {int(row["model"]): int(row["level"]) for row in rows if row["on_time"] == "1"}
    assert {model: lane.level for model, lane in score_lanes(found).items()} == levels


def test_evaluate__no_kappa__no_levels_and_the_same_scores() -> None:
    result = evaluate(inputs(), read)
    assert {row["level"] for row in csv_rows(result)} == {"0"}
    assert {lane.level for lane in score_lanes(result).values()} == {0}
    found = score_lanes(_hardened())
    assert {m: lane.scores for m, lane in score_lanes(result).items()} == {
        m: lane.scores for m, lane in found.items()
    }


LEADER, COPYCAT, LONER, MODELS_OF_THREE = 0, 1, 2, 3
THREE = [
    entry(LEADER, csv(SCALE - predictions(2))),
    entry(COPYCAT, csv(SCALE - predictions(2)), sequence=2),
    entry(LONER, csv(SCALE - predictions(2, version=5))),
]
THREE_STAKES = Stakes(
    MODELS_OF_THREE,
    {LEADER: 900 * UNITS_PER_NMR, COPYCAT: 50 * UNITS_PER_NMR, LONER: 70 * UNITS_PER_NMR},
    frozenset(),
)


def _burns(kappa: int) -> dict[int, int]:
    """What the round of three costs each model by the reference pool, in U."""
    found = _hardened(kappa, entries=THREE, stakes=THREE_STAKES)
    lanes = {model: Lane(stake) for model, stake in THREE_STAKES.stakes.items()}
    pool = ReferencePool(lanes=dict(lanes), closes={7: 1}, head=7, last_announced=7)
    terms = RoundTerms(
        template=_template(kappa),
        phi=given_round.ANNOUNCEMENT.phi,
        at_risk=found.commit.at_risk,
        words=found.commit.words,
        chain_head=found.commit.chain_head,
    )
    _, burned = pool.settle_round(7, terms, found.batches)
    burns = {model: lane.stake - pool.lane(model).stake for model, lane in lanes.items()}
    assert sum(burns.values()) == burned == pool.burn_owed
    return burns


def test_evaluate__copycat_of_another_account__burns_more_in_the_pool() -> None:
    found = _hardened(entries=THREE, stakes=THREE_STAKES)
    levels = {model: lane.level for model, lane in score_lanes(found).items()}
    assert levels[COPYCAT] == 15
    assert levels[LEADER] > 0
    assert levels[LONER] == 0
    before, after = _burns(kappa=0), _burns(HALF)
    assert min(before.values()) > 0
    # hk = 2184 is half of 65536 in fifteen steps: a level of 15 burns half as much again.
    assert after[COPYCAT] == pytest.approx(before[COPYCAT] * 1.5, rel=1e-3)
    assert before[LEADER] < after[LEADER] <= before[LEADER] * 1.5
    assert after[LONER] == before[LONER]


def test_evaluate__copycat_of_the_same_account__is_compared_with_the_others_only() -> None:
    leader = given_round.account(LEADER)
    same = entry(COPYCAT, csv(SCALE - predictions(2)), sequence=2, by=leader)
    found = _hardened(
        entries=[THREE[LEADER], same, THREE[LONER]],
        stakes=THREE_STAKES,
        owners={
            **{model: given_round.owner(LEADER) for model in (LEADER, COPYCAT)},
            LONER: given_round.owner(LONER),
        },
    )
    assert len(csv_rows(found)) == len(THREE)
    assert {lane.level for lane in score_lanes(found).values()} == {0}


def test_evaluate__late_copycat__has_a_level_and_no_lane() -> None:
    late = [replace(e, on_time=e.model != COPYCAT) for e in THREE]
    found = _hardened(entries=late, stakes=THREE_STAKES)
    assert [row["level"] for row in csv_rows(found) if row["model"] == str(COPYCAT)] == ["15"]
    assert COPYCAT not in score_lanes(found)
    # Without weight it makes nobody else harder.
    assert score_lanes(found)[LEADER].level == 0


def test_evaluate__owners__published_for_registered_models_with_an_entry() -> None:
    stranger = entry(MODELS, on_time=False)
    for entries in (ENTRIES, [*ENTRIES, stranger]):
        found = evaluate(inputs(entries=entries), read)
        published = json.loads(found.files["inputs/stakes.json"])["owners"]
        assert published == {str(e.model): given_round.owner(e.model) for e in ENTRIES}


def test_evaluate__owner_missing__refused() -> None:
    owners = {m: o for m, o in inputs().owners.items() if m != given_round.ONLY_INVALID}
    with pytest.raises(EvaluationError, match="owner of model 8"):
        evaluate(inputs(owners=owners), read)
